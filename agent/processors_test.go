package agent

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// load is what a process does for a while.
type load struct {
	name  string
	d     time.Duration
	cpu   float64 // of a processor
	bytes float64 // a second
	// what is in use at the end, how many changes there may be, and for how long the others may
	// last together
	one     bool
	changes int
	others  time.Duration
}

// simulated gives p a process to which loads can be given.
type simulated struct {
	p       *processors
	used    atomic.Int64 // nanoseconds
	one     atomic.Bool
	changes atomic.Int32
}

func newSimulated() *simulated {
	s := &simulated{p: newProcessors()}
	s.p.cpuTime = func() time.Duration { return time.Duration(s.used.Load()) }
	s.p.set = func(one bool) {
		s.one.Store(one)
		s.changes.Add(1)
	}
	return s
}

// carry lets a load last. It returns for how long something else was in use than at its end should
// be.
func (s *simulated) carry(l load) (others time.Duration) {
	const step = 2 * time.Millisecond
	s.changes.Store(0)
	due := 0.0
	for at := time.Duration(0); at < l.d; at += step {
		time.Sleep(step)
		synctest.Wait()
		s.used.Add(int64(l.cpu * float64(step)))
		for due += l.bytes * step.Seconds(); due >= 64<<10; due -= 64 << 10 {
			s.p.pass(64 << 10)
		}
		if s.one.Load() != l.one {
			others += step
		}
	}
	return others
}

// One processor is in use while there is little to do, all of them at once when much comes and soon
// when little makes much work; in between it stays as it is.
func TestProcessorsFollowTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulated()
		defer s.p.follow()()
		for _, l := range []load{
			{"starts", 5 * time.Second, 0.5, 1e6, false, 0, 0},
			{"idle", time.Minute, 0, 0, true, 1, 10 * time.Second},
			{"100 lines/s", time.Minute, 0.02, 44e3, true, 0, 0},
			{"10,000 lines/s", time.Minute, 0.04, 4e6, true, 0, 0},
			{"full speed", time.Minute, 1.2, 1e9, false, 1, 20 * time.Millisecond},
			{"100 lines/s again", time.Minute, 0.02, 44e3, true, 1, 10 * time.Second},
			{"full speed, what one does", time.Minute, 1, 200e6, false, 1, 100 * time.Millisecond},
			{"150,000 lines/s", time.Minute, 0.2, 60e6, false, 0, 0},
			{"idle again", time.Minute, 0, 0, true, 1, 10 * time.Second},
			{"200,000 lines/s", time.Minute, 0.25, 80e6, false, 1, 200 * time.Millisecond},
			{"idle a third time", time.Minute, 0, 0, true, 1, 10 * time.Second},
			{"few bytes, much work", time.Minute, 0.9, 1e6, false, 1, 10 * time.Second},
			{"a pause", 4 * time.Second, 0, 0, false, 0, 0},
			{"much work again", time.Minute, 0.9, 1e6, false, 0, 0},
			{"50,000 lines/s", time.Minute, 0.07, 21e6, true, 1, 10 * time.Second},
			{"some work", time.Minute, 0.2, 21e6, true, 0, 0},
		} {
			others, one := s.carry(l), s.one.Load()
			changes := int(s.changes.Load())
			if one != l.one || changes > l.changes || others > l.others {
				t.Errorf(
					"%s: one processor: %v, %d changes, %v otherwise; want %v, %d, at most %v",
					l.name, one, changes, others, l.one, l.changes, l.others,
				)
			}
		}
	})
}

// What is made as wide as there are processors finds all of them, and a while to be made in.
func TestAllProcessorsAreThereToBuildWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulated()
		stop := s.p.follow()
		s.carry(load{d: 12 * time.Second})
		if !s.one.Load() {
			t.Fatal("all processors are in use")
		}
		s.p.all()
		if others := s.carry(load{d: lookEvery - time.Second}); others > 0 {
			t.Errorf("one processor for %v", others)
		}
		s.carry(load{d: 2 * lookEvery, one: true})
		if !s.one.Load() {
			t.Fatal("all processors are in use again")
		}
		if stop(); s.one.Load() {
			t.Error("one processor after the end")
		}
	})
}

// Where there is one processor, or GOMAXPROCS says how many, it stays so.
func TestGivenProcessorsAreKept(t *testing.T) {
	t.Setenv("GOMAXPROCS", "2")
	s := newSimulated()
	s.p.start()()
	if s.changes.Load() > 0 || s.p.period.begin != (time.Time{}) {
		t.Error("the load is followed")
	}
}

// The process has one processor, and what Go gives it again.
func TestProcessorsAreSet(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	setProcessors(true)
	if n := runtime.GOMAXPROCS(0); n != 1 {
		t.Errorf("%d processors", n)
	}
	setProcessors(false)
	if n := runtime.GOMAXPROCS(0); n < min(2, runtime.NumCPU()) {
		t.Errorf("%d of %d processors", n, runtime.NumCPU())
	}
}
