package buffer

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// TestModel runs random operations against a buffer and a simple model of it.
func TestModel(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	dir := t.TempDir()
	opt := small(t)
	opt.Codec = []record.Codec{record.None, record.Snappy, record.LZ4, record.Zstd}[rng.IntN(4)]
	b := open(t, dir, opt)

	type modelCursor struct {
		c         *Cursor
		read, pos int64
		note      string
	}
	end := int64(0)
	positions := map[string]string{}
	cursors := map[string]*modelCursor{}
	low := func() int64 {
		n := end
		for _, m := range cursors {
			n = min(n, m.pos)
		}
		return n
	}
	for step := range 1500 {
		switch k := rng.IntN(100); {
		case k < 45: // append
			n := rng.IntN(20)
			var batch *record.Batch
			if n > 0 {
				batch = batchOf(int(end), n, rng.IntN(3000))
			}
			end += int64(n)
			key := strconv.Itoa(rng.IntN(20))
			p := record.Position{Key: key, Value: strconv.AppendInt(nil, end, 10)}
			positions[key] = string(p.Value)
			if rng.IntN(5) == 0 {
				p.Value = nil
				delete(positions, key)
			}
			if rng.IntN(4) == 0 {
				appendWait(t, b, batch, p)
			} else if err := b.Append(t.Context(), "in", batch, []record.Position{p}, nil); err != nil {
				t.Fatal(err)
			}
		case k < 50 && len(cursors) < 4: // new cursor
			name := fmt.Sprint("c", step)
			c := cursor(t, b, name)
			if c.pos > low() {
				t.Fatalf(
					"step %d: new cursor at %d, but records from %d on are held", step, c.pos,
					low(),
				)
			}
			cursors[name] = &modelCursor{c: c, read: c.pos, pos: c.pos}
		case k < 52 && len(cursors) > 2: // forget one
			for name, m := range cursors {
				m.c.Close()
				if err := b.Forget(name); err != nil {
					t.Fatal(err)
				}
				delete(cursors, name)
				break
			}
		case k < 85: // read
			for _, m := range cursors {
				if m.read >= end {
					continue
				}
				got := next(t, m.c)
				for i, n := range numbers(t, got) {
					if pos := got.First + int64(i); int64(n) != pos {
						t.Fatalf("step %d: position %d holds %d", step, pos, n)
					}
				}
				if got.First > m.read || got.End <= m.read {
					t.Fatalf("step %d: read %d to %d at %d", step, got.First, got.End, m.read)
				}
				m.read = got.End
				break
			}
		case k < 95: // commit
			for _, m := range cursors {
				pos := m.pos + rng.Int64N(m.read-m.pos+1)
				m.note = fmt.Sprint("note ", step)
				if err := m.c.Commit(t.Context(), pos, m.note); err != nil {
					t.Fatal(err)
				}
				m.pos = pos
				break
			}
		case k < 98: // rewind
			for _, m := range cursors {
				m.read = m.pos + rng.Int64N(m.read-m.pos+1)
				if err := m.c.SeekTo(m.read); err != nil {
					t.Fatal(err)
				}
				break
			}
		default: // reopen
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b = open(t, dir, opt)
			if b.End() < end {
				t.Fatalf("step %d: end %d after reopening, want %d", step, b.End(), end)
			}
			for name, m := range cursors {
				m.c = cursor(t, b, name)
				if pos, note := m.c.Committed(); pos != m.pos || note != m.note {
					t.Fatalf(
						"step %d: cursor %s is at %d %q, want %d %q", step, name, pos, note, m.pos,
						m.note,
					)
				}
				m.read = m.pos
			}
			got := b.Positions("in")
			if len(got) != len(positions) {
				t.Fatalf("step %d: positions %q, want %q", step, got, positions)
			}
			for k, v := range positions {
				if string(got[k]) != v {
					t.Fatalf("step %d: positions %q, want %q", step, got, positions)
				}
			}
		}
	}
	for name, m := range cursors {
		for m.read < end {
			m.read = next(t, m.c).End
		}
		commit(t, m.c, end)
		_ = name
	}
	if len(cursors) > 0 {
		runtest.Until(t, "the disk is back", func() bool { return b.Stats().Bytes < 1<<20 })
	}
}
