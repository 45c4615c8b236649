package deliver

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

var paceBounds = outputs.CommitInterval{
	Shortest: 200 * time.Millisecond,
	Longest:  5 * time.Second,
}

// pacedLog is a log of which only the commits are there: what is added counts as delivered, and
// commits take as long as take does. It lives under a virtual clock.
type pacedLog struct {
	take    func()
	x       *TxnDelivery
	c       *commits
	arrived []time.Time // by position

	mu   sync.Mutex
	last int64 // end of what is in the open transaction
	cuts []pacedCut
}

type pacedCut struct {
	at, committed time.Time
	end           int64
	interval      time.Duration // as it was when the one before was over
}

func newPacedLog(bounds outputs.CommitInterval, take func()) *pacedLog {
	l := &pacedLog{take: take}
	l.x = &TxnDelivery{
		Session: l,
		Pace:    NewCommitPace(bounds, prometheus.NewRegistry()),
		Health:  &Health{},
		Send:    &Sender{},
	}
	l.c = &commits{
		x:    l.x,
		wake: make(chan struct{}, 1),
		e: TxnFlight{
			OnCommit: func(int64) {},
			Position: func(at int64, _ bool) outputs.Position { return outputs.Position{At: at} },
		},
	}
	return l
}

// add delivers a batch of one record.
func (l *pacedLog) add(size int) {
	b := record.FromRecords("app", "", []record.Record{{Value: make([]byte, size)}})
	b.At(int64(len(l.arrived)))
	l.arrived = append(l.arrived, time.Now())
	l.x.Start(context.Background(), b, func(error) { l.c.ack(b.End) })
}

func (l *pacedLog) Start(_ context.Context, b *record.Batch, done func(error)) {
	l.mu.Lock()
	l.last = b.End
	l.mu.Unlock()
	done(nil)
}

func (l *pacedLog) Cut(bool) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := l.last
	l.last = 0
	if end > 0 {
		l.cuts = append(
			l.cuts, pacedCut{at: time.Now(), end: end, interval: l.x.Pace.interval()},
		)
	}
	return end
}

func (l *pacedLog) Commit(context.Context, outputs.Position) error {
	l.take()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts[len(l.cuts)-1].committed = time.Now()
	return nil
}

func (l *pacedLog) Broken() <-chan struct{} { return nil }
func (l *pacedLog) Break()                  {}
func (l *pacedLog) Close() error            { return nil }
func (l *pacedLog) Resolve(context.Context) (outputs.Position, bool, error) {
	return outputs.Position{}, false, nil
}

// Whatever comes and however long commits take: what comes after a pause is committed as soon as
// ever, nothing is held longer than the longest interval, cuts are never closer than the shortest
// nor than the present interval less a quarter, and everything is committed.
func TestCommitsArePaced(t *testing.T) {
	rng := runtest.Rand(t)
	for range runtest.Number(t, "PENSTOCK_HISTORIES", 100) {
		synctest.Test(t, func(t *testing.T) {
			slow := time.Millisecond << rng.IntN(12)
			own := rand.New(rand.NewPCG(rng.Uint64(), 0)) // of the goroutine that commits
			l := newPacedLog(paceBounds, func() {
				d := time.Duration(own.Int64N(int64(slow) + 1))
				if own.IntN(20) == 0 {
					d *= 10
				}
				time.Sleep(d)
			})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- l.c.run(ctx) }()
			for range 100 {
				pause := time.Millisecond << rng.IntN(14)
				time.Sleep(time.Duration(rng.Int64N(int64(pause) + 1)))
				l.add(1 + rng.IntN(1000))
			}
			time.Sleep(2 * time.Minute)
			cancel()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			l.check(t)
		})
	}
}

func (l *pacedLog) check(t *testing.T) {
	t.Helper()
	next, before := int64(0), pacedCut{}
	for _, c := range l.cuts {
		ready := l.arrived[next] // when something was there, and the commit before was over
		if ready.Before(before.committed) {
			ready = before.committed
		}
		held := c.at.Sub(ready)
		switch {
		case held < paceBounds.Shortest || held > paceBounds.Longest:
			t.Fatalf("cut %v after its first record could be", held)
		case ready.Sub(before.at) >= paceBounds.Longest && held != paceBounds.Shortest:
			t.Fatalf("a lone record was held for %v", held)
		case c.at.Sub(before.at) < c.interval*3/4:
			t.Fatalf("cut %v after the one before, at an interval of %v", c.at.Sub(before.at), c.interval)
		}
		next, before = c.end, c
	}
	if next != int64(len(l.arrived)) {
		t.Fatalf("committed up to %d of %d", next, len(l.arrived))
	}
}

// A transaction that holds much does not wait for a stretched interval.
func TestFullTransactionIsCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPacedLog(paceBounds, func() { time.Sleep(time.Second) })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.c.run(ctx) }()
		for range 2000 { // 50 MB a second
			l.add(1 << 10)
			l.x.held.Add(1 << 20)
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
		<-ended
		last, before := l.cuts[len(l.cuts)-1], l.cuts[len(l.cuts)-2]
		if got := last.at.Sub(before.at); last.interval != paceBounds.Longest ||
			got > 2*time.Second {
			t.Errorf("cut %v apart at an interval of %v", got, last.interval)
		}
	})
}

// Many agents that share a coordinator which is too slow for all of them slow down together, until
// commits are quick again, without leaving it idle; and come back once there are few of them.
func TestAgentsSpareASlowCoordinator(t *testing.T) {
	const agents, service = 200, 5 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		coordinator := make(chan struct{}, 1) // a mutex would stop the clock
		done := 0
		var took time.Duration
		take := func() {
			begun := time.Now()
			coordinator <- struct{}{}
			time.Sleep(service)
			done++
			took += time.Since(begun)
			<-coordinator
		}
		few, stopFew := context.WithCancel(t.Context())
		many, stopMany := context.WithCancel(t.Context())
		var logs []*pacedLog
		var wg sync.WaitGroup
		for i := range agents {
			ctx := many
			if i < 5 {
				ctx = few
			}
			l := newPacedLog(paceBounds, take)
			logs = append(logs, l)
			wg.Go(func() { _ = l.c.run(ctx) })
			wg.Go(func() {
				for ctx.Err() == nil {
					l.add(100)
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		span := func(d time.Duration) (used float64, mean time.Duration) {
			coordinator <- struct{}{}
			done, took = 0, 0
			<-coordinator
			time.Sleep(d)
			coordinator <- struct{}{}
			defer func() { <-coordinator }()
			return float64(time.Duration(done)*service) / float64(d), took / time.Duration(done)
		}
		time.Sleep(time.Minute)
		for range 5 {
			used, mean := span(5 * time.Second)
			t.Logf("used to %.2f, commits take %v", used, mean)
			if used < 0.8 || mean > 200*time.Millisecond {
				t.Errorf("used to %.2f, commits take %v", used, mean)
			}
		}
		stopMany()
		time.Sleep(time.Minute)
		_, mean := span(5 * time.Second)
		if mean > 4*service {
			t.Errorf("with few agents commits take %v", mean)
		}
		for _, l := range logs[:5] {
			if at := gaugeOf(t, l.x.Pace); at != paceBounds.Shortest {
				t.Errorf("with few agents the interval is %v", at)
			}
		}
		stopFew()
		wg.Wait()
	})
}

// Many agents that bring short objects back, each of which ends with a commit, spare a coordinator
// that they share, too.
func TestReplaysSpareASlowCoordinator(t *testing.T) {
	const agents, service = 200, 5 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		coordinator := make(chan struct{}, 1)
		var done int
		var took time.Duration
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range agents {
			send := &Sender{Closer: io.NopCloser(nil)}
			send.Init(nil, outputs.DefaultCommon(), outputs.Env{
				Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
			}, nil)
			s := &takingSession{commit: func() error {
				begun := time.Now()
				coordinator <- struct{}{}
				time.Sleep(service)
				done++
				took += time.Since(begun)
				<-coordinator
				return nil
			}}
			x := &TxnDelivery{
				Session: s, Send: send, Health: &Health{}, OnStraggler: func(chan struct{}) {},
				Pace: NewCommitPace(paceBounds, prometheus.NewRegistry()),
			}
			wg.Go(func() {
				for ctx.Err() == nil {
					s.end = 0
					_ = x.Fly(ctx, TxnFlight{
						Source: &twoBatches{}, OnCommit: func(int64) {},
						Position: func(at int64, _ bool) outputs.Position {
							return outputs.Position{At: at, Ended: true}
						},
					})
				}
			})
		}
		time.Sleep(time.Minute)
		for range 5 {
			coordinator <- struct{}{}
			done, took = 0, 0
			<-coordinator
			time.Sleep(5 * time.Second)
			coordinator <- struct{}{}
			used, mean := float64(time.Duration(done)*service)/5e9, took/time.Duration(done)
			<-coordinator
			t.Logf("used to %.2f, commits take %v", used, mean)
			if used < 0.8 || mean > 200*time.Millisecond {
				t.Errorf("used to %.2f, commits take %v", used, mean)
			}
		}
		stop()
		wg.Wait()
	})
}

func gaugeOf(t *testing.T, p *CommitPace) time.Duration {
	t.Helper()
	var m dto.Metric
	if err := p.present.Write(&m); err != nil {
		t.Fatal(err)
	}
	return time.Duration(m.GetGauge().GetValue() * float64(time.Second)).Round(time.Millisecond)
}
