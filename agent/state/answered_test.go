package state

import (
	"strings"
	"testing"
	"time"
)

// A destination that answers, and takes nothing, is not said not to answer.
func TestAnswerIsNotSilence(t *testing.T) {
	now := time.Now()
	for hasAnswered, want := range map[bool]string{
		true: "takes nothing for 5 s: answered 403", false: "does not answer for 5 s: answered 403",
	} {
		o := Output{
			Unit: "running", FailingSince: now.Add(-5 * time.Second), Stalled: 5 * time.Second,
			Waiting: 1, Error: "answered 403 Forbidden", HasAnswered: hasAnswered,
		}
		for _, o.Mode = range []string{"direct", "overflow", "standby"} {
			o.Down, o.ModeSince = o.Mode != "direct", now
			if s := o.State(now); !strings.HasPrefix(s.Text, want) {
				t.Errorf("%s: %q, want %q", o.Mode, s.Text, want)
			}
		}
	}
}
