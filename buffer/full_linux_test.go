package buffer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
)

// smallDisk mounts a file system of its own, or skips the test.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillDisk writes a file until nothing more fits, and returns its path.
func fillDisk(t *testing.T, dir string, pace time.Duration) string {
	t.Helper()
	f, err := os.CreateTemp(dir, "filler")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, n := range []int{128 << 10, 4096} {
		p := make([]byte, n)
		for err == nil {
			if _, err = f.Write(p); pace > 0 {
				<-time.After(pace)
			}
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	return f.Name()
}

func fullOptions(t *testing.T) Options {
	opt := small(t)
	opt.SegmentSize = 4 << 20
	opt.MinFree = 4 << 20
	return opt
}

// Appends until the buffer has blocked for a while, because it is short of space and not because
// the disk is slow; returns how many records were accepted and counts what is acknowledged.
func appendUntilBlocked(t *testing.T, b *Buffer, from int, acked *atomic.Int64) int {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		upTo := int64(from + 50)
		err := b.Append(
			ctx,
			"in",
			batchOf(from, 50, 1000),
			[]record.Position{{Key: "n", Value: fmt.Append(nil, upTo)}},
			func(err error) {
				if err == nil {
					acked.Store(upTo)
				}
			},
		)
		cancel()
		switch {
		case err == nil:
			from += 50
		case !errors.Is(err, context.DeadlineExceeded):
			t.Fatal(err)
		case b.Stats().LowSpace:
			return from
		}
	}
}

// A disk that fills while the buffer is written blocks appends, loses nothing, lets cursors move,
// and appends go on once there is space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "64m")
	b := open(t, filepath.Join(dir, "buffer"), fullOptions(t))
	c := cursor(t, b, "out")
	var acked atomic.Int64
	n := appendUntilBlocked(t, b, 0, &acked)
	if s := b.Stats(); !s.LowSpace || s.Fill < 1 {
		t.Fatalf("blocked after %d records, but %+v", n, s)
	}
	if n < 20_000 {
		t.Errorf("only %d records fit", n)
	}
	filler := fillDisk(t, dir, 0)
	if free, _ := freeSpace(dir); free > 0 {
		t.Fatalf("%d bytes are free", free)
	}
	// Outputs go on on a disk without a single free byte, and what they have passed is given back.
	before := b.Stats().Segments
	var got []int
	for len(got) < 2*n/3 {
		got = append(got, numbers(t, next(t, c))...)
		commit(t, c, c.pos)
	}
	runtest.Until(t, "segments are removed", func() bool { return b.Stats().Segments < before })
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	runtest.Until(
		t, "the buffer takes data again",
		func() bool { return !b.Stats().LowSpace && acked.Load() == int64(n) },
	)
	appendWait(t, b, batchOf(n, 50, 1000))
	got = append(got, readTo(t, c, int64(n+50))...)
	wantRun(t, got, 0, n+50)
	commit(t, c, c.pos)
	runtest.Until(
		t, "the disk is back", func() bool { free, _ := freeSpace(dir); return free > 50<<20 },
	)
}

// Somebody else takes and gives back all of the disk, over and over, while the buffer is written
// and read.
func TestFullDiskComesAndGoes(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "64m")
	opt := fullOptions(t)
	opt.SegmentSize = 1 << 20
	b := open(t, filepath.Join(dir, "buffer"), opt)
	c := cursor(t, b, "out")
	span := 2 * time.Second
	if runtest.Long() {
		span = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			filler := fillDisk(t, dir, 500*time.Microsecond) // some 200 MB/s
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
			_ = os.Remove(filler)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	var acked atomic.Int64
	n := 0
	wg.Go(func() {
		for {
			upTo := int64(n + 50)
			if b.Append(ctx, "in", batchOf(n, 50, 1000), nil, func(err error) {
				if err == nil {
					acked.Store(upTo)
				}
			}) != nil {
				return
			}
			n += 50
		}
	})
	var got []int
	for ctx.Err() == nil {
		batch, err := c.Next(ctx)
		if err != nil {
			break
		}
		got = append(got, numbers(t, batch)...)
		if c.Commit(ctx, batch.End, "") != nil {
			break
		}
	}
	wg.Wait()
	for c.pos < int64(n) { // what was accepted may need the disk of what is not delivered yet
		got = append(got, numbers(t, next(t, c))...)
		commit(t, c, c.pos)
	}
	runtest.Until(t, "all is acknowledged", func() bool { return acked.Load() == int64(n) })
	wantRun(t, got, 0, n)
	if n < 1000 {
		t.Errorf("only %d records in all the time", n)
	}
	t.Logf("%d records", n)
}

// Closing on a full disk, and opening on one, loses nothing.
func TestFullDiskAtStartAndStop(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "64m")
	path := filepath.Join(dir, "buffer")
	b := open(t, path, fullOptions(t))
	cursor(t, b, "out").Close()
	runtest.Until(
		t, "the reserve is there",
		func() bool { _, err := os.Stat(filepath.Join(path, reserveName)); return err == nil },
	)
	var acked atomic.Int64
	appendUntilBlocked(t, b, 0, &acked)
	filler := fillDisk(t, dir, 0)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	n := acked.Load()
	fillDisk(t, dir, 0)
	// It opens all the same, so that outputs can free the disk.
	b = open(t, path, fullOptions(t))
	c := cursor(t, b, "out")
	if p := string(b.Positions("in")["n"]); p != fmt.Sprint(n) {
		t.Errorf("position %s, want %d", p, n)
	}
	got := readTo(t, c, n/2)
	commit(t, c, c.pos)
	runtest.Until(t, "there is space again", func() bool { return !b.Stats().LowSpace })
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	got = append(got, readTo(t, c, n)...)
	wantRun(t, got, 0, int(n))
	appendWait(t, b, batchOf(int(n), 10, 10))
	wantRun(t, numbers(t, next(t, c)), int(n), 10)
}

// At max_size, drop_oldest drops whole segments, counts those of their records that a cursor has
// not passed, and moves the cursors on.
func TestDropOldest(t *testing.T) {
	t.Parallel()
	for _, passed := range []int64{0, 50} {
		t.Run(fmt.Sprint(passed), func(t *testing.T) {
			t.Parallel()
			dropOldest(t, passed)
		})
	}
}

func dropOldest(t *testing.T, passed int64) {
	opt := small(t)
	opt.MaxSize = 16 << 20
	opt.WhenFull = DropOldest
	reg := prometheus.NewRegistry()
	opt.Metrics = reg
	dir := t.TempDir()
	b := open(t, dir, opt)
	c, at := cursor(t, b, "out"), cursor(t, b, "behind")
	wantRun(
		t,
		numbers(
			t, func() *record.Batch { appendWait(t, b, batchOf(0, 50, 1000)); return next(t, c) }(),
		),
		0,
		50,
	)
	commit(t, c, passed)
	commit(t, at, passed)
	const n = 40_000
	for i := 50; i < n; i += 50 {
		if err := b.Append(t.Context(), "in", batchOf(i, 50, 1000), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	runtest.Until(t, "all is stored", func() bool { return b.End() == n })
	s := b.Stats()
	if s.First < n/2 || s.Bytes > opt.MaxSize {
		t.Fatalf("stats %+v", s)
	}
	if v := metricValue(t, reg, "penstock_buffer_dropped_records_total"); int64(v) != s.First-passed {
		t.Errorf("dropped %v, want %d", v, s.First-passed)
	}
	if pos, _ := at.Committed(); pos != s.First {
		t.Errorf("a cursor is at %d, the first record at %d", pos, s.First)
	}
	// A batch that was in flight when its records were dropped can still be committed.
	commit(t, c, 50)
	got := readTo(t, c, n)
	wantRun(t, got, int(s.First), n-int(s.First))
	commit(t, c, n)
	at.Close()
	c.Close()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	opt.Metrics = nil
	b = open(t, dir, opt)
	wantRun(t, readTo(t, cursor(t, b, "behind"), n), int(s.First), n-int(s.First))
}

// On a full disk too.
func TestDropOldestAtTheFloor(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "48m")
	opt := fullOptions(t)
	opt.WhenFull = DropOldest
	b := open(t, filepath.Join(dir, "buffer"), opt)
	c := cursor(t, b, "out")
	const n = 100_000
	for i := 0; i < n; i += 50 {
		if err := b.Append(t.Context(), "in", batchOf(i, 50, 1000), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	runtest.Until(t, "all is stored", func() bool { return b.End() == n })
	first := b.Stats().First
	got := readTo(t, c, n)
	wantRun(t, got, int(first), n-int(first))
}

// A full disk costs one segment at a time, however long it takes until what was dropped is gone.
// Appends do not wait for one that cannot be removed; where a second one cannot be, they wait, and
// what is left is kept.
func TestDropOldestAtTheFloorDropsNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		takes   time.Duration
		stay    int // the first so many that are dropped cannot be removed
		dropped int
		waits   bool
	}{
		{name: "at once", dropped: 1},
		{name: "slow", takes: 3 * time.Second, dropped: 1},
		{name: "one stays", stay: 1, dropped: 2},
		{name: "all stay", stay: 1000, dropped: 2, waits: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := smallDisk(t, "64m")
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				stays := map[string]bool{} // by what is to be removed
				healed := false
				opt := fullOptions(t)
				opt.SegmentSize = 2 << 20
				opt.WhenFull = DropOldest
				opt.disk.fault = func(s step, path string) error {
					if s != stepRemove || !strings.HasPrefix(filepath.Base(path), trashPrefix) {
						return nil
					}
					time.Sleep(c.takes)
					mu.Lock()
					defer mu.Unlock()
					if _, again := stays[path]; !again {
						stays[path] = len(stays) < c.stay
					}
					if stays[path] && !healed {
						return syscall.EIO
					}
					return nil
				}
				b := open(t, filepath.Join(dir, "buffer"), opt)
				cursor(t, b, "out").Close()
				added := make(chan struct{})
				go func() {
					defer close(added)
					for n := 0; b.Stats().Dropped == 0; n += 50 {
						done := make(chan error, 1)
						if err := b.Append(
							t.Context(), "in", batchOf(n, 50, 1000), nil,
							func(err error) { done <- err },
						); err != nil {
							t.Error(err)
							return
						}
						if err := <-done; err != nil {
							t.Error(err)
						}
					}
				}()
				isDropped := func(want int) {
					t.Helper()
					mu.Lock()
					defer mu.Unlock()
					if len(stays) != want {
						t.Errorf("%d segments were dropped, want %d", len(stays), want)
					}
				}
				time.Sleep(time.Minute)
				isDropped(c.dropped)
				select {
				case <-added:
					if c.waits {
						t.Error("appends do not wait")
					}
				default:
					if !c.waits {
						t.Error("appends wait")
					}
				}
				mu.Lock()
				healed = true
				mu.Unlock()
				<-added
				isDropped(c.dropped)
			})
		})
	}
}

// A write that fails is made again in a new segment. What the old one may hold of it does not count
// twice.
func TestFailedWriteGoesToANewSegment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opt := small(t)
	opt.Sync = true
	reg := prometheus.NewRegistry()
	opt.Metrics = reg
	b := open(t, dir, opt)
	c := cursor(t, b, "out")
	const n = 60
	for i := range n {
		if i%20 == 10 {
			b.mu.Lock()
			h := b.chain.segs[len(b.chain.segs)-1].live
			b.mu.Unlock()
			_ = h.vlog.Close() // so that the next sync fails, after the group was written
		}
		appendWait(t, b, batchOf(i, 1, 100), record.Position{Key: "n", Value: fmt.Append(nil, i+1)})
	}
	wantRun(t, readTo(t, c, n), 0, n)
	if v := metricValue(t, reg, "penstock_buffer_write_errors_total"); v != 3 {
		t.Errorf("%v failed writes", v)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	opt.Metrics = nil
	b = open(t, dir, opt)
	wantRun(t, readTo(t, cursor(t, b, "out"), n), 0, n)
	if p := string(b.Positions("in")["n"]); p != fmt.Sprint(n) {
		t.Errorf("position %s", p)
	}
}

// The buffer of an earlier release is opened, and delivered, although its disk is full: what was
// held for that is enough for its mark, too.
func TestABufferOfAnEarlierFormatIsOpenedOnAFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "64m")
	dir := filepath.Join(disk, "buffer")
	b := open(t, dir, small(t))
	cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 50, 1000))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fillDisk(t, disk, 0)
	if _, err := os.Stat(filepath.Join(dir, reserveName)); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir, small(t))
	wantRun(t, readTo(t, cursor(t, b, "out"), 50), 0, 50)
	if text, err := os.ReadFile(filepath.Join(dir, "FORMAT")); string(text) != "2\n" {
		t.Errorf("marked %q, %v", text, err)
	}
}

// What is left of the disk is less than a segment: once outputs have passed all of it, the head is
// given back although appends wait.
func TestFullDiskWithinOneSegment(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "24m")
	opt := small(t)
	opt.SegmentSize = 128 << 20
	opt.MinFree = 1 << 20
	b := open(t, filepath.Join(dir, "buffer"), opt)
	c := cursor(t, b, "out")
	var acked atomic.Int64
	total := int64(appendUntilBlocked(t, b, 0, &acked))
	for got := int64(0); got < acked.Load(); {
		got += int64(len(numbers(t, next(t, c))))
		commit(t, c, c.pos)
	}
	runtest.Until(t, "the buffer takes data again", func() bool {
		return !b.Stats().LowSpace && acked.Load() == total
	})
}
