package buffer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// patient returns options under which nothing that can wait is written by itself.
func patient(t testing.TB) Options {
	opt := small(t)
	opt.Latency = time.Hour
	opt.within = time.Hour
	return opt
}

func commits(b *Buffer) int { return int(testutil.ToFloat64(b.m.commits)) }

func TestAdvanceIsStoredWithWhatIsWrittenNext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, patient(t))
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 10, 10))
	before := commits(b)
	for pos := range int64(10) {
		if !c.Advance(pos + 1) {
			t.Fatal("refused")
		}
	}
	if n := commits(b) - before; n != 0 {
		t.Errorf("%d commits for positions alone", n)
	}
	appendWait(t, b, batchOf(10, 10, 10))
	if pos, _ := c.Committed(); pos != 10 || commits(b)-before != 1 {
		t.Errorf("at %d after %d commits, want 10 after one", pos, commits(b)-before)
	}
	b = reopen(t, b, dir, patient(t))
	if pos, _ := cursor(t, b, "out").Committed(); pos != 10 {
		t.Errorf("at %d after a restart", pos)
	}
}

func reopen(t testing.TB, b *Buffer, dir string, opt Options) *Buffer {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir, opt)
}

func TestAdvanceIsStoredByItselfAfterAWhile(t *testing.T) {
	t.Parallel()
	opt := patient(t)
	opt.within = 5 * time.Millisecond
	b := open(t, t.TempDir(), opt)
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 10, 10))
	c.Advance(7)
	runtest.Until(t, "stored", func() bool { pos, _ := c.Committed(); return pos == 7 })
}

// A crash must not repeat very much, and disk that something waits for is given back.
func TestAdvanceIsStoredAtOnceWhereItMatters(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir(), patient(t))
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, advanceRecords, 0))
	c.Advance(advanceRecords)
	runtest.Until(t, "stored", func() bool { pos, _ := c.Committed(); return pos == advanceRecords })

	opt := patient(t)
	opt.MaxSize = 16 << 20
	b = open(t, t.TempDir(), opt)
	c = cursor(t, b, "out")
	full := make(chan error, 1)
	go func() {
		for n := 0; ; n += 10 {
			if err := b.Append(t.Context(), "in", batchOf(n, 10, 10_000), nil, nil); err != nil {
				full <- err
				return
			}
			if n > 10_000 {
				full <- nil
				return
			}
		}
	}()
	for { // what is delivered makes room, again and again
		select {
		case err := <-full:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if batch, err := c.Next(ctx); err == nil {
			c.Advance(batch.End)
		}
		cancel()
	}
}

// A commit that was asked for stands beside positions stored in passing: neither goes back, and the
// note is the one of the commit.
func TestAdvanceBesideCommits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opt := patient(t)
	opt.within = time.Microsecond
	b := open(t, dir, opt)
	c := cursor(t, b, "out")
	rng := runtest.Rand(t)
	appendWait(t, b, batchOf(0, 2000, 0))
	at, note := int64(0), ""
	for i := range 300 {
		if rng.IntN(2) == 0 {
			at += int64(rng.IntN(5))
			c.Advance(at)
			continue
		}
		note = fmt.Sprint(i)
		if err := c.Commit(t.Context(), at-int64(rng.IntN(2)*int(min(at, 3))), note); err != nil {
			t.Fatal(err)
		}
	}
	commit := func() { // what is left
		if err := c.Commit(t.Context(), at, note); err != nil {
			t.Fatal(err)
		}
	}
	commit()
	if pos, n := c.Committed(); pos != at || n != note {
		t.Errorf("%d %q, want %d %q", pos, n, at, note)
	}
	b = reopen(t, b, dir, opt)
	if pos, n := cursor(t, b, "out").Committed(); pos != at || n != note {
		t.Errorf("%d %q after a restart, want %d %q", pos, n, at, note)
	}
}

func TestAdvanceIsRefusedWhereCommitIsCalledFor(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"no budget": func(o *Options) { o.Latency = 0 },
		"spill":     func(o *Options) { o.Spill = true },
	} {
		opt := patient(t)
		change(&opt)
		b := open(t, t.TempDir(), opt)
		c := cursor(t, b, "out")
		appendWait(t, b, batchOf(0, 10, 10))
		if c.Advance(5) {
			t.Errorf("%s: taken", name)
		}
	}
	b := open(t, t.TempDir(), patient(t))
	c := cursor(t, b, "out")
	if c.Advance(5) {
		t.Error("taken beyond the end")
	}
	c.Close()
	if c.Advance(0) {
		t.Error("taken from a cursor that is closed")
	}
}

// What nobody waits for travels together; what somebody waits for, and all before it, is written at
// once.
func TestAppendsThatNobodyWaitsForAreOneCommit(t *testing.T) {
	t.Parallel()
	opt := patient(t)
	opt.FlushInterval = 10 * time.Second
	opt.Metrics = prometheus.NewRegistry()
	b := open(t, t.TempDir(), opt)
	appendWait(t, b, batchOf(0, 1, 10)) // the interval begins
	before := commits(b)
	for n := range 20 {
		replayable(t, b, "in", batchOf(n, 1, 10), n)
	}
	if n := commits(b) - before; n != 0 {
		t.Errorf("%d commits before anybody waits", n)
	}
	replayable(t, b, "in", batchOf(20, 400, 1000), 20) // more than FlushBytes
	runtest.Until(t, "written", func() bool { return b.Stats().End == 421 })
	if n := commits(b) - before; n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
	opt = patient(t)
	b = open(t, t.TempDir(), opt)
	for n := range 20 {
		replayable(t, b, "in", batchOf(n, 1, 10), n)
		appendWait(t, b, batchOf(n, 1, 10))
	}
}

// With sync on each small commit ends with a page, so that no page is written twice, and all of it
// reads back.
func TestSmallCommitsFillTheirPages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opt := patient(t)
	opt.Sync = true
	b := open(t, dir, opt)
	cursor(t, b, "held")
	rng := runtest.Rand(t)
	sizes := []int{0, 1, 100, 3800, 3900, 4000, 4100, 8100, 8200, 16_000, 16_400}
	for i := range 60 {
		pad := rng.IntN(20_000)
		if i < len(sizes) {
			pad = sizes[i]
		}
		appendWait(t, b, batchOf(i, 1, pad), record.Position{Key: "n", Value: fmt.Append(nil, i)})
		b.mu.Lock()
		written := b.chain.segs[len(b.chain.segs)-1].live.written
		b.mu.Unlock()
		if over := written % pageSize; over != 0 {
			t.Errorf("commit %d of %d bytes ends %d bytes into a page", i, pad, over)
		}
	}
	check := func(b *Buffer) {
		t.Helper()
		wantRun(t, readTo(t, cursor(t, b, "held"), 60), 0, 60)
		if n := string(b.Positions("in")["n"]); n != "59" {
			t.Errorf("position %q", n)
		}
	}
	copied := t.TempDir() // as after a kill
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(filepath.Join(copied, lockName))
	check(open(t, copied, opt))
	check(reopen(t, b, dir, opt))
}

func TestPaddingEndsWithAPage(t *testing.T) {
	t.Parallel()
	for off := int64(20); off < 3*pageSize; off += 97 {
		for size := int64(groupHeaderSize); size < 20_000; size += 13 {
			pad := padding(off, size)
			if pad != 0 && len(appendPadding(nil, pad)) != int(pad) || pad > int64(mostPadding()) {
				t.Fatalf("%d bytes at %d get %d", size, off, pad)
			}
			if over := (off + vlogEntrySize(size+pad)) % pageSize; over != 0 {
				t.Fatalf("%d bytes at %d get %d: %d over", size, off, pad, over)
			}
		}
	}
	short := 0
	for n := int64(leastPadding); n <= int64(mostPadding()); n++ {
		p := appendPadding(nil, n)
		if int64(len(p)) != n {
			short++
		}
		st := newState()
		st.apply(&change{kind: changePosition, name: "in", key: "k", value: []byte("v")})
		if err := st.replay(p); err != nil || len(st.inputs["in"]) != 1 || len(st.inputs) != 1 {
			t.Fatalf("%d bytes: %v, %+v", n, err, st)
		}
	}
	if short > 1 {
		t.Errorf("%d sizes are not met", short)
	}
}

// What nobody waits for is written within the budget, or once it is said that nothing more comes.
func TestFlushEndsTheWaitForCompany(t *testing.T) {
	t.Parallel()
	opt := patient(t)
	opt.FlushInterval = time.Hour
	b := open(t, t.TempDir(), opt)
	durable := make(chan error, 20)
	for i := range 10 {
		if err := b.AppendReplayable(
			t.Context(), "in", batchOf(i, 1, 10), nil, func(err error) { durable <- err },
		); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-durable:
		t.Fatalf("written before the budget ended: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	before := commits(b)
	b.Flush()
	for range 10 {
		select {
		case err := <-durable:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("not written")
		}
	}
	if n := commits(b) - before; n != 1 {
		t.Errorf("%d commits for what was there together", n)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.queue.complete {
		t.Error("what comes next does not wait for company any more")
	}
}
