package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/hook"
	"github.com/penstock/penstock/spool/partition"
	"github.com/penstock/penstock/spool/protocol"
)

// completer publishes the time partitions that are complete. The owner of a topic's first partition
// does it for the topic; how far it has come stands in its note, so the next owner goes on from
// there. What it does is done again after a crash, to the same effect.
//
// Markers do not wait for hooks: a partition whose hooks fail is tried again, ever more seldom,
// while later ones are marked and told.
type completer struct {
	a            *Archiver
	log          record.Log
	part         *partition.Partitioner
	id           *identity
	pendingHooks []pendingHook
	// the hooks of partitions that end by then are among pendingHooks, or have succeeded; 0 before
	// the first look
	queued int64
}

// pendingHook is the hooks that are still to be run for one path of a complete partition.
type pendingHook struct {
	start, end time.Time
	path       string
	hook       int // the next
	failures   int
	next       time.Time
}

const (
	spansAtOnce    = 500 // time partitions in one round: enough to catch up with
	failuresAtOnce = 3   // of one hook in one round: then it is likely to be down
	maxHookDelay   = time.Hour
)

// check publishes what has become complete, and returns how far it is done now.
func (c *completer) check(
	ctx context.Context, own protocol.Progress, now time.Time,
) (protocol.Progress, error) {
	from, limit, ok, err := c.frontier(ctx, own, now)
	if err != nil || !ok {
		return own, err
	}
	limit -= c.a.cfg.Success.Grace.Milliseconds()
	if c.queued == 0 {
		if c.queued = own.HooksDone; c.queued == 0 {
			c.queued = from
		}
	}
	done := from
	err = c.spans(c.queued, done, func(start, end time.Time) error { // found by this owner
		paths, err := c.paths(ctx, start)
		c.enqueue(paths, start, end, err)
		return err
	})
	if err == nil && c.queued >= done {
		err = c.spans(done, limit, func(start, end time.Time) error {
			paths, err := c.publish(ctx, start)
			if c.enqueue(paths, start, end, err); err == nil {
				done = end.UnixMilli()
			}
			return err
		})
	}
	err = errors.Join(err, c.runHooks(ctx, now))
	if done > from || own.Completed > 0 {
		own.Completed = done
	}
	own.HooksDone = 0
	if hooked := c.hooksDone(); hooked < done {
		own.HooksDone = hooked
	}
	return own, err
}

// spans calls do for each time partition that begins at from or later and ends by limit.
func (c *completer) spans(from, limit int64, do func(start, end time.Time) error) error {
	for range spansAtOnce {
		start, end, timed := c.part.Span(time.UnixMilli(from))
		if !timed || end.UnixMilli() > limit {
			return nil
		}
		if err := do(start, end); err != nil {
			return err
		}
		from = end.UnixMilli()
	}
	return nil
}

// frontier finds from where, and to where, partitions are complete.
func (c *completer) frontier(
	ctx context.Context, own protocol.Progress, now time.Time,
) (from, limit int64, ok bool, err error) {
	notes := map[int32]protocol.Progress{}
	if noter, siblings := record.As[record.Noter](c.log); siblings {
		raw, err := noter.Notes(ctx)
		if err != nil {
			return 0, 0, false, fmt.Errorf("read the notes of all partitions: %w", err)
		}
		for p, text := range raw {
			n, _, err := protocol.ParseNote(text)
			if err != nil {
				return 0, 0, false, err
			}
			notes[p] = n.Progress
		}
	}
	from, limit, ok = protocol.Frontier(c.id.partition, own, notes, now.UnixMilli())
	return from, limit, ok, nil
}

// publish marks the paths of one time partition.
func (c *completer) publish(ctx context.Context, start time.Time) ([]string, error) {
	paths, err := c.paths(ctx, start)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		key := path.Join(p, c.a.cfg.Success.Name)
		if err := PutOnce(
			ctx, c.a.store, key, bytes.NewReader(nil), 0,
			PutOptions{ContentType: "application/octet-stream"},
		); err != nil {
			return nil, fmt.Errorf("mark %s: %w", p, err)
		}
		c.a.metrics.completed.Inc()
	}
	return paths, nil
}

// enqueue makes pendingHooks of a partition's paths, if err is nil.
func (c *completer) enqueue(paths []string, start, end time.Time, err error) {
	if err != nil {
		return
	}
	c.queued = end.UnixMilli()
	if len(c.a.hooks) == 0 {
		return
	}
	for _, p := range paths {
		c.pendingHooks = append(c.pendingHooks, pendingHook{start: start, end: end, path: p})
	}
}

// hooksDone returns up to where all hooks have succeeded.
func (c *completer) hooksDone() int64 {
	upTo := c.queued
	for i := range c.pendingHooks {
		upTo = min(upTo, c.pendingHooks[i].start.UnixMilli())
	}
	return upTo
}

// failing reports whether a hook has failed and did not succeed since.
func (c *completer) failing() bool {
	return slices.ContainsFunc(c.pendingHooks, func(h pendingHook) bool { return h.failures > 0 })
}

// runHooks runs the hooks that are due, and returns the errors.
func (c *completer) runHooks(ctx context.Context, now time.Time) error {
	var errs []error
	failures := make([]int, len(c.a.hooks))
	left := c.pendingHooks[:0]
	for _, todo := range c.pendingHooks {
		if ctx.Err() == nil && !now.Before(todo.next) {
			if err := c.runPendingHook(ctx, &todo, failures, now); err != nil {
				errs = append(errs, err)
			}
		}
		if todo.hook < len(c.a.hooks) {
			left = append(left, todo)
		}
	}
	c.pendingHooks = left
	if len(errs) > 1 {
		errs = append(
			errs[:1],
			fmt.Errorf(
				"and %d more of %d partitions whose hooks are still to succeed", len(errs)-1,
				len(left),
			),
		)
	}
	return errors.Join(errs...)
}

// runPendingHook runs the hooks of one path, in their order, until one fails.
func (c *completer) runPendingHook(
	ctx context.Context, todo *pendingHook, failures []int, now time.Time,
) error {
	cfg := c.a.cfg.Success
	names, values := partition.Values(todo.path)
	done := hook.Partition{
		Topic:  c.id.topic,
		Path:   todo.path,
		Names:  names,
		Values: values,
		Start:  todo.start,
		End:    todo.end,
		Agent:  c.a.env.Agent,
	}
	if cfg.Location != "" {
		done.Location = strings.TrimSuffix(cfg.Location, "/") + "/" + todo.path + "/"
	}
	for ; todo.hook < len(c.a.hooks); todo.hook++ {
		i := todo.hook
		if failures[i] >= failuresAtOnce {
			return nil
		}
		err := c.a.hooks[i].Run(ctx, &done)
		result := "ok"
		if err != nil {
			result = "failed"
		}
		c.a.metrics.hooks.WithLabelValues(cfg.Hooks[i].Type, result).Inc()
		if err != nil {
			failures[i]++
			todo.failures++
			todo.next = now.Add(min(cfg.Check<<min(todo.failures-1, 20), maxHookDelay))
			return fmt.Errorf("hook %s for %s: %w", cfg.Hooks[i].Type, todo.path, err)
		}
		todo.failures = 0
	}
	return nil
}

// paths lists the paths of a time partition that hold objects.
func (c *completer) paths(ctx context.Context, t time.Time) ([]string, error) {
	prefix, re := c.part.Match(c.id.topic, t)
	if c.id.topic == "" {
		prefix, re = c.part.MatchAny(t)
	}
	var found []string
	for obj, err := range c.a.store.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		dir := path.Dir(obj.Key)
		if IsMarker(obj.Key) || len(found) > 0 && found[len(found)-1] == dir ||
			!re.MatchString(dir) ||
			slices.Contains(found, dir) {
			continue
		}
		found = append(found, dir)
	}
	return found, nil
}
