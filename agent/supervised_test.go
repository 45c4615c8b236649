package agent

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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

// A component that fails again and again does so since the first time, and says what to do.
func TestAComponentFailsSinceTheFirstTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &supervised{
			id: "input.http.in", log: slog.New(slog.DiscardHandler),
			restarts: prometheus.NewCounter(prometheus.CounterOpts{Name: "restarts"}),
		}
		taken := &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
		begun, works := time.Now(), errors.New("later")
		u.start(defaultRestart, nil, func(context.Context) error {
			if time.Since(begun) > 10*time.Minute {
				time.Sleep(2 * defaultRestart.steady)
				return works
			}
			return taken
		})
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if s, since, _ := u.status(); s != Waiting || !since.Equal(begun) {
			t.Errorf("%v since %v, not %v", s, since, begun)
		}
		if do := u.advice(); !strings.Contains(do, "end what listens there") {
			t.Error(do)
		}
		time.Sleep(10*time.Minute + 2*defaultRestart.steady)
		for {
			synctest.Wait()
			if s, since, _ := u.status(); s == Waiting && since.After(begun) {
				break
			}
			time.Sleep(time.Second)
		}
		u.stop()
		<-u.done
	})
}
