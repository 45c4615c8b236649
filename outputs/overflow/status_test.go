package overflow

import (
	"testing"
	"time"

	"github.com/penstock/penstock/spool"
	"github.com/prometheus/client_golang/prometheus"
)

// Before the store is asked nothing is known of what waits there: that is not told as no objects.
func TestWhatIsNotKnownIsNotToldAsNothing(t *testing.T) {
	s := &overflowStatus{m: NewOverflowMetrics(prometheus.NewRegistry())}
	if _, attrs := s.waiting(); len(attrs) != 0 {
		t.Errorf("nothing is known: %v", attrs)
	}
	s.add(spool.Object{Key: "x/00000000000000000000-00000000000000000010.0.ndjson.zst"}, time.Time{})
	if _, attrs := s.waiting(); len(attrs) != 4 || attrs[1] != int64(1) {
		t.Errorf("one object: %v", attrs)
	}
}
