package buffer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
)

// One output that is stuck costs the others nothing: neither time nor, with their data in memory,
// disk reads. fluent-bit#11370, vector#22064: one dead output stalls the others.
func TestFluentBit11370_AStuckCursorDoesNotSlowTheOthers(t *testing.T) {
	t.Parallel()
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

// drainBacklog is run in a process of its own: it opens a buffer with a backlog and drains it, and
// reports on stdout.
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
			peak = max(peak, costtest.Anonymous(os.Getpid()))
		}
	}
	if err := c.Commit(context.Background(), records, ""); err != nil {
		return err
	}
	left := b.Stats().Segments
	fmt.Println(
		"drained", opened.Milliseconds(), records, peak, left, time.Since(start).Milliseconds(),
	)
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
		// Packed once: a batch that stands elsewhere in the log is another batch with the same
		// bytes.
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
	if _, err := fmt.Sscanf(
		string(out), "drained %d %d %d %d %d", &d.openMs, &d.records, &d.peak, &d.segments, &d.ms,
	); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return d
}

// fluent-bit#6082, #5166: memory grows in spite of disk buffering; a large backlog blocks the
// restart. otel-contrib#44469, #41204: Kafka recovers and the queue's drain runs out of memory or
// collapses.
func TestFluentBit6082_OtelContrib44469_DrainingABacklogTakesLittleMemory(t *testing.T) {
	t.Parallel()
	n := 256
	if runtest.Long() {
		n = 2048
	}
	n = runtest.Number(t, "PENSTOCK_BACKLOG", n)
	dir := t.TempDir()
	records := makeBacklog(t, dir, n)
	d := drainInChild(t, dir)
	t.Logf(
		"%d MiB: opened in %d ms, drained in %d ms, peak of anonymous memory %d MiB", n, d.openMs,
		d.ms, d.peak>>20,
	)
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

// vector#23783: adding a disk buffer cuts throughput to a quarter. Here it adds little work, and
// none that an input or an output at the head waits for. A batch is compressed once, by its caller,
// and those very bytes are what an output gets and what lies on disk. Appends go on while the disk
// stands still, and what has gathered meanwhile is one write. What it costs in time is measured by
// cmd/bench, against the tail alone.
func TestVector23783_TheBufferAddsLittleWork(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	dir, opt := t.TempDir(), DefaultOptions()
	opt.Metrics, opt.MinFree = reg, 0
	var writes atomic.Int64
	entered := make(chan struct{}, 1)
	var disk sync.Mutex // whoever holds it makes the disk stand still
	opt.onStage = func(stage string) {
		if stage != "write" {
			return
		}
		writes.Add(1)
		select {
		case entered <- struct{}{}:
		default:
		}
		disk.Lock()
		defer disk.Unlock()
	}
	b := open(t, dir, opt)
	c := cursor(t, b, "out")
	cursor(t, b, "behind").Close()

	const n, per, pad = 200, 10, 1000
	var batches []*record.Batch
	var packed [][]byte
	size := 0
	for i := range n {
		batch := batchOf(i*per, per, pad)
		p, err := batch.Packed(opt.Codec)
		if err != nil {
			t.Fatal(err)
		}
		batches, packed = append(batches, batch), append(packed, p)
		size += len(p)
	}
	stored := metricValue(t, reg, "penstock_buffer_stored_bytes_total")
	select {
	case <-entered:
	default:
	}
	writes.Store(0)
	disk.Lock()
	goOn := sync.OnceFunc(disk.Unlock)
	defer goOn()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	durable := make(chan error, n)
	for i, batch := range batches {
		if err := b.Append(ctx, "in", batch, nil, func(err error) { durable <- err }); err != nil {
			t.Fatalf("append %d waits for a disk that stands still: %v", i, err)
		}
		if i == 0 {
			<-entered
		}
	}
	goOn()
	for range n {
		if err := <-durable; err != nil {
			t.Fatal(err)
		}
	}
	if got := writes.Load(); got != 2 {
		t.Errorf("%d writes, want the first batch and then all others at once", got)
	}
	added := metricValue(t, reg, "penstock_buffer_stored_bytes_total") - stored
	if added < float64(size) || added > 1.01*float64(size) {
		t.Errorf("%.0f bytes written for %d of compressed batches", added, size)
	}
	t.Logf("%d batches, %d bytes compressed: %.0f written", n, size, added)

	for i := range n {
		got, err := next(t, c).Packed(opt.Codec)
		if err != nil || &got[0] != &packed[i][0] {
			t.Fatalf("batch %d is not handed on as it came: %v", i, err)
		}
	}
	if read := metricValue(t, reg, "penstock_buffer_disk_read_bytes_total"); read != 0 {
		t.Errorf("%.0f bytes read from disk for an output at the head", read)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	opt.Metrics = nil
	b = open(t, dir, opt)
	late := cursor(t, b, "behind")
	for i := range n {
		got, err := next(t, late).Packed(opt.Codec)
		if err != nil || !bytes.Equal(got, packed[i]) {
			t.Fatalf("batch %d does not lie on disk as it came: %v", i, err)
		}
	}
}

// A cursor far behind is read from disk while the head moves on; neither disturbs the other's
// order.
func TestReadingBehindAndAtTheHeadAtOnce(t *testing.T) {
	t.Parallel()
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

// Ten thousand positions do not make a commit slow or large: only what changed is written, and the
// whole state once per segment.
func TestManyPositions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opt := small(t)
	opt.SegmentSize = 16 << 20
	b := open(t, dir, opt)
	cursor(t, b, "out").Close()
	var all []record.Position
	for i := range 20_000 {
		all = append(
			all,
			record.Position{
				Key:   fmt.Sprintf("2049:%d:/var/log/pods/some-namespace/container-%d.log", i, i),
				Value: make([]byte, 60),
			},
		)
	}
	appendWait(t, b, nil, all...)
	before := b.Stats().Bytes
	for i := range 100 {
		appendWait(
			t, b, batchOf(i, 1, 10), record.Position{Key: all[i].Key, Value: fmt.Append(nil, i)},
		)
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
