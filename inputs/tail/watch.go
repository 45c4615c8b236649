package tail

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
)

// changes is what was notified during a short while.
type changes struct {
	written map[string]struct{} // files that grew
	touched map[string]struct{} // paths that appeared, disappeared or were renamed
	missed  bool                // there were more than the kernel could keep: look at everything
}

// notifier tells of what happens in directories.
type notifier interface {
	add(dir string) error
	remove(dir string)
	// wait returns once there is something to take, and whether that is more than that files were
	// written to. With a time it returns then, written to or not, or once there is more than that.
	// It returns an error once it is stopped.
	wait(until time.Time) (more bool, err error)
	// take adds what there is to c.
	take(c *changes)
	// stop ends wait; close gives everything back once nobody waits or takes.
	stop()
	close()
}

// watcher gathers notifications. That files were written to piles up in the kernel for as long as
// the latency budget allows, so that many of them are one wake-up; everything else ends that. As
// long as they are written to all the time, it is not the first write that wakes it up, but the end
// of the budget alone.
type watcher struct {
	notifier
	budget  time.Duration
	read    *atomic.Int64 // bytes of complete lines, of all files
	out     chan changes
	stopped chan struct{}
}

const (
	// gatherFor is how long notifications are gathered once there is more than that files were
	// written to, and else at least, or for the budget where that is less.
	gatherFor = 10 * time.Millisecond
	// leastPause is the least of all.
	leastPause = time.Millisecond
)

// newWatcher starts a watcher over what open opens; ctx ends it.
func newWatcher(
	ctx context.Context, open func() (notifier, error), budget time.Duration, read *atomic.Int64,
) (*watcher, error) {
	n, err := open()
	if err != nil {
		return nil, err
	}
	w := &watcher{
		notifier: n,
		budget:   budget,
		read:     read,
		out:      make(chan changes),
		stopped:  make(chan struct{}),
	}
	go w.gather(ctx)
	return w, nil
}

func (w *watcher) close() {
	w.notifier.stop()
	<-w.stopped
	w.notifier.close()
}

func (w *watcher) gather(ctx context.Context) {
	defer close(w.stopped)
	last, had := time.Now(), w.read.Load()
	taken := last
	steady := false // there was a write sooner after the last ones were taken than the wait is long
	for {
		var more bool
		var err error
		if !steady {
			if more, err = w.wait(time.Time{}); err != nil {
				return
			}
		}
		now, have := time.Now(), w.read.Load()
		company := pace{budget: w.budget, read: have - had, during: now.Sub(last)}.wait()
		steady = now.Sub(taken) < company
		last, had = now, have
		if !more {
			if more, err = w.wait(now.Add(company)); err != nil {
				return
			}
		}
		if more {
			select { // what belongs together, such as a rename and what takes its place
			case <-ctx.Done():
				return
			case <-time.After(gatherFor):
			}
		}
		c := changes{written: map[string]struct{}{}, touched: map[string]struct{}{}}
		w.take(&c)
		steady = steady && len(c.written) > 0
		if len(c.written)+len(c.touched) == 0 && !c.missed {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case w.out <- c:
		}
		taken = time.Now()
	}
}

// pace is what says how long written files wait for company.
type pace struct {
	budget time.Duration
	read   int64         // bytes, since the last wake-up
	during time.Duration // of it
}

// wait returns the time in which a full batch comes together, as things went of late, if that is
// less than the budget allows, which a little more is added to: what costs most is how often.
func (p pace) wait() time.Duration {
	d := p.budget + min(p.budget, gatherFor*3/2)
	if p.read > 0 {
		d = min(d, time.Duration(float64(p.during)*blockSize/float64(p.read)))
	}
	return max(d, min(p.budget, gatherFor), leastPause)
}

// watchAdvice says what to do about a watch that could not be had.
func watchAdvice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "raise sysctl fs.inotify.max_user_watches"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "raise sysctl fs.inotify.max_user_instances and the limit of open files"
	}
	return fmt.Sprintf("inotify said: %v", err)
}

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
