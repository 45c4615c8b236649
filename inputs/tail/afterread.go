package tail

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/penstock/penstock/inputs"
)

// A file is finished when it has been read to its end, nobody has written to it for a while, and
// every output has what was read of it. Whether outputs have it is known by the place in the log:
// what has been placed when the file was found read to its end is no less than what was read of it.
// So nothing has to be remembered: after a restart the file is found read to its end again, by its
// position, which is in the log with its last record.
//
// The manager decides which files are finished, and the disposer removes them (disposer.go). Each
// looks for itself, since the file may be written to at any time.

// Values of Config.AfterRead.
const (
	afterReadKeep   = "keep"
	afterReadDelete = "delete"
	afterReadMove   = "move"
)

// disposal is what is known of a file that is read to its end. The manager owns it.
type disposal struct {
	last  *position
	size  int64
	mtime int64
	pos   int64     // every output must have come to it
	asked bool      // the disposer is at it, or has done it
	retry time.Time // it was kept: when to try again
}

// sweepFinished has those files removed that are finished.
func (m *manager) sweepFinished(now time.Time) {
	if m.disposer == nil {
		return
	}
	log, ok := m.run.sink.(inputs.Acknowledger)
	if !ok {
		return
	}
	for _, f := range m.table.byID {
		if f.beingRemoved() {
			continue
		}
		if !m.isRead(f, now) {
			f.m.disposal = nil
			continue
		}
		d := f.m.disposal
		if d == nil || d.last != f.last.Load() || d.size != f.size.Load() ||
			d.mtime != f.m.evidence.mtime {
			f.m.disposal = nil
			if pos, ok := log.Placed(f.tag, f.origin); ok {
				f.m.disposal = &disposal{
					last: f.last.Load(), size: f.size.Load(), mtime: f.m.evidence.mtime, pos: pos,
				}
			}
			continue
		}
		if now.Before(d.retry) {
			continue
		}
		has, err := log.Acknowledged(d.pos)
		if err != nil {
			m.disposer.notes.Warn(
				"after_read", "files are kept: it cannot be known whether outputs have them",
				"error", err, "do", "see what is said of the buffer; files are removed again after a restart",
			)
			return
		}
		if has {
			d.asked = m.disposer.ask(removal{
				f: f, path: f.where(), id: f.id, birth: f.birth, size: d.size, mtime: d.mtime,
				content: d.last.fingerprints(), compressed: f.compression != none,
			})
		}
	}
}

// isRead reports whether f has been read to its end, and has been quiet.
func (m *manager) isRead(f *file, now time.Time) bool {
	last := f.last.Load()
	switch {
	case last == nil || len(f.m.names) == 0 || f.m.hold != nil || f.m.turns.failure != "",
		!f.m.rotation.left.IsZero(), now.Sub(f.m.evidence.grown) < m.cfg.AfterReadWait:
		return false
	case f.compression == foreign:
		return false
	case f.compression != none:
		return f.m.ended && last.Done
	}
	return !f.m.ended && last.Off > 0 && !last.Skip && last.Off == f.size.Load() &&
		f.m.turns.pending == pendingNone
}

// beingRemoved reports whether the disposer is at f, or has removed it. What comes to be where it
// was is no continuation of it.
func (f *file) beingRemoved() bool { return f.m.disposal != nil && f.m.disposal.asked }

// disposed deals with how a removal went.
func (m *manager) disposed(r removed) {
	f := r.f
	if r.err != nil {
		f.m.disposal.asked = false
		f.m.disposal.retry = m.sys.now().Add(m.cfg.AfterReadWait)
		return
	}
	if m.table.byPath[r.path] == f {
		m.look([]string{r.path})
	}
	switch {
	case f.m.ended || len(f.m.names) > 0: // it has another name
	case f.m.started:
		m.wake(f, cmdFinish)
	default:
		m.run.closeFile(f) // no worker has it
		m.end(f)
	}
	if len(f.m.names) > 0 {
		f.m.disposal = nil
	}
}

// storeForgotten has the position of f, which was removed, forgotten: the same content is read
// again if somebody brings it again.
func (m *manager) storeForgotten(f *file) {
	m.queue.do(func(ctx context.Context) error {
		return m.run.append(ctx, nil, []inputs.Position{{Key: f.key}})
	})
}

// Removes returns the attribute by which files are removed, or "".
func (c *Config) Removes() string {
	if c.AfterRead == afterReadKeep {
		return ""
	}
	return fmt.Sprintf("after_read = %q", c.AfterRead)
}

// checkAfterRead reports what is wrong with after_read and what belongs to it.
func (c *Config) checkAfterRead(bad func(string, ...any)) {
	switch c.AfterRead {
	case afterReadKeep, afterReadDelete:
		if c.MoveTo != "" {
			bad(`move_to: needs after_read = "move"`)
		}
	case afterReadMove:
		c.checkMoveTo(bad)
	default:
		bad(`after_read: must be one of ["keep" "delete" "move"], not %q`, c.AfterRead)
		return
	}
	switch {
	case c.AfterRead == afterReadKeep:
	case runtime.GOOS != "linux":
		bad(`after_read: only Linux tells whether a program still writes to a file; write "keep"`)
	case c.StartAt == "end":
		bad(`after_read: what start_at = "end" passes over would be gone unread; write start_at = "beginning"`)
	case c.Container:
		bad(`after_read: the logs of containers are removed by their runtime; write "keep"`)
	}
}

func (c *Config) checkMoveTo(bad func(string, ...any)) {
	switch {
	case c.MoveTo == "":
		bad("move_to: must name a directory, as after_read = \"move\" needs one")
		return
	case !filepath.IsAbs(c.MoveTo):
		bad("move_to: %q must be an absolute path", c.MoveTo)
		return
	}
	dir := filepath.Clean(c.MoveTo)
	if newGlobs(c).excluded(filepath.Join(dir, "x")) {
		return
	}
	for _, p := range c.Paths {
		for _, p := range expandBraces(filepath.Clean(p)) {
			of := filepath.Dir(p)
			if strings.HasSuffix(p, "/**") {
				of = p
			}
			if match, err := doublestar.Match(of, dir); err == nil && match {
				bad(
					"move_to: files in %s match %s and would be read again: name a directory elsewhere, or add %q to exclude",
					dir, p, filepath.Join(dir, "**"),
				)
			}
		}
	}
}
