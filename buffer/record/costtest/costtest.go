package costtest

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// Peak runs f and returns how much memory was in use at most, above what was before.
func Peak(f func()) int {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	now := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() }
	before := now()
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(500 * time.Microsecond)
		defer tick.Stop()
		high := now()
		for {
			select {
			case <-tick.C:
				high = max(high, now())
			case <-stop:
				most <- max(high, now())
				return
			}
		}
	}()
	f()
	close(stop)
	return int(<-most) - int(before)
}

// Large is how many bytes the message that is measured has; more with PENSTOCK_INTEGRATION.
func Large() int {
	if runtest.Long() {
		return 16 << 20
	}
	return 2 << 20
}

// Measure fails t unless taking a message of Large bytes costs at most four times as much memory
// and slack beside, and takes a time in proportion to what a shorter one takes. make returns what
// takes a message of about n bytes, which is made ready before it is measured.
func Measure(t *testing.T, slack int, make func(n int) (take func())) {
	t.Helper()
	const (
		times = 8
		tries = 3
	)
	large := Large()
	run := func(n int) time.Duration {
		take := make(n)
		begun := CPU()
		take()
		return CPU() - begun
	}
	run(1 << 10) // whatever is set up only once
	for try := 1; ; try++ {
		short, long := run(large/times), run(large)
		take := make(large)
		most := Peak(take)
		t.Logf(
			"%s for %d bytes, %s and %.1f MiB of memory for %d", short, large/times, long,
			float64(most)/(1<<20), large,
		)
		// what is quadratic takes 64 times as long
		slow := long > 3*times*short+100*time.Millisecond
		if most <= 4*large+slack && !slow {
			return
		}
		if try < tries { // the machine may have been busy with something else
			continue
		}
		t.Fatalf("%d bytes cost %d of memory, %.1f times as much, and %s; an eighth of them %s",
			large, most, float64(most)/float64(large), long, short)
	}
}

// CPU is the time that the process has had: the machine may be busy with something else.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail for oneself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
