package drain_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/outputs/overflow"
)

// pause ends the Drain, and nothing else.
func (r *rig) pause() {
	r.t.Helper()
	r.cancel()
	if err := <-r.errc; !errors.Is(err, context.Canceled) {
		r.t.Fatal(err)
	}
}

// resume has the output drain a log again.
func (r *rig) resume(log record.Log) {
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(r.t.Context())
	go func() { r.errc <- r.d.Drain(ctx, log) }()
}

// hold has the destination take nothing of origin-0, and delivers the rest of what fits into the
// window.
func (r *rig) hold() {
	for range 5 {
		r.dest.SetJudge(func(rec *record.Record) error {
			if strings.HasPrefix(string(rec.Value), "origin-0 ") {
				return errors.New("no leader")
			}
			return nil
		})
		r.g.fill(r.log, 200, 4, 5)
		time.Sleep(10 * time.Second)
		if pos, _ := r.log.Committed(); int64(r.dest.Count()) > pos {
			return
		}
		// That was refused before anything behind it was tried.
		r.dest.SetJudge(nil)
		time.Sleep(time.Minute)
	}
	r.t.Fatalf("nothing is ahead of what %d records stand before", r.dest.Count())
}

// What was delivered behind something that is held up is not sent again by the next Drain.
func TestPauseWhileOneIsHeldUp(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.c.Failover.After = time.Hour
		r.start()
		r.hold()
		for range 2 {
			r.pause()
			r.resume(r.log.Owner())
			time.Sleep(10 * time.Second)
		}
		r.pause()
		r.dest.SetJudge(nil)
		r.resume(r.log.Owner())
		r.finish()
		if n := r.check(true); n > 0 {
			t.Errorf("%d repeats", n)
		}
	})
}

// An object of which a part had been brought back is gone on with where that was cut short.
func TestPauseDuringReplay(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		r := newRig(t, async)
		r.c.Failover.After, r.c.Failover.ObjectSize = 2*time.Second, 4000
		r.c.Window.Batches = 4
		r.start()
		r.dest.SetDown(true)
		r.feed(20 * time.Second)
		r.dest.SetLatency(func() time.Duration { return 50 * time.Millisecond })
		r.dest.SetDown(false)
		for r.state() != overflow.StateReplay {
			time.Sleep(10 * time.Millisecond)
		}
		for range 3 {
			time.Sleep(700 * time.Millisecond)
			if r.pause(); len(r.waiting()) == 0 {
				t.Fatal("too little waits for the test to mean anything")
			}
			r.resume(r.log.Owner())
		}
		time.Sleep(time.Minute)
		r.finish()
		if n := r.check(true); n > 0 {
			t.Errorf("%d repeats", n)
		}
	})
}

// filtered is a log as filters of this name leave it.
type filtered struct {
	*outputtest.LogOwner
	by string
}

func (f filtered) Fingerprint() string { return f.by }

// What was delivered of another log of the same name, or of this one through other filters, says
// nothing about what there is to deliver.
func TestAnotherLogOfTheName(t *testing.T) {
	for what, next := range map[string]func(*outputtest.MemLog) (*outputtest.MemLog, string){
		"buffer": func(l *outputtest.MemLog) (*outputtest.MemLog, string) {
			return outputtest.NewMemLog(l.Owner().Name()), ""
		},
		"filters": func(l *outputtest.MemLog) (*outputtest.MemLog, string) { return l, "others" },
	} {
		t.Run(what, func(t *testing.T) {
			both(t, func(t *testing.T, async bool) {
				r := newRig(t, async)
				r.c.Failover.After = time.Hour
				r.start()
				r.hold()
				r.pause()
				var by string
				r.log, by = next(r.log)
				before := r.dest.Count()
				r.dest.SetJudge(nil)
				r.g.fill(r.log, 200, 4, 5)
				pos, _ := r.log.Committed()
				r.resume(filtered{r.log.Owner(), by})
				r.finish()
				if n := int64(r.dest.Count() - before); n != r.log.End()-pos {
					t.Errorf("%d delivered of %d", n, r.log.End()-pos)
				}
			})
		})
	}
}
