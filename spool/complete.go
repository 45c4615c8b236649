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

// SuccessConfig says how completeness is told.
type SuccessConfig struct {
	Name      string        `hcl:"name,optional" doc:"Name of the empty object that marks a complete partition."`
	Grace     time.Duration `hcl:"grace,optional" doc:"How far all watermarks have to be past the end of a time partition."`
	IdleAfter time.Duration `hcl:"idle_after,optional" doc:"A log that is read to its end and has had no record for so long counts as having reached the present less this time. 0 makes completeness wait for a record."`
	Check     time.Duration `hcl:"check,optional" doc:"How often it is looked whether a time partition is complete."`
	Location  string        `hcl:"location,optional" doc:"URL of the store's prefix, such as \"s3://bucket/prefix\", for hooks."`
	Hooks     []hook.Config `hcl:"hook,block" doc:"Run for each complete partition, after the marker was written; repeated until they succeed."`
}

// SetDefaults sets the presets.
func (c *SuccessConfig) SetDefaults() {
	*c = SuccessConfig{Name: "_SUCCESS", Grace: 15 * time.Minute, IdleAfter: 15 * time.Minute, Check: time.Minute}
}

// Validate reports every mistake at once.
func (c *SuccessConfig) Validate() error {
	var errs []error
	if c.Name == "" || strings.ContainsRune(c.Name, '/') || c.Name[0] != '_' && c.Name[0] != '.' {
		errs = append(errs, fmt.Errorf("name: must begin with _ or . and hold no slash, so that readers take it for no data, not %q", c.Name))
	}
	if c.Grace < 0 || c.IdleAfter < 0 {
		errs = append(errs, errors.New("grace, idle_after: must not be negative"))
	}
	if c.Check <= 0 {
		errs = append(errs, errors.New("check: must be more than 0"))
	}
	for i := range c.Hooks {
		h := &c.Hooks[i]
		errs = append(errs, under(fmt.Sprintf("hook[%d]", i), h.Validate()))
		if h.NeedsLocation() && c.Location == "" {
			errs = append(errs, fmt.Errorf("location: must be set for a %s hook", h.Type))
		}
	}
	return errors.Join(errs...)
}

// completer publishes the time partitions that are complete. The owner of a topic's first partition does it for the topic; how far it
// has come stands in its note, so the next owner goes on from there. What it does is done again after a crash, to the same effect.
type completer struct {
	a         *Archiver
	log       record.Log
	part      *partition.Partitioner
	id        *identity
	published time.Time // markers are written up to here; hooks may still fail
}

// check publishes what has become complete since done, and returns how far it is done now (milliseconds, as in protocol.Progress).
func (c *completer) check(ctx context.Context, own protocol.Progress) (int64, error) {
	done := own.Completed
	limit, ok, err := c.watermark(ctx, own)
	if err != nil || !ok || done == 0 {
		return done, err
	}
	limit -= c.a.cfg.Success.Grace.Milliseconds()
	// Enough to catch up with, and a bound for one round.
	for range 500 {
		start, end, timed := c.part.Span(time.UnixMilli(done))
		if !timed || end.UnixMilli() > limit {
			break
		}
		if err := c.publish(ctx, start, end); err != nil {
			return done, err
		}
		done = end.UnixMilli()
	}
	return done, nil
}

// watermark returns the least watermark of all partitions; ok is false while one is unknown or this is not the first of them.
func (c *completer) watermark(ctx context.Context, own protocol.Progress) (ms int64, ok bool, err error) {
	noter, siblings := c.log.(record.Noter)
	if !siblings {
		return own.Watermark, own.Watermark > 0, nil
	}
	notes, err := noter.Notes(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("read the notes of all partitions: %w", err)
	}
	ms = own.Watermark
	for p, raw := range notes {
		n, _, err := protocol.ParseNote(raw)
		if err != nil {
			return 0, false, err
		}
		if p < c.id.partition || n.Watermark == 0 {
			return 0, false, nil
		}
		ms = min(ms, n.Watermark)
	}
	return ms, ms > 0, nil
}

// publish marks the paths of one time partition and runs the hooks for each.
func (c *completer) publish(ctx context.Context, start, end time.Time) error {
	paths, err := c.paths(ctx, start)
	if err != nil {
		return err
	}
	cfg := c.a.cfg.Success
	if end.After(c.published) {
		for _, p := range paths {
			key := path.Join(p, cfg.Name)
			if err := Place(ctx, c.a.store, key, bytes.NewReader(nil), 0, PutOptions{ContentType: "application/octet-stream"}); err != nil {
				return fmt.Errorf("mark %s: %w", p, err)
			}
			c.a.metrics.completed.Inc()
		}
		c.published = end
	}
	for _, p := range paths {
		names, values := partition.Values(p)
		done := hook.Partition{Topic: c.id.topic, Path: p, Names: names, Values: values, Start: start, End: end, Agent: c.a.env.Agent}
		if cfg.Location != "" {
			done.Location = strings.TrimSuffix(cfg.Location, "/") + "/" + p + "/"
		}
		for i, h := range c.a.hooks {
			err := h.Run(ctx, &done)
			result := "ok"
			if err != nil {
				result = "failed"
			}
			c.a.metrics.hooks.WithLabelValues(cfg.Hooks[i].Type, result).Inc()
			if err != nil {
				return fmt.Errorf("hook %s for %s: %w", cfg.Hooks[i].Type, p, err)
			}
		}
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
		dir, base := path.Split(obj.Key)
		dir = strings.TrimSuffix(dir, "/")
		if base[0] == '_' || base[0] == '.' || len(found) > 0 && found[len(found)-1] == dir || !re.MatchString(dir) || slices.Contains(found, dir) {
			continue
		}
		found = append(found, dir)
	}
	return found, nil
}

// complete runs a check in the background when it is time for one, and stores progress that no cut will carry.
func (d *drain) complete(ctx context.Context, now time.Time) error {
	cfg := d.a.cfg.Success
	if cfg == nil || d.redo > 0 || d.finish == draining || now.Sub(d.checked) < cfg.Check {
		return nil
	}
	d.checked = now
	if !d.checking {
		d.checking = true
		own := d.m.Progress()
		own.Completed = max(own.Completed, d.completed)
		d.async.Go(func() {
			done, err := d.completer.check(ctx, own)
			if err == nil {
				d.a.completeTrouble.worked()
			} else if ctx.Err() == nil {
				d.a.completeTrouble.failed(err, "log", d.log.Name())
			}
			d.completions <- done
		})
	}
	if !d.m.Ready() || d.cur.records > 0 {
		return nil
	}
	p := d.m.Progress()
	p.Completed = max(p.Completed, d.completed)
	if cfg.IdleAfter > 0 && now.Sub(d.lastRead) >= cfg.IdleAfter && d.pos == d.m.Position() && d.atEnd() {
		p.Watermark = max(p.Watermark, now.Add(-cfg.IdleAfter).UnixMilli())
	}
	if p == d.m.Progress() {
		return nil
	}
	return d.do(ctx, d.m.NoteProgress(p))
}

// atEnd tells whether everything appended to the log was read, as far as the log knows its end.
func (d *drain) atEnd() bool {
	e, ok := d.log.(record.Ender)
	return !ok || e.End() <= d.pos
}

// firstCompleted is where completeness begins to be looked at for a log that is archived for the first time: a day before its
// first event, for other partitions may have older ones.
func (d *drain) firstCompleted(minTime int64) int64 {
	if minTime == 0 {
		return 0
	}
	start, _, ok := d.part.Span(time.UnixMilli(minTime).AddDate(0, 0, -1))
	if !ok {
		return 0
	}
	return start.UnixMilli()
}
