package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/penstock/penstock/spool"
	"github.com/prometheus/client_golang/prometheus"
)

// meddler is a log between two stages that takes records away, or adds some.
type meddler struct {
	*buffer.Cursor
	view   record.Log // between it and the buffer; nil if it is next to that
	meddle func(*record.Batch) *record.Batch
}

func (m *meddler) log() record.Log {
	if m.view != nil {
		return m.view
	}
	return m.Cursor
}

func (m *meddler) SeekTo(pos int64) error { return m.log().SeekTo(pos) }

func (m *meddler) Next(ctx context.Context) (*record.Batch, error) {
	b, err := m.log().Next(ctx)
	if err != nil || b.Len() == 0 || m.meddle == nil {
		return b, err
	}
	out := m.meddle(b)
	if out != b {
		out.First, out.End = b.First, b.End
	}
	return out, nil
}

// resized returns a batch of the same origin with so many records.
func resized(b *record.Batch, n int) *record.Batch {
	if n == 0 {
		return record.FromRecords(b.Tag, b.Origin, nil)
	}
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprint(i)
	}
	out := testBatch(b.First, b.Tag, values...)
	out.Origin = b.Origin
	return out
}

// audited is a buffer with one output, and what may go wrong between them.
type audited struct {
	t    *testing.T
	buf  *buffer.Buffer
	dest *outputtest.Dest
	dead *deadRecords
	c    outputs.Common
	to   drain.Targets

	chain                filter.Chain
	beforeView, pastView func(*record.Batch) *record.Batch
	cancel, stop         func()
}

type deadRecords struct{ n int }

func (d *deadRecords) Keep(_ context.Context, records []outputs.DeadRecord) error {
	d.n += len(records)
	return nil
}

func newAudited(t *testing.T) *audited {
	opt := buffer.DefaultOptions()
	opt.Sync, opt.MinFree = false, 0
	buf, err := buffer.Open(t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	a := &audited{t: t, buf: buf, dest: outputtest.NewDest(), dead: &deadRecords{}}
	a.c = outputs.DefaultCommon()
	a.c.Retry = outputs.Retry{Min: time.Millisecond, Max: 10 * time.Millisecond}
	a.to = drain.Targets{DeadLetter: a.dead}
	t.Cleanup(func() {
		if a.stop != nil {
			a.stop()
		}
		if err := buf.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// failsOverAtOnce has the output move each batch to a store of its own as soon as its destination
// is down, and bring it back as soon as that works again.
func (a *audited) failsOverAtOnce(store spool.Store) {
	f := &outputs.Failover{To: "output.mem.a", Prefix: "overflow/"}
	f.SetDefaults()
	f.After, f.Recover, f.ObjectAge = time.Millisecond, time.Millisecond, time.Millisecond
	f.ObjectSize = 1
	a.to.Overflow, a.c.Failover = store, f
}

// append appends a batch of ten records.
func (a *audited) append(tag, origin string) {
	a.t.Helper()
	b := testBatch(0, tag, "0", "1", "2", "3", "4", "5", "drop", "drop", "8", "bad")
	b.Origin = origin
	done := make(chan error, 1)
	if err := a.buf.Append(a.t.Context(), "in", b, nil, func(err error) { done <- err }); err != nil {
		a.t.Fatal(err)
	}
	if err := <-done; err != nil {
		a.t.Fatal(err)
	}
}

// start drains the buffer.
func (a *audited) start() {
	a.t.Helper()
	c, err := a.buf.Cursor("output.test.a")
	if err != nil {
		a.t.Fatal(err)
	}
	d, err := drain.NewOutput(
		a.dest.Writer(), a.c, outputtest.Env(a.t, "output.test.a"), a.to,
	)
	if err != nil {
		a.t.Fatal(err)
	}
	v := &view{
		Log:     &meddler{Cursor: c, meddle: a.beforeView},
		name:    "output.test.a",
		chain:   a.chain,
		matches: func(tag string) bool { return tag == "app" },
	}
	ctx, cancel := context.WithCancel(a.t.Context())
	a.cancel = cancel
	errc := make(chan error, 1)
	go func() { errc <- d.Drain(ctx, &meddler{Cursor: c, view: v, meddle: a.pastView}) }()
	a.stop = func() {
		a.stop = nil
		cancel()
		if err := <-errc; err != nil && !errors.Is(err, context.Canceled) {
			a.t.Error(err)
		}
		if err := d.Close(); err != nil {
			a.t.Error(err)
		}
		c.Close()
	}
}

func (a *audited) report() tally.Report { return Audit(a.buf.Books(), time.Time{}) }

// finish waits until the output is at the end, and stops it.
func (a *audited) finish() {
	a.t.Helper()
	runtest.Until(a.t, "the output is at the end", func() bool {
		c := a.buf.Cursors()
		return len(c) == 1 && c[0].Pos == a.buf.End()
	})
	a.stop()
}

// want compares what is counted of an origin.
func (a *audited) want(origin string, want map[string]int64) {
	a.t.Helper()
	got := map[string]int64{}
	for _, l := range a.report().Lines { // of two minutes, perhaps
		if l.Origin == origin {
			for stage, n := range l.Counts {
				got[stage] += n.Records
			}
		}
	}
	for stage, n := range want {
		if got[stage] != n {
			a.t.Errorf("%s: %d %s, want %d: %v", origin, got[stage], stage, n, got)
		}
	}
}

// wantNamed wants one difference and no other; none if missing is 0.
func (a *audited) wantNamed(origin, after, before string, missing int64) {
	a.t.Helper()
	r := a.report()
	named := func(d tally.Difference) bool {
		return d.Origin == origin && d.After == after && d.Before == before && d.Missing == missing
	}
	if missing != 0 && !slices.ContainsFunc(r.Differences, named) {
		a.t.Errorf("%d missing between %s and %s of %s is not named", missing, after, before, origin)
	}
	for _, d := range r.Differences {
		if !named(d) {
			a.t.Errorf("%s: %s", d.String(), d.Explain)
		}
	}
}

func TestAuditAccountsForEverythingThatIsSupposedToHappen(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	a.chain = grep(t, "drop")
	a.dest.SetJudge(func(r *record.Record) error {
		if string(r.Value) == "bad" {
			return outputs.Permanent(errors.New("bad"))
		}
		return nil
	})
	failures := 0
	a.dest.SetBefore(func(*record.Batch) error { // and is sent again
		if failures++; failures%3 == 0 {
			return errors.New("away")
		}
		return nil
	})
	for range 5 {
		a.append("app", "/log/x")
		a.append("app", "/log/y")
		a.append("other", "/log/z")
	}
	a.start()
	a.finish()
	a.wantNamed("", "", "", 0)
	for _, origin := range []string{"/log/x", "/log/y"} {
		a.want(origin, map[string]int64{
			"read": 50, "buffered": 50, "taken": 50, "filtered": 10, "dead": 5, "delivered": 35,
		})
	}
	a.want("/log/z", map[string]int64{"buffered": 50, "taken": 50, "unmatched": 50})
	if a.dead.n != 10 {
		t.Error(a.dead.n, "dead letters")
	}
}

func TestAuditNamesWhatIsTakenAwayOrAddedOnTheWayThroughAnOutput(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 4, 9, 13} { // of ten
		meddle := func(b *record.Batch) *record.Batch {
			if b.Origin == "/log/y" {
				return resized(b, n)
			}
			return b
		}
		t.Run(fmt.Sprint("before it is counted ", n), func(t *testing.T) {
			t.Parallel()
			a := newAudited(t)
			a.beforeView = meddle
			a.append("app", "/log/x")
			a.append("app", "/log/y")
			a.start()
			a.finish()
			a.wantNamed("/log/y", "buffered", "taken", int64(10-n))
		})
		t.Run(fmt.Sprint("before it is sent ", n), func(t *testing.T) {
			t.Parallel()
			a := newAudited(t)
			a.pastView = meddle
			a.append("app", "/log/x")
			a.append("app", "/log/y")
			a.start()
			a.finish()
			a.wantNamed("/log/y", "taken", "delivered", int64(10-n))
		})
	}
}

// An object that is deleted from the store is missed, and what waits there is not.
func TestAuditNamesAnOverflowObjectThatIsGone(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprint(gone), func(t *testing.T) {
			t.Parallel()
			a := newAudited(t)
			store := outputtest.NewMemStore()
			a.failsOverAtOnce(store)
			a.dest.SetDown(true)
			for range 3 {
				a.append("app", "/log/x")
				a.append("app", "/log/y")
			}
			a.start()
			runtest.Until(t, "all is in the store", func() bool {
				c := a.buf.Cursors()
				return len(c) == 1 && c[0].Pos == a.buf.End()
			})
			a.wantNamed("", "", "", 0) // it waits there
			a.stop()
			missing := int64(0)
			if keys := store.Keys(""); gone {
				for _, key := range keys {
					if n := len(keys); key == keys[n/2] {
						if err := store.Delete(t.Context(), key); err != nil {
							t.Fatal(err)
						}
						missing = 10
					}
				}
			}
			a.dest.SetDown(false)
			a.start()
			runtest.Until(t, "all has come back", func() bool {
				return a.dest.Count() == 60-int(missing) && a.storeEmpty()
			})
			a.stop()
			if !gone {
				a.wantNamed("", "", "", 0)
				a.want("/log/x", map[string]int64{"overflowed": 30, "replayed": 30})
				return
			}
			a.wantMetric(10)
			for _, d := range a.report().Differences {
				if d.Missing == 10 && d.After == "overflowed" && d.Before == "replayed" &&
					d.Origin != "" {
					t.Log(d.String())
					missing -= d.Missing
				}
			}
			if missing != 0 {
				t.Errorf("%+v", a.report().Differences)
			}
		})
	}
}

// What was left in a store that failover.to does not name any more waits there, whatever goes
// through another one meanwhile, and is counted once that is named again.
func TestAuditKnowsOfAStoreThatWasLeft(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	first, second := outputtest.NewMemStore(), outputtest.NewMemStore()
	a.failsOverAtOnce(first)
	a.c.Failover.To = "output.mem.a"
	move := func(batches int) {
		t.Helper()
		a.dest.SetDown(true)
		for range batches {
			a.append("app", "/log/x")
		}
		a.start()
		runtest.Until(t, "all is in the store", func() bool {
			c := a.buf.Cursors()
			return len(c) == 1 && c[0].Pos == a.buf.End()
		})
	}
	move(3)
	a.stop()
	a.to.Overflow, a.c.Failover.To = second, "output.mem.b"
	move(2)
	a.dest.SetDown(false)
	runtest.Until(t, "all has come back from the second", func() bool {
		n, err := overflow.ParseNote(a.buf.Cursors()[0].Note)
		return a.dest.Count() == 20 && err == nil && !n.Stored()
	})
	a.stop()
	a.wantNamed("", "", "", 0)
	a.to.Overflow, a.c.Failover.To = first, "output.mem.a"
	a.start()
	runtest.Until(t, "all has come back from the first", func() bool {
		return a.dest.Count() == 50 && a.storeEmpty()
	})
	a.stop()
	a.wantNamed("", "", "", 0)
	a.want("/log/x", map[string]int64{"overflowed": 50, "replayed": 50})
}

// stoppingStore has a stop begin while an object is being removed.
type stoppingStore struct {
	*outputtest.MemStore
	removing func() // called with the first
}

func (s *stoppingStore) Delete(ctx context.Context, key string) error {
	if s.removing != nil && strings.HasSuffix(key, ".ndjson.zst") {
		s.removing()
		s.removing = nil
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return s.MemStore.Delete(ctx, key)
}

// An object that is counted as replayed when the agent is told to stop is not counted again by the
// next run.
func TestAReplayedObjectIsCountedOnceAcrossAStop(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	store := &stoppingStore{MemStore: outputtest.NewMemStore()}
	a.failsOverAtOnce(store)
	a.dest.SetDown(true)
	for range 3 {
		a.append("app", "/log/x")
	}
	a.start()
	runtest.Until(t, "all is in the store", func() bool {
		c := a.buf.Cursors()
		return len(c) == 1 && c[0].Pos == a.buf.End()
	})
	a.stop()
	a.dest.SetDown(false)
	begun, told := make(chan struct{}), make(chan struct{})
	store.removing = func() {
		close(begun)
		<-told
	}
	a.start()
	<-begun
	a.cancel()
	close(told)
	a.stop()
	a.start()
	runtest.Until(t, "all has come back", a.storeEmpty)
	a.stop()
	a.wantNamed("", "", "", 0)
	a.want("/log/x", map[string]int64{"overflowed": 30, "replayed": 30})
}

// wantMetric has the metric and the log tell of so many records.
func (a *audited) wantMetric(n float64) {
	a.t.Helper()
	logs := &runtest.LogBuffer{}
	reg := prometheus.NewRegistry()
	look := &auditor{buf: a.buf, log: slog.New(slog.NewTextHandler(logs, nil))}
	reg.MustRegister(look.gauge())
	for range 2 { // and logs it once
		families, err := reg.Gather()
		if err != nil || len(families) != 1 || families[0].Metric[0].Gauge.GetValue() != n {
			a.t.Fatal(families, err)
		}
	}
	if found := look.look(time.Now()); found.Records() != int64(n) || found.First == "" {
		a.t.Error(found)
	}
	if lines := logs.Lines("penstock audit --explain"); len(lines) != 1 {
		a.t.Error(lines)
	}
}

// storeEmpty reports whether the output knows that nothing of it is in the store.
func (a *audited) storeEmpty() bool {
	books := a.buf.Books()
	Audit(books, time.Time{})
	return !books.Outputs[0].Store
}

// A running agent tells what is not accounted for wherever it tells its state, whether or not
// somebody asks for metrics.
func TestAnAgentTellsWhatIsNotAccountedFor(t *testing.T) {
	t.Parallel()
	w := newWorld()
	dir := t.TempDir()
	r := startAgent(t, w, dir, variant("1", "1"))
	r.mu.Lock()
	look := r.pipelines["p"].auditor.Load()
	r.mu.Unlock()
	look.look(time.Now())
	look.mu.Lock()
	if look.last.IsZero() || look.buf == nil {
		t.Error("nobody has audited the buffer")
	}
	look.last, look.found = time.Now(), state.Unaccounted{Missing: 3, First: "3 missing"}
	look.mu.Unlock()
	s := r.Status()
	if len(s.Problems()) != 1 || s.Problems()[0].Kind != state.NotAccounted ||
		!strings.HasPrefix(s.Sentence, "Not all is safe") {
		t.Errorf("%+v", s)
	}
}
