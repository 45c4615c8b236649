package outputs

import (
	"context"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// cutSession is a Session of which only Cut and Commit are used.
type cutSession struct {
	cut       func() int64
	committed chan Position
}

func (s *cutSession) Start(context.Context, *record.Batch, func(error)) {}
func (s *cutSession) Settle(context.Context) (Position, bool, error)    { return Position{}, false, nil }
func (s *cutSession) Broken() <-chan struct{}                           { return nil }
func (s *cutSession) Cut() int64                                        { return s.cut() }
func (s *cutSession) Commit(_ context.Context, p Position) error        { s.committed <- p; return nil }
func (s *cutSession) Break()                                            {}
func (s *cutSession) Close() error                                      { return nil }

// What is delivered in a transaction that is still open is not taken for committed, however quickly it comes after a Cut that found nothing.
func TestEmptyCutPassesOnlyWhatWasBeforeIt(t *testing.T) {
	done := make(chan int64, 10)
	s := &cutSession{committed: make(chan Position, 10)}
	c := &commits{
		x: &exactly{session: s, every: time.Millisecond, health: &health{}}, wake: make(chan struct{}, 1),
		e: exactFlight{done: func(at int64) { done <- at }, position: func(at int64, _ bool) Position { return Position{At: at} }},
	}
	cuts := 0
	s.cut = func() int64 {
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
