package deliver

import (
	"context"
	"errors"
	"io"
	"log/slog"
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

// twoBatches is a source of two batches, of three records and of two.
type twoBatches struct{ next int }

func (s *twoBatches) Next(context.Context) (*record.Batch, error) {
	sizes := []int{3, 2}
	if s.next == len(sizes) {
		return nil, io.EOF
	}
	recs := make([]record.Record, sizes[s.next])
	for i := range recs {
		recs[i] = record.Record{
			Offset: int64(3*s.next + i), Time: time.Now().UnixNano(), Value: []byte("abc"),
		}
	}
	s.next++
	return record.FromRecords("t", "o", recs), nil
}

// takingSession takes what is started at once, and commits it as commit says.
type takingSession struct {
	cutSession
	end    int64
	commit func() error
}

func (s *takingSession) Start(_ context.Context, b *record.Batch, done func(error)) {
	s.end = b.End
	done(nil)
}
func (s *takingSession) Cut(bool) int64                                 { return s.end }
func (s *takingSession) Commit(context.Context, outputs.Position) error { return s.commit() }

// What a transaction held that is given up is counted once it is committed, and once; and what it
// took counts until then.
func TestOnlyWhatIsCommittedIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		send := &Sender{Closer: io.NopCloser(nil)}
		send.Init(nil, outputs.DefaultCommon(), outputs.Env{
			Metrics: reg, Log: slog.New(slog.DiscardHandler),
		}, nil)
		s := &takingSession{}
		x := &TxnDelivery{
			Session: s, Send: send, Pace: fixedPace(time.Second), Health: &Health{},
			OnStraggler: func(chan struct{}) {},
		}
		fly := func(commit func() error) error {
			s.commit, s.end = commit, 0
			return x.Fly(t.Context(), TxnFlight{
				Source:   &twoBatches{},
				OnCommit: func(int64) {},
				Position: func(at int64, _ bool) outputs.Position { return outputs.Position{At: at} },
			})
		}
		expect := func(when string, records int, latencies uint64) {
			t.Helper()
			got, bytes := 0.0, 0.0
			all, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range all {
				switch m := f.GetMetric()[0]; f.GetName() {
				case "penstock_output_records_total":
					got = m.GetCounter().GetValue()
				case "penstock_output_bytes_total":
					bytes = m.GetCounter().GetValue()
				case "penstock_output_delivery_seconds", "penstock_output_event_age_seconds":
					h := m.GetHistogram()
					if h.GetSampleCount() != latencies {
						t.Errorf("%s: %d in %s", when, h.GetSampleCount(), f.GetName())
					}
					if latencies > 0 && h.GetSampleSum() < float64(latencies) {
						t.Errorf("%s: %s is %v", when, f.GetName(), h.GetSampleSum())
					}
				}
			}
			if int(got) != records || (bytes > 0) != (records > 0) {
				t.Errorf("%s: %v records and %v bytes, want %d", when, got, bytes, records)
			}
		}
		given := func() error { time.Sleep(time.Second); return errors.New("given up") }
		for range 2 {
			if err := fly(given); !errors.Is(err, ErrAborted) {
				t.Fatal(err)
			}
			expect("given up", 0, 0)
		}
		x.Settle(3)
		expect("after it turned out that the first batch was committed", 3, 1)
		if err := fly(func() error { time.Sleep(time.Second); return nil }); err != io.EOF {
			t.Fatal(err)
		}
		expect("committed", 3+5, 1+2)
	})
}
