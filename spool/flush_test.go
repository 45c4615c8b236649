package spool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A flush has what is open archived, long before a roll policy would, and nothing that comes after
// it.
func TestFlushArchivesWhatIsOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, topic := newMemStore(), newTopic("app", 0)
		cfg := func(c *Config) { c.Roll = RollConfig{Size: 1 << 30, Age: 24 * time.Hour} }
		a := testArchiver(t, s, cfg)
		done := make(chan error, 1)
		go func() { done <- a.Drain(t.Context(), topic.own(10)) }()
		a.Flush() // of nothing
		topic.produce(5, hourly(0, 2))
		time.Sleep(10 * time.Second)
		wantPos(t, topic, 0, "before the flush")
		a.Flush()
		time.Sleep(10 * time.Second)
		wantPos(t, topic, 5, "after the flush")
		topic.produce(5, hourly(0, 2))
		time.Sleep(10 * time.Second)
		wantPos(t, topic, 5, "what came later")
		topic.seal()
		if err := <-done; err != nil {
			t.Error(err)
		}
		checkOnce(t, s, nil, topic)
	})
}

// What a flush was asked for is told as left until it is archived, whatever is read meanwhile, and
// as refused once the store has refused it again.
func TestFlushTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, topic := newMemStore(), newTopic("app", 0)
		var refuses, hangs, later atomic.Bool
		s.put = func(key string, do func() error) error {
			for hangs.Load() || later.Load() && strings.Contains(key, "0012.") {
				time.Sleep(time.Second)
			}
			if refuses.Load() {
				return fmt.Errorf("%w: 403", ErrRefused)
			}
			return do()
		}
		a := testArchiver(t, s, func(c *Config) { c.Roll = RollConfig{Size: 1 << 30, Age: time.Hour} })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Drain(ctx, topic.own(10)) }()
		want := func(when string, f *Flushed, waiting, released int64, refused bool) {
			t.Helper()
			if w, r := f.Left(); w != waiting || r != released || f.Refused() != refused {
				t.Errorf("%s: %d wait, %d are released, refused %v", when, w, r, f.Refused())
			}
		}
		produce := func(n int) {
			topic.produce(n, hourly(0, 2))
			time.Sleep(2 * time.Second)
		}
		want("nothing is open", a.Flush(), 0, 0, false)
		hangs.Store(true)
		produce(5)
		first := a.Flush()
		want("asked", first, 5, 0, false)
		time.Sleep(2 * time.Second)
		produce(7)
		second := a.Flush()
		want("what came later is none of it", first, 5, 0, false)
		want("the second", second, 12, 0, false)
		later.Store(true)
		hangs.Store(false)
		time.Sleep(2 * time.Second)
		want("stored while what came later is not", first, 0, 0, false)
		refuses.Store(true)
		later.Store(false)
		time.Sleep(2 * time.Second)
		want("refused", second, 7, 0, true)
		third := a.Flush()
		want("refused before it was asked", third, 7, 0, false)
		time.Sleep(time.Minute)
		want("refused again", third, 7, 0, true)
		refuses.Store(false)
		time.Sleep(time.Minute)
		want("stored", third, 0, 0, false)
		wantPos(t, topic, 12, "both")
		hangs.Store(true)
		produce(3)
		last := a.Flush()
		time.Sleep(2 * time.Second)
		stop()
		hangs.Store(false)
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		want("ended", last, 0, 3, false)
	})
}
