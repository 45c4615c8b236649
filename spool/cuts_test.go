package spool

import (
	"testing"
	"testing/synctest"
	"time"
)

// An archiver tells of each log what it collects, since when, what it is storing, and what it has
// stored last; of one that is not archived any more nothing.
func TestCutsAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, topic := newMemStore(), newTopic("app", 0)
		a := testArchiver(t, s, func(c *Config) { c.Roll = RollConfig{Size: 1 << 30, Age: time.Hour} })
		done := make(chan error, 1)
		go func() { done <- a.Drain(t.Context(), topic.own(10)) }()
		began := time.Now()
		topic.produce(5, hourly(0, 2))
		time.Sleep(time.Minute)
		only := func() CutState {
			t.Helper()
			all := a.Cuts()
			if len(all) != 1 {
				t.Fatalf("%+v", all)
			}
			return all[0]
		}
		if c := only(); c.Log != "app/0" || c.Records != 5 || c.Bytes == 0 || !c.Since.Equal(began) ||
			c.Storing != 0 || !c.Stored.IsZero() {
			t.Errorf("while it is filled: %+v", c)
		}
		time.Sleep(2 * time.Hour)
		if c := only(); c.Records != 0 || c.Storing != 0 || c.StoredRecords != 5 ||
			c.StoredObjects == 0 || c.Stored.Sub(began) < time.Hour ||
			c.Stored.Sub(began) > 2*time.Hour {
			t.Errorf("once it is stored: %+v", c)
		}
		topic.seal()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if all := a.Cuts(); len(all) != 0 {
			t.Errorf("at the end: %+v", all)
		}
	})
}
