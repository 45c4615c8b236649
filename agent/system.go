package agent

import (
	"math"
	"os"
	"runtime/debug"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// setMemory sets the soft limit, in bytes; 0 means none. The variables GOMEMLIMIT and GOGC, where
// set, go before.
func (a *Agent) setMemory(limit int64) {
	// Most of what is live is buffers, which cost the collector little.
	percent := 50
	if limit > 0 {
		// With a limit there is no need to collect each time a small heap has grown.
		percent = 200
	} else {
		limit = math.MaxInt64
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
	a.pacer.setMost(percent)
}

// SystemdNotify tells systemd what the agent is doing; without systemd it does nothing.
func SystemdNotify(state string) {
	_, _ = daemon.SdNotify(false, state) // who does not listen cannot be told
}

// startWatchdog pets systemd's watchdog while alive answers. It returns a function that ends it.
func startWatchdog(notify func(string), alive func() bool) (stop func()) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(interval / 2)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if alive() {
					notify("WATCHDOG=1")
				}
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}
