//go:build !linux

package tail

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

// fsNotifier is the notifier of other systems.
type fsNotifier struct {
	fs      *fsnotify.Watcher
	pending changes
}

func newNotifier() (notifier, error) {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	n := &fsNotifier{fs: fs}
	n.reset()
	return n, nil
}

func (n *fsNotifier) reset() {
	n.pending = changes{written: map[string]struct{}{}, touched: map[string]struct{}{}}
}

func (n *fsNotifier) add(dir string) error { return n.fs.Add(dir) }
func (n *fsNotifier) remove(dir string)    { _ = n.fs.Remove(dir) }
func (n *fsNotifier) stop()                { _ = n.fs.Close() }
func (n *fsNotifier) close()               {}

func (n *fsNotifier) wait(until time.Time) (more bool, err error) {
	var expired <-chan time.Time
	if !until.IsZero() {
		expired = time.After(time.Until(until))
	}
	for {
		select {
		case ev, ok := <-n.fs.Events:
			if !ok {
				return false, fsnotify.ErrClosed
			}
			n.pending.add(ev)
		case err, ok := <-n.fs.Errors:
			if !ok {
				return false, fsnotify.ErrClosed
			}
			n.pending.missed = n.pending.missed || err != nil
		case <-expired:
			return false, nil
		}
		if more = len(n.pending.touched) > 0 || n.pending.missed; more || until.IsZero() {
			return more, nil
		}
	}
}

func (n *fsNotifier) take(c *changes) {
	for range 8192 {
		select {
		case ev, ok := <-n.fs.Events:
			if ok {
				n.pending.add(ev)
				continue
			}
		case err, ok := <-n.fs.Errors:
			if ok {
				n.pending.missed = n.pending.missed || err != nil
				continue
			}
		default:
		}
		break
	}
	*c = n.pending
	n.reset()
}

func (c *changes) add(ev fsnotify.Event) {
	if ev.Op&^(fsnotify.Write|fsnotify.Chmod) != 0 {
		c.touched[ev.Name] = struct{}{}
		return
	}
	c.written[ev.Name] = struct{}{}
}
