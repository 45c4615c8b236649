package buffer

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// One output that is stuck costs the others nothing: neither time nor, with their data in memory, disk reads.
// fluent-bit#11370, vector#22064: one dead output stalls the others.
func TestFluentBit11370_AStuckCursorDoesNotSlowTheOthers(t *testing.T) {
	b := open(t, t.TempDir(), small(t))
	stuck, c := cursor(t, b, "stuck"), cursor(t, b, "out")
	next := func() *record.Batch { return next(t, c) }
	for i := range 400 {
		appendWait(t, b, batchOf(i*10, 10, 1000))
		got := next()
		wantRun(t, numbers(t, got), i*10, 10)
		commit(t, c, got.End)
	}
	if c.seg != nil {
		t.Error("the reader at the head has read from disk")
	}
	wantRun(t, readTo(t, stuck, 4000), 0, 4000)
}

// drainBacklog is run in a process of its own: it opens a buffer with a backlog and drains it, and reports on stdout.
func drainBacklog(dir string) error {
	start := time.Now()
	b, err := Open(dir, DefaultOptions())
	if err != nil {
		return err
	}
	opened := time.Since(start)
	c, err := b.Cursor("out")
	if err != nil {
		return err
	}
	b.Seal()
	var peak, records int64
	window := make([]*record.Batch, 8) // in flight, as an output has it
	for i := 0; ; i++ {
		batch, err := c.Next(context.Background())
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if batch.First != records {
			return fmt.Errorf("position %d, want %d", batch.First, records)
		}
		seq, err := batch.Records()
		if err != nil {
			return err
		}
		for range seq {
			records++
		}
		if old := window[i%8]; old != nil {
			if err := c.Commit(context.Background(), old.End, ""); err != nil {
				return err
			}
		}
		window[i%8] = batch
		if i%8 == 0 {
			peak = max(peak, anonymous())
		}
	}
	if err := c.Commit(context.Background(), records, ""); err != nil {
		return err
	}
	left := b.Stats().Segments
	fmt.Println("drained", opened.Milliseconds(), records, peak, left, time.Since(start).Milliseconds())
	return b.Close()
}

const drainEnv = "PENSTOCK_BUFFER_DRAIN_DIR"

// makeBacklog fills a buffer with n batches of about a MiB and returns the number of records.
func makeBacklog(t testing.TB, dir string, n int) (records int64) {
	t.Helper()
	opt := DefaultOptions()
	opt.MaxSize = 0
	opt.Sync = false
	b, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	cursor(t, b, "out").Close()
	src := logBatches(4)
	for i := range n {
		// Packed once: a batch that stands elsewhere in the log is another batch with the same bytes.
		packed, err := src[i%4].AppendEncoded(nil, record.LZ4)
		if err != nil {
			t.Fatal(err)
		}
		batch, _, err := record.Decode(packed, 0)
		if err != nil {
			t.Fatal(err)
		}
		records += int64(batch.Len())
		if err := b.Append(context.Background(), "in", batch, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return records
}

type drained struct{ openMs, records, peak, segments, ms int64 }

func drainInChild(t testing.TB, dir string) (d drained) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), drainEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := fmt.Sscanf(string(out), "drained %d %d %d %d %d", &d.openMs, &d.records, &d.peak, &d.segments, &d.ms); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return d
}

// fluent-bit#6082, #5166: memory grows in spite of disk buffering; a large backlog blocks the restart.
// otel-contrib#44469, #41204: Kafka recovers and the queue's drain runs out of memory or collapses.
func TestFluentBit6082_OtelContrib44469_DrainingABacklogTakesLittleMemory(t *testing.T) {
	n := 768
	if testing.Short() || raceEnabled {
		n = 256
	}
	if mib := os.Getenv("PENSTOCK_BACKLOG_MIB"); mib != "" {
		_, _ = fmt.Sscan(mib, &n)
	}
	dir := t.TempDir()
	records := makeBacklog(t, dir, n)
	d := drainInChild(t, dir)
	t.Logf("%d MiB: opened in %d ms, drained in %d ms, peak of anonymous memory %d MiB", n, d.openMs, d.ms, d.peak>>20)
	if d.records != records {
		t.Errorf("%d records, want %d", d.records, records)
	}
	if runtime.GOOS == "linux" && !raceEnabled && (d.peak == 0 || d.peak > 60<<20) {
		t.Errorf("peak of anonymous memory: %d MiB", d.peak>>20)
	}
	if d.openMs > 5000 {
		t.Errorf("opened in %d ms", d.openMs)
	}
	if d.segments > 1 {
		t.Errorf("%d segments are left of a drained buffer", d.segments)
	}
}

// vector#23783: adding a disk buffer cuts throughput to a quarter. Here what an append costs its caller is the compression, which a
// producer to Kafka needs anyway; the disk's part runs beside it. With the disk's speed out of the picture (sync off) the buffer keeps more than half of
// the rate of compression alone; the bound is wider, as other tests run beside this one.
func TestVector23783_TheBufferKeepsUp(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes seconds, and measures")
	}
	src := logBatches(16)
	best := func(run func()) time.Duration {
		var times []time.Duration
		for range 5 {
			start := time.Now()
			run()
			times = append(times, time.Since(start))
		}
		return slices.Min(times)
	}
	const n = 64
	alone := best(func() {
		for i := range n {
			if _, err := copyOf(src[i%16]).Packed(record.LZ4); err != nil {
				t.Fatal(err)
			}
		}
	})
	opt := DefaultOptions()
	opt.Sync = false
	b := open(t, t.TempDir(), opt)
	buffered := best(func() {
		var pending atomic.Int64
		for i := range n {
			pending.Add(1)
			if err := b.Append(t.Context(), "in", copyOf(src[i%16]), nil, func(error) { pending.Add(-1) }); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all is stored", func() bool { return pending.Load() == 0 })
	})
	t.Logf("compression alone %v, with the buffer %v", alone, buffered)
	if buffered > 4*alone {
		t.Errorf("with the buffer %v, without %v", buffered, alone)
	}
}

// A cursor far behind is read from disk while the head moves on; neither disturbs the other's order.
func TestReadingBehindAndAtTheHeadAtOnce(t *testing.T) {
	opt := small(t)
	opt.Sync = true
	b := open(t, t.TempDir(), opt)
	behind, head := cursor(t, b, "behind"), cursor(t, b, "head")
	const n, per = 1000, 10
	done := make(chan []int)
	for _, c := range []*Cursor{behind, head} {
		slow := c == behind
		go func() {
			var got []int
			for c.pos < n*per {
				got = append(got, numbers(t, next(t, c))...)
				if slow {
					runtime.Gosched()
				}
				if err := c.Commit(context.Background(), c.pos, ""); err != nil {
					t.Error(err)
				}
			}
			done <- got
		}()
	}
	for i := range n {
		if err := b.Append(t.Context(), "in", batchOf(i*per, per, 1000), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	wantRun(t, <-done, 0, n*per)
	wantRun(t, <-done, 0, n*per)
}

// Ten thousand positions do not make a commit slow or large: only what changed is written, and the whole state once per segment.
func TestManyPositions(t *testing.T) {
	dir := t.TempDir()
	opt := small(t)
	opt.SegmentSize = 16 << 20
	b := open(t, dir, opt)
	cursor(t, b, "out").Close()
	var all []record.Position
	for i := range 20_000 {
		all = append(all, record.Position{Key: fmt.Sprintf("2049:%d:/var/log/pods/some-namespace/container-%d.log", i, i), Value: make([]byte, 60)})
	}
	appendWait(t, b, nil, all...)
	before := b.Stats().Bytes
	for i := range 100 {
		appendWait(t, b, batchOf(i, 1, 10), record.Position{Key: all[i].Key, Value: fmt.Append(nil, i)})
	}
	if grown := b.Stats().Bytes - before; grown > 100*1024 {
		t.Errorf("100 commits of one position wrote %d bytes", grown)
	}
	for i := range 40 {
		appendWait(t, b, batchOf(100+i, 1, 1<<20))
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir, opt)
	got := b.Positions("in")
	if len(got) != len(all) || string(got[all[42].Key]) != "42" || len(got[all[10_000].Key]) != 60 {
		t.Errorf("%d positions, %q", len(got), got[all[42].Key])
	}
}
