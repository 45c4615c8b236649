package demo

import (
	"fmt"
	"sync"
	"time"
)

// display shows the progress: one line redrawn in place on a terminal, a line a second elsewhere.
type display struct {
	r     *run
	start time.Time
	done  chan struct{}
	ended sync.WaitGroup
	once  sync.Once

	mu   sync.Mutex // owns the output
	live bool
}

func newDisplay(r *run) *display {
	d := &display{r: r, start: time.Now(), done: make(chan struct{}), live: r.opts.Live}
	every := time.Second
	if d.live {
		every = 200 * time.Millisecond
	}
	d.ended.Add(1)
	go func() {
		defer d.ended.Done()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-d.done:
				return
			case <-tick.C:
				r.meter.sample()
				d.draw()
			}
		}
	}()
	return d
}

func (d *display) say(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	fmt.Fprintf(d.r.opts.Out, "%5.1fs  %s\n", time.Since(d.start).Seconds(), what)
}

func (d *display) draw() {
	overflowed, replayed := d.r.meter.totals()
	waiting, bytes := overflowing(d.r.overflowDir())
	line := fmt.Sprintf(
		"        in Kafka %d   overflowed %d   replayed %d   waiting in overflow: %d objects, %d KiB",
		d.r.ledger.Distinct(), overflowed, replayed, waiting, bytes>>10,
	)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	if d.live {
		fmt.Fprint(d.r.opts.Out, line)
		return
	}
	fmt.Fprintln(d.r.opts.Out, line)
}

func (d *display) clear() {
	if d.live {
		fmt.Fprint(d.r.opts.Out, "\r\x1b[K")
	}
}

func (d *display) stop() {
	d.once.Do(func() {
		close(d.done)
		d.ended.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.clear()
	})
}
