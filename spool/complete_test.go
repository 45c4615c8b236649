package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/spool/hook"
	"github.com/penstock/penstock/spool/protocol"
)

// siblings is a topic's partitions, so that each can read the others' notes.
type siblings []*memTopic

func (s siblings) Notes(context.Context) (map[int32]string, error) {
	notes := map[int32]string{}
	for _, t := range s {
		_, notes[t.partition] = t.committed()
	}
	return notes, nil
}

type siblingLog struct {
	refreshLog
	siblings
}

func success(change func(*SuccessConfig)) func(*Config) {
	return func(c *Config) {
		var s SuccessConfig
		s.SetDefaults()
		s.Check, s.Grace, s.IdleAfter = 5*time.Millisecond, time.Minute, 0
		if change != nil {
			change(&s)
		}
		c.Success = &s
		c.Roll = RollConfig{Age: 5 * time.Millisecond}
	}
}

func markers(s *memStore) []string {
	var out []string
	for _, k := range s.keys() {
		if strings.HasSuffix(k, "/_SUCCESS") {
			out = append(out, strings.TrimSuffix(k, "/_SUCCESS"))
		}
	}
	return out
}

func TestSuccessWaitsForAllPartitions(t *testing.T) {
	t.Parallel()
	s := newMemStore()
	topics := siblings{newTopic("app", 0), newTopic("app", 1)}
	at := func(p int32, when time.Time) func(int64) (time.Time, string) {
		return func(o int64) (time.Time, string) { return when, testLine(o, p) }
	}
	hook503 := true
	var calls []string
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if calls = append(calls, string(b)); hook503 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	change := success(func(c *SuccessConfig) {
		c.Location = "s3://lake/x"
		h := hook.Config{}
		h.SetDefaults()
		h.Type, h.URL = "webhook", srv.URL
		c.Hooks = []hook.Config{h}
	})
	members := []*Archiver{testArchiver(t, s, change), testArchiver(t, s, change)}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	run := func(ctx context.Context) {
		for i, topic := range topics {
			log := siblingLog{refreshLog{topic.own(10)}, topics}
			wg.Go(func() {
				if err := members[i].Drain(ctx, log); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
	}
	run(ctx)
	topics[0].produce(3, at(0, day))
	topics[0].produce(3, at(0, day.Add(90*time.Minute)))
	topics[1].produce(3, at(1, day.Add(30*time.Minute)))
	all := func() bool {
		for _, topic := range topics {
			if pos, _ := topic.committed(); pos != topic.end {
				return false
			}
		}
		return true
	}
	waitFor(t, "the commits", all)
	if m := markers(s); len(m) != 0 {
		t.Fatalf("marked %v while partition 1 is at 00:30", m)
	}
	// past the hour, not past the grace
	topics[1].produce(2, at(1, day.Add(time.Hour+30*time.Second)))
	waitFor(t, "the commits", all)
	if m := markers(s); len(m) != 0 {
		t.Fatalf("marked %v within the grace", m)
	}
	topics[1].produce(2, at(1, day.Add(time.Hour+2*time.Minute)))
	waitFor(t, "the marker", func() bool { return len(markers(s)) > 0 })
	if m := markers(s); !slices.Equal(m, []string{"app/dt=2026-03-01/hr=00"}) {
		t.Fatalf("marked %v", m)
	}
	waitFor(
		t, "the hook's second call",
		func() bool { mu.Lock(); defer mu.Unlock(); return len(calls) > 1 },
	)
	// Another member takes over: what was not told yet is told by it, what was is not told again
	// for ever.
	stop()
	wg.Wait()
	mu.Lock()
	hook503, calls = false, nil
	mu.Unlock()
	ctx, stop2 := context.WithCancel(t.Context())
	defer stop2()
	members[0], members[1] = members[1], members[0]
	run(ctx)
	waitFor(t, "the completion to be stored", func() bool {
		_, note := topics[0].committed()
		return strings.Contains(note, fmt.Sprintf(`"done":%d`, day.Add(time.Hour).UnixMilli())) &&
			!strings.Contains(note, `"told"`)
	})
	mu.Lock()
	if len(calls) == 0 ||
		!strings.Contains(calls[0], `"location":"s3://lake/x/app/dt=2026-03-01/hr=00/"`) ||
		!strings.Contains(calls[0], `"values":["2026-03-01","00"]`) {
		t.Errorf("hook calls: %v", calls)
	}
	mu.Unlock()
	stop2()
	wg.Wait()
	checkOnce(t, s, nil, topics...)
}

// Objects whose names begin as those of markers do, since their topic does, are marked too.
func TestSuccessOfATopicNamedLikeAMarker(t *testing.T) {
	t.Parallel()
	s, topics := newMemStore(), siblings{newTopic("_app", 0)}
	topics[0].produce(3, timed(day, 0))
	topics[0].produce(3, timed(day.Add(90*time.Minute), 0))
	completing(t, s, topics, success(nil))
	const want = "_app/dt=2026-03-01/hr=00"
	waitFor(t, "the marker", func() bool { return slices.Contains(markers(s), want) })
}

// A path may have slashes too many, which its objects have not.
func TestSuccessOfAPathWithSlashesTooMany(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		`/lake//${topic}/hr=${strftime("%H")}/`:           "lake/app/hr=00",
		`./${topic}/hr=${strftime("%H")}/p=${partition}/`: "%2E/app/hr=00/p=0",
	} {
		s, topics := newMemStore(), siblings{newTopic("app", 0)}
		topics[0].produce(3, timed(day, 0))
		topics[0].produce(3, timed(day.Add(90*time.Minute), 0))
		change := success(nil)
		completing(t, s, topics, func(c *Config) { change(c); c.Path = template.MustParse(path) })
		waitFor(t, "the marker", func() bool { return slices.Contains(markers(s), want) })
	}
}

// A store that does not overwrite, as a bucket under a retention policy, has the markers of an
// earlier attempt, and those to come are put.
func TestSuccessInAStoreThatRefusesToOverwrite(t *testing.T) {
	t.Parallel()
	s, topics := newMemStore(), siblings{newTopic("app", 0)}
	refuseOverwrites(s, func(key string) bool { return false })
	const first, second = "app/dt=2026-03-01/hr=00", "app/dt=2026-03-01/hr=01"
	if err := s.Put(
		t.Context(), first+"/_SUCCESS", strings.NewReader(""), 0, PutOptions{},
	); err != nil {
		t.Fatal(err)
	}
	topics[0].produce(3, timed(day, 0))
	topics[0].produce(3, timed(day.Add(90*time.Minute), 0))
	topics[0].produce(3, timed(day.Add(150*time.Minute), 0))
	completing(t, s, topics, success(nil))
	waitFor(t, "the marker", func() bool { return slices.Contains(markers(s), second) })
}

// A partition without data must not keep the others' hours open for ever.
func TestIdlePartitionDoesNotHoldUpCompleteness(t *testing.T) {
	t.Parallel()
	s := newMemStore()
	topics := siblings{newTopic("app", 0), newTopic("app", 1)}
	old := time.Now().Add(-3 * time.Hour).Truncate(time.Hour)
	topics[0].produce(5, func(o int64) (time.Time, string) { return old, testLine(o, 0) })
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	a := testArchiver(t, s, success(func(c *SuccessConfig) { c.IdleAfter = 30 * time.Millisecond }))
	for _, topic := range topics {
		log := siblingLog{refreshLog{topic.own(10)}, topics}
		wg.Go(func() { _ = a.Drain(ctx, log) })
	}
	want := old.UTC().Format("app/dt=2006-01-02/hr=15")
	waitFor(t, "the marker", func() bool { return slices.Contains(markers(s), want) })
	stop()
	wg.Wait()
}

// One record from a wrong clock must not complete what is to come.
func TestFutureEventTimeDoesNotMoveTheWatermark(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(
		2,
		func(o int64) (time.Time, string) { return day, fmt.Sprintf(`{"id":%d,"ts":"2026-03-01T00:10:00Z"}`, o) },
	)
	topic.produce(
		1, func(o int64) (time.Time, string) { return day, `{"id":2,"ts":"2033-01-01T00:00:00Z"}` },
	)
	a := testArchiver(t, s, func(c *Config) { success(nil)(c); c.Time.Field = "ts" })
	topic.seal()
	if err := a.Drain(t.Context(), topic.own(10)); err != nil {
		t.Fatal(err)
	}
	if _, note := topic.committed(); !strings.Contains(
		note, fmt.Sprintf(`"wm":%d`, day.Add(10*time.Minute).UnixMilli()),
	) {
		t.Errorf("note %s", note)
	}
	checkOnce(t, s, nil, topic)
}

// completing drains topics, each with a member of its own, until the test ends.
func completing(t *testing.T, s *memStore, topics siblings, change func(*Config)) []*Archiver {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() { stop(); wg.Wait() })
	var members []*Archiver
	for _, topic := range topics {
		a := testArchiver(t, s, change)
		members = append(members, a)
		log := siblingLog{refreshLog{topic.own(10)}, topics}
		wg.Go(func() {
			if err := a.Drain(ctx, log); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { stop(); wg.Wait() })
	return members
}

// timed makes records of one time.
func timed(when time.Time, p int32) func(int64) (time.Time, string) {
	return func(o int64) (time.Time, string) { return when, testLine(o, p) }
}

// A topic whose first partition never gets a record is marked all the same.
func TestEmptyFirstPartitionDoesNotHoldUpCompleteness(t *testing.T) {
	t.Parallel()
	s, topics := newMemStore(), siblings{newTopic("app", 0), newTopic("app", 1)}
	old := time.Now().Add(-3 * time.Hour).Truncate(time.Hour)
	topics[1].produce(5, timed(old, 1))
	completing(
		t, s, topics, success(func(c *SuccessConfig) { c.IdleAfter = 30 * time.Millisecond }),
	)
	want := old.UTC().Format("app/dt=2006-01-02/hr=15")
	waitFor(t, "the marker", func() bool { return slices.Contains(markers(s), want) })
}

// A partition that has only records without a time holds nothing up, though they keep coming.
func TestRecordsWithoutTimeDoNotHoldUpCompleteness(t *testing.T) {
	t.Parallel()
	s, topics := newMemStore(), siblings{newTopic("app", 0), newTopic("app", 1)}
	old := time.Now().Add(-3 * time.Hour).Truncate(time.Hour)
	topics[0].produce(
		5,
		func(o int64) (time.Time, string) { return old, fmt.Sprintf(`{"id":%d,"ts":%d}`, o, old.Unix()) },
	)
	change := success(func(c *SuccessConfig) { c.IdleAfter = 30 * time.Millisecond })
	completing(t, s, topics, func(c *Config) { change(c); c.Time.Field = "ts" })
	want := old.UTC().Format("app/dt=2006-01-02/hr=15")
	waitFor(t, "the marker", func() bool {
		topics[1].produce(
			1, func(o int64) (time.Time, string) { return time.Now(), `{"no":"time"}` },
		)
		return slices.Contains(markers(s), want)
	})
}

// One record with a Kafka time in the future marks nothing too early, and nothing is kept from
// being marked by it.
func TestKafkaTimeInTheFutureMarksNothing(t *testing.T) {
	t.Parallel()
	s, topics := newMemStore(), siblings{newTopic("app", 0)}
	old := time.Now().Add(-3 * time.Hour).Truncate(time.Hour)
	topics[0].produce(3, timed(old, 0))
	topics[0].produce(1, timed(time.Now().Add(50*24*time.Hour), 0))
	topics[0].produce(3, timed(old.Add(90*time.Minute), 0))
	completing(t, s, topics, success(nil))
	hour := func(n int) string {
		return old.Add(time.Duration(n) * time.Hour).UTC().Format("app/dt=2006-01-02/hr=15")
	}
	waitFor(t, "the marker", func() bool { return slices.Contains(markers(s), hour(0)) })
	if m := markers(s); !slices.Equal(m, []string{hour(0)}) {
		t.Errorf("marked %v", m)
	}
	_, note := topics[0].committed()
	if n, _, err := protocol.ParseNote(
		note,
	); err != nil || n.Watermark > old.Add(90*time.Minute).UnixMilli() ||
		n.Completed > time.Now().UnixMilli() {
		t.Errorf("note %s", note)
	}
	topics[0].produce(2, timed(old.Add(130*time.Minute), 0))
	waitFor(t, "the next marker", func() bool { return slices.Contains(markers(s), hour(1)) })
}

// A note of an earlier release, which believed a time in the future, heals.
func TestNoteFromTheFutureHeals(t *testing.T) {
	t.Parallel()
	s, topics := newMemStore(), siblings{newTopic("app", 0)}
	ahead := time.Now().Add(50 * 24 * time.Hour).UnixMilli()
	topics[0].note = protocol.Note{
		Progress: protocol.Progress{Watermark: ahead, Completed: ahead},
	}.Encode()
	topics[0].produce(2, timed(time.Now(), 0))
	completing(t, s, topics, success(nil))
	waitFor(t, "a sound note", func() bool {
		_, note := topics[0].committed()
		n, _, err := protocol.ParseNote(note)
		now := time.Now().UnixMilli()
		return err == nil && n.Watermark > 0 && n.Watermark <= now && n.Completed <= now &&
			n.Completed > now-2*time.Hour.Milliseconds()
	})
	if m := markers(s); len(m) != 0 {
		t.Errorf("marked %v", m)
	}
}

// A hook that fails for one partition keeps later ones neither from being marked nor from being
// told; it is warned of once, and tried again.
func TestFailingHookHoldsUpItsPartitionOnly(t *testing.T) {
	t.Parallel()
	s, topics := newMemStore(), siblings{newTopic("app", 0)}
	old := time.Now().Add(-6 * time.Hour).Truncate(time.Hour)
	hour := func(n int) string {
		return old.Add(time.Duration(n) * time.Hour).UTC().Format("app/dt=2006-01-02/hr=15")
	}
	var mu sync.Mutex
	calls := map[string]int{}
	mended := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p hook.Partition
		_ = json.NewDecoder(r.Body).Decode(&p)
		mu.Lock()
		defer mu.Unlock()
		if calls[p.Path]++; p.Path == hour(0) && !mended {
			w.WriteHeader(http.StatusConflict)
		}
	}))
	t.Cleanup(srv.Close)
	for n := range 4 {
		topics[0].produce(2, timed(old.Add(time.Duration(n)*time.Hour), 0))
	}
	topics[0].produce(2, timed(old.Add(3*time.Hour+30*time.Minute), 0))
	a := completing(t, s, topics, success(func(c *SuccessConfig) {
		h := hook.Config{}
		h.SetDefaults()
		h.Type, h.URL = "webhook", srv.URL
		c.Hooks = []hook.Config{h}
	}))[0]
	count := func(n int) int { mu.Lock(); defer mu.Unlock(); return calls[hour(n)] }
	waitFor(
		t, "the markers",
		func() bool { return slices.Equal(markers(s), []string{hour(0), hour(1), hour(2)}) },
	)
	waitFor(t, "the hooks", func() bool { return count(0) > 2 && count(1) == 1 && count(2) == 1 })
	note := func() protocol.Note {
		_, text := topics[0].committed()
		n, _, _ := protocol.ParseNote(text)
		return n
	}
	waitFor(t, "the note", func() bool {
		return note().Completed == old.Add(3*time.Hour).UnixMilli() &&
			note().HooksDone == old.UnixMilli()
	})
	trouble := func() (failures, failing int) {
		o := a.failing.complete.Outage()
		return o.Failures, o.Failing
	}
	waitFor(
		t, "another failure, of the same trouble", func() bool { n, _ := trouble(); return n > 2 },
	)
	if _, failing := trouble(); failing != 1 {
		t.Errorf("%d logs are in trouble", failing)
	}
	mu.Lock()
	mended = true
	mu.Unlock()
	waitFor(t, "the last hook", func() bool { return note().HooksDone == 0 })
	waitFor(
		t, "the end of the trouble", func() bool { _, failing := trouble(); return failing == 0 },
	)
	if count(1) != 1 || count(2) != 1 {
		t.Errorf("hooks ran %d and %d times", count(1), count(2))
	}
}
