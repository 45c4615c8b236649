package framing

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/prometheus/client_golang/prometheus"
)

// What the kernel dropped is told for a minute, second by second, and since when it goes on.
func TestDropsAreToldForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewKernelDrops(
			prometheus.NewCounter(prometheus.CounterOpts{Name: "dropped"}),
			fault.NewThrottledLog(slog.New(slog.DiscardHandler)),
		)
		want := func(count int64, since time.Time) {
			t.Helper()
			if got := d.Dropped(); got.Count != count || !got.Since.Equal(since) ||
				(count > 0) != (got.Of != "" && got.Why != "" && got.Do != "") {
				t.Errorf("%+v, want %d since %v", got, count, since)
			}
		}
		want(0, time.Time{})
		first := time.Now()
		d.add(3)
		d.add(4)
		want(7, first)
		time.Sleep(40 * time.Second)
		d.add(10)
		want(17, first)
		time.Sleep(20 * time.Second)
		want(10, first)
		time.Sleep(39 * time.Second)
		want(10, first)
		time.Sleep(time.Second)
		want(0, time.Time{})
		again := time.Now()
		d.add(1)
		want(1, again)
	})
}
