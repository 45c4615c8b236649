package agent

import (
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"
)

const (
	// begun is how long after the start what only the beginning has touched of the program is
	// dropped.
	begun = time.Second
	// tidyEvery is how often it is seen whether a burst is over; earlySteps times, after the start,
	// it is done sooner.
	tidyEvery, tidyEarly, earlySteps = 30 * time.Second, 5 * time.Second, 12
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
		dropProgramPages() // of what reads the configuration
		timer := time.NewTimer(begun)
		defer timer.Stop()
		before, step := cpuTime(), begun
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			case <-timer.C:
			}
			now := cpuTime()
			busy := float64(now-before) > calm*float64(step)
			before = now
			switch {
			case i == 0:
				dropProgramPages()
			case !busy && unusedMemory() >= worthFreeing:
				debug.FreeOSMemory()
				dropProgramPages()
			}
			if step = tidyEvery; i < earlySteps {
				step = tidyEarly
			}
			timer.Reset(step)
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
