package buffer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// A quota that is used up, as on a file system that copies what it changes, refuses that something
// is renamed, too. A head that was never written does not keep the buffer from opening then: the
// reserve is given up for it, or it stays until there is room.
func TestOpenWhereNothingCanBeRenamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails func(reserved bool) bool
		stays bool
	}{
		"with a reserve": {fails: func(reserved bool) bool { return reserved }},
		"at all":         {fails: func(bool) bool { return true }, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := open(t, dir, Options{})
			cursor(t, b, "x").Close()
			appendWait(t, b, batchOf(0, 10, 10))
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			unused := filepath.Join(dir, headDirName(99))
			isThere := func(path string) bool { _, err := os.Stat(path); return err == nil }
			if err := os.Mkdir(unused, 0o750); err != nil {
				t.Fatal(err)
			}
			if !isThere(filepath.Join(dir, reserveName)) {
				t.Fatal("there is no reserve")
			}
			opt := Options{}
			opt.disk.fault = func(s step, path string) error {
				if s == stepRename && filepath.Base(path) == filepath.Base(unused) &&
					c.fails(isThere(filepath.Join(dir, reserveName))) {
					return syscall.EDQUOT
				}
				return nil
			}
			b, err := Open(dir, opt)
			if err != nil {
				t.Fatal(err)
			}
			if got := isThere(unused); got != c.stays {
				t.Errorf("it is there still: %v, want %v", got, c.stays)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b = open(t, dir, Options{})
			if isThere(unused) {
				t.Error("it is there once there is room")
			}
			wantRun(t, readTo(t, cursor(t, b, "x"), 10), 0, 10)
		})
	}
}

// noRoom is a disk without room for another segment while isFull says so.
func noRoom(isFull func() bool) disk {
	return disk{fault: func(s step, _ string) error {
		if s == stepCreate && isFull() {
			return syscall.ENOSPC
		}
		return nil
	}}
}

// stored makes a buffer in dir of n records in several segments, and the cursor x at their
// beginning.
func stored(t *testing.T, dir string, n int) {
	t.Helper()
	b := open(t, dir, small(t))
	cursor(t, b, "x").Close()
	for i := 0; i < n; i += 50 {
		appendSome(t, b, i/50, batchOf(i, 50, 1000))
	}
	appendWait(t, b, nil, record.Position{Key: "n", Value: fmt.Append(nil, n)})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// Where there is no room for a segment the buffer opens all the same: it can be read, and what is
// to be stored waits. A crash meanwhile repeats what was read, and once there is room all goes on.
func TestOpenWithoutRoomForASegment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		const n = 4000
		stored(t, dir, n)
		var full atomic.Bool
		full.Store(true)
		opt := small(t)
		opt.disk = noRoom(full.Load)
		if b, err := Open(dir, opt); !errors.Is(err, errNoSpace) {
			t.Fatalf("%v, %v", b, err)
		}
		opt.OpenFull = true
		if b, err := Open(t.TempDir(), opt); !errors.Is(err, errNoSpace) {
			t.Fatalf("an empty one: %v, %v", b, err)
		}
		for range 2 {
			b := open(t, dir, opt)
			if s := b.Stats(); !s.LowSpace || s.WriteError == "" || s.Waiting != n {
				t.Errorf("%+v", s)
			}
			if c, err := b.Cursor("new"); !errors.Is(err, errNoSpace) {
				t.Errorf("a new cursor: %v, %v", c, err)
			}
			c := cursor(t, b, "x")
			wantRun(t, readTo(t, c, n), 0, n)
			short, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := c.Commit(short, n, ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a commit: %v", err)
			}
			cancel()
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
		b := open(t, dir, opt)
		appended, committed := make(chan error, 1), make(chan error, 1)
		c := cursor(t, b, "x")
		wantRun(t, readTo(t, c, n/2), 0, n/2)
		go func() {
			committed <- c.Commit(t.Context(), n/2, "noted")
		}()
		go func() {
			if err := b.Append(t.Context(), "in", batchOf(n, 50, 10), []record.Position{
				{Key: "n", Value: []byte("more")},
			}, func(err error) { appended <- err }); err != nil {
				appended <- err
			}
		}()
		time.Sleep(time.Minute)
		if len(appended)+len(committed) > 0 {
			t.Error("nothing waits for room")
		}
		full.Store(false)
		if err := errors.Join(<-appended, <-committed); err != nil {
			t.Fatal(err)
		}
		if s := b.Stats(); s.LowSpace || s.WriteError != "" {
			t.Errorf("%+v", s)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = open(t, dir, small(t))
		if p := string(b.Positions("in")["n"]); p != "more" {
			t.Errorf("position %q", p)
		}
		wantRun(t, readTo(t, cursor(t, b, "x"), n+50), n/2, n/2+50)
	})
}

// It may be idle, and is as good as ever once there is room.
func TestRoomIsFoundWithoutAnythingToStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		stored(t, dir, 50)
		var full atomic.Bool
		full.Store(true)
		opt := small(t)
		opt.OpenFull, opt.disk = true, noRoom(full.Load)
		b := open(t, dir, opt)
		time.Sleep(time.Hour)
		full.Store(false)
		time.Sleep(2 * retryWrite)
		if s := b.Stats(); s.LowSpace || s.WriteError != "" {
			t.Errorf("%+v", s)
		}
		cursor(t, b, "new").Close()
	})
}

// Without a head, drop_oldest drops what it must for inputs that wait, and for nobody else.
func TestDropOldestWithoutAHead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		const n = 4000
		stored(t, dir, n)
		opt := small(t)
		opt.OpenFull, opt.WhenFull, opt.disk = true, DropOldest, noRoom(isThere(oldest(t, dir)))
		b := open(t, dir, opt)
		time.Sleep(time.Minute)
		if d := b.Stats().Dropped; d != 0 {
			t.Errorf("%d records are dropped for nobody", d)
		}
		appendWait(t, b, batchOf(n, 50, 10))
		first := int(b.Stats().First)
		if first == 0 || first > n/2 {
			t.Errorf("the first record is %d", first)
		}
		wantRun(t, readTo(t, cursor(t, b, "x"), n+50), first, n+50-first)
	})
}

// oldest returns the first segment in dir.
func oldest(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, segmentDirName(0))
	if !isThere(path)() {
		t.Fatal("there is no first segment")
	}
	return path
}

func isThere(path string) func() bool {
	return func() bool { _, err := os.Stat(path); return err == nil }
}

// Without a head, segments go one by one as all that is in them is delivered, until there is room
// for one; the newest, which holds the state, stays.
func TestWhatIsDeliveredMakesRoomForAHead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		records int
		damaged bool // the newest segment
		finds   bool
	}{
		"several segments": {records: 4000, finds: true},
		"one segment":      {records: 50},
		"damaged":          {records: 4000, damaged: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				stored(t, dir, c.records)
				opt := small(t)
				opt.Latency = time.Millisecond
				opt.OpenFull, opt.disk = true, noRoom(isThere(oldest(t, dir)))
				b := open(t, dir, opt)
				if c.damaged {
					b.mu.Lock()
					b.chain.segs[len(b.chain.segs)-1].damaged.Store(true)
					b.mu.Unlock()
				}
				x := cursor(t, b, "x")
				got := readTo(t, x, int64(c.records))
				wantRun(t, got, 0, c.records)
				time.Sleep(time.Minute)
				if !isThere(oldest(t, dir))() {
					t.Fatal("a segment is removed that is not delivered")
				}
				if !x.Advance(int64(c.records)) {
					t.Fatal("the cursor cannot advance")
				}
				time.Sleep(time.Minute)
				if got := !b.Stats().LowSpace; got != c.finds {
					t.Fatalf("there is room: %v, want %v", got, c.finds)
				}
				if c.finds {
					appendWait(t, b, batchOf(c.records, 50, 10))
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				b = open(t, dir, small(t))
				if p := string(b.Positions("in")["n"]); p != fmt.Sprint(c.records) {
					t.Errorf("position %q", p)
				}
				from, end := 0, c.records
				if c.finds {
					from, end = c.records, c.records+50
				}
				wantRun(t, readTo(t, cursor(t, b, "x"), int64(end)), from, end-from)
			})
		})
	}
}
