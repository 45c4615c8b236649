package buffer

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/tally"
)

// noteDelivered does what an output does with a batch that its destination has acknowledged.
func noteDelivered(c *Cursor, b *record.Batch) {
	if b.Len() == 0 {
		return
	}
	e := tally.Entry{Origin: b.Origin, First: b.First, End: b.End}
	e.Count = tally.Count{Records: int64(b.Len()), Bytes: int64(b.Size())}
	for _, e.Stage = range []tally.Stage{tally.Taken, tally.Delivered} {
		c.Note(e)
	}
}

// audited looks at the buffer of a stopped agent.
func audited(t *testing.T, dir string) (tally.Books, tally.Report) {
	t.Helper()
	in, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	books := in.Books(func(segment string, err error) { t.Logf("damaged: %s: %v", segment, err) })
	return books, tally.Audit(books, time.Time{})
}

// wantBalance finds every record of the buffer accounted for, and some at all.
func wantBalance(t *testing.T, dir string) {
	t.Helper()
	books, r := audited(t, dir)
	for _, d := range r.Differences {
		t.Errorf("%s: %s", d.String(), d.Explain)
	}
	if t.Failed() {
		for _, l := range r.Lines {
			t.Logf("%+v", l)
		}
		t.Fatalf("%+v", books.Outputs)
	}
}

// totals returns the sum over all lines of one output.
func totals(r tally.Report, output string) (counts map[string]int64, waiting int64) {
	counts = map[string]int64{}
	for _, l := range r.Lines {
		if l.Output == output {
			for stage, n := range l.Counts {
				counts[stage] += n.Records
			}
			waiting += l.Waiting
		}
	}
	return counts, waiting
}

func wantCounts(t *testing.T, r tally.Report, want map[string]int64, waiting int64) {
	t.Helper()
	got, left := totals(r, "out")
	for stage, n := range want {
		if got[stage] != n {
			t.Errorf("%s: %d records, want %d; all: %v", stage, got[stage], n, got)
		}
	}
	if left != waiting {
		t.Errorf("%d records wait, want %d", left, waiting)
	}
}

func TestCountsAreStoredWithTheData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, small(t))
	c := cursor(t, b, "out")
	for n := 0; n < 100; n += 10 {
		appendWait(t, b, batchOf(n, 10, 10))
	}
	for range 4 {
		noteDelivered(c, next(t, c))
	}
	noteDelivered(c, next(t, c)) // and is not committed
	commit(t, c, 40)
	for range 2 { // also when it has been opened again
		want := map[string]int64{"read": 100, "buffered": 100, "taken": 40, "delivered": 40}
		r := tally.Audit(b.Books(), time.Time{})
		if len(r.Differences) > 0 {
			t.Fatal(r.Differences)
		}
		wantCounts(t, r, want, 60)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		wantBalance(t, dir)
		_, r = audited(t, dir)
		wantCounts(t, r, want, 60)
		b = open(t, dir, small(t))
	}
	c = cursor(t, b, "out")
	for range 6 {
		noteDelivered(c, next(t, c))
	}
	commit(t, c, 100)
	wantCounts(t, tally.Audit(b.Books(), time.Time{}), map[string]int64{"delivered": 100}, 0)
	if n := b.Stats(); n.Segments == 0 {
		t.Error(n)
	}
}

// What is read again because its commit failed is counted once.
// What waits for one output is not what waits for all of those that have delivered nothing yet.
func TestOutputsThatHaveDeliveredNothingWaitForThemselves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, small(t))
	for _, name := range []string{"out", "down", "dead"} {
		cursor(t, b, name)
	}
	appendWait(t, b, batchOf(0, 10, 10))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	wantBalance(t, dir)
	_, r := audited(t, dir)
	wantCounts(t, r, map[string]int64{"buffered": 10}, 10)
}

func TestWhatIsReadAgainIsCountedOnce(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir(), small(t))
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 10, 10))
	appendWait(t, b, batchOf(10, 10, 10))
	for range 3 {
		if err := c.SeekTo(0); err != nil {
			t.Fatal(err)
		}
		noteDelivered(c, next(t, c))
		noteDelivered(c, next(t, c))
	}
	commit(t, c, 15) // in the middle of a batch
	want := map[string]int64{"taken": 15, "delivered": 15, "again": 0}
	wantCounts(t, tally.Audit(b.Books(), time.Time{}), want, 5)
	if err := c.SeekTo(15); err != nil {
		t.Fatal(err)
	}
	noteDelivered(c, next(t, c))
	commit(t, c, 20)
	want = map[string]int64{"taken": 20, "delivered": 20, "again": 0}
	wantCounts(t, tally.Audit(b.Books(), time.Time{}), want, 0)

	// What is sent once more although it is committed says so, and hides nothing.
	if err := c.SeekTo(0); err != nil {
		t.Fatal(err)
	}
	noteDelivered(c, next(t, c))
	appendWait(t, b, batchOf(20, 1, 1))
	r := tally.Audit(b.Books(), time.Time{})
	want = map[string]int64{"taken": 20, "delivered": 20, "again": 10}
	if wantCounts(t, r, want, 1); len(r.Differences) > 0 {
		t.Error(r.Differences)
	}
}

// lost makes a buffer with an output that has delivered the first batches, and several segments.
func lost(t *testing.T, read int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	b := open(t, dir, small(t))
	cursor(t, b, "late").Close() // keeps all segments
	c := cursor(t, b, "out")
	for n := 0; n < 6000; n += 100 {
		appendWait(t, b, batchOf(n, 100, 1000))
	}
	for range read {
		noteDelivered(c, next(t, c))
	}
	commit(t, c, int64(100*read))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func wantDifference(
	t *testing.T, r tally.Report, output, after, before string, missing int64,
) {
	t.Helper()
	named := int64(0) // in all minutes
	for _, d := range r.Differences {
		t.Log(d.String())
		if d.Output == output && d.After == after && d.Before == before &&
			d.Origin == "/var/log/test" && d.Explain != "" {
			named += d.Missing
		}
	}
	if named == missing {
		return
	}
	t.Errorf("%d missing between %s and %s of %s is not named", missing, after, before, output)
}

func TestALostSegmentIsNamed(t *testing.T) {
	t.Parallel()
	dir := lost(t, 1)
	sealed, _ := segmentDirs(t, dir)
	if len(sealed) < 3 {
		t.Fatal("too few segments: ", sealed)
	}
	in, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	gone := in.Segments()[1]
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(gone.Dir); err != nil {
		t.Fatal(err)
	}
	_, r := audited(t, dir)
	wantDifference(t, r, "out", "buffered", "taken", gone.Records)
	wantDifference(t, r, "late", "buffered", "taken", gone.Records)

	// The agent that is started on it sees it at once, and by origin once the output is beyond it.
	b := open(t, dir, small(t))
	r = tally.Audit(b.Books(), time.Time{})
	if len(r.Differences) != 2 || r.Differences[0].Missing != gone.Records ||
		r.Differences[0].Before != "waiting" {
		t.Errorf("%+v", r.Differences)
	}
	c := cursor(t, b, "out")
	for pos := c.pos; pos < c.End(); {
		batch := next(t, c)
		noteDelivered(c, batch)
		pos = batch.End
	}
	commit(t, c, c.End())
	wantDifference(t, tally.Audit(b.Books(), time.Time{}), "out", "buffered", "taken", gone.Records)
}

// edited audits a buffer whose books were changed, as if a stage had counted otherwise.
func edited(t *testing.T, dir, output string, s tally.Stage, n int64) tally.Report {
	t.Helper()
	in, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	books := in.Books(func(_ string, err error) { t.Error(err) })
	number := uint32(0)
	for _, o := range books.Outputs {
		if o.Name == output {
			number = o.Number
		}
	}
	books.Rows[0].Row.Add(number, s, tally.Count{Records: n})
	return tally.Audit(books, time.Time{})
}

func TestRecordsTakenAwayAndAddedAreNamedAtEachStage(t *testing.T) {
	t.Parallel()
	dir := lost(t, 20)
	for _, n := range []int64{7, -7} {
		r := edited(t, dir, "", tally.Read, n)
		wantDifference(t, r, "", "read", "buffered", n)
		if len(r.Differences) != 1 {
			t.Error(r.Differences)
		}
		r = edited(t, dir, "out", tally.Taken, -n)
		wantDifference(t, r, "out", "buffered", "taken", n)
		for _, s := range []tally.Stage{
			tally.Filtered, tally.Unmatched, tally.Delivered, tally.Dead, tally.Confirmed,
		} {
			r = edited(t, dir, "out", s, -n)
			wantDifference(t, r, "out", "taken", "delivered", n)
		}
		r = edited(t, dir, "out", tally.Replayed, -n)
		wantDifference(t, r, "out", "overflowed", "replayed", n)
	}
}

// Minutes become hours after a day, and are forgotten after a week; nothing differs by that.
func TestMinutesBecomeHoursAndAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir(), small(t))
		c := cursor(t, b, "out")
		step := func() {
			appendWait(t, b, batchOf(0, 10, 10))
			noteDelivered(c, next(t, c))
			commit(t, c, c.pos)
		}
		step()
		for range 3 {
			time.Sleep(9 * time.Hour)
			step()
			time.Sleep(time.Minute)
			step()
		}
		check := func(rows, hours int, read int64) {
			t.Helper()
			books := b.Books()
			r := tally.Audit(books, time.Time{})
			for _, row := range books.Rows {
				if row.Span == time.Hour {
					hours--
				}
			}
			if len(r.Differences) > 0 || len(books.Rows) != rows || hours != 0 {
				t.Errorf("%d rows, %d too few hours: %v", len(books.Rows), hours, r.Differences)
			}
			wantCounts(t, r, map[string]int64{"read": read, "delivered": read}, 0)
		}
		check(7, 1, 70)
		time.Sleep(18 * time.Hour)
		step()
		check(6, 3, 80)
		time.Sleep(8 * 24 * time.Hour)
		step()
		check(1, 0, 10)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A clock that is set back makes no two times of one.
func TestACountStaysWhereItIsWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	var k books
	at := func(first, minute int64) { k.placed(first, time.Unix(minute*60, 0)) }
	at(0, 600)
	at(10, 601)
	at(20, 599)  // a little
	at(30, 540)  // and more
	at(40, 602)  // right again, in an hour that there was
	at(50, 9000) // far ahead
	at(60, 603)  // and back to it
	want := slots{{0, 600, false}, {10, 601, false}, {30, 540, false}, {50, 9000, false}}
	if !slices.Equal(k.slots, want) {
		t.Errorf("%v, want %v", k.slots, want)
	}
	at(70, 670)
	if s, _ := k.slots.at(75); s.minute != 670 {
		t.Error(s)
	}
}

// What is forgotten before an output comes to it makes no difference then.
// Whatever the clock does, no minute has two slots, and the slots of an hour follow one another:
// both are stored under their time, and would take each other's place.
func TestSlotsOfAnyClockAreToldApart(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	for range 200 {
		var k books
		minute := int64(1_000_000)
		for pos := range int64(300) {
			switch rng.IntN(8) {
			case 0:
				minute += []int64{-1440, -60, -59, -1, 59, 60, 1440}[rng.IntN(7)]
			case 1, 2:
				minute += rng.Int64N(20)
			}
			k.placed(pos, time.Unix(minute*60, 0))
		}
		left := map[int64]bool{} // hours
		for i, s := range k.slots {
			if i > 0 && s.minute/60 == k.slots[i-1].minute/60 {
				if s.minute <= k.slots[i-1].minute {
					t.Fatalf("%v after %v", s, k.slots[i-1])
				}
				continue
			}
			if left[s.minute/60] {
				t.Fatalf("the hour of %v was left before: %v", s, k.slots)
			}
			left[s.minute/60] = true
		}
	}
}

func TestWhatIsForgottenIsNotMissed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := open(t, dir, small(t))
		c := cursor(t, b, "out")
		most := b.opt.rows()
		for hour := range 3 * most {
			if hour%(most/4) == 0 { // and the clock comes to the time of a sweep
				time.Sleep(time.Hour)
			}
			var bb record.Builder
			bb.Reset("app", "/var/log/"+time.Duration(hour%400).String(), 10)
			bb.Append(1, nil, []byte("x"), nil)
			appendWait(t, b, bb.Build())
		}
		time.Sleep(25 * time.Hour)
		appendWait(t, b, batchOf(0, 1, 1))
		books := b.Books()
		if len(books.Rows) > 2*most+2 {
			t.Errorf("%d rows, and there are to be %d", len(books.Rows), 2*most)
		}
		for c.pos < b.End() {
			noteDelivered(c, next(t, c))
		}
		commit(t, c, c.pos)
		r := tally.Audit(b.Books(), time.Time{})
		if len(r.Differences) > 0 {
			t.Error(r.Differences[0], " and ", len(r.Differences)-1, " more")
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		wantBalance(t, dir)
	})
}

// Too many origins share a row, and too many rows make hours.
func TestRowsAreBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, small(t))
	c := cursor(t, b, "out")
	const origins = maxNames + 100
	for i := range origins {
		var bb record.Builder
		bb.Reset("app", filepath.Join("/var/log", time.Duration(i).String()), 10)
		bb.Append(1, nil, []byte("x"), nil)
		if err := b.Append(t.Context(), "in", bb.Build(), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for c.pos < origins {
		noteDelivered(c, next(t, c))
	}
	commit(t, c, origins)
	books := b.Books()
	r := tally.Audit(books, time.Time{})
	if wantCounts(t, r, map[string]int64{"delivered": origins}, 0); len(r.Differences) > 0 {
		t.Error(r.Differences)
	}
	if len(books.Rows) > 2*maxNames+2 { // a minute may have begun
		t.Error(len(books.Rows), "rows")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	wantBalance(t, dir)
}

// What a destination has committed, as is found after a crash, is counted as confirmed: in spill
// mode it is on no disk here.
func TestWhatTheDestinationHasAfterACrashIsConfirmed(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int64{"all": 30, "some": 20, "none": 0} {
		t.Run("memory "+name, func(t *testing.T) {
			dir, opt := t.TempDir(), spilling(t)
			b := open(t, dir, opt)
			c := cursor(t, b, "out")
			inMemory(t, b)
			for n := 0; n < 30; n += 10 {
				replayable(t, b, "in", batchOf(n, 10, 10), n+10)
				noteDelivered(c, next(t, c))
			}
			prepare(t, c, 20)
			prepare(t, c, 30)
			b = killed(t, dir, opt)
			c = cursor(t, b, "out")
			if err := c.Confirm(t.Context(), at); err != nil {
				t.Fatal(err)
			}
			if err := c.Resolve(t.Context(), at); err != nil {
				t.Fatal(err)
			}
			r := tally.Audit(b.Books(), time.Time{})
			if wantCounts(t, r, map[string]int64{"confirmed": at, "read": at}, 0); len(r.Differences) > 0 {
				t.Error(r.Differences)
			}
		})
		t.Run("disk "+name, func(t *testing.T) {
			b := open(t, t.TempDir(), small(t))
			c := cursor(t, b, "out")
			appendWait(t, b, batchOf(0, 10, 10))
			appendWait(t, b, batchOf(10, 25, 10))
			if err := c.Confirm(t.Context(), at); err != nil {
				t.Fatal(err)
			}
			commit(t, c, at)
			r := tally.Audit(b.Books(), time.Time{})
			if wantCounts(t, r, map[string]int64{"confirmed": at, "read": 35}, 35-at); len(r.Differences) > 0 {
				t.Error(r.Differences)
			}
		})
	}
}

// A cursor that is opened while what its last owner has asked for is being written begins behind
// that: it would note anew what counts as stored with it.
func TestACursorBeginsBehindWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	var holding atomic.Bool
	held, hold := make(chan struct{}), make(chan struct{})
	opt := small(t)
	opt.onStage = func(stage string) {
		if stage == "write" && holding.CompareAndSwap(true, false) {
			close(held)
			<-hold
		}
	}
	b := open(t, t.TempDir(), opt)
	c := cursor(t, b, "out")
	appendWait(t, b, batchOf(0, 10, 100))
	noteDelivered(c, next(t, c))
	ctx, cancel := context.WithCancel(t.Context())
	holding.Store(true)
	gaveUp := make(chan struct{})
	go func() {
		defer close(gaveUp)
		_ = c.Commit(ctx, 10, "") // which nobody waits for any more
	}()
	<-held
	cancel()
	<-gaveUp
	c.Close()
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		var err error
		if c, err = b.Cursor("out"); err != nil {
			t.Error(err)
		}
	}()
	runtest.Until(t, "it is opened, or waits", func() bool {
		select {
		case <-opened:
			return true
		default:
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.cursors.commits) > 0
	})
	close(hold)
	<-opened
	if pos, _ := c.Committed(); pos != 10 {
		t.Fatalf("it begins at %d", pos)
	}
	if r := tally.Audit(b.Books(), time.Time{}); len(r.Differences) > 0 {
		t.Errorf("%+v", r.Differences)
	}
}
