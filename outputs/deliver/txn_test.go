package deliver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/prometheus/client_golang/prometheus"
)

// cutSession is a Session of which only Cut and Commit are used.
type cutSession struct {
	cut       func(empty bool) int64
	committed chan outputs.Position
}

func (s *cutSession) Start(context.Context, *record.Batch, func(error)) {}
func (s *cutSession) Resolve(context.Context) (outputs.Position, bool, error) {
	return outputs.Position{}, false, nil
}
func (s *cutSession) Broken() <-chan struct{} { return nil }
func (s *cutSession) Cut(empty bool) int64    { return s.cut(empty) }
func (s *cutSession) Commit(_ context.Context, p outputs.Position) error {
	s.committed <- p
	return nil
}
func (s *cutSession) Break()       {}
func (s *cutSession) Close() error { return nil }

func fixedPace(every time.Duration) *CommitPace {
	return NewCommitPace(
		outputs.CommitInterval{Shortest: every, Longest: every}, prometheus.NewRegistry(),
	)
}

// What is delivered in a transaction that is still open is not taken for committed, however quickly
// it comes after a Cut that found nothing.
func TestEmptyCutPassesOnlyWhatWasBeforeIt(t *testing.T) {
	done := make(chan int64, 10)
	s := &cutSession{committed: make(chan outputs.Position, 10)}
	c := &commits{
		x: &TxnDelivery{
			Session: s,
			Pace:    fixedPace(time.Millisecond),
			Health:  &Health{},
			Send:    &Sender{},
		},
		wake: make(chan struct{}, 1),
		e: TxnFlight{
			OnCommit: func(at int64) { done <- at },
			Position: func(at int64, _ bool) outputs.Position { return outputs.Position{At: at} },
		},
	}
	cuts := 0
	s.cut = func(bool) int64 {
		if cuts++; cuts == 1 {
			c.ack(20) // a batch is started and delivered before whoever cuts goes on
			return 0
		}
		return 20
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.run(ctx) }()
	c.ack(10) // records that were filtered out
	if at := <-done; at != 10 {
		t.Errorf("%d is taken for committed, 10 is", at)
	}
	if p := <-s.committed; p.At != 20 {
		t.Errorf("committed %d, want 20", p.At)
	}
	if at := <-done; at != 20 {
		t.Errorf("%d is taken for committed, 20 is", at)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A position that does not move is committed now and then all the same: brokers forget it after
// some days.
func TestIdlePositionIsKeptAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &cutSession{committed: make(chan outputs.Position, 1000)}
		started := int64(0) // where the batches in the open transaction end
		s.cut = func(empty bool) int64 {
			end := started
			started = 0
			if end == 0 && !empty {
				t.Error("a transaction was cut though nothing was in it")
			}
			return end
		}
		var done []int64
		c := &commits{
			x: &TxnDelivery{
				Session: s,
				Pace:    fixedPace(200 * time.Millisecond),
				Health:  &Health{},
				Send:    &Sender{},
			},
			wake: make(chan struct{}, 1),
			e: TxnFlight{
				OnCommit: func(at int64) { done = append(done, at) },
				Position: func(at int64, _ bool) outputs.Position { return outputs.Position{At: at} },
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.run(ctx) }()
		started = 7
		c.ack(7)
		time.Sleep(time.Second)
		if n := len(s.committed); n != 1 {
			t.Fatalf("%d commits of one batch", n)
		}
		time.Sleep(7 * 24 * time.Hour)
		n := len(s.committed)
		if n < 7*24 || n > 7*24+1 {
			t.Errorf("%d commits within a week", n-1)
		}
		for range n {
			if p := <-s.committed; p.At != 7 {
				t.Fatalf("committed %d, want 7", p.At)
			}
		}
		synctest.Wait()
		started = 9
		c.ack(9)
		time.Sleep(time.Second)
		synctest.Wait()
		if p := <-s.committed; p.At != 9 || done[len(done)-1] != 9 {
			t.Errorf("committed %d and told %v, want 9", p.At, done)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
