package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/durable"
)

// pauses are the outputs that a person has told to deliver nothing, by component, with since when.
// They are kept in a file of the data directory. Safe for concurrent use.
type pauses struct {
	dir string

	mu      sync.Mutex
	since   map[string]time.Time
	changed chan struct{} // closed and replaced with each change
}

const pausesName = "paused.json"

// loadPauses reads those of dir.
func loadPauses(dir string) (*pauses, error) {
	p := &pauses{dir: dir, since: map[string]time.Time{}, changed: make(chan struct{})}
	text, err := os.ReadFile(filepath.Join(dir, pausesName))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return p, nil
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal(text, &p.since); err != nil {
		return nil, fmt.Errorf(
			"%s, which says which outputs are paused, cannot be read: %w; remove it, and pause them again",
			filepath.Join(dir, pausesName), err,
		)
	}
	return p, nil
}

// set pauses an output or ends its pause, and reports whether that is a change. It returns once it
// is on disk.
func (p *pauses) set(id string, paused bool, now time.Time) (changed bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, is := p.since[id]; is == paused {
		return false, nil
	}
	next := maps.Clone(p.since)
	if paused {
		next[id] = now
	} else {
		delete(next, id)
	}
	if err := p.write(next); err != nil {
		return false, err
	}
	p.since = next
	close(p.changed)
	p.changed = make(chan struct{})
	return true, nil
}

func (p *pauses) write(since map[string]time.Time) error {
	f, err := os.CreateTemp(p.dir, pausesName+"-*")
	if err != nil {
		return err
	}
	err = json.NewEncoder(f).Encode(since)
	if err := durable.Replace(filepath.Join(p.dir, pausesName), f, err); err != nil {
		return err
	}
	return durable.SyncDir(p.dir)
}

// get returns since when an output is paused, zero if it is not, and what is closed once that may
// have changed.
func (p *pauses) get(id string) (since time.Time, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.since[id], p.changed
}

// while runs f while the output is not paused, again after each pause, until f returns by itself or
// ctx ends. It runs idle, which may end when it likes, during each pause.
func (p *pauses) while(
	ctx context.Context, id string, f func(context.Context) error, idle func(context.Context),
) error {
	for {
		since, changed := p.get(id)
		if !since.IsZero() {
			pausing, end := context.WithCancel(ctx)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				idle(pausing)
			}()
			select {
			case <-changed:
			case <-ctx.Done():
			}
			end()
			<-ended
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		running, cancel := context.WithCancel(ctx)
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			defer cancel()
			for since.IsZero() {
				select {
				case <-changed:
					since, changed = p.get(id)
				case <-running.Done():
					return
				}
			}
		}()
		err := f(running)
		paused := running.Err() != nil && ctx.Err() == nil
		cancel()
		<-watched
		if !paused {
			return err
		}
	}
}
