package agent

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), simple)
	r.stop()
	r.wait()
	equal(t, "states", r.notified(), "READY=1", "STOPPING=1")
}

func TestWatchdogIsPetWhileTheAgentIsAlive(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "")
	var mu sync.Mutex
	alive, pets := true, 0
	change := make(chan struct{}, 1000)
	stop := startWatchdog(func(s string) {
		mu.Lock()
		defer mu.Unlock()
		if s == "WATCHDOG=1" {
			pets++
		}
	}, func() bool {
		defer func() { change <- struct{}{} }()
		mu.Lock()
		defer mu.Unlock()
		return alive
	})
	asked := func(n int) {
		t.Helper()
		for range n {
			select {
			case <-change:
			case <-time.After(10 * time.Second):
				t.Fatal("the watchdog does not ask")
			}
		}
	}
	asked(3)
	mu.Lock()
	if alive = false; pets < 2 {
		t.Errorf("%d pets", pets)
	}
	mu.Unlock()
	asked(1) // may have been under way
	mu.Lock()
	before := pets
	mu.Unlock()
	asked(3)
	stop()
	if pets > before+1 {
		t.Errorf("a dead agent is kept alive: %d pets, then %d", before, pets)
	}
}

func TestLogsKeepSecrets(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	secrets := &Secrets{}
	secrets.Set([]string{"hunter2hunter2", "abc"})
	secrets.Add([]string{"another-secret"})
	log := NewLogger(&out, true, slog.LevelInfo, secrets)
	log.Info("dial user:hunter2hunter2@host", "abc", "another-secret")
	if got := out.String(); strings.Contains(got, "hunter2hunter2") ||
		strings.Contains(got, "another-secret") ||
		!strings.Contains(got, "abc") {
		t.Error(got)
	}
	secrets.Set(nil)
	log.Info("hunter2hunter2")
	if !slices.Contains(strings.Split(out.String(), `"`), "hunter2hunter2") {
		t.Error("what is no secret any more is masked")
	}
}
