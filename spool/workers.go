package spool

import (
	"runtime"
	"sync"
)

// workers make members of files, in as many goroutines as there are processors: what of archiving
// takes the most of them. do may be called from any goroutine, between start and stop.
type workers struct {
	jobs chan job
	n    int // as there were processors when they were made: there may be fewer for a while
	wg   sync.WaitGroup
}

func newWorkers() *workers {
	n := runtime.GOMAXPROCS(0)
	return &workers{jobs: make(chan job, 2*n), n: n}
}

func (w *workers) start() {
	for range w.n {
		w.wg.Go(func() {
			var scratch []byte
			for j := range w.jobs {
				scratch = j.run(scratch)
			}
		})
	}
}

// do hands over a job. It waits while all are busy and there is work for as long again.
func (w *workers) do(j job) { w.jobs <- j }

// stop ends the workers. No job is under way, or will be.
func (w *workers) stop() {
	close(w.jobs)
	w.wg.Wait()
}
