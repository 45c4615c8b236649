package spool

import (
	"context"
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

	"github.com/penstock/penstock/spool/hook"
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
	topics[1].produce(1, at(1, day.Add(time.Hour+30*time.Second))) // past the hour, not past the grace
	waitFor(t, "the commits", all)
	if m := markers(s); len(m) != 0 {
		t.Fatalf("marked %v within the grace", m)
	}
	topics[1].produce(1, at(1, day.Add(time.Hour+2*time.Minute)))
	waitFor(t, "the marker", func() bool { return len(markers(s)) > 0 })
	if m := markers(s); !slices.Equal(m, []string{"app/dt=2026-03-01/hr=00"}) {
		t.Fatalf("marked %v", m)
	}
	waitFor(t, "the hook's second call", func() bool { mu.Lock(); defer mu.Unlock(); return len(calls) > 1 })
	// Another member takes over: what was not told yet is told by it, what was is not told again for ever.
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
		return strings.Contains(note, fmt.Sprintf(`"done":%d`, day.Add(time.Hour).UnixMilli()))
	})
	mu.Lock()
	if len(calls) == 0 || !strings.Contains(calls[0], `"location":"s3://lake/x/app/dt=2026-03-01/hr=00/"`) || !strings.Contains(calls[0], `"values":["2026-03-01","00"]`) {
		t.Errorf("hook calls: %v", calls)
	}
	mu.Unlock()
	stop2()
	wg.Wait()
	checkOnce(t, s, nil, topics...)
}

// A partition without data must not keep the others' hours open for ever.
func TestIdlePartitionDoesNotHoldUpCompleteness(t *testing.T) {
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
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(1, func(o int64) (time.Time, string) { return day, `{"id":0,"ts":"2026-03-01T00:10:00Z"}` })
	topic.produce(1, func(o int64) (time.Time, string) { return day, `{"id":1,"ts":"2033-01-01T00:00:00Z"}` })
	a := testArchiver(t, s, func(c *Config) { c.Time.Field = "ts" })
	topic.seal()
	if err := a.Drain(t.Context(), topic.own(10)); err != nil {
		t.Fatal(err)
	}
	if _, note := topic.committed(); !strings.Contains(note, fmt.Sprintf(`"wm":%d`, day.Add(10*time.Minute).UnixMilli())) {
		t.Errorf("note %s", note)
	}
	checkOnce(t, s, nil, topic)
}
