package kafkaclient

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestRepeatsOfOneCauseAreLoggedOnce(t *testing.T) {
	var r Repeats
	now := time.Now()
	refused := errors.New("connection refused")
	for i, c := range []struct {
		what  string
		err   error
		after time.Duration
		want  bool
	}{
		{"fetch", refused, 0, true},
		// the same cause
		{"fetch", fmt.Errorf("dial 10.0.0.1:54321: %w", refused), time.Second, false},
		{"fetch", errors.Join(errors.New("broker 1"), refused), time.Second, false},
		{"commit", refused, time.Second, true},
		{"fetch", errors.New("not authorized"), time.Second, true},
		{"fetch", refused, time.Minute - 1, false},
		{"fetch", refused, time.Minute, true},
		{"fetch", refused, time.Minute + time.Second, false},
	} {
		if got := r.Due(c.what, c.err, now.Add(c.after)); got != c.want {
			t.Errorf("step %d: %v, want %v", i, got, c.want)
		}
	}
	told := 0
	for i := range 10 * maxCauses {
		if r.Due("fetch", fmt.Errorf("cause %d", i), now.Add(time.Minute)) {
			told++
		}
	}
	if told < maxCauses/2 || told > maxCauses {
		t.Errorf(
			"%d of %d causes were told in one minute, want about %d", told, 10*maxCauses, maxCauses,
		)
	}
}
