package agent

import (
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery is how long the process has had little to do before it goes on with one processor,
	// and how long it takes at most until it is seen that this is not enough.
	lookEvery = 5 * time.Second
	// Of one processor littleCPU is a share that leaves the others without work, and muchCPU one
	// that may be more than one should do.
	littleCPU, muchCPU = 0.12, 0.3
	// surge is how many bytes in surgeTime are a load for all processors at once.
	surge, surgeTime = 4 << 20, 64 * time.Millisecond
)

// processors has the process use one processor while it has little to do, and all of them
// otherwise. With several, whatever becomes ready wakes a thread for each that is idle, which then
// looks for work and finds none: a fifth of what an agent takes to which a hundred lines a second
// come.
//
// What is made as wide as there are processors is to be made after all was called. Safe for
// concurrent use.
type processors struct {
	set     func(one bool)
	cpuTime func() time.Duration

	passed atomic.Int64 // bytes that pipelines have taken in or read, ever
	limit  atomic.Int64 // once passed is there, it is seen whether that is a surge

	mu     sync.Mutex
	one    bool // in use
	period struct {
		begin  time.Time
		cpu    time.Duration
		passed int64
	}
	limitSet time.Time
}

func newProcessors() *processors {
	p := &processors{set: setProcessors, cpuTime: cpuTime}
	p.limit.Store(math.MaxInt64)
	return p
}

// setProcessors leaves it to Go how many there are, unless it is to be one. Go follows the limits
// of control groups.
func setProcessors(one bool) {
	if one {
		runtime.GOMAXPROCS(1)
	} else {
		runtime.SetDefaultGOMAXPROCS()
	}
}

// start begins to follow the load, until stop is called. Where GOMAXPROCS is set nothing is done.
func (p *processors) start() (stop func()) {
	if os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 {
		return func() {}
	}
	return p.follow()
}

func (p *processors) follow() (stop func()) {
	p.all()
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		timer := time.NewTimer(lookEvery)
		defer timer.Stop()
		for {
			select {
			case <-quit:
				return
			case <-timer.C:
			}
			p.look()
			timer.Reset(lookEvery)
		}
	})
	return func() {
		close(quit)
		wg.Wait()
		p.all()
	}
}

// all has the process use all processors, for lookEvery at least.
func (p *processors) all() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.use(false)
	p.beginPeriod()
}

// pass tells that a pipeline has taken in or read so many bytes.
func (p *processors) pass(bytes int) {
	if p.passed.Add(int64(bytes)) < p.limit.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.one {
		return
	}
	if time.Since(p.limitSet) > surgeTime {
		p.setLimit()
		return
	}
	p.use(false)
	p.beginPeriod()
}

// look judges the period that ends.
func (p *processors) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := time.Since(p.period.begin)
	if d < lookEvery {
		return
	}
	cpu := (p.cpuTime() - p.period.cpu).Seconds() / d.Seconds()
	rate := float64(p.passed.Load()-p.period.passed) / d.Seconds()
	switch {
	case cpu > muchCPU:
		p.use(false)
	case cpu < littleCPU && rate < surge/surgeTime.Seconds()/2:
		p.use(true)
	}
	p.beginPeriod()
}

// use is called with mu held, as is what follows.
func (p *processors) use(one bool) {
	if p.one == one {
		return
	}
	p.one = one
	p.set(one)
	if one {
		p.setLimit()
	} else {
		p.limit.Store(math.MaxInt64)
	}
}

func (p *processors) beginPeriod() {
	p.period.begin, p.period.cpu, p.period.passed = time.Now(), p.cpuTime(), p.passed.Load()
}

func (p *processors) setLimit() {
	p.limitSet = time.Now()
	p.limit.Store(p.passed.Load() + surge)
}
