package spool

import (
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
