package spool

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

// The age of events is that at the commit of their cut: by the field that says their time, or by
// the record's own.
func TestAgeOfEventsAtTheCommit(t *testing.T) {
	t.Parallel()
	for field, oldest := range map[string]float64{"ts": 70, "": 50} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Hour) // what is before 2000 is no event time
			s, topic := newMemStore(), newTopic("app", 0)
			a := testArchiver(t, s, func(c *Config) {
				c.Roll = RollConfig{Size: 1 << 30, Age: 24 * time.Hour}
				c.Time.Field = field
			})
			done := make(chan error, 1)
			go func() { done <- a.Drain(t.Context(), topic.own(10)) }()
			now := time.Now()
			topic.produce(2, func(i int64) (time.Time, string) {
				event := now.Add(-time.Duration(i) * 60 * time.Second).UTC().Format(time.RFC3339)
				return now.Add(-time.Duration(i) * 40 * time.Second), fmt.Sprintf(`{"ts":%q}`, event)
			})
			time.Sleep(10 * time.Second)
			if n := testutil.CollectAndCount(a.metrics.eventAge); n != 0 {
				t.Errorf("%d ages are known before the commit", n)
			}
			a.Flush()
			topic.seal()
			if err := <-done; err != nil {
				t.Error(err)
			}
			for event, want := range map[string]float64{"oldest": oldest, "newest": 10} {
				var m dto.Metric
				h := a.metrics.eventAge.WithLabelValues(event).(prometheus.Histogram)
				if err := h.Write(&m); err != nil {
					t.Fatal(err)
				}
				n, sum := m.GetHistogram().GetSampleCount(), m.GetHistogram().GetSampleSum()
				if n != 1 || sum < want || sum > want+1 {
					t.Errorf("field %q, %s: %d of %v s, want 1 of %v", field, event, n, sum, want)
				}
			}
		})
	}
}
