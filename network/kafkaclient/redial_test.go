package kafkaclient

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = &net.OpError{Op: "dial", Err: errors.New("connection refused")}

// Of a thousand agents that lost Kafka at once, and try each second or so, no more than a fifth is
// back within any second after it listens again; all are within fifteen, and meanwhile they hardly
// tried.
func TestAgentsComeBackOverSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const agents = 1000
		down, tries := true, 0
		start := time.Now()
		done := make(chan time.Duration)
		tick := make(chan struct{}, 1)
		dial := func(context.Context, string, string) (net.Conn, error) {
			tick <- struct{}{}
			defer func() { <-tick }()
			if tries++; down {
				return nil, errDown
			}
			return nil, nil
		}
		wait := RetryBackoff(time.Second)
		for range agents {
			go func() {
				r := newRedial(dial)
				for n := 1; ; n++ {
					if _, err := r.connect(t.Context(), "tcp", "b:9092"); err == nil {
						done <- time.Since(start)
						return
					}
					time.Sleep(wait(n))
				}
			}()
		}
		outage := 5 * time.Minute
		time.Sleep(outage)
		tick <- struct{}{}
		down = false
		if tries > agents*60 {
			t.Errorf("%d attempts of an agent in %v", tries/agents, outage)
		}
		<-tick
		seconds := map[int]int{}
		for range agents {
			d := <-done
			seconds[int((d-outage).Seconds())]++
		}
		for at, n := range seconds {
			if n > agents/5 || at > 15 {
				t.Errorf("%d agents are back after %d s", n, at)
			}
		}
		t.Logf("attempts of an agent: %d; back by second: %v", tries/agents, seconds)
	})
}

// What fails for a short time is tried as often as ever, a held back attempt is the last error
// again, and once one address answers all are tried at once.
func TestRedial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := map[string]bool{"a": true, "b": true}
		tries := map[string]int{}
		r := newRedial(func(_ context.Context, _, address string) (net.Conn, error) {
			if tries[address]++; down[address] {
				return nil, errDown
			}
			return nil, nil
		})
		try := func(address string) error {
			_, err := r.connect(t.Context(), "tcp", address)
			return err
		}
		for range 100 {
			for _, address := range []string{"a", "b"} {
				if err := try(address); isHeldBack(err) || !errors.Is(err, errDown) {
					t.Fatal(err)
				}
			}
			time.Sleep(99 * time.Millisecond)
		}
		for range 1000 {
			for _, address := range []string{"a", "b"} {
				if err := try(address); !errors.Is(err, errDown) {
					t.Fatal(err)
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := tries["a"] - 100; n > 60 {
			t.Errorf("%d attempts in 100 s", n)
		}
		if err := try("b"); !isHeldBack(err) {
			t.Errorf("%v, want it to be held back", err)
		}
		down["a"] = false
		for try("a") != nil {
			time.Sleep(100 * time.Millisecond)
		}
		before := tries["b"]
		if err := try("b"); isHeldBack(err) || tries["b"] != before+1 {
			t.Errorf("%v: it is still held back though the cluster answers", err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		r = newRedial(func(context.Context, string, string) (net.Conn, error) {
			return nil, context.Canceled
		})
		_, _ = r.connect(ended, "tcp", "a")
		if len(r.failed) != 0 {
			t.Error("an attempt that was given up counts as a failure of the address")
		}
	})
}
