package agent

import (
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"
)

const (
	// settled is how long after the start what only the start has needed is given back.
	settled = 5 * time.Second
	// tidyEvery is how often it is seen whether a burst is over.
	tidyEvery = 30 * time.Second
	// calm is the share of a processor below which the agent has time to give memory back.
	calm = 0.1
	// worthFreeing is how many bytes must be unused.
	worthFreeing = 6 << 20
)

// keepSmall gives memory back that the start, or a burst, has needed and nothing does any more. It
// returns a function that ends it.
func keepSmall() (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		timer := time.NewTimer(settled)
		defer timer.Stop()
		before, first := cpuTime(), true
		for {
			select {
			case <-quit:
				return
			case <-timer.C:
			}
			timer.Reset(tidyEvery)
			now := cpuTime()
			used := now - before
			before = now
			if first ||
				used < time.Duration(calm*float64(tidyEvery)) && unusedMemory() >= worthFreeing {
				debug.FreeOSMemory()
				dropProgramPages()
			}
			first = false
		}
	})
	return func() {
		close(quit)
		wg.Wait()
	}
}

// unusedMemory returns the bytes that the runtime holds and does not use, or holds for what is
// garbage by now.
func unusedMemory() int64 {
	s := []metrics.Sample{
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(s)
	garbage := int64(s[2].Value.Uint64()) - int64(s[3].Value.Uint64())
	return int64(s[0].Value.Uint64()+s[1].Value.Uint64()) + max(garbage, 0)
}

// cpuTime returns the processor time that the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
