package buffer

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dataformat"
)

// markRetry is how long a directory that could not be marked is left alone.
const markRetry = time.Minute

// formatMark is the format that the directory is marked with. Safe for concurrent use.
type formatMark struct {
	format atomic.Int32

	mu     sync.Mutex
	failed time.Time
}

// raise marks the directory with a format unless a later one stands there.
func (m *formatMark) raise(dir string, format int) error {
	now, err := dataformat.Raise(dir, format, formatMaps)
	if err == nil {
		m.format.Store(int32(now))
	}
	return err
}

// needs returns the format that a directory has in which there are batches of a form.
func needs(form record.Form) int32 {
	if form == record.Msgpack {
		return formatMaps
	}
	return formatVersion
}

// Permit reports whether batches of a form may be appended. It marks the directory first, if need
// be, so that earlier releases, which would take such a batch for damage, do not open it.
func (b *Buffer) Permit(form record.Form) bool {
	m := &b.mark
	if m.format.Load() >= needs(form) {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.format.Load() >= needs(form) {
		return true
	}
	now := b.opt.clock()
	if now.Sub(m.failed) < markRetry {
		return false
	}
	err := m.raise(b.dir.path, int(needs(form)))
	if err != nil {
		m.failed = now
		b.opt.Log.Warn(
			"events are kept as JSON, not as they came: the buffer's directory cannot be marked with the format that this takes",
			"error", err, "do", "see that there is room on the disk, and that the directory can be written to",
		)
	}
	return err == nil
}

func (b *Buffer) permitted(form record.Form) error {
	if b.mark.format.Load() < needs(form) {
		return fmt.Errorf("a batch of form %d in a buffer of format %d", form, b.mark.format.Load())
	}
	return nil
}
