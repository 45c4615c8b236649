package buffer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// killed returns a copy of the buffer as a kill would leave it at this moment, opened.
func killed(t *testing.T, dir string, opt Options) *Buffer {
	t.Helper()
	to := filepath.Join(t.TempDir(), "killed")
	if err := copySparse(dir, to); err != nil {
		t.Fatal(err)
	}
	return open(t, to, opt)
}

func prepare(t *testing.T, c *Cursor, pos int64) {
	t.Helper()
	if err := c.Prepare(t.Context(), pos); err != nil {
		t.Fatal(err)
	}
}

// What was being committed elsewhere when the agent was killed is decided by who knows: until then
// nothing is appended.
func TestPreparedCommitsAreResolvedBeforeAppends(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		at   int64 // what the destination says
		want string
	}{
		"committed":       {20, "20"},
		"the one before":  {10, "10"},
		"neither":         {0, ""},
		"as far as known": {15, "10"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, opt := t.TempDir(), spilling(t)
			b := open(t, dir, opt)
			c := cursor(t, b, "out")
			inMemory(t, b)
			for n := 0; n < 30; n += 10 {
				replayable(t, b, "in", batchOf(n, 10, 10), n+10)
			}
			prepare(t, c, 10)
			prepare(t, c, 20)
			if got := c.Unresolved(); got != nil {
				t.Errorf("unresolved %v, but only the last run's count", got)
			}
			b = killed(t, dir, opt)
			c = cursor(t, b, "out")
			if got := c.Unresolved(); !slices.Equal(got, []int64{10, 20}) ||
				!slices.Equal(b.UnresolvedCursors(), []string{"out"}) {
				t.Fatalf("unresolved %v", got)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := b.Append(ctx, "in", batchOf(0, 1, 1), nil, nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("an append before the matter is resolved: %v", err)
			}
			if err := c.Resolve(t.Context(), x.at); err != nil {
				t.Fatal(err)
			}
			<-b.Resolved()
			if p := onDisk(b, "in"); p != x.want {
				t.Errorf("the input begins at %q, want %q", p, x.want)
			}
			if pos, _ := c.Committed(); pos != x.at {
				t.Errorf("the cursor is at %d, want %d", pos, x.at)
			}
			replayable(t, b, "in", batchOf(100, 1, 1), 100)
			wantRun(t, numbers(t, skipGaps(t, c)), 100, 1)
			if b = killed(t, b.dir.path, opt); len(b.UnresolvedCursors()) != 0 {
				t.Error("it has to be resolved again")
			}
		})
	}
}

// A reader does not pass what is unresolved, as one would that moves records elsewhere while the
// destination is away: its cursor would take the positions with it that were prepared.
func TestUnresolvedIsNotPassed(t *testing.T) {
	t.Parallel()
	dir, opt := t.TempDir(), spilling(t)
	b := open(t, dir, opt)
	c := cursor(t, b, "out")
	inMemory(t, b)
	replayable(t, b, "in", batchOf(0, 5, 5), 5)
	next(t, c)
	commit(t, c, 5)
	replayable(t, b, "in", batchOf(5, 5, 5), 10)
	prepare(t, c, 10)
	for i := range 2 {
		b = killed(t, dir, opt)
		dir, c = b.dir.path, cursor(t, b, "out")
		if err := c.SeekTo(5); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if got, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Next: %+v, %v", got, err)
		}
		note(t, c, 5, fmt.Sprint("nothing to move ", i))
		if got := c.Unresolved(); !slices.Equal(got, []int64{10}) {
			t.Fatalf("unresolved %v", got)
		}
	}
	got := make(chan *record.Batch)
	go func() {
		b, _ := c.Next(t.Context())
		got <- b
	}()
	if err := c.Resolve(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if p := onDisk(b, "in"); p != "10" {
		t.Errorf("the input begins at %q, want 10", p)
	}
	if b := <-got; b == nil || b.Len() != 0 {
		t.Errorf("got %+v, want a gap", b)
	}
}

func skipGaps(t *testing.T, c *Cursor) *record.Batch {
	t.Helper()
	pos, _ := c.Committed()
	if err := c.SeekTo(pos); err != nil {
		t.Fatal(err)
	}
	for {
		if b := next(t, c); b.Len() > 0 {
			return b
		}
	}
}

// Once records behind a prepared position are on disk, so are their positions, and these are not
// taken back.
func TestResolveAfterASpill(t *testing.T) {
	t.Parallel()
	dir, opt := t.TempDir(), spilling(t)
	b := open(t, dir, opt)
	c := cursor(t, b, "out")
	inMemory(t, b)
	for n := 0; n < 30; n += 10 {
		replayable(t, b, "in", batchOf(n, 10, 10), n+10)
	}
	prepare(t, c, 10)
	b.Spill("asked")
	runtest.Until(t, "it is on disk", func() bool { return onDisk(b, "in") == "30" })
	prepare(t, c, 20) // needs nothing
	b = killed(t, dir, opt)
	c = cursor(t, b, "out")
	if got := c.Unresolved(); !slices.Equal(got, []int64{10}) {
		t.Fatalf("unresolved %v", got)
	}
	if err := c.Resolve(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	if p := onDisk(b, "in"); p != "30" {
		t.Errorf("the input begins at %q, want 30", p)
	}
	wantRun(t, numbers(t, skipGaps(t, c)), 20, 10)
}

// With a second cursor, what one commits elsewhere has to be on disk for the other.
func TestPrepareWithSeveralCursors(t *testing.T) {
	t.Parallel()
	dir, opt := t.TempDir(), spilling(t)
	b := open(t, dir, opt)
	c, other := cursor(t, b, "out"), cursor(t, b, "other")
	inMemory(t, b)
	for n := 0; n < 30; n += 10 {
		replayable(t, b, "in", batchOf(n, 10, 10), n+10)
	}
	prepare(t, c, 20)
	if p := onDisk(b, "in"); p != "30" {
		t.Errorf("position %q", p)
	}
	other.Close()
	b = killed(t, dir, opt)
	if len(b.UnresolvedCursors()) != 0 {
		t.Error("unresolved, but all is on disk")
	}
	wantRun(t, readTo(t, cursor(t, b, "other"), 30), 0, 30)
}

// What a commit has overtaken needs no answer, and neither does a cursor that nobody reads any
// more.
func TestPreparedIsOvertakenOrAbandoned(t *testing.T) {
	t.Parallel()
	dir, opt := t.TempDir(), spilling(t)
	b := open(t, dir, opt)
	c := cursor(t, b, "out")
	inMemory(t, b)
	replayable(t, b, "in", batchOf(0, 10, 10), 10)
	replayable(t, b, "in", batchOf(10, 10, 10), 20)
	prepare(t, c, 10)
	commit(t, c, 10)
	if k := killed(t, dir, opt); len(k.UnresolvedCursors()) != 0 {
		t.Error("unresolved, but it was committed")
	}
	prepare(t, c, 20)
	k := killed(t, dir, opt)
	if err := k.Abandon("out"); err != nil {
		t.Fatal(err)
	}
	<-k.Resolved()
	if p := onDisk(k, "in"); p != "10" {
		t.Errorf("the input begins at %q, want 10", p)
	}
}

// A commit of what was prepared does not wait for others: what the destination has is known here at
// once, should it forget.
func TestCommitOfWhatWasPreparedIsStoredAtOnce(t *testing.T) {
	t.Parallel()
	dir, opt := t.TempDir(), spilling(t)
	opt.every = time.Hour
	b := open(t, dir, opt)
	c := cursor(t, b, "out")
	inMemory(t, b)
	// One that waits for others does so for a second at least; a disk may be slow once.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	at, took := 0, time.Hour
	for at < 50 && took > 800*time.Millisecond {
		replayable(t, b, "in", batchOf(at, 10, 10), at+10)
		at += 10
		prepare(t, c, int64(at))
		replayable(t, b, "in", batchOf(at, 10, 10), at+10)
		at += 10
		begun := time.Now()
		if err := c.Commit(ctx, int64(at-10), ""); err != nil {
			t.Fatal(err)
		}
		took = time.Since(begun)
	}
	if took > 800*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	b = killed(t, dir, opt)
	c = cursor(t, b, "out")
	if pos, _ := c.Committed(); pos != int64(at-10) || c.Unresolved() != nil {
		t.Errorf("the cursor is at %d, with %v unresolved", pos, c.Unresolved())
	}
}
