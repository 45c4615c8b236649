package tail

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// changes is what was notified during a short while.
type changes struct {
	written map[string]struct{} // files that grew
	touched map[string]struct{} // paths that appeared, disappeared or were renamed
	missed  bool                // there were more than the kernel could keep: look at everything
}

// watcher gathers notifications. It lets them pile up in the kernel, which merges those of one busy file, rather than taking each.
type watcher struct {
	fs      *fsnotify.Watcher
	out     chan changes
	stopped chan struct{}
}

const gatherFor = 10 * time.Millisecond

// newWatcher starts a watcher over what open opens; ctx ends it.
func newWatcher(ctx context.Context, open func() (*fsnotify.Watcher, error)) (*watcher, error) {
	fs, err := open()
	if err != nil {
		return nil, err
	}
	w := &watcher{fs: fs, out: make(chan changes), stopped: make(chan struct{})}
	go w.gather(ctx)
	return w, nil
}

func (w *watcher) close() {
	_ = w.fs.Close()
	<-w.stopped
}

func (w *watcher) gather(ctx context.Context) {
	defer close(w.stopped)
	timer := time.NewTimer(0)
	<-timer.C
	for {
		c := changes{written: map[string]struct{}{}, touched: map[string]struct{}{}}
		select {
		case <-ctx.Done():
			return
		case ev, ok := <-w.fs.Events:
			if !ok {
				return
			}
			c.add(ev)
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			c.missed = c.missed || err != nil
		}
		timer.Reset(gatherFor)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		w.drain(&c, timer)
		select {
		case <-ctx.Done():
			return
		case w.out <- c:
		}
	}
}

// drain takes what is there, up to a bound.
func (w *watcher) drain(c *changes, timer *time.Timer) {
	for range 8192 {
		timer.Reset(time.Millisecond)
		select {
		case ev, ok := <-w.fs.Events:
			if !ok {
				return
			}
			c.add(ev)
		case _, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			c.missed = true
		case <-timer.C:
			return
		}
	}
}

func (c *changes) add(ev fsnotify.Event) {
	if ev.Op&^(fsnotify.Write|fsnotify.Chmod) != 0 {
		c.touched[ev.Name] = struct{}{}
		return
	}
	c.written[ev.Name] = struct{}{}
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
