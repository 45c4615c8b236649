package overflow

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// overflowMetrics are counted over all logs of an output.
type overflowMetrics struct {
	logs                               *prometheus.GaugeVec
	switches                           *prometheus.CounterVec
	objects, bytes, oldest             prometheus.Gauge
	moved, movedRecords, movedBytes    prometheus.Counter
	replayed, replayedRecords, damaged prometheus.Counter
	storeErrors                        prometheus.Counter

	mu    sync.Mutex
	since map[*overflowStatus]time.Time // the oldest record of each log
}

// setOldest notes the oldest record that waits of one log; zero if none does.
func (m *overflowMetrics) setOldest(s *overflowStatus, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if delete(m.since, s); !at.IsZero() {
		m.since[s] = at
	}
	var oldest time.Time
	for _, t := range m.since {
		if oldest.IsZero() || t.Before(oldest) {
			oldest = t
		}
	}
	if oldest.IsZero() {
		m.oldest.Set(0)
		return
	}
	m.oldest.Set(float64(oldest.UnixMilli()) / 1000)
}

func NewOverflowMetrics(r prometheus.Registerer) *overflowMetrics {
	m := &overflowMetrics{
		since: map[*overflowStatus]time.Time{},
		logs: prometheus.NewGaugeVec(
			prometheus.GaugeOpts{
				Name: "penstock_failover_logs",
				Help: "Logs being drained, by failover state: direct, overflow, replay or standby.",
			},
			[]string{"state"},
		),
		switches: prometheus.NewCounterVec(
			prometheus.CounterOpts{
				Name: "penstock_failover_switches_total",
				Help: "Changes of the failover state, by the new state.",
			},
			[]string{"state"},
		),
		objects: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "penstock_overflow_objects",
				Help: "Objects that wait to be replayed.",
			},
		),
		bytes: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "penstock_overflow_bytes",
				Help: "Compressed bytes that wait to be replayed.",
			},
		),
		oldest: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "penstock_overflow_oldest_timestamp_seconds",
				Help: "Time of the oldest record that waits to be replayed; 0 if none waits.",
			},
		),
		moved: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_overflow_objects_written_total",
				Help: "Objects written to the overflow.",
			},
		),
		movedRecords: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_overflow_records_written_total",
				Help: "Records moved from the log to the overflow.",
			},
		),
		movedBytes: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_overflow_bytes_written_total",
				Help: "Compressed bytes written to the overflow.",
			},
		),
		replayed: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_overflow_objects_replayed_total",
				Help: "Objects replayed from the overflow.",
			},
		),
		replayedRecords: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_overflow_records_replayed_total",
				Help: "Records replayed from the overflow.",
			},
		),
		damaged: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_overflow_damaged_objects_total",
				Help: "Objects moved aside because they could not be read to the end.",
			},
		),
		storeErrors: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_overflow_store_errors_total",
				Help: "Failed requests to the overflow's object store.",
			},
		),
	}
	r.MustRegister(
		m.logs, m.switches, m.objects, m.bytes, m.oldest, m.moved, m.movedRecords, m.movedBytes,
		m.replayed, m.replayedRecords, m.damaged, m.storeErrors,
	)
	for _, state := range []string{StateDirect, StateOverflow, StateReplay, StateStandby} {
		m.logs.WithLabelValues(state)
		m.switches.WithLabelValues(state)
	}
	return m
}
