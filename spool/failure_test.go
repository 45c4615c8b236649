package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/partition"
	"github.com/penstock/penstock/spool/protocol"
)

var errCrash = errors.New("crash")
var errTimeout = errors.New("request timed out")

// drainAll archives what the topic holds with an archiver of its own, and checks the result.
func drainAll(
	t *testing.T, s *memStore, topic *memTopic, batch int, change func(*Config),
) *Archiver {
	t.Helper()
	a := testArchiver(t, s, change)
	topic.seal()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := a.Drain(ctx, refreshLog{topic.own(batch)}); err != nil {
		t.Fatal(err)
	}
	if pos, note := topic.committed(); pos != topic.end || strings.Contains(note, "intent") {
		t.Fatalf("committed %d %s, want %d without intent", pos, note, topic.end)
	}
	return a
}

func TestEachRecordIsInOneObjectOfItsHour(t *testing.T) {
	t.Parallel()
	for _, compression := range []string{"none", "gzip", "zstd"} {
		s, topic := newMemStore(), newTopic("app", 3)
		topic.produce(10_000, hourly(3, 5))
		a := drainAll(t, s, topic, 77, func(c *Config) { c.Compression = compression })
		checkOnce(t, s, nil, topic)
		if got := value(a.metrics.records); got != 10_000 {
			t.Errorf("%v records counted", got)
		}
		_, compExt := a.codec.rows.Ext()
		key := "app/dt=2026-03-01/hr=00/app-3_00000000000000000000-00000000000000001001.ndjson" + compExt
		o, ok := s.objs[key]
		if !ok {
			t.Fatalf("no %s in %v", key, s.keys())
		}
		if o.meta[MetaRecords] != "201" || o.meta[MetaFirst] != "0" || o.meta[MetaLast] != "1000" ||
			o.meta[MetaEnd] != "1001" {
			t.Errorf("metadata %v", o.meta)
		}
	}
}

// A crash before and after each step: the successor reads other batches, would roll elsewhere, and
// still makes the same cut.
func TestCrashAtEachStep(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"before intent", "after intent", "before first upload", "in the middle of the uploads", "after the uploads", "after the end"} {
		t.Run(at, func(t *testing.T) {
			s, topic := newMemStore(), newTopic("app", 0)
			topic.produce(5_000, hourly(0, 4))
			ctx, crash := context.WithCancelCause(t.Context())
			log := topic.own(100)
			commits, puts := 0, atomic.Int32{}
			dead := func() error { crash(errCrash); return errTimeout }
			log.commit = func(pos int64, note string, apply func() error) error {
				commits++
				intent := strings.Contains(note, "intent")
				if commits > 2 { // the second cut
					switch {
					case intent && at == "before intent", !intent && at == "after the uploads":
						return dead()
					case intent && at == "after intent", !intent && at == "after the end":
						return errors.Join(apply(), dead())
					}
				}
				return apply()
			}
			s.put = func(_ string, do func() error) error {
				n := puts.Add(1)
				if ctx.Err() != nil || at == "before first upload" && n > 4 ||
					at == "in the middle of the uploads" && n > 6 {
					return dead()
				}
				return do()
			}
			a := testArchiver(t, s, nil)
			if err := a.Drain(ctx, refreshLog{log}); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			s.put = nil
			checkOnce(t, s, nil, topic)
			a = drainAll(t, s, topic, 33, func(c *Config) { c.Roll.Records = 700 })
			checkOnce(t, s, nil, topic)
			want := 1.0
			if at == "before intent" || at == "after the end" {
				want = 0
			}
			if got := value(a.metrics.redos); got != want {
				t.Errorf("%v redos, want %v", got, want)
			}
		})
	}
}

func TestCommitTimedOutButApplied(t *testing.T) {
	t.Parallel()
	for _, reread := range []bool{true, false} {
		t.Run(fmt.Sprint("reread=", reread), func(t *testing.T) {
			s, topic := newMemStore(), newTopic("app", 0)
			topic.produce(3_000, hourly(0, 3))
			topic.seal()
			log := topic.own(50)
			n := 0
			log.commit = func(_ int64, _ string, apply func() error) error {
				switch n++; n % 4 {
				case 1:
					return errors.Join(apply(), errTimeout)
				case 2:
					return errTimeout
				}
				return apply()
			}
			var l record.Log = log
			if reread {
				l = refreshLog{log}
			}
			a := testArchiver(t, s, nil)
			if err := a.Drain(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			checkOnce(t, s, nil, topic)
			if topic.pos != 3000 || value(a.metrics.commitRetries) == 0 {
				t.Errorf("committed %d after %v retries", topic.pos, value(a.metrics.commitRetries))
			}
		})
	}
}

// While the intent is not known to be stored, nothing is uploaded.
func TestUnconfirmedIntentUploadsNothing(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(2_000, hourly(0, 3))
	log := topic.own(50)
	tries := make(chan struct{}, 100)
	log.commit = func(int64, string, func() error) error { tries <- struct{}{}; return errTimeout }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	a := testArchiver(t, s, nil)
	go func() { done <- a.Drain(ctx, log) }()
	for range 3 {
		<-tries
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(s.keys()) != 0 {
		t.Errorf("uploaded %v", s.keys())
	}
}

// kafka-connect-storage-cloud#253, #800: a hung task wakes up and uploads over its successor's
// objects; its commit comes late too.
func TestZombieUploadsAndCommitsLate(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(1_500, hourly(0, 4))
	hang, wake := make(chan struct{}, 100), make(chan struct{})
	s.put = func(_ string, do func() error) error {
		hang <- struct{}{}
		<-wake
		return do()
	}
	zombie := testArchiver(t, s, nil)
	done := make(chan error)
	ctx := t.Context()
	go func() { done <- zombie.Drain(ctx, refreshLog{topic.own(100)}) }()
	for range 4 {
		<-hang
	}
	s.mu.Lock()
	put := s.put
	s.put = nil
	s.mu.Unlock()
	_ = put
	drainAll(t, s, topic, 30, func(c *Config) { c.Roll.Records = 300 })
	checkOnce(t, s, nil, topic)
	before := len(s.keys())
	close(wake)
	if err := <-done; !errors.Is(err, record.ErrFenced) {
		t.Fatalf("the zombie ended with %v", err)
	}
	checkOnce(t, s, nil, topic)
	if len(s.keys()) != before {
		t.Errorf("the zombie added objects: %v", s.keys())
	}
	if topic.pos != 1500 {
		t.Errorf("committed %d", topic.pos)
	}
}

func TestPartitionLostAndRegained(t *testing.T) {
	t.Parallel()
	s := newMemStore()
	topics := []*memTopic{newTopic("app", 0), newTopic("app", 1)}
	for _, topic := range topics {
		topic.produce(30_000, hourly(topic.partition, 3))
	}
	members := []*Archiver{
		testArchiver(t, s, nil),
		testArchiver(t, s, func(c *Config) { c.Roll.Records = 270 }),
	}
	for round := range 8 {
		var wg sync.WaitGroup
		ctx, lose := context.WithCancelCause(t.Context())
		var stop atomic.Int32
		for i, topic := range topics {
			m := members[(round+i)%2]
			log := topic.own(13 + round)
			log.commit = func(_ int64, _ string, apply func() error) error {
				if stop.Add(1) == int32(3+round%5) {
					lose(fmt.Errorf("revoked: %w", record.ErrFenced))
				}
				return apply()
			}
			wg.Go(func() {
				if err := m.Drain(ctx, refreshLog{log}); !errors.Is(err, record.ErrFenced) {
					t.Errorf("drain: %v", err)
				}
			})
		}
		wg.Wait()
		lose(nil)
		checkOnce(t, s, nil, topics...)
	}
	for _, topic := range topics {
		drainAll(t, s, topic, 100, nil)
	}
	checkOnce(t, s, nil, topics...)
}

func TestCrashDuringRedo(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(4_000, hourly(0, 6))
	for crash := range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		var puts atomic.Int32
		s.put = func(_ string, do func() error) error {
			if n := puts.Add(1); n > int32(crash) {
				cancel()
				return errTimeout
			}
			return do()
		}
		a := testArchiver(t, s, func(c *Config) { c.Roll.Records = int64(900 + 100*crash) })
		if err := a.Drain(ctx, refreshLog{topic.own(10 + crash)}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if want := min(crash, 1); int(value(a.metrics.redos)) != want {
			t.Errorf("crash %d: %v redos", crash, value(a.metrics.redos))
		}
		checkOnce(t, s, nil, topic)
	}
	s.put = nil
	drainAll(t, s, topic, 100, nil)
	checkOnce(t, s, nil, topic)
}

// interrupt leaves an intent for [0, end) with the first n objects uploaded.
func interrupt(t *testing.T, s *memStore, topic *memTopic, n int, change func(*Config)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var puts atomic.Int32
	s.put = func(_ string, do func() error) error {
		if puts.Add(1) > int32(n) {
			cancel()
			return errTimeout
		}
		return do()
	}
	a := testArchiver(t, s, func(c *Config) {
		c.Upload.Parallel = 1
		if change != nil {
			change(c)
		}
	})
	if err := a.Drain(ctx, refreshLog{topic.own(100)}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.put = nil
	if _, note := topic.committed(); !strings.Contains(note, `"intent"`) || len(note) > 400 {
		t.Fatalf("note %q", note)
	}
}

func TestConfigChangedWithinACut(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(1_100, hourly(0, 3))
	interrupt(t, s, topic, 1, nil)
	changed := testArchiver(t, s, func(c *Config) { c.Compression = "zstd" })
	err := changed.Drain(t.Context(), refreshLog{topic.own(100)})
	if !errors.Is(err, protocol.ErrConfigChanged) ||
		!strings.Contains(err.Error(), "run the old configuration") {
		t.Fatalf("got %v", err)
	}
	// Roll policies and budgets do not decide where a record goes.
	drainAll(
		t, s, topic, 10,
		func(c *Config) { c.Roll.Size, c.Spool.Memory, c.Upload.Parallel = 1<<20, 8<<20, 2 },
	)
	checkOnce(t, s, nil, topic)
}

// A drain whose place another configuration takes finishes the cut that it has begun, which nobody
// else could; not while the store fails.
func TestAReplacedDrainFinishesItsCut(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(1_500, hourly(0, 3))
		ctx, replace := context.WithCancelCause(t.Context())
		s.put = func(_ string, do func() error) error {
			replace(record.ErrReplaced)
			if fails {
				return errTimeout
			}
			return do()
		}
		a := testArchiver(t, s, func(c *Config) { c.Upload.ShutdownTimeout = time.Hour })
		if err := a.Drain(ctx, refreshLog{topic.own(100)}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		pos, note := topic.committed()
		if begun := strings.Contains(note, "intent"); begun != fails || (pos == 0) != fails {
			t.Errorf("the store fails: %v; committed %d %s", fails, pos, note)
		}
		if fails {
			continue
		}
		topic.seal()
		next := fingerprintLog{refreshLog{topic.own(100)}, "grep"}
		if err := testArchiver(t, s, nil).Drain(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		checkOnce(t, s, nil, topic)
	}
}

// So it does with a cut that it has to make again.
func TestAReplacedDrainFinishesACutOfBefore(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(1_100, hourly(0, 3))
	interrupt(t, s, topic, 1, nil)
	ctx, replace := context.WithCancelCause(t.Context())
	replace(record.ErrReplaced)
	if err := testArchiver(t, s, nil).Drain(ctx, refreshLog{topic.own(100)}); !errors.Is(
		err, context.Canceled,
	) {
		t.Fatal(err)
	}
	if pos, note := topic.committed(); pos != 1_000 || strings.Contains(note, "intent") {
		t.Errorf("committed %d %s", pos, note)
	}
}

// A successor on another host, with another name, makes the same cut; one whose log is filtered
// otherwise must not.
func TestSuccessorHasAnotherName(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(1_100, hourly(0, 3))
	interrupt(t, s, topic, 1, nil)
	a := testArchiver(t, s, nil)
	a.env.Agent = "edge-2"
	filtered := fingerprintLog{refreshLog{topic.own(10)}, "grep"}
	if err := a.Drain(t.Context(), filtered); !errors.Is(err, protocol.ErrConfigChanged) {
		t.Fatal(err)
	}
	topic.seal()
	if err := a.Drain(t.Context(), refreshLog{topic.own(10)}); err != nil {
		t.Fatal(err)
	}
	checkOnce(t, s, nil, topic)
	if value(a.metrics.redos) != 1 {
		t.Errorf("%v redos", value(a.metrics.redos))
	}
	named := testArchiver(t, s, func(c *Config) { c.Path = mustTemplate("${agent}/${topic}") })
	if err := named.Drain(t.Context(), topic.own(10)); err == nil ||
		!strings.Contains(err.Error(), "${agent}") {
		t.Errorf("names made of the agent: %v", err)
	}
}

type fingerprintLog struct {
	refreshLog
	fingerprint string
}

func (l fingerprintLog) Fingerprint() string { return l.fingerprint }

// Part of a begun cut is gone by retention: what remains is archived, what was archived stays, the
// loss is counted.
func TestRetentionTookPartOfACut(t *testing.T) {
	t.Parallel()
	for _, start := range []int64{300, 1100} {
		for _, uploaded := range []int{0, 1, 2} {
			s, topic := newMemStore(), newTopic("app", 0)
			topic.produce(1_050, hourly(0, 3))
			interrupt(t, s, topic, uploaded, nil)
			_, note := topic.committed()
			parsed, _, _ := protocol.ParseNote(note)
			before := map[string]int{}
			for _, k := range s.keys() {
				before[k] = len(s.lines(t, k))
			}
			topic.produce(500, hourly(0, 3))
			topic.retain(start)
			a := drainAll(t, s, topic, 100, nil)
			gone := min(start, parsed.Intent.End)
			checkOnce(t, s, func(_ *memTopic, offset int64) bool { return offset < start }, topic)
			if got := value(a.metrics.missing); got != float64(gone) {
				t.Errorf("start %d: %v records counted as missing, want %d", start, got, gone)
			}
			for k, n := range before {
				if len(s.lines(t, k)) != n {
					t.Errorf("%s had %d records, has %d", k, n, len(s.lines(t, k)))
				}
			}
		}
	}
}

func TestGapsOfTransactionsAndCompaction(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	for i := range 300 {
		topic.produce(1+i%7, hourly(0, 3))
		topic.gap(int64(i % 3))
	}
	topic.gap(40)
	interrupt(
		t, s, topic, 1, func(c *Config) { c.Roll.Records = 0; c.Roll.Idle = 50 * time.Millisecond },
	)
	if _, note := topic.committed(); !strings.Contains(note, fmt.Sprintf(`"end":%d`, topic.end)) {
		t.Fatalf("the cut does not end behind the gap: %s, end %d", note, topic.end)
	}
	// Nothing follows the gap: the redo must not wait for a record.
	a := testArchiver(t, s, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Drain(ctx, refreshLog{topic.own(7)}) }()
	waitFor(
		t, "the end of the redo",
		func() bool { pos, _ := topic.committed(); return pos == topic.end },
	)
	cancel()
	<-done
	checkOnce(t, s, nil, topic)
}

// A topic that was made anew has fewer records than a begun cut: that is said, not waited for in
// silence, and nothing is uploaded.
func TestLogShorterThanABegunCut(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(1_100, hourly(0, 3))
	interrupt(t, s, topic, 0, nil)
	topic.mu.Lock()
	topic.recs, topic.end = topic.recs[:500], 500
	topic.mu.Unlock()
	synctest.Test(t, func(t *testing.T) {
		a := testArchiver(t, s, nil)
		topic.cond = sync.NewCond(&topic.mu)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Drain(ctx, refreshLog{topic.own(100)}) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if value(a.metrics.stuck.WithLabelValues("log")) != 1 || len(s.keys()) != 0 {
			t.Errorf("waiting in silence; objects %v", s.keys())
		}
		cancel()
		<-done
	})
	topic.seal()
	err := testArchiver(t, s, nil).Drain(t.Context(), refreshLog{topic.own(100)})
	if err == nil || !strings.Contains(err.Error(), "before the end") {
		t.Errorf("a sealed log: %v", err)
	}
}

func TestDiskFullDuringRedo(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	big := func(offset int64) (time.Time, string) {
		at, v := hourly(0, 3)(offset)
		return at, strings.TrimSuffix(v, "}") + `,"more":"` + strings.Repeat(fmt.Sprint(offset), 3000) + `"}`
	}
	topic.produce(1_100, big)
	interrupt(t, s, topic, 1, func(c *Config) { c.Compression = "none" })
	a := testArchiver(t, s, func(c *Config) { c.Compression = "none"; c.Spool.Memory = 4 << 20 })
	var full atomic.Bool
	full.Store(true)
	refused := make(chan struct{}, 1000)
	a.writeAt = func(f *os.File, p []byte, off int64) (int, error) {
		if full.Load() && off > 1<<20 {
			refused <- struct{}{}
			return 0, syscall.ENOSPC
		}
		return f.WriteAt(p, off)
	}
	topic.seal()
	done := make(chan error)
	go func() { done <- a.Drain(t.Context(), refreshLog{topic.own(10)}) }()
	for range 8 { // it waits, and tries from time to time
		<-refused
	}
	if pos, _ := topic.committed(); pos != 0 {
		t.Errorf("committed %d with a full disk", pos)
	}
	if a.budget.used(true) > 12<<20 {
		t.Errorf("%d bytes in memory while the disk is full", a.budget.used(true))
	}
	full.Store(false)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	checkOnce(t, s, nil, topic)
}

// A full disk outside of a redo: what is spooled is uploaded, which sets space free.
func TestDiskFullMakesACut(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(6_000, func(offset int64) (time.Time, string) {
		at, v := hourly(0, 3)(offset)
		return at, strings.TrimSuffix(v, "}") + `,"more":"` + strings.Repeat(fmt.Sprint(offset), 1000) + `"}`
	})
	topic.seal()
	a := testArchiver(
		t, s,
		func(c *Config) { c.Compression = "none"; c.Roll.Records = 1e6; c.Spool.Memory = 4 << 20 },
	)
	a.writeAt = func(f *os.File, p []byte, off int64) (int, error) {
		if a.budget.used(false) > 6<<20 {
			return 0, syscall.ENOSPC
		}
		return f.WriteAt(p, off)
	}
	if err := a.Drain(t.Context(), refreshLog{topic.own(20)}); err != nil {
		t.Fatal(err)
	}
	checkOnce(t, s, nil, topic)
	if n := value(a.metrics.cuts.WithLabelValues("pressure")); n < 2 {
		t.Errorf("%v cuts under pressure", n)
	}
}

func TestOffsetsResetByHand(t *testing.T) {
	t.Parallel()
	reset := func(topic *memTopic, pos int64, keepNote bool) {
		topic.mu.Lock()
		defer topic.mu.Unlock()
		if topic.pos = pos; !keepNote {
			topic.note = ""
		}
	}
	t.Run("forward", func(t *testing.T) {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(3_000, hourly(0, 3))
		interrupt(t, s, topic, 1, nil)
		reset(topic, 2_000, true)
		a := drainAll(t, s, topic, 100, nil)
		if value(a.metrics.moved) != 1 || value(a.metrics.redos) != 0 {
			t.Error("the void intent was not told")
		}
		checkOnce(t, s, func(_ *memTopic, offset int64) bool { return offset < 2_000 }, topic)
	})
	t.Run("back", func(t *testing.T) {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(2_500, hourly(0, 3))
		drainAll(t, s, topic, 100, nil)
		s.objs = map[string]memObject{} // the operator wants it all again
		reset(topic, 0, false)
		drainAll(t, s, topic, 100, nil)
		checkOnce(t, s, nil, topic)
	})
	t.Run("while owned", func(t *testing.T) {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(2_500, hourly(0, 3))
		log := topic.own(100)
		log.commit = func(_ int64, _ string, _ func() error) error {
			reset(topic, 77, false)
			return errTimeout
		}
		err := testArchiver(t, s, nil).Drain(t.Context(), refreshLog{log})
		if !errors.Is(err, protocol.ErrMoved) || !errors.Is(err, record.ErrFenced) ||
			len(s.keys()) != 0 {
			t.Fatalf("%v, objects %v", err, s.keys())
		}
	})
}

// A record without a place stops its log when it is told to, and says which it is; nothing else is
// committed past it.
func TestOnMissingStop(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(
		10,
		func(o int64) (time.Time, string) { return day, fmt.Sprintf(`{"id":%d,"ts":"2026-03-01"}`, o) },
	)
	topic.produce(1, func(o int64) (time.Time, string) { return day, `{"id":10}` })
	a := testArchiver(t, s, func(c *Config) { c.Time.Field, c.OnMissing = "ts", "stop" })
	err := a.Drain(t.Context(), topic.own(3))
	if !errors.Is(err, partition.ErrStop) || !strings.Contains(err.Error(), "record 10 of app/0") {
		t.Fatal(err)
	}
}
