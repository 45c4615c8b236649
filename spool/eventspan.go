package spool

import (
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// eventSpan is from the oldest to the newest event of a cut, in nanoseconds; 0 if no time is known.
type eventSpan struct{ oldest, newest int64 }

// add takes a record into account: by the time that it says it is of, otherwise by its own.
func (s *eventSpan) add(r *record.Record, event eventTime) {
	at := r.Time
	if event.known {
		at = event.ns
	} else if _, beyond := r.Beyond(); beyond {
		return
	}
	if at <= 0 {
		return
	}
	if s.oldest == 0 || at < s.oldest {
		s.oldest = at
	}
	s.newest = max(s.newest, at)
}

// observe notes how old the events are now; those that are yet to come, as by another host's clock,
// have no age.
func (s *eventSpan) observe(h *prometheus.HistogramVec, now time.Time) {
	if s.oldest == 0 {
		return
	}
	for name, at := range map[string]int64{"oldest": s.oldest, "newest": s.newest} {
		age := max(now.Sub(time.Unix(0, at)), 0)
		h.WithLabelValues(name).Observe(age.Seconds())
	}
}
