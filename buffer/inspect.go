package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dataformat"
)

// Inspection looks at the buffer of an agent that is not running, without changing it. It holds the
// directory's lock.
type Inspection struct {
	dir   string
	lock  *os.File
	segs  []*found
	state *state
}

// SegmentInfo describes a segment on disk.
type SegmentInfo struct {
	Dir        string
	First, End int64 // positions
	Records    int64
	Bytes      int64 // disk in use
	Sealed     bool  // closed in order; otherwise its writer was killed
	Damage     error // nil: none is known
}

// Inspect opens dir for looking. It fails with ErrLocked while an agent has the buffer open.
func Inspect(dir string) (*Inspection, error) {
	if _, err := os.Stat(filepath.Join(dir, lockName)); errors.Is(err, os.ErrNotExist) {
		return nil, notABuffer(dir)
	} else if err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	if err := dataformat.CheckDir(dir, formatMaps); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	in := &Inspection{dir: dir, lock: lock}
	segs, _, err := inspectDir(dir)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	for _, f := range segs {
		if !f.unused {
			f.disk = diskUsage(f.dir)
			in.segs = append(in.segs, f)
		}
	}
	in.state, _, _, err = recoverState(
		disk{}, slices.DeleteFunc(slices.Clone(in.segs), func(f *found) bool { return f.gone }),
	)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return in, nil
}

// notABuffer explains, and names the buffers below dir if there are any.
func notABuffer(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	var below []string
	for _, pattern := range []string{"*", "*/*"} {
		locks, _ := filepath.Glob(filepath.Join(dir, pattern, lockName))
		for _, l := range locks {
			below = append(below, filepath.Dir(l))
		}
	}
	if len(below) > 0 {
		return fmt.Errorf(
			"%s is not a buffer; there are some below it: %s", dir, strings.Join(below, ", "),
		)
	}
	return fmt.Errorf("%s is not a buffer directory", dir)
}

// Close gives the directory back.
func (in *Inspection) Close() error { return in.lock.Close() }

// Segments lists the segments, the oldest first.
func (in *Inspection) Segments() []SegmentInfo {
	out := make([]SegmentInfo, len(in.segs))
	for i, f := range in.segs {
		out[i] = SegmentInfo{f.dir, f.first, f.end, f.records, f.disk, f.sealed, f.err}
	}
	return out
}

// Range returns the positions that are kept: from first up to end.
func (in *Inspection) Range() (first, end int64) {
	for i, f := range in.segs {
		if i == 0 {
			first = f.first
		}
		end = max(end, f.end)
	}
	return min(first, end), end
}

// Cursors lists the cursors by name.
func (in *Inspection) Cursors() []CursorInfo {
	first, end := in.Range()
	var out []CursorInfo
	for name, c := range in.state.cursors {
		out = append(
			out,
			CursorInfo{Name: name, Pos: c.pos, Lag: max(end-max(c.pos, first), 0), Note: c.note},
		)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Inputs returns how many positions each input has stored.
func (in *Inspection) Inputs() map[string]int {
	out := map[string]int{}
	for name, p := range in.state.inputs {
		if name != booksName {
			out[name] = len(p)
		}
	}
	return out
}

// Aside lists the damaged segments that were moved aside.
func (in *Inspection) MovedAside() []string {
	paths, _ := filepath.Glob(filepath.Join(in.dir, damagedName, "*"))
	return paths
}

// Read calls fn for each batch from position from on, until fn returns an error, which Read
// returns. What does not read back is reported to damaged and passed over.
func (in *Inspection) Read(
	from int64, fn func(*record.Batch) error, damaged func(segment string, err error),
) error {
	for _, f := range in.segs {
		if f.end <= from {
			continue
		}
		if err := f.acquire(disk{}, f.dir); err != nil {
			damaged(f.dir, err)
			continue
		}
		err := f.each(max(from, f.first), fn, func(err error) { damaged(f.dir, err) })
		f.release()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *segment) each(pos int64, fn func(*record.Batch) error, damaged func(error)) error {
	for pos < s.end {
		batches, _, next, err := s.read(pos, s.end)
		if err != nil {
			damaged(err)
		}
		for _, b := range batches {
			if b.End <= pos {
				continue
			}
			if err := fn(b); err != nil {
				return err
			}
		}
		pos = next
	}
	return nil
}

// Verify reads every byte, decompresses every batch, and calls damaged for each thing that is
// wrong. It returns how many records are good and how many are missing.
func (in *Inspection) Verify(damaged func(segment string, err error)) (good, missing int64) {
	for _, f := range in.segs {
		report := func(err error) { damaged(f.dir, err) }
		if f.err != nil {
			report(f.err)
		}
		missing += f.records
		if f.gone {
			continue
		}
		if err := f.acquire(disk{}, f.dir); err != nil {
			report(err)
			continue
		}
		n := int64(0)
		_ = f.each(f.first, func(b *record.Batch) error {
			if _, err := b.Records(); err != nil {
				report(fmt.Errorf("positions %d to %d: %w", b.First, b.End-1, err))
				return nil
			}
			n += int64(b.Len())
			return nil
		}, report)
		f.release()
		st := newState()
		if _, full, damage, err := f.replay(disk{}, &st); err != nil || damage != nil {
			err = errors.Join(damage, err)
			report(fmt.Errorf("state: %w", err))
		} else if !full {
			report(fmt.Errorf("%w: the segment does not begin with the whole state", ErrCorrupt))
		}
		good += n
		missing -= min(n, f.records)
	}
	return good, missing
}
