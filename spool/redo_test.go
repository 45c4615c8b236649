package spool

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// faulty makes the first attempt at each key fail, and the second one succeed without the caller
// learning of it.
func faulty() func(key string, do func() error) error {
	var mu sync.Mutex
	attempts := map[string]int{}
	return func(key string, do func() error) error {
		mu.Lock()
		attempts[key]++
		n := attempts[key]
		mu.Unlock()
		switch n {
		case 1:
			return errTimeout
		case 2:
			_ = do() // the answer is lost
			return errTimeout
		}
		return do()
	}
}

// The store fails again and again while a cut is made again: each object still comes to be as its
// first owner would have made it.
func TestRedoWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(3_000, hourly(0, 6))
	interrupt(t, s, topic, 3, nil)
	before := map[string]string{}
	for _, key := range s.keys() {
		before[key] = string(s.objs[key].data)
	}
	s.put = faulty()
	a := drainAll(t, s, topic, 31, nil)
	if redos, retries := value(
		a.metrics.redos,
	), value(
		a.metrics.uploadRetries,
	); redos != 1 ||
		retries < 12 {
		t.Errorf("%v redos, %v uploads tried again", redos, retries)
	}
	checkOnce(t, s, nil, topic)
	for key, data := range before {
		if string(s.objs[key].data) != data {
			t.Errorf("%s has other bytes than its first owner gave it", key)
		}
	}
}

// A cut of many paths, of which some are large, is made again with the same bytes by one who has
// less memory and reads other batches.
func TestRedoOfManyPathsInLessMemory(t *testing.T) {
	t.Parallel()
	const records, paths = 20_000, 600
	for _, roomy := range []int64{4 << 20, 64 << 20} {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(records, func(o int64) (time.Time, string) {
			path, pad := fmt.Sprint(o*7919%paths), 100
			if o%5 == 0 {
				path, pad = fmt.Sprint("large", o%3), 1_500
			}
			more := strings.Repeat(fmt.Sprint(o), pad/5)
			return day, fmt.Sprintf(`{"id":%d,"p":0,"path":"%s","more":"%s"}`, o, path, more)
		})
		change := func(memory int64) func(*Config) {
			return func(c *Config) {
				c.Path = mustTemplate(`${topic}/${field.path}`)
				c.Roll, c.Spool.Memory = RollConfig{Records: records}, memory
			}
		}
		interrupt(t, s, topic, 100, change(roomy))
		before := map[string]string{}
		for _, key := range s.keys() {
			before[key] = string(s.objs[key].data)
		}
		if len(before) != 100 {
			t.Fatalf("%d objects", len(before))
		}
		s.put = func(key string, do func() error) error {
			defer func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				if data, ok := before[key]; ok && string(s.objs[key].data) != data {
					t.Errorf("%s has other bytes than its first owner gave it", key)
				}
			}()
			return do()
		}
		a := drainAll(t, s, topic, 33, change(5<<20))
		if value(a.metrics.redos) != 1 || value(a.metrics.spills) == 0 {
			t.Errorf("%v redos, %v spills", value(a.metrics.redos), value(a.metrics.spills))
		}
		checkOnce(t, s, nil, topic)
	}
}

// The same when retention has taken part of the cut: what was stored whole stays, and an upload
// whose answer was lost counts.
func TestIncompleteRedoWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(3_000, hourly(0, 6))
	interrupt(t, s, topic, 3, nil)
	before := map[string]string{}
	for _, key := range s.keys() {
		before[key] = string(s.objs[key].data)
	}
	topic.retain(500)
	s.put = faulty()
	a := drainAll(t, s, topic, 31, nil)
	if missing := value(a.metrics.missing); missing != 500 {
		t.Errorf("%v records missing", missing)
	}
	checkOnce(t, s, func(_ *memTopic, offset int64) bool { return offset < 500 }, topic)
	for key, data := range before {
		if string(s.objs[key].data) != data {
			t.Errorf("%s was overwritten with less", key)
		}
	}
}

// startLog knows its beginning.
type startLog struct{ refreshLog }

func (l startLog) Start(context.Context) (int64, error) {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	return l.t.start, nil
}

// Compaction takes records of a begun cut, as it should: that is no error, and is told from what
// retention takes.
func TestRedoOfWhatWasCompacted(t *testing.T) {
	t.Parallel()
	for _, compacted := range []bool{true, false} {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(3_000, hourly(0, 6))
		interrupt(t, s, topic, 0, nil)
		if compacted {
			topic.compact(500)
		} else {
			topic.retain(500)
		}
		a := testArchiver(t, s, nil)
		var log bytes.Buffer
		a.env.Log = slog.New(slog.NewTextHandler(&log, nil))
		topic.seal()
		if err := a.Drain(t.Context(), startLog{refreshLog{topic.own(100)}}); err != nil {
			t.Fatal(err)
		}
		if bad := strings.Contains(log.String(), "level=ERROR"); bad == compacted {
			t.Errorf("compacted: %v: %s", compacted, log.String())
		}
		lost, gone := value(a.metrics.missing), value(a.metrics.compacted)
		if want := map[bool][2]float64{true: {0, 500}, false: {500, 0}}[compacted]; lost != want[0] ||
			gone != want[1] {
			t.Errorf("compacted: %v: %v missing, %v compacted", compacted, lost, gone)
		}
		key := s.keys()[0]
		for name, want := range map[string]bool{MetaCutCompact: compacted, MetaCutLost: !compacted} {
			if got := s.objs[key].meta[name]; (got == "500") != want {
				t.Errorf("compacted: %v: %s=%s", compacted, name, got)
			}
		}
	}
}

// What retention took before it was read is told by the cut's objects.
func TestRecordsLostWithinACutAreTold(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(900, hourly(0, 6))
	topic.retain(500)
	drainAll(t, s, topic, 100, nil)
	for _, key := range s.keys() {
		if m := s.objs[key].meta; m[MetaCutLost] != "500" || m[MetaCutRecords] != "400" ||
			m[MetaCutObjects] != "6" {
			t.Errorf("%s: %v", key, m)
		}
	}
}
