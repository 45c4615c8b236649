package drain_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
)

// While one source is refused and the others are taken, the output is failing all the time, and
// says so once: each success was told as the end of the trouble, and each further try as a new one.
func TestPartThatFailsIsToldAsOneTrouble(t *testing.T) {
	both(t, func(t *testing.T, async bool) {
		f, dest, log := newFixture(t, "output.test.a"), outputtest.NewDest(),
			outputtest.NewMemLog("log")
		dest.SetBefore(func(b *record.Batch) error {
			if b.Origin == "origin-0" {
				return errors.New("403 Forbidden")
			}
			return nil
		})
		d := wrap(t, f, dest, async, quick(), drain.Targets{DeadLetter: &memDead{}})
		ctx, cancel := context.WithCancel(t.Context())
		errc := make(chan error, 1)
		go func() { errc <- d.Drain(ctx, log.Owner()) }()
		g := newGen(runtest.Rand(t))
		for g.next["origin-0"] == 0 {
			g.fill(log, 1, 3, 3)
		}
		time.Sleep(100 * time.Millisecond)
		began, well, taken := time.Now(), 0, dest.Count()
		for range 150 {
			g.fill(log, 1, 3, 3)
			time.Sleep(100 * time.Millisecond)
			if s := d.Status(); !s.Failing || s.FailingSince.After(began) {
				well++
			}
		}
		if well > 0 || dest.Count() == taken {
			t.Errorf("said to be well %d times of 150; %d records taken", well, dest.Count()-taken)
		}
		dest.SetBefore(nil)
		time.Sleep(time.Second)
		if pos, _ := log.Committed(); pos != log.End() || d.Status().Failing {
			t.Errorf("%d of %d committed, failing: %v", pos, log.End(), d.Status().Failing)
		}
		cancel()
		if err := <-errc; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		d.Close()
		text := f.logs.String()
		begins, ends := strings.Count(text, "is failing"), strings.Count(text, "works again")
		if begins != 1 || ends != 1 {
			t.Errorf("told to fail %d times, and to work again %d times", begins, ends)
		}
		checkDelivered(t, g.sent, dest.Received(), nil, true)
	})
}
