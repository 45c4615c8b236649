package buffer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
)

func spilling(t testing.TB) Options {
	opt := small(t)
	opt.Spill = true
	opt.age = time.Hour // unless the test is about it
	return opt
}

// replayable appends batch for input, whose position is then n.
func replayable(t testing.TB, b *Buffer, input string, batch *record.Batch, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var pos []record.Position
	if n >= 0 {
		pos = []record.Position{{Key: "n", Value: strconv.AppendInt(nil, int64(n), 10)}}
	}
	if err := b.AppendReplayable(ctx, input, batch, pos, nil); err != nil {
		t.Fatal(err)
	}
}

// inMemory waits until appends stay in memory.
func inMemory(t testing.TB, b *Buffer) {
	t.Helper()
	runtest.Until(t, "appends stay in memory", func() bool { return b.Stats().Memory })
}

// onDisk returns the input's position as a restart would find it.
func onDisk(b *Buffer, input string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.state.inputs[input]["n"])
}

func TestWhatOutputsTakeAtOnceIsNeverWritten(t *testing.T) {
	t.Parallel()
	opt := spilling(t)
	reg := prometheus.NewRegistry()
	opt.Metrics = reg
	dir := t.TempDir()
	b := open(t, dir, opt)
	c := cursor(t, b, "out")
	inMemory(t, b)
	n := 0
	for range 10 {
		replayable(t, b, "in", batchOf(n, 100, 500), n+100)
		n += 100
		wantRun(t, numbers(t, next(t, c)), n-100, 100)
		if n == 100 && onDisk(b, "in") != "" {
			t.Fatal("the position is stored before anybody has committed")
		}
		if p := string(b.Positions("in")["n"]); p != fmt.Sprint(n) {
			t.Fatalf("an input that begins again begins at %s, want %d", p, n)
		}
		commit(t, c, int64(n))
		if p := onDisk(b, "in"); p != fmt.Sprint(n) {
			t.Fatalf("position %q is stored with the commit of %d", p, n)
		}
	}
	runtest.Until(
		t, "all went through memory",
		func() bool { return metricValue(t, reg, "penstock_buffer_memory_records_total") == 1000 },
	)
	if v := metricValue(t, reg, "penstock_buffer_appended_records_total"); v != 0 {
		t.Errorf("%v records were written", v)
	}
	if v := metricValue(t, reg, "penstock_buffer_stored_bytes_total"); v > 100<<10 {
		t.Errorf("%v bytes were written", v)
	}
	if st := b.Stats(); st.WindowBytes != 0 || st.Cursors[0].Lag != 0 {
		t.Errorf("%+v", st)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	opt.Metrics = nil
	b = open(t, dir, opt)
	if b.End() != 1000 {
		t.Errorf("a clean stop skips positions: end %d", b.End())
	}
}

// Each of these has what is in memory written, in its place.
func TestWhatIsInMemoryIsWrittenInItsPlace(t *testing.T) {
	t.Parallel()
	for reason, cause := range map[string]func(t *testing.T, b *Buffer, c *Cursor){
		"asked":   func(t *testing.T, b *Buffer, c *Cursor) { b.Spill("asked") },
		SpillAge:  func(t *testing.T, b *Buffer, c *Cursor) {},
		SpillNote: func(t *testing.T, b *Buffer, c *Cursor) { note(t, c, 0, "intent") },
		SpillInput: func(t *testing.T, b *Buffer, c *Cursor) {
			appendWait(t, b, batchOf(500, 1, 10))
		},
		SpillReader: func(t *testing.T, b *Buffer, c *Cursor) {
			fast := cursor(t, b, "fast")
			readTo(t, fast, 500)
			commit(t, fast, 500)
			if err := b.AppendReplayable(t.Context(), "in", batchOf(500, 800, 1000), nil, nil); err != nil {
				t.Fatal(err)
			}
		},
		SpillClose: func(t *testing.T, b *Buffer, c *Cursor) {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(reason, func(t *testing.T) {
			opt := spilling(t)
			opt.window = 2 << 20
			if reason == SpillAge {
				opt.age = 50 * time.Millisecond
			}
			dir := t.TempDir()
			b := open(t, dir, opt)
			c := cursor(t, b, "out")
			inMemory(t, b)
			for n := 0; n < 500; n += 50 {
				replayable(t, b, "in", batchOf(n, 50, 1000), n+50)
			}
			if reason != SpillAge && onDisk(b, "in") != "" {
				t.Fatal("the position is stored although nothing is")
			}
			cause(t, b, c)
			runtest.Until(t, "it is on disk", func() bool { return onDisk(b, "in") == "500" })
			if st := b.Stats(); st.LastSpill.Reason != reason {
				t.Fatalf("%+v", st.LastSpill)
			}
			if reason != SpillClose {
				wantRun(t, readTo(t, c, 500), 0, 500)
				c.Close()
			}
			_ = b.Close()
			b = open(t, dir, opt)
			if p := string(b.Positions("in")["n"]); p != "500" {
				t.Errorf("position %s", p)
			}
			c = cursor(t, b, "out")
			pos, _ := c.Committed()
			wantRun(t, readTo(t, c, 500), int(pos), 500-int(pos))
		})
	}
}

func note(t testing.TB, c *Cursor, pos int64, text string) {
	t.Helper()
	if err := c.Commit(t.Context(), pos, text); err != nil {
		t.Fatal(err)
	}
}

// A note says what is about to be done with records. On a full disk it waits for room for them,
// however small it is itself, or a crash would leave it alone.
func TestANoteWaitsForItsRecordsOnAFullDisk(t *testing.T) {
	t.Parallel()
	opt := spilling(t)
	var full atomic.Bool
	opt.disk.fault = func(s step, _ string) error {
		if s == stepStore && full.Swap(false) {
			return syscall.ENOSPC
		}
		return nil
	}
	b := open(t, t.TempDir(), opt)
	c := cursor(t, b, "out")
	inMemory(t, b)
	replayable(t, b, "in", batchOf(0, 100, 500), 100)
	wantRun(t, numbers(t, next(t, c)), 0, 100)
	full.Store(true)
	if err := c.Commit(t.Context(), 0, "intent"); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if full.Load() || b.disk < 100 {
		t.Errorf("the note is stored, and records up to %d", b.disk)
	}
}

// An input whose source keeps what it has not read waits while a single output is busy; nothing is
// written for that.
func TestAFullWindowIsBackPressure(t *testing.T) {
	t.Parallel()
	opt := spilling(t)
	opt.window = 1 << 20
	reg := prometheus.NewRegistry()
	opt.Metrics = reg
	b := open(t, t.TempDir(), opt)
	c := cursor(t, b, "out")
	inMemory(t, b)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; n < 5000; n += 50 {
			replayable(t, b, "in", batchOf(n, 50, 1000), n+50)
		}
	}()
	runtest.Until(
		t, "the input waits",
		func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.window.waiting == 1 },
	)
	for at := 0; at < 5000; {
		got := numbers(t, next(t, c))
		wantRun(t, got, at, len(got))
		at += len(got)
		commit(t, c, int64(at))
	}
	<-done
	if v := metricValue(t, reg, "penstock_buffer_appended_records_total"); v != 0 {
		t.Errorf("%v records were written", v)
	}
}

// After a spill, appends go to disk until the cursors have caught up, and then stay in memory
// again.
func TestAppendsStayInMemoryAgain(t *testing.T) {
	t.Parallel()
	opt := spilling(t)
	opt.window = 256 << 10
	b := open(t, t.TempDir(), opt)
	c := cursor(t, b, "out")
	inMemory(t, b)
	replayable(t, b, "in", batchOf(0, 50, 1000), 50)
	b.Spill("asked")
	for n := 50; n < 1000; n += 50 {
		runtest.Until(t, "it is on disk", func() bool { return onDisk(b, "in") == fmt.Sprint(n) })
		replayable(t, b, "in", batchOf(n, 50, 1000), n+50)
		if n > 500 && b.Stats().Memory {
			t.Fatal("appends stay in memory although the cursor is behind")
		}
	}
	wantRun(t, readTo(t, c, 1000), 0, 1000)
	commit(t, c, 1000)
	inMemory(t, b)
	replayable(t, b, "in", batchOf(1000, 50, 1000), 1050)
	if onDisk(b, "in") == "1050" {
		t.Error("it was written")
	}
	wantRun(t, readTo(t, c, 1050), 1000, 50)
}

// A reader that begins at the oldest record finds its way over what was never written.
func TestANewCursorPassesWhatWasNeverWritten(t *testing.T) {
	t.Parallel()
	opt := spilling(t)
	b := open(t, t.TempDir(), opt)
	c := cursor(t, b, "out")
	inMemory(t, b)
	step := func(n int, spill bool) {
		replayable(t, b, "in", batchOf(n, 10, 1000), n+10)
		if spill {
			b.Spill("asked")
			runtest.Until(
				t, "it is on disk", func() bool { return onDisk(b, "in") == fmt.Sprint(n+10) },
			)
		}
		readTo(t, c, int64(n+10))
		commit(t, c, int64(n+10))
		inMemory(t, b)
	}
	step(0, true)
	step(10, false)
	step(20, true)
	step(30, false)
	late := cursor(t, b, "late")
	got := []int{}
	for late.pos < 40 {
		got = append(got, numbers(t, next(t, late))...)
	}
	if want := append(seq(0, 10), seq(20, 10)...); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %v, want what is on disk, %v", got, want)
	}
	if v := b.Cursors(); v[0].Lag != 20 {
		t.Errorf("lag %d, want the 20 records there are", v[0].Lag)
	}
	replayable(t, b, "in", batchOf(40, 10, 1000), 50)
	wantRun(t, numbers(t, next(t, late)), 40, 10)
}

func seq(from, n int) (out []int) {
	for i := range n {
		out = append(out, from+i)
	}
	return out
}

func TestPositionsOnlyFollowTheSlowestCursor(t *testing.T) {
	t.Parallel()
	opt := spilling(t)
	b := open(t, t.TempDir(), opt)
	fast, slow := cursor(t, b, "fast"), cursor(t, b, "slow")
	inMemory(t, b)
	for n := 0; n < 100; n += 10 {
		replayable(t, b, "in", batchOf(n, 10, 10), n+10)
	}
	commit(t, fast, 100)
	if p := onDisk(b, "in"); p != "" {
		t.Fatalf("position %s is stored, but one cursor has passed nothing", p)
	}
	commit(t, slow, 35)
	if p := onDisk(b, "in"); p != "30" {
		t.Fatalf("position %s is stored, want 30: the batch from there is not passed", p)
	}
	// A change of positions alone keeps its place.
	replayable(t, b, "in", nil, 111)
	commit(t, slow, 90)
	if p := onDisk(b, "in"); p != "90" {
		t.Fatalf("position %s is stored, want 90", p)
	}
	commit(t, slow, 100)
	runtest.Until(t, "the last position is stored", func() bool { return onDisk(b, "in") == "111" })
}

func BenchmarkAppendReplayable(b *testing.B) {
	opt := DefaultOptions()
	opt.Spill = true
	buf := open(b, b.TempDir(), opt)
	c := cursor(b, buf, "out")
	inMemory(b, buf)
	go func() {
		for {
			batch, err := c.Next(b.Context())
			if err != nil || c.Commit(b.Context(), batch.End, "") != nil {
				return
			}
		}
	}()
	rng := rand.New(rand.NewPCG(1, 1))
	var bb record.Builder
	b.ReportAllocs()
	for b.Loop() {
		bb.Reset("app", "app", 1<<20)
		for range 100 {
			bb.Append(rng.Int64(), nil, make([]byte, 8000), nil)
		}
		replayable(b, buf, "in", bb.Build(), 1)
	}
}

// Large batches are kept in memory packed alone until somebody wants the records of one; then they
// are kept as they were, which costs memory and no decompression. Small ones always are.
func TestSpillKeepsWhatIsAskedFor(t *testing.T) {
	b := open(t, t.TempDir(), spilling(t))
	shed := func(batch *record.Batch) bool {
		t.Helper()
		want := numbers(t, batch)
		if err := b.Pack(batch); err != nil {
			t.Fatal(err)
		}
		was := b.codec.missed.Swap(false)
		if got := numbers(t, batch); !slices.Equal(got, want) {
			t.Fatalf("%d records, %d before", len(got), len(want))
		}
		missed := b.codec.missed.Load()
		b.codec.missed.Store(was || missed)
		return missed
	}
	compressible := func(n int) *record.Batch {
		var bb record.Builder
		bb.Reset("app.test", "/var/log/test", 0)
		for i := range n {
			bb.Append(0, nil, fmt.Appendf(nil, "%d %0100d", i, 0), nil)
		}
		return bb.Build()
	}
	if shed(compressible(50)) {
		t.Error("a small batch was decompressed")
	}
	if !shed(compressible(1000)) {
		t.Error("a large batch was kept twice in memory, for nobody")
	}
	if shed(compressible(1000)) {
		t.Error("a large batch was decompressed once more")
	}
}
