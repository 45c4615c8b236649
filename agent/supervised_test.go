package agent

import (
	"context"
	"log/slog"
	"testing"
)

// Who is told that a component has come to its end finds it so: an agent that looked before waited
// for ever for the last of its inputs.
func TestFinishedIsToldWhenItIsSo(t *testing.T) {
	u := &supervised{id: "input.stdin.lines", log: slog.New(slog.DiscardHandler)}
	told := make(chan State, 1)
	u.finished = func() {
		s, _, _ := u.status()
		told <- s
	}
	u.start(defaultRestart, nil, func(context.Context) error {
		select {
		case s := <-told:
			t.Errorf("told of %q before the component had returned", s)
		default:
		}
		return nil
	})
	<-u.done
	select {
	case s := <-told:
		if s != Finished {
			t.Errorf("told when it was %q", s)
		}
	default:
		t.Error("nobody was told")
	}
}
