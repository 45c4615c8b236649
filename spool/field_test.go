package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/spool/format"
	"github.com/penstock/penstock/spool/partition"
)

// What users of other archivers ran into. Completeness of the list: secor#600 is also
// TestCrashAtEachStep, and kafka-connect-storage-cloud#253 and #800 are
// TestZombieUploadsAndCommitsLate, #375 is TestDaylightSavingKeepsOnePathPerHour too.

// secor#600: duplicates across files after a crash, because the second cut ends elsewhere.
func TestSecor600_NoDuplicatesAfterACrash(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(1_200, hourly(0, 8))
	interrupt(t, s, topic, 5, nil)
	if len(s.keys()) != 5 {
		t.Fatalf("%d objects", len(s.keys()))
	}
	topic.produce(3_000, hourly(0, 12))
	drainAll(t, s, topic, 999, func(c *Config) { c.Roll.Records = 5_000 })
	checkOnce(t, s, nil, topic)
}

// secor#395, secor#2316, redpanda connect#4009: records lost and repeated over rebalances.
func TestSecor395_RebalancesLoseAndRepeatNothing(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	s := newMemStore()
	var topics []*memTopic
	for p := range int32(6) {
		topics = append(topics, newTopic("app", p))
	}
	var members []*Archiver
	for i := range 3 {
		members = append(
			members, testArchiver(t, s, func(c *Config) { c.Roll.Records = int64(50 + 40*i) }),
		)
	}
	var wg sync.WaitGroup
	lose := make([]context.CancelCauseFunc, len(topics))
	move := func(p int) {
		if lose[p] != nil && rng.IntN(3) > 0 { // else it finds out by itself
			lose[p](fmt.Errorf("revoked: %w", record.ErrFenced))
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		lose[p] = cancel
		log, m := refreshLog{topics[p].own(1 + rng.IntN(30))}, members[rng.IntN(len(members))]
		wg.Go(func() {
			if err := m.Drain(ctx, log); !errors.Is(err, record.ErrFenced) &&
				!errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for p := range topics {
		move(p)
	}
	for range 300 {
		topics[rng.IntN(6)].produce(rng.IntN(60), hourly(int32(0), 3))
		p := rng.IntN(6)
		topics[p].produce(30, hourly(topics[p].partition, 3))
		move(rng.IntN(6))
	}
	for p, cancel := range lose {
		cancel(fmt.Errorf("revoked: %w", record.ErrFenced))
		_ = p
	}
	wg.Wait()
	for _, topic := range topics {
		drainAll(t, s, topic, 100, nil)
	}
	seen := map[string]bool{}
	for _, key := range s.keys() {
		p := key[strings.LastIndex(key, "app-"):][4:5]
		for _, line := range s.lines(t, key) {
			var v struct{ ID int64 }
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			id := fmt.Sprint(p, "/", v.ID)
			if seen[id] {
				t.Errorf("%s twice", id)
			}
			seen[id] = true
		}
	}
	total := 0
	for _, topic := range topics {
		total += len(topic.recs)
	}
	if len(seen) != total {
		t.Errorf("%d records archived, %d produced", len(seen), total)
	}
}

// secor#785: local files leak.
func TestSecor785_WorkingFilesDoNotLeak(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(3_000, func(o int64) (time.Time, string) {
		at, v := hourly(0, 2)(o)
		return at, v[:len(v)-1] + `,"more":"` + strings.Repeat(fmt.Sprint(o), 800) + `"}`
	})
	change := func(c *Config) { c.Compression = "none"; c.Roll.Records = 1e6; c.Spool.Memory = 4 << 20 }
	a := testArchiver(t, s, change)
	spool := filepath.Join(a.env.Dir, "spool")
	if err := os.MkdirAll(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(spool, "17.members")
	if err := os.WriteFile(stale, []byte("of a process that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Drain(ctx, refreshLog{topic.own(50)}) }()
	files := func() int {
		e, _ := os.ReadDir(a.dir.path)
		return len(e)
	}
	waitFor(t, "working files", func() bool { return a.budget.used(false) > 4<<20 })
	if _, err := os.Stat(stale); err == nil {
		t.Error("the file of an earlier process is still there")
	}
	topic.own(1)
	cancel()
	<-done
	if files() != 0 {
		t.Errorf("%d files after the log was lost", files())
	}
	topic.seal()
	if err := a.Drain(t.Context(), refreshLog{topic.own(50)}); err != nil {
		t.Fatal(err)
	}
	if files() != 0 || a.files.openFiles() != 0 {
		t.Errorf("%d files after all was archived", files())
	}
	checkOnce(t, s, nil, topic)
}

// secor#328, kafka-connect-storage-cloud#177, #454: out of memory with many output partitions.
func TestSecor328_ManyPathsInLittleMemory(t *testing.T) {
	t.Parallel()
	const paths, records = 15_000, 150_000
	s, topic := newMemStore(), newTopic("app", 0)
	pad := strings.Repeat("0123456789abcdef", 20)
	topic.produce(records, func(o int64) (time.Time, string) {
		return day.Add(
			time.Duration(o) * time.Millisecond,
		), fmt.Sprintf(`{"id":%d,"p":0,"user":"u%d","pad":"%s"}`, o, o%paths, pad)
	})
	topic.seal()
	a := testArchiver(t, s, func(c *Config) {
		c.Path = mustTemplate(`${topic}/user=${field.user}/hr=${strftime("%H")}`)
		c.Roll = RollConfig{Age: time.Hour}
		c.Spool.Memory, c.Spool.OpenFiles = 8<<20, 4
	})
	var most, open atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				most.Store(max(most.Load(), a.budget.used(true)))
				open.Store(max(open.Load(), int64(a.files.openFiles())))
			}
		}
	})
	if err := a.Drain(t.Context(), topic.own(1000)); err != nil {
		t.Fatal(err)
	}
	close(stop)
	wg.Wait()
	if len(s.keys()) != paths {
		t.Errorf("%d objects, want %d", len(s.keys()), paths)
	}
	if most.Load() > 16<<20 || open.Load() > 4 {
		t.Errorf(
			"%d bytes of buffers with a budget of %d; %d open files with 4", most.Load(), 8<<20,
			open.Load(),
		)
	}
	if value(a.metrics.spills) == 0 {
		t.Error("memory never ran short: the test shows nothing")
	}
	n := 0
	for i := range 100 {
		n += len(
			s.lines(
				t, fmt.Sprintf("app/user=u%d/hr=00/app-0_%020d-%020d.ndjson.gz", i*149, 0, records),
			),
		)
	}
	if n != 100*records/paths {
		t.Errorf("%d records in 100 objects", n)
	}
	runtime.KeepAlive(a)
}

// Records that went to disk under pressure and were compressed later must not take disk for ever.
func TestPiecesAreCompacted(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	pad := strings.Repeat("0123456789abcdef", 60)
	const records, paths = 160_000, 40
	topic.produce(records, func(o int64) (time.Time, string) {
		return day, fmt.Sprintf(`{"id":%d,"p":0,"user":"u%d","pad":"%s"}`, o, o%paths, pad)
	})
	topic.seal()
	a := testArchiver(t, s, func(c *Config) {
		c.Path, c.Compression = mustTemplate(`${field.user}`), "zstd"
		c.Roll = RollConfig{Age: time.Hour}
		c.Spool.Memory = 4 << 20
	})
	var most atomic.Int64
	a.writeAt = func(f *os.File, p []byte, off int64) (int, error) {
		most.Store(max(most.Load(), a.budget.used(false)))
		return f.WriteAt(p, off)
	}
	if err := a.Drain(t.Context(), topic.own(500)); err != nil {
		t.Fatal(err)
	}
	if most.Load() > 110<<20 {
		t.Errorf("%d bytes of disk for what compresses to little", most.Load())
	}
	checkOnce(t, s, nil, topic)
	if len(s.keys()) != paths {
		t.Errorf("%d objects", len(s.keys()))
	}
}

// secor#305: records in the wrong dt=.
func TestSecor305_EachRecordIsInThePartitionOfItsTime(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	topic.produce(5_000, func(o int64) (time.Time, string) {
		at := day.Add(time.Duration(rng.Int64N(int64(80 * time.Hour))))
		// far from the time of the record
		return day, fmt.Sprintf(`{"id":%d,"p":0,"ts":%d}`, o, at.UnixMilli())
	})
	drainAll(t, s, topic, 100, func(c *Config) { c.Time.Field, c.Timezone = "ts", "Europe/Berlin" })
	checkOnce(t, s, nil, topic)
	for _, key := range s.keys() {
		for _, line := range s.lines(t, key) {
			var v struct{ TS int64 }
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			if want := time.UnixMilli(v.TS).
				In(loc).
				Format("app/dt=2006-01-02/hr=15/"); !strings.HasPrefix(key, want) {
				t.Fatalf("%s is in %s", line, key)
			}
		}
	}
}

// drainInBubble runs an archiver in a bubble of fake time.
func drainInBubble(t *testing.T, s *memStore, topic *memTopic, change func(*Config)) (stop func()) {
	a := testArchiver(t, s, change)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Drain(ctx, refreshLog{topic.own(100)}) }()
	return func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func wantPos(t *testing.T, topic *memTopic, want int64, when string) {
	t.Helper()
	synctest.Wait()
	if pos, _ := topic.committed(); pos != want {
		t.Errorf("%s: committed %d, want %d", when, pos, want)
	}
}

// secor#86: the age policy is reset by each new file.
func TestSecor86AgeIsThatOfTheFirstRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, topic := newMemStore(), newTopic("app", 0)
		defer drainInBubble(t, s, topic, func(c *Config) { c.Roll = RollConfig{Age: time.Hour} })()
		for minute := range 59 {
			topic.produce(1, hourly(0, 100)) // each in a path of its own
			time.Sleep(time.Minute)
			wantPos(t, topic, 0, fmt.Sprintf("minute %d", minute))
		}
		time.Sleep(2 * time.Minute)
		wantPos(t, topic, 59, "after an hour")
	})
}

// kafka-connect-storage-cloud#144: the tail of an idle topic is never flushed.
func TestStorageCloud144_IdleTailIsFlushed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, topic := newMemStore(), newTopic("app", 0)
		defer drainInBubble(t, s, topic, func(c *Config) {
			c.Roll = RollConfig{Size: 1 << 30, Age: 24 * time.Hour, Idle: 10 * time.Minute}
		})()
		topic.produce(5, hourly(0, 2))
		topic.gap(1) // a commit marker ends the topic
		time.Sleep(9 * time.Minute)
		wantPos(t, topic, 0, "nine minutes later")
		time.Sleep(2 * time.Minute)
		wantPos(t, topic, 6, "eleven minutes later")
		checkOnce(t, s, nil, topic)
	})
}

// A log that has more is not idle while a broker is slow to give it; one that goes on giving
// nothing is archived up to there in the end.
func TestLaggingLogIsNotIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, topic := newMemStore(), newTopic("app", 0)
		defer drainInBubble(t, s, topic, func(c *Config) {
			c.Roll = RollConfig{Size: 1 << 30, Age: 24 * time.Hour, Idle: 10 * time.Minute}
		})()
		topic.produce(5, hourly(0, 2))
		time.Sleep(time.Minute)
		topic.hang(true)
		topic.produce(5, hourly(0, 2))
		time.Sleep(30 * time.Minute)
		wantPos(t, topic, 0, "half an hour later")
		topic.hang(false)
		time.Sleep(11 * time.Minute)
		wantPos(t, topic, 10, "eleven minutes after the rest was read")
		topic.produce(5, hourly(0, 2))
		time.Sleep(time.Minute)
		topic.hang(true)
		topic.produce(5, hourly(0, 2))
		time.Sleep(97 * time.Minute)
		wantPos(t, topic, 10, "an hour and a half later")
		time.Sleep(3 * time.Minute)
		wantPos(t, topic, 15, "a hundred minutes later")
		topic.hang(false)
		time.Sleep(11 * time.Minute)
		checkOnce(t, s, nil, topic)
	})
}

func TestMinuteMarks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the bubble's clock begins at midnight
		s, topic := newMemStore(), newTopic("app", 0)
		defer drainInBubble(
			t, s, topic, func(c *Config) { c.Roll = RollConfig{Minutes: []string{"hh:00", "30"}} },
		)()
		time.Sleep(10 * time.Minute)
		topic.produce(5, hourly(0, 2))
		time.Sleep(19*time.Minute + 50*time.Second)
		wantPos(t, topic, 0, "00:29:50")
		time.Sleep(15 * time.Second)
		wantPos(t, topic, 5, "00:30:05")
		topic.produce(5, hourly(0, 2))
		time.Sleep(30 * time.Minute)
		wantPos(t, topic, 10, "01:00:05")
	})
}

func TestRollOnShutdown(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(500, hourly(0, 2))
	a := testArchiver(
		t, s, func(c *Config) { c.Roll = RollConfig{Age: time.Hour, OnShutdown: true} },
	)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Drain(ctx, refreshLog{topic.own(100)}) }()
	waitFor(t, "the records to be read", func() bool { return a.budget.used(true) > 10_000 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if pos, _ := topic.committed(); pos == 0 {
		t.Error("nothing was archived on shutdown")
	}
	checkOnce(t, s, nil, topic)
}

// kafka-connect-storage-cloud#529: each late event makes a tiny file.
func TestStorageCloud529_LateRecordsMakeNoTinyFiles(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(10_000, func(o int64) (time.Time, string) {
			at := day.Add(48 * time.Hour)
			event := at
			if o%3 == 0 {
				event = at.Add(-time.Duration(o%40) * time.Hour)
			}
			return at, fmt.Sprintf(`{"id":%d,"p":0,"ts":%d}`, o, event.UnixMilli())
		})
		drainAll(t, s, topic, 100, func(c *Config) {
			c.Time.Field, c.Roll = "ts", RollConfig{Records: 5_000}
			if late {
				c.Late = &partition.LateConfig{
					After: 2 * time.Hour,
					Path:  mustTemplate("${topic}/late"),
				}
			}
		})
		checkOnce(t, s, nil, topic)
		// Two cuts: each with 40 hours, or with the hours that are in time and one late file.
		want := 2 * 40
		if late {
			want = 2 * 4
		}
		if n := len(s.keys()); n != want {
			t.Errorf("late path %v: %d objects, want %d", late, n, want)
		}
	}
}

// kafka-connect-storage-cloud#525: two schemas, mixed, made 1,000,000 files of 1,200.
func TestStorageCloud525_MixedSchemasMakeNoMoreFiles(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"parquet", "avro"} {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(4_000, func(o int64) (time.Time, string) {
			if o%2 == 0 {
				return day, fmt.Sprintf(`{"id":%d,"a":1,"shared":"x"}`, o)
			}
			return day, fmt.Sprintf(`{"id":%d,"b":{"c":true},"shared":7}`, o)
		})
		a := drainAll(t, s, topic, 100, func(c *Config) {
			f := format.Default()
			f.Type, f.Metadata = kind, true
			c.Format, c.Compression, c.Roll = &f, "zstd", RollConfig{Records: 2_000}
		})
		if n := len(s.keys()); n != 2 {
			t.Errorf("%s: %d objects, want 2: %v", kind, n, s.keys())
		}
		if n := value(a.metrics.archived.WithLabelValues("main")); n != 4_000 {
			t.Errorf("%s: %v records in main objects", kind, n)
		}
	}
}

// vector#14416: batch settings ignored, small files with 60 partitions.
func TestVector14416_SizesHoldWithManyLogs(t *testing.T) {
	t.Parallel()
	s := newMemStore()
	a := testArchiver(t, s, func(c *Config) {
		c.Roll, c.Compression = RollConfig{Size: 1 << 20}, "none"
		c.Spool.Memory = 4 << 20 // much less than 60 chunks
	})
	pad := strings.Repeat("x", 1000)
	const parts, records = 60, 4_000
	var wg sync.WaitGroup
	for p := range int32(parts) {
		topic := newTopic("app", p)
		topic.produce(
			records,
			func(o int64) (time.Time, string) { return day, fmt.Sprintf(`{"id":%d,"pad":"%s"}`, o, pad) },
		)
		topic.seal()
		wg.Go(func() {
			if err := a.Drain(t.Context(), topic.own(100)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	small := 0
	for _, o := range s.objs {
		if len(o.data) < 1<<20 {
			small++
		}
	}
	if n := len(s.keys()); n < 2*parts || n > 5*parts || small > parts {
		t.Errorf(
			"%d objects, %d of them under the size; want 4 MB in each log at 1 MB, and one tail", n,
			small,
		)
	}
}

// aiven s3-connector#335: out of memory on a backlog.
func TestAiven335_BacklogIsReadAsFastAsItIsStored(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	pad := strings.Repeat("x", 1000)
	topic.produce(
		60_000,
		func(o int64) (time.Time, string) { return day, fmt.Sprintf(`{"id":%d,"p":0,"pad":"%s"}`, o, pad) },
	)
	a := testArchiver(t, s, func(c *Config) {
		c.Roll, c.Compression = RollConfig{Age: time.Hour}, "none"
		c.Spool.Memory, c.Spool.Disk = 4<<20, 16<<20
	})
	block := make(chan struct{})
	var blocked atomic.Bool
	s.put = func(_ string, do func() error) error {
		blocked.Store(true)
		<-block
		return do()
	}
	topic.seal()
	done := make(chan error)
	go func() { done <- a.Drain(t.Context(), topic.own(100)) }()
	waitFor(
		t, "the spool to be full",
		func() bool { return blocked.Load() && a.budget.used(false) >= 16<<20 },
	)
	for range 50 { // it stays so
		runtime.Gosched()
		if m, d := a.budget.used(true), a.budget.used(false); m > 10<<20 || d > 24<<20 {
			t.Fatalf("%d bytes of memory, %d of disk", m, d)
		}
	}
	close(block)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	checkOnce(t, s, nil, topic)
}
