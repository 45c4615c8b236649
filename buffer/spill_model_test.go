package buffer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// spillModel runs random operations against a buffer in spill mode, crashes it at random moments,
// and knows what must be true then.
//
// Inputs x and y count up and can begin again anywhere, as a tailed file can; z cannot, but sends
// again what was not acknowledged. A crash is a copy of the directory made in the writer,
// immediately before or after it writes.
type spillModel struct {
	t   *testing.T
	rng *rand.Rand
	opt Options
	b   *Buffer
	dir string

	content map[int64]string // what readers have found at a position, ever
	next    map[string]int   // the number that an input appends next
	cursors []*modelReader

	mu       sync.Mutex
	crashAt  string // stage; "" for none
	image    string // where the crashed buffer lies
	crashed  chan struct{}
	zacked   int
	repeated int
	spilled  map[string]int
}

type modelReader struct {
	name   string
	c      *Cursor
	pos    int64
	asked  int64          // Commit was called
	stored int64          // and returned
	read   []modelRecord  // not asked to be committed
	ends   []int64        // of batches read
	at     map[string]int // the number expected next, in this life of the buffer
	have   map[string]int // all below were read and asked to be committed
	acked  map[string]int // and Commit returned
	note   string
}

type modelRecord struct {
	pos   int64
	input string
	n     int
}

func newSpillModel(t *testing.T, cursors int) *spillModel {
	m := &spillModel{
		t:       t,
		rng:     runtest.Rand(t),
		dir:     t.TempDir(),
		content: map[int64]string{},
		next:    map[string]int{},
		spilled: map[string]int{},
	}
	m.opt = small(t)
	m.opt.Log = nil
	m.opt.Spill = true
	m.opt.Codec = record.None
	m.opt.window, m.opt.age, m.opt.every = 128<<10, 50*time.Millisecond, time.Millisecond
	m.opt.onStage = m.hook
	m.crashed = make(chan struct{})
	m.b = open(t, m.dir, m.opt)
	for i := range cursors {
		r := &modelReader{name: fmt.Sprint("c", i), have: map[string]int{}, acked: map[string]int{}}
		m.cursors = append(m.cursors, r)
	}
	m.openCursors()
	return m
}

func (m *spillModel) openCursors() {
	for _, r := range m.cursors {
		r.c = cursor(m.t, m.b, r.name)
		if r.pos, r.note = r.c.Committed(); r.pos < r.stored {
			m.t.Fatalf("%s had committed %d, and is at %d", r.name, r.stored, r.pos)
		}
		r.asked = r.pos
		r.read, r.ends, r.at = nil, nil, map[string]int{}
		if err := r.c.SeekTo(r.pos); err != nil {
			m.t.Fatal(err)
		}
	}
}

// hook runs in the writer.
func (m *spillModel) hook(stage string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashAt != stage || m.image != "" {
		return
	}
	m.image = filepath.Join(m.t.TempDir(), "image")
	for copySparse(m.dir, m.image) != nil { // segments come and go meanwhile
		if err := os.RemoveAll(m.image); err != nil {
			m.t.Error(err)
			break
		}
	}
	close(m.crashed)
}

func (m *spillModel) alive() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.image == ""
}

// copySparse copies a directory without writing out what is zero, and again while files of it go
// away meanwhile.
func copySparse(from, to string) error {
	for try := 0; ; try++ {
		err := copyOnce(from, to)
		if try >= 50 || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
}

func copyOnce(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o750)
		}
		src, err := os.Open(path)
		if err != nil {
			return err
		}
		defer src.Close()
		fi, err := src.Stat()
		if err != nil {
			return err
		}
		dst, err := os.Create(target)
		if err != nil {
			return err
		}
		defer dst.Close()
		if err := dst.Truncate(fi.Size()); err != nil {
			return err
		}
		chunk, zero := make([]byte, 32<<10), make([]byte, 32<<10)
		for off := int64(0); ; {
			n, err := src.ReadAt(chunk, off)
			if n > 0 && !bytes.Equal(chunk[:n], zero[:n]) {
				if _, err := dst.WriteAt(chunk[:n], off); err != nil {
					return err
				}
			}
			off = skipHole(src, off+int64(n))
			if err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
		}
	})
}

func (m *spillModel) step() {
	t, rng := m.t, m.rng
	r := m.cursors[rng.IntN(len(m.cursors))]
	switch k := rng.IntN(100); {
	case k < 40:
		m.append([]string{"x", "y"}[rng.IntN(2)])
	case k < 41:
		m.append("z")
	case k < 66:
		m.read(r)
	case k < 84:
		m.commit(r, r.note)
	case k < 85:
		m.commit(r, fmt.Sprint("note ", rng.IntN(1000)))
	case k < 86:
		m.b.Spill("asked")
	case k < 87:
		pauseFor(t, time.Duration(rng.IntN(40))*time.Millisecond)
	default: // all catch up, so that appends may stay in memory
		for _, r := range m.cursors {
			for r.pos < m.b.End() {
				m.read(r)
			}
			m.commitTo(r, r.pos, r.note)
		}
	}
}

func pauseFor(t testing.TB, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func (m *spillModel) append(input string) {
	n := m.rng.IntN(20)
	var bb record.Builder
	bb.Reset(input, input, 0)
	for i := range n {
		bb.Append(
			1e18, nil, fmt.Appendf(nil, "%s %d %*d", input, m.next[input]+i, m.rng.IntN(1500), 0),
			nil,
		)
	}
	m.next[input] += n
	upTo := m.next[input]
	pos := []record.Position{{Key: "n", Value: strconv.AppendInt(nil, int64(upTo), 10)}}
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
	defer cancel()
	var err error
	if input == "z" {
		err = m.b.Append(ctx, input, bb.Build(), pos, func(err error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if err == nil && m.image == "" {
				m.zacked = max(m.zacked, upTo)
			}
		})
	} else {
		err = m.b.AppendReplayable(ctx, input, bb.Build(), pos, nil)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// read takes one batch, if there is one.
func (m *spillModel) read(r *modelReader) {
	if r.pos >= m.b.End() {
		return
	}
	batch := next(m.t, r.c)
	noteDelivered(r.c, batch)
	r.pos = batch.End
	r.ends = append(r.ends, r.pos)
	recs, err := batch.Records()
	if err != nil {
		m.t.Fatal(err)
	}
	for rec := range recs {
		if rec.Offset < r.asked {
			continue
		}
		var input string
		var n int
		if _, err := fmt.Sscanf(string(rec.Value), "%s %d", &input, &n); err != nil {
			m.t.Fatal(err)
		}
		what := fmt.Sprint(input, " ", n)
		if was, ok := m.content[rec.Offset]; ok && was != what {
			m.t.Fatalf("position %d holds %s, and held %s", rec.Offset, what, was)
		}
		m.content[rec.Offset] = what
		if at, ok := r.at[input]; ok && n != at {
			m.t.Fatalf("%s reads %s %d, want %d", r.name, input, n, at)
		} else if !ok && n > r.have[input] {
			m.t.Fatalf(
				"%s has %s up to %d and goes on at %d: the rest is lost", r.name, input,
				r.have[input], n,
			)
		} else if !ok {
			m.repeated += r.have[input] - n
		}
		r.at[input] = n + 1
		r.read = append(r.read, modelRecord{rec.Offset, input, n})
	}
}

func (m *spillModel) commit(r *modelReader, note string) {
	// As outputs do, to the end of a batch; in the middle of one only together with a note.
	pos := r.asked
	if note != r.note && r.pos > pos {
		pos += m.rng.Int64N(r.pos - pos + 1)
	} else if len(r.ends) > 0 {
		i := m.rng.IntN(len(r.ends))
		pos = max(pos, r.ends[i])
		r.ends = r.ends[i+1:]
	}
	m.commitTo(r, pos, note)
}

func (m *spillModel) commitTo(r *modelReader, pos int64, note string) {
	n := 0
	for ; n < len(r.read) && r.read[n].pos < pos; n++ {
		r.have[r.read[n].input] = max(r.have[r.read[n].input], r.read[n].n+1)
	}
	done := r.read[:n]
	r.read, r.asked = r.read[n:], pos
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
	defer cancel()
	if err := r.c.Commit(ctx, pos, note); err != nil {
		m.t.Fatalf("%s: %v; %+v", r.name, err, m.b.Stats())
	}
	r.note = note
	if m.alive() {
		r.stored = pos
		for _, d := range done {
			r.acked[d.input] = max(r.acked[d.input], d.n+1)
		}
	}
}

// crash lets the buffer be killed at the next stage of its writer, goes on until it is, and opens
// what is left.
func (m *spillModel) crash() {
	m.mu.Lock()
	m.crashAt = []string{"write", "written"}[m.rng.IntN(2)]
	m.mu.Unlock()
	deadline := time.Now().Add(20 * time.Second)
	for m.alive() && time.Now().Before(deadline) {
		m.step()
	}
	<-m.crashed
	_ = m.b.Close()
	m.mu.Lock()
	m.dir, m.image, m.crashAt = m.image, "", ""
	m.crashed = make(chan struct{})
	m.mu.Unlock()
	wantBalance(m.t, m.dir)
	m.reopen()
	for _, input := range []string{"x", "y", "z"} {
		at, _ := strconv.Atoi(string(m.b.Positions(input)["n"]))
		low := m.next[input]
		for _, r := range m.cursors {
			low = min(low, r.acked[input])
		}
		if at < low {
			m.t.Fatalf(
				"input %s begins again at %d, although every cursor had committed up to %d", input,
				at, low,
			)
		}
		if input == "z" && at < m.zacked {
			m.t.Fatalf("input z was acknowledged up to %d, and is stored up to %d", m.zacked, at)
		}
		m.next[input] = at
	}
}

func (m *spillModel) reopen() {
	m.b = open(m.t, m.dir, m.opt)
	m.openCursors()
}

// restart closes the buffer in order: nothing is read again.
func (m *spillModel) restart() {
	want := map[string]int{}
	for input, n := range m.next {
		want[input] = n
	}
	if err := m.b.Close(); err != nil {
		m.t.Fatal(err)
	}
	wantBalance(m.t, m.dir)
	m.reopen()
	for input, n := range want {
		if at, _ := strconv.Atoi(string(m.b.Positions(input)["n"])); at != n {
			m.t.Fatalf("after a clean stop input %s begins at %d, want %d", input, at, n)
		}
	}
}

func (m *spillModel) run(rounds int) {
	for range rounds {
		for range m.rng.IntN(60) {
			m.step()
			if st := m.b.Stats(); st.Memory {
				m.spilled["in memory"]++
			} else {
				m.spilled["after "+st.LastSpill.Reason]++
			}
		}
		if m.rng.IntN(6) == 0 {
			m.restart()
		} else {
			m.crash()
		}
	}
	for _, r := range m.cursors {
		for r.pos < m.b.End() {
			m.read(r)
		}
		for input, n := range m.next {
			if at, ok := r.at[input]; ok && at != n || !ok && r.have[input] < n {
				m.t.Fatalf(
					"%s ends with %s %d (has %d), want %d", r.name, input, at, r.have[input], n,
				)
			}
		}
	}
	m.t.Logf("appended %v, read again %d, steps %v", m.next, m.repeated, m.spilled)
}

// For each position that an input finds after a crash, everything before it is committed by every
// cursor or on disk. Nothing that all had committed is read again; the order of each input holds; a
// position never stands for two records.
func TestSpillModel(t *testing.T) {
	t.Parallel()
	for _, cursors := range []int{1, 2} {
		t.Run(fmt.Sprint(cursors), func(t *testing.T) {
			t.Parallel()
			newSpillModel(t, cursors).run(40)
		})
	}
}
