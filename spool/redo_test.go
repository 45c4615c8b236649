package spool

import (
	"sync"
	"testing"
)

// faulty makes the first attempt at each key fail, and the second one succeed without the caller learning of it.
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

// The store fails again and again while a cut is made again: each object still comes to be as its first owner would have made it.
func TestRedoWhileTheStoreFails(t *testing.T) {
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(3_000, hourly(0, 6))
	interrupt(t, s, topic, 3, nil)
	before := map[string]string{}
	for _, key := range s.keys() {
		before[key] = string(s.objs[key].data)
	}
	s.put = faulty()
	a := drainAll(t, s, topic, 31, nil)
	if redos, retries := value(a.metrics.redos), value(a.metrics.uploadRetries); redos != 1 || retries < 12 {
		t.Errorf("%v redos, %v uploads tried again", redos, retries)
	}
	checkOnce(t, s, nil, topic)
	for key, data := range before {
		if string(s.objs[key].data) != data {
			t.Errorf("%s has other bytes than its first owner gave it", key)
		}
	}
}

// The same when retention has taken part of the cut: what was stored whole stays, and an upload whose answer was lost counts.
func TestIncompleteRedoWhileTheStoreFails(t *testing.T) {
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
