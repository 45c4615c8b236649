package buffer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

func TestAppendReadCommitReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, small(t))
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 10, 20), record.Position{Key: "f", Value: []byte("10")})
	appendWait(
		t, b, batchOf(10, 5, 20), record.Position{Key: "f", Value: []byte("15")},
		record.Position{Key: "g", Value: []byte{}},
	)
	got := next(t, c)
	if got.First != 0 || got.End != 10 || got.Tag != "app.test" || got.Origin != "/var/log/test" {
		t.Fatalf("batch %+v", got)
	}
	wantRun(t, append(numbers(t, got), numbers(t, next(t, c))...), 0, 15)
	if err := c.Commit(t.Context(), 10, "a note"); err != nil {
		t.Fatal(err)
	}
	appendWait(t, b, nil, record.Position{Key: "g"})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = open(t, dir, small(t))
	if p := b.Positions("in"); len(p) != 1 || string(p["f"]) != "15" {
		t.Fatalf("positions %q", p)
	}
	if p := b.Positions("other"); len(p) != 0 {
		t.Fatalf("positions of an unknown input: %q", p)
	}
	c = cursor(t, b, "out")
	if pos, note := c.Committed(); pos != 10 || note != "a note" {
		t.Fatalf("committed %d %q", pos, note)
	}
	wantRun(t, numbers(t, next(t, c)), 10, 5)
	appendWait(t, b, batchOf(15, 5, 20))
	wantRun(t, numbers(t, next(t, c)), 15, 5)
	if c.End() != 20 {
		t.Fatalf("end %d", c.End())
	}
	// The first record is still there for a second reader.
	wantRun(t, readTo(t, cursor(t, b, "other"), 20), 0, 20)
}

func TestRollingKeepsOrderAndGivesDiskBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, small(t))
	c, slow := cursor(t, b, "out"), cursor(t, b, "slow")
	const batches, per = 400, 20
	for i := range batches {
		appendSome(t, b, i, batchOf(i*per, per, 1000))
	}
	wantRun(t, readTo(t, c, batches*per), 0, batches*per)
	commit(t, c, batches*per)
	if s := b.Stats(); s.Segments < 6 || s.Bytes < 7<<20 {
		t.Fatalf("stats %+v", s)
	}
	wantRun(t, readTo(t, slow, batches*per), 0, batches*per)
	before := b.Stats().Bytes
	commit(t, slow, batches*per/2)
	runtest.Until(t, "the disk of all segments before that is back", func() bool {
		s := b.Stats()
		b.mu.Lock()
		defer b.mu.Unlock()
		return s.Bytes < before && s.First > 0 && b.chain.segs[0].end > batches*per/2
	})
	// A rewind within what is kept.
	if err := slow.SeekTo(batches*per/2 + 7); err != nil {
		t.Fatal(err)
	}
	got := next(t, slow)
	if got.First > batches*per/2+7 || got.End <= batches*per/2+7 {
		t.Fatalf("after SeekTo: %d to %d", got.First, got.End)
	}
	commit(t, slow, batches*per)
	runtest.Until(t, "all of the disk is back", func() bool {
		sealed, _ := segmentDirs(t, dir)
		return len(sealed) == 0 && b.Stats().Bytes < 1<<20 && diskUsage(dir) < reserveSize+4<<20
	})
	if pos, _ := c.Committed(); pos != batches*per {
		t.Fatalf("committed %d", pos)
	}
}

func TestTwoOpenersAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir, small(t))
	_, err := Open(dir, small(t))
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Fatalf("second opener: %v", err)
	}
}

func TestSealEndsReaders(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir(), small(t))
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 3, 0))
	next(t, c)
	ended := make(chan error, 1)
	go func() {
		_, err := c.Next(context.Background())
		ended <- err
	}()
	b.Seal()
	if err := <-ended; err != io.EOF {
		t.Fatalf("Next after Seal: %v", err)
	}
	if err := b.Append(t.Context(), "in", batchOf(3, 1, 0), nil, nil); !errors.Is(err, ErrSealed) {
		t.Fatalf("Append after Seal: %v", err)
	}
	commit(t, c, 3)
}

func TestCloseWakesReadersAndWritesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, small(t))
	c := cursor(t, b, "out")
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := c.Next(ctx)
		ended <- err
	}()
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Fatalf("Next with a cancelled context: %v", err)
	}
	var outcomes []error
	for i := range 50 {
		if err := b.Append(
			t.Context(), "in", batchOf(i, 1, 1000), nil,
			func(err error) { outcomes = append(outcomes, err) },
		); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if len(outcomes) != 50 || errors.Join(outcomes...) != nil {
		t.Fatalf("%d outcomes: %v", len(outcomes), errors.Join(outcomes...))
	}
	if _, err := c.Next(t.Context()); err == nil {
		t.Fatal("Next after Close")
	}
	if err := b.Append(t.Context(), "in", batchOf(0, 1, 0), nil, nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("Append after Close: %v", err)
	}
	if err := c.Commit(t.Context(), 0, ""); !errors.Is(err, ErrClosed) {
		t.Fatalf("Commit after Close: %v", err)
	}
	b = open(t, dir, small(t))
	wantRun(t, readTo(t, cursor(t, b, "out"), 50), 0, 50)
}

func TestCommitRules(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir(), small(t))
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 10, 0))
	commit(t, c, 5)
	if err := c.Commit(t.Context(), 4, ""); err == nil {
		t.Fatal("a commit went back")
	}
	if err := c.Commit(t.Context(), 11, ""); err == nil {
		t.Fatal("a commit beyond the end")
	}
	if err := c.Commit(t.Context(), 5, strings.Repeat("x", record.MaxNote+1)); err == nil {
		t.Fatal("a note over the limit")
	}
	if err := c.Commit(t.Context(), 5, strings.Repeat("x", record.MaxNote)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Cursor("out"); err == nil {
		t.Fatal("a cursor was opened twice")
	}
	if err := b.Forget("out"); err == nil {
		t.Fatal("an open cursor was forgotten")
	}
	c.Close()
	if err := c.Commit(t.Context(), 6, ""); !errors.Is(err, record.ErrFenced) {
		t.Fatalf("commit of a closed cursor: %v", err)
	}
	if err := b.Forget("out"); err != nil {
		t.Fatal(err)
	}
	if err := b.Forget("out"); err == nil {
		t.Fatal("forgotten twice")
	}
	if got := b.Cursors(); len(got) != 0 {
		t.Fatalf("cursors %+v", got)
	}
}

// A cursor that nobody opens keeps holding data, over a restart too.
func TestUnopenedCursorHolds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, small(t))
	cursor(t, b, "absent").Close()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir, small(t))
	c := cursor(t, b, "out")
	for i := range 300 {
		appendSome(t, b, i, batchOf(i*10, 10, 1000))
	}
	readTo(t, c, 3000)
	commit(t, c, 3000)
	if s := b.Stats(); s.First != 0 || s.Segments < 3 {
		t.Fatalf("stats %+v", s)
	}
	if got := b.Cursors(); len(got) != 2 || got[0].Name != "absent" || got[0].Lag != 3000 ||
		got[0].Open {
		t.Fatalf("cursors %+v", got)
	}
	if err := b.Forget("absent"); err != nil {
		t.Fatal(err)
	}
	runtest.Until(t, "data is released", func() bool { return b.Stats().Bytes < 2<<20 })
}

func TestAppendBlocksAtMaxSizeUntilDelivered(t *testing.T) {
	t.Parallel()
	opt := small(t)
	opt.MaxSize = 16 << 20
	b := open(t, t.TempDir(), opt)
	c := cursor(t, b, "out")
	var n int
	for ; ; n++ {
		// Each waits for the disk: what is queued takes more room than what is written.
		written := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := b.Append(
			ctx, "in", batchOf(n*100, 100, 1000), nil, func(err error) { written <- err },
		)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err == nil {
			err = <-written
		}
		if err != nil {
			t.Fatal(err)
		}
		if n > 1000 {
			t.Fatal("never full")
		}
	}
	if n < 20 || b.Stats().Bytes > opt.MaxSize {
		t.Fatalf("full after %d batches: %+v", n, b.Stats())
	}
	if b.Fill() < 0.9 {
		t.Fatalf("fill %v", b.Fill())
	}
	unblocked := make(chan error, 1)
	go func() { unblocked <- b.Append(t.Context(), "in", batchOf(n*100, 100, 1000), nil, nil) }()
	wantRun(t, readTo(t, c, int64(n*100)), 0, n*100)
	before := b.Stats().BlockedFor
	runtest.Until(t, "the waiting append to show while it waits", func() bool {
		s := b.Stats()
		return s.Blocked && s.BlockedFor > before+20*time.Millisecond
	})
	commit(t, c, int64(n*100))
	if err := <-unblocked; err != nil {
		t.Fatal(err)
	}
	wantRun(t, numbers(t, next(t, c)), n*100, 100)
	if err := b.Append(t.Context(), "in", batchOf(0, 6000, 1000), nil, nil); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("a batch that can never fit: %v", err)
	}
}

// What is placed has passed once every cursor has come to it durably, those asked for included.
func TestPassedIsWhatEveryCursorHas(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir(), small(t))
	appendWait(t, b, batchOf(0, 10, 10))
	pos := b.Placed()
	want := func(want bool, names ...string) {
		t.Helper()
		if got, err := b.Passed(pos, names...); got != want || err != nil {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	want(false) // there is no cursor that could have it
	one, two := cursor(t, b, "one"), cursor(t, b, "two")
	commit := func(c *Cursor, pos int64) {
		t.Helper()
		if err := c.Commit(t.Context(), pos, ""); err != nil {
			t.Fatal(err)
		}
	}
	commit(one, pos)
	want(false, "one")
	commit(two, pos-1)
	want(false, "one", "two")
	commit(two, pos)
	want(true, "one", "two")
	want(false, "one", "two", "three")
	two.Close()
	appendWait(t, b, batchOf(10, 1, 10))
	pos = b.Placed()
	commit(one, pos)
	want(false, "one") // one that is closed holds it, too
}
