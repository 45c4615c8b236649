package spool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// askedStore is a memStore that says whether it would take an object.
type askedStore struct {
	*memStore

	mu    sync.Mutex
	err   error // that it answers with
	asked []string
}

func (s *askedStore) Try(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, key)
	return s.err
}

// answer makes the store answer with err, and returns what it was asked since the last time.
func (s *askedStore) answer(err error) (asked []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, s.asked, s.err = s.asked, nil, err
	return asked
}

// testTrial drains a topic, which nothing is in yet, into a store that answers with err. Cuts are
// made by flush alone.
func testTrial(
	t *testing.T, err error, do func(s *askedStore, topic *memTopic, a *Archiver),
) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, topic := &askedStore{memStore: newMemStore(), err: err}, newTopic("app", 0)
		a := testArchiver(t, s, func(c *Config) { c.Roll = RollConfig{Size: 1 << 30} })
		done := make(chan error, 1)
		go func() { done <- a.Drain(t.Context(), topic.own(10)) }()
		do(s, topic, a)
		topic.seal()
		if err := <-done; err != nil {
			t.Error(err)
		}
		checkOnce(t, s.memStore, nil, topic)
	})
}

func wantStore(t *testing.T, a *Archiver, want, when string) {
	t.Helper()
	since, why, do := a.StoreFailing()
	if since.IsZero() != (want == "") || want != "" && (!strings.Contains(why, want) || do == "") {
		t.Errorf("%s it fails since %v: %q, to do: %q; want %q", when, since, why, do, want)
	}
}

var errNoKey = fmt.Errorf("put: %w: 403 InvalidAccessKeyId", ErrRefused)
var errMayNot = fmt.Errorf("put: %w: %w: 403 AccessDenied", ErrRefused, ErrDenied)

// A store that would take nothing is told within a minute of the start, long before the first cut,
// and until it is well.
func TestStoreIsAskedAtTheStart(t *testing.T) {
	testTrial(t, errNoKey, func(s *askedStore, topic *memTopic, a *Archiver) {
		time.Sleep(30 * time.Second)
		wantStore(t, a, "InvalidAccessKeyId", "at the start")
		if stuck := a.Stuck(); len(stuck) > 0 {
			t.Errorf("nothing is stuck yet: %q", stuck)
		}
		s.answer(nil)
		time.Sleep(time.Minute)
		wantStore(t, a, "", "mended")
		s.answer(nil)
		time.Sleep(time.Hour)
		if n := len(s.answer(errNoKey)); n < 4 || n > 8 {
			t.Errorf("asked %d times in an hour", n)
		}
		time.Sleep(2 * TryEvery)
		wantStore(t, a, "InvalidAccessKeyId", "later")
	})
}

// What is denied where no object goes is no failure: credentials may be for some paths alone.
func TestStoreIsAskedForAPathOfRecords(t *testing.T) {
	testTrial(t, errMayNot, func(s *askedStore, topic *memTopic, a *Archiver) {
		time.Sleep(time.Hour)
		wantStore(t, a, "", "without records")
		s.answer(errMayNot)
		topic.produce(5, hourly(0, 1))
		time.Sleep(10 * time.Second)
		wantStore(t, a, "AccessDenied", "with records")
		if key := s.answer(nil)[0]; !strings.HasPrefix(key, "app/") {
			t.Errorf("asked for %s", key)
		}
		time.Sleep(time.Minute)
		wantStore(t, a, "", "mended")
	})
}

// Objects are put although the store denies it when asked: it is not believed any more. One that
// takes objects is not asked.
func TestStoreThatTakesObjectsIsNotAsked(t *testing.T) {
	for _, err := range []error{errMayNot, errors.New("503"), nil} {
		t.Run(fmt.Sprint(err), func(t *testing.T) {
			testTrial(t, err, func(s *askedStore, topic *memTopic, a *Archiver) {
				for i := range 10 {
					topic.produce(5, hourly(0, 1))
					time.Sleep(10 * time.Second)
					a.Flush()
					time.Sleep(4 * time.Minute)
					wantStore(t, a, "", "with objects that were put")
					if n := len(s.answer(err)); i > 0 && n > 0 {
						t.Errorf("asked %d times", n)
					}
				}
			})
		})
	}
}

// A store that does not tell is left in peace.
func TestStoreThatDoesNotTell(t *testing.T) {
	testTrial(t, ErrUntold, func(s *askedStore, topic *memTopic, a *Archiver) {
		topic.produce(5, hourly(0, 1))
		time.Sleep(time.Hour)
		wantStore(t, a, "", "untold")
		if n := len(s.answer(nil)); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}
