package spool

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A store that takes what it is sent and says nothing is told while it is waited for, and not once
// the client has tried three times, and since then.
func TestUploadThatDoesNotEndIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, topic := newMemStore(), newTopic("app", 0)
		hangs := true
		s.put = func(_ string, do func() error) error {
			if hangs {
				time.Sleep(3 * time.Minute)
				return errors.New("i/o timeout")
			}
			return do()
		}
		topic.produce(10, hourly(0, 1))
		a := testArchiver(t, s, func(c *Config) { c.Roll = RollConfig{Age: 10 * time.Second} })
		done := make(chan error, 1)
		began := time.Now()
		go func() { done <- a.Drain(t.Context(), topic.own(10)) }()
		want := func(want string) {
			t.Helper()
			since, what, do := a.Failing()
			if since.IsZero() != (want == "") || !strings.Contains(what, want) ||
				want != "" && (do == "" || since.Sub(began) > 15*time.Second) {
				t.Errorf("after %s: fails since %v: %q, do %q", time.Since(began), since, what, do)
			}
		}
		time.Sleep(25 * time.Second)
		want("")
		time.Sleep(10 * time.Second)
		want("does not end")
		time.Sleep(3 * time.Minute)
		want("i/o timeout")
		hangs = false
		time.Sleep(6 * time.Minute)
		want("")
		topic.seal()
		if err := <-done; err != nil {
			t.Error(err)
		}
		checkOnce(t, s, nil, topic)
	})
}

func TestUploadsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var u underway
		still, slow := u.hand("still", patience), u.hand("slow", patience)
		durable := u.hand("durable", 100*time.Second)
		time.Sleep(patience - time.Nanosecond)
		slow.move() // a part of it is sent
		time.Sleep(time.Nanosecond)
		if since, what, _ := u.overdue(time.Now()); what != "still" ||
			time.Since(since) != patience {
			t.Errorf("%q since %v", what, since)
		}
		still.end(errors.New("broken"))
		if since, what, failed := u.overdue(time.Now()); !since.IsZero() || failed.IsZero() {
			t.Errorf("%q since %v, failed %v", what, since, failed)
		}
		time.Sleep(patience - 2*time.Nanosecond)
		if since, what, _ := u.overdue(time.Now()); !since.IsZero() {
			t.Errorf("%q since %v", what, since)
		}
		slow.end(nil)
		time.Sleep(100 * time.Second)
		if _, what, failed := u.overdue(time.Now()); what != "durable" || !failed.IsZero() {
			t.Errorf("%q, failed %v", what, failed)
		}
		durable.end(nil)
		if since, _, failed := u.overdue(time.Now()); !since.IsZero() || !failed.IsZero() {
			t.Errorf("since %v, failed %v", since, failed)
		}
	})
}

// An object that goes out slowly is no store that hangs: what is read of it tells.
func TestSlowUploadIsNotTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var u underway
		o := &object{c: &cut{}, upload: u.hand("slow", patience)}
		o.add(extent{n: 100, mem: make([]byte, 100)})
		for at := range 100 {
			time.Sleep(patience / 2)
			if _, err := o.ReadAt(make([]byte, 1), int64(at)); err != nil {
				t.Fatal(err)
			}
			if since, _, _ := u.overdue(time.Now()); !since.IsZero() {
				t.Fatalf("after %d reads: since %v", at, since)
			}
		}
	})
}
