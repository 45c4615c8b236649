package buffer

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
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

// faulty makes one step fail, from when it is armed on.
type faulty struct {
	mu    sync.Mutex
	step  step
	err   error
	times int // how often it fails; below 0: always
	after int // how often it succeeds before
	hits  atomic.Int64
}

func (f *faulty) disk() disk { return disk{fault: f.fault} }

func (f *faulty) arm(s step, err error, after, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.step, f.err, f.after, f.times = s, err, after, times
	f.hits.Store(0)
}

func (f *faulty) fault(s step, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s != f.step || f.times == 0 {
		return nil
	}
	if f.after > 0 {
		f.after--
		return nil
	}
	f.times--
	f.hits.Add(1)
	return f.err
}

// openIn returns what this process has open below dir, but for what garbage collection closes.
func openIn(t *testing.T, dir string) (open []string) {
	t.Helper()
	for range 50 {
		if open = openNow(t, dir); open == nil {
			return nil
		}
		runtime.GC()
	}
	return open
}

func openNow(t *testing.T, dir string) (open []string) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	for _, fd := range fds {
		if to, err := os.Readlink(
			"/proc/self/fd/" + fd.Name(),
		); err == nil &&
			strings.HasPrefix(to, dir) {
			open = append(open, to)
		}
	}
	return open
}

// The buffer once crashed on a nil pointer when a segment could not be set up after its database
// was there. Each step of opening, rolling, closing and removing a segment fails here in each way,
// once and for as long as anybody looks. Nothing that was acknowledged is lost, appends go on once
// it works again, and nothing is left open or lying about.
func TestEveryStepOfASegmentMayFail(t *testing.T) {
	t.Parallel()
	errnos, most := []syscall.Errno{syscall.EMFILE, syscall.EDQUOT}, 1
	if runtest.Long() {
		errnos, most = append(errnos, syscall.ENOSPC, syscall.EIO, syscall.EROFS), 3
	}
	for _, s := range []step{
		stepSpace, stepCreate, stepOpen, stepReserve, stepSync, stepSyncDir, stepWrite, stepStore, stepFlush, stepClose, stepSeal, stepRename, stepRemove,
	} {
		for _, errno := range errnos {
			t.Run(fmt.Sprintf("%s %d", s, int(errno)), func(t *testing.T) {
				t.Parallel()
				f, reg, dir := &faulty{}, prometheus.NewRegistry(), filepath.Join(t.TempDir(), "b")
				opt := small(t)
				opt.disk, opt.Metrics, opt.Sync, opt.retry = f.disk(), reg, true, 20*time.Millisecond
				b := open(t, dir, opt)
				c := cursor(t, b, "out")
				cursor(t, b, "behind").Close()
				var acked atomic.Int64
				n := 0
				add := func(batches int) {
					for range batches {
						if err := b.Append(
							t.Context(),
							"in",
							batchOf(n, 50, 1000),
							[]record.Position{{Key: "n", Value: fmt.Append(nil, n)}},
							func(err error) {
								if err != nil {
									t.Errorf("an append was refused: %v", err)
								}
								acked.Add(50)
							},
						); err != nil {
							t.Error(err)
						}
						n += 50
					}
				}
				var got []int
				for _, times := range []int{1, 2, -1} {
					for after := range most {
						f.arm(s, errno, after, times)
						from := n
						added := make(chan struct{})
						go func() { defer close(added); add(25) }() // more than a segment
						if times < 0 {
							runtest.Until(
								t, "it fails, or is not needed",
								func() bool { return f.hits.Load() > 0 || acked.Load() == int64(from+25*50) },
							)
							f.arm("", nil, 0, 0)
						}
						<-added
						runtest.Until(
							t, "all is acknowledged",
							func() bool { return acked.Load() == int64(n) },
						)
						got = append(got, readTo(t, c, b.End())...)
						commit(t, c, c.pos)
					}
				}
				wantRun(t, got, 0, n)
				f.arm(s, errno, 0, 1)
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				if left := openIn(t, dir); left != nil {
					t.Errorf("left open: %q", left)
				}
				// At the next start, too: it is refused, or nothing is lost.
				opt.Metrics = nil
				for times := 1; ; times++ {
					f.arm(s, errno, times/2, 1)
					again, err := Open(dir, opt)
					if err != nil {
						if !errors.Is(err, errno) || times > 50 {
							t.Fatalf("the next start, for the %d. time: %v", times, err)
						}
						if left := openIn(t, dir); left != nil {
							t.Fatalf("left open by a start that failed: %q", left)
						}
						continue
					}
					t.Cleanup(func() { _ = again.Close() })
					f.arm("", nil, 0, 0)
					out, all := cursor(t, again, "out"), cursor(t, again, "behind")
					if pos, _ := out.Committed(); pos != int64(n) || again.End() < int64(n) {
						t.Errorf(
							"the next start finds %d records and delivered %d, want %d",
							again.End(), pos, n,
						)
					}
					wantRun(t, readTo(t, all, int64(n)), 0, n)
					commit(t, all, all.pos)
					commit(t, out, all.pos)
					runtest.Until(t, "passed segments are gone", func() bool {
						sealed, heads := segmentDirs(t, dir)
						return len(sealed) == 0 && len(heads) <= 2
					})
					if s := again.Stats(); s.LowSpace {
						t.Errorf("%+v", s)
					}
					if err := again.Close(); err != nil {
						t.Fatal(err)
					}
					break
				}
				for _, name := range []string{"penstock_buffer_damaged_segments_total", "penstock_buffer_damaged_records_total"} {
					if v := metricValue(t, reg, name); v != 0 {
						t.Errorf("%s is %v", name, v)
					}
				}
				if _, err := os.Stat(filepath.Join(dir, damagedName)); err == nil {
					t.Error("a segment was moved aside")
				}
				if left, _ := filepath.Glob(filepath.Join(dir, trashPrefix+"*")); left != nil {
					t.Errorf("left behind: %q", left)
				}
			})
		}
	}
}

// A disk that is full again and again is told once, and that it is over when it has been for a
// while, though nothing more is written by then.
func TestADiskThatFillsAgainAndAgainIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, log := &faulty{}, &runtest.LogBuffer{}
		opt := small(t)
		opt.SegmentSize = 16 << 20
		opt.disk, opt.Log = f.disk(), slog.New(slog.NewTextHandler(log, nil))
		b := open(t, t.TempDir(), opt)
		n, full := 0, 0
		fill := func() {
			f.arm(stepSpace, syscall.ENOSPC, 0, 1)
			for f.hits.Load() == 0 {
				appendWait(t, b, batchOf(n, 200, 1000))
				n += 200
			}
			full++
		}
		says := func(isFull, isOver int) {
			t.Helper()
			if got := len(log.Lines("the disk is full")); got != isFull {
				t.Errorf("full %d times: told %d times, want %d", full, got, isFull)
			}
			if got := len(log.Lines("data is written again")); got != isOver {
				t.Errorf("full %d times: told %d times that it is over, want %d", full, got, isOver)
			}
		}
		for range 5 {
			fill()
		}
		says(1, 0)
		time.Sleep(calmAfter)
		synctest.Wait()
		says(1, 1)
		fill()
		says(2, 1)
	})
}

// With records only from a segment that cannot be opened for reading there is nothing to lose by
// waiting.
func TestASegmentThatCannotBeOpenedIsNotDamaged(t *testing.T) {
	t.Parallel()
	f, reg, dir := &faulty{}, prometheus.NewRegistry(), t.TempDir()
	opt := small(t)
	opt.disk = f.disk()
	b := open(t, dir, opt)
	cursor(t, b, "out")
	for i := range 100 {
		appendWait(t, b, batchOf(i*50, 50, 1000))
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	f.arm(stepRead, syscall.EMFILE, 0, 1)
	if _, err := Open(dir, opt); !errors.Is(err, syscall.EMFILE) {
		t.Fatalf("opened: %v", err)
	}
	opt.Metrics = reg
	b = open(t, dir, opt)
	c := cursor(t, b, "out")
	f.arm(stepRead, syscall.EMFILE, 0, 1)
	if _, err := c.Next(t.Context()); !errors.Is(err, syscall.EMFILE) {
		t.Fatalf("read: %v", err)
	}
	wantRun(t, readTo(t, c, 5000), 0, 5000)
	if v := metricValue(t, reg, "penstock_buffer_damaged_segments_total"); v != 0 {
		t.Errorf("%v segments are damaged", v)
	}
}

// What the disk did not take does not count: what is written next takes its place, whatever parts
// of it are there. So it is found by a start after a kill at any moment.
func TestWhatTheDiskRefusedIsWrittenOver(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(runtest.Seed(t), 1))
	f, dir := &faulty{}, filepath.Join(t.TempDir(), "b")
	opt := small(t)
	opt.disk, opt.retry = f.disk(), time.Millisecond
	b := open(t, dir, opt)
	cursor(t, b, "out").Close()
	n, kills := 0, 4
	if runtest.Long() {
		kills = 20
	}
	for kill := range kills {
		var acked sync.WaitGroup
		for range 1 + rng.IntN(12) {
			f.arm(stepStore, syscall.EDQUOT, rng.IntN(3), rng.IntN(4))
			for range 1 + rng.IntN(6) {
				size := 1 + rng.IntN(40)
				acked.Add(1)
				if err := b.Append(t.Context(), "in", batchOf(n, size, rng.IntN(3000)), nil, func(err error) {
					if err != nil {
						t.Errorf("an append was refused: %v", err)
					}
					acked.Done()
				}); err != nil {
					t.Fatal(err)
				}
				n += size
			}
			if rng.IntN(2) == 0 {
				acked.Wait()
			}
		}
		acked.Wait()
		if kill%2 == 0 { // while something is refused
			f.arm(stepStore, syscall.EDQUOT, 0, -1)
			if err := b.Append(t.Context(), "in", batchOf(n, 20, 500), nil, nil); err != nil {
				t.Fatal(err)
			}
			runtest.Until(t, "it is refused", func() bool { return f.hits.Load() > 0 })
		}
		var left string
		runtest.Until(t, "it is copied", func() bool { // segments come and go
			left = filepath.Join(t.TempDir(), "left")
			return os.CopyFS(left, os.DirFS(dir)) == nil
		})
		f.arm("", nil, 0, 0)
		if kill%2 == 0 {
			n += 20
		}
		after, reg, got := readAll(t, left)
		if len(got) != n && (kill%2 != 0 || len(got) != n-20) {
			t.Fatalf("%d records after a kill, want %d", len(got), n)
		}
		wantRun(t, got, 0, len(got))
		if v := metricValue(t, reg, "penstock_buffer_damaged_segments_total"); v != 0 {
			t.Fatalf("%v damaged segments", v)
		}
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantRun(t, readTo(t, cursor(t, b, "out"), int64(n)), 0, n)
}

// Where Badger's maps cannot be taken it writes through them, and each way reads what the other has
// written, stopped or killed.
func TestBadgerWritesThroughItsMaps(t *testing.T) {
	t.Parallel()
	dir, n := filepath.Join(t.TempDir(), "b"), 0
	for i := range 6 {
		opt := small(t)
		opt.disk.throughMaps = i%2 == 0
		b := open(t, dir, opt)
		for range 60 { // some segments
			appendWait(t, b, batchOf(n, 50, 1000))
			n += 50
		}
		wantRun(t, readTo(t, cursor(t, b, "out"), int64(n)), 0, n)
		if i > 3 {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var left string
		runtest.Until(t, "it is copied", func() bool {
			left = filepath.Join(t.TempDir(), "left")
			return os.CopyFS(left, os.DirFS(dir)) == nil
		})
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		dir = left
	}
	b, reg, got := readAll(t, dir)
	wantRun(t, got, 0, n)
	if v := metricValue(t, reg, "penstock_buffer_damaged_segments_total"); v != 0 {
		t.Errorf("%v damaged segments", v)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}
