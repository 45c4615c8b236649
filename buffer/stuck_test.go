package buffer

import (
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// stuck is a disk that takes nothing when a database is closed: Badger tries for ever.
type stuck struct {
	free    chan struct{} // closed: it takes everything again
	closing atomic.Int64  // databases that are being closed
}

func (s *stuck) fault(at step, _ string) error {
	if at == stepFlush {
		s.closing.Add(1)
		<-s.free
		s.closing.Add(-1)
	}
	return nil
}

// openStuck opens a buffer in dir on a disk that is stuck.
func openStuck(t *testing.T, dir string, s *stuck, patience time.Duration) (*Buffer, *runtest.LogBuffer) {
	t.Helper()
	log := &runtest.LogBuffer{}
	opt := small(t)
	opt.Log = slog.New(slog.NewTextHandler(log, nil))
	opt.disk = disk{fault: s.fault, patience: patience}
	b, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() { // it may never end
			_ = b.Close()
		}
	})
	return b, log
}

// fillAcked appends n batches and waits until all are acknowledged.
func fillAcked(t *testing.T, b *Buffer, n int) {
	t.Helper()
	var acked atomic.Int64
	for i := range n {
		if err := b.Append(
			t.Context(), "in", batchOf(i*50, 50, 1000), []record.Position(nil),
			func(err error) {
				if err != nil {
					t.Errorf("an append was refused: %v", err)
				}
				acked.Add(1)
			},
		); err != nil {
			t.Fatal(err)
		}
	}
	runtest.Until(t, "all is acknowledged", func() bool { return acked.Load() == int64(n) })
}

// Badger never comes back from closing a segment, for its disk takes nothing. Neither appends nor
// readers wait for it; it is given up after a while, which is said with what to do; the stop gives
// its own up as well, and the next start finds all that was acknowledged.
func TestDatabaseThatNeverCloses(t *testing.T) {
	t.Parallel()
	s, dir := &stuck{}, filepath.Join(t.TempDir(), "b") // for ever: Badger has no more to say
	b, log := openStuck(t, dir, s, 300*time.Millisecond)
	c := cursor(t, b, "out")
	fillAcked(t, b, 80) // several segments
	if s.closing.Load() == 0 {
		t.Error("no database is being closed")
	}
	wantRun(t, readTo(t, c, 4000), 0, 4000)
	const said = "segment did not close cleanly"
	runtest.Until(t, "it is said", func() bool {
		return len(log.Lines(said, errStuck.Error(), "do=", "kernel's log")) > 0
	})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if s.closing.Load() == 0 {
		t.Error("they were closed after all")
	}
	opt := small(t)
	again := open(t, dir, opt)
	wantRun(t, readTo(t, cursor(t, again, "out"), 4000), 0, 4000)
}

// A stop closes the segment that is written and the one that was opened ahead at the same time: it
// waits for a disk that takes nothing no longer than for one of them.
func TestStopWaitsForTheDatabasesAtTheSameTime(t *testing.T) {
	t.Parallel()
	s, dir := &stuck{free: make(chan struct{})}, filepath.Join(t.TempDir(), "b")
	free := sync.OnceFunc(func() { close(s.free) })
	b, _ := openStuck(t, dir, s, time.Hour)
	t.Cleanup(free)    // before it is closed
	fillAcked(t, b, 8) // the next segment is opened ahead
	runtest.Until(t, "a segment is opened ahead", func() bool {
		_, heads := segmentDirs(t, dir)
		return len(heads) == 2
	})
	closed := make(chan error, 1)
	go func() { closed <- b.Close() }()
	runtest.Until(t, "both are being closed", func() bool { return s.closing.Load() == 2 })
	free()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
