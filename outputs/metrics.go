package outputs

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

type senderMetrics struct {
	records, bytes, retries, dead prometheus.Counter
	errors                        *prometheus.CounterVec
	flyingBatches, flyingBytes    prometheus.Gauge
	lastSuccess, failing          prometheus.Gauge
	latency                       prometheus.Histogram
}

func newSenderMetrics(r prometheus.Registerer) *senderMetrics {
	m := &senderMetrics{
		records:       prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_output_records_total", Help: "Records that the destination has taken."}),
		bytes:         prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_output_bytes_total", Help: "Uncompressed bytes that the destination has taken."}),
		retries:       prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_output_retries_total", Help: "Batches sent again after a failure."}),
		dead:          prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_output_dead_letter_records_total", Help: "Records refused for good and kept in the dead letter."}),
		errors:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "penstock_output_errors_total", Help: "Failed deliveries, by reason."}, []string{"reason"}),
		flyingBatches: prometheus.NewGauge(prometheus.GaugeOpts{Name: "penstock_output_in_flight_batches", Help: "Batches read from the log and not yet delivered."}),
		flyingBytes:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "penstock_output_in_flight_bytes", Help: "Uncompressed bytes read from the log and not yet delivered."}),
		lastSuccess:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "penstock_output_last_success_timestamp_seconds", Help: "When the destination last took a batch; 0 if never."}),
		failing:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "penstock_output_failing", Help: "1 while the destination refuses what it is sent."}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "penstock_output_delivery_seconds", Help: "Time from a batch's first attempt to its acknowledgement.",
			Buckets: []float64{0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600},
		}),
	}
	r.MustRegister(m.records, m.bytes, m.retries, m.dead, m.errors, m.flyingBatches, m.flyingBytes, m.lastSuccess, m.failing, m.latency)
	return m
}

// Reasoner is implemented by errors that know a short, fixed name for what went wrong, used as a metric label.
type Reasoner interface{ Reason() string }

func reasonOf(err error) string {
	var partial *PartialError
	if errors.As(err, &partial) && len(partial.Records) > 0 {
		return reasonOf(partial.Records[0].Err)
	}
	var named Reasoner
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &named):
		return named.Reason()
	case errors.Is(err, record.ErrCorrupt):
		return "corrupt"
	case IsPermanent(err):
		return "refused"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &op):
		return "connection"
	}
	return "other"
}

func newLostPositions(r prometheus.Registerer) prometheus.Counter {
	lost := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "penstock_output_positions_lost_total",
		Help: "Positions committed with exactly_once that the destination no longer had.",
	})
	r.MustRegister(lost)
	return lost
}

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

func newOverflowMetrics(r prometheus.Registerer) *overflowMetrics {
	m := &overflowMetrics{
		since:           map[*overflowStatus]time.Time{},
		logs:            prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "penstock_failover_logs", Help: "Logs being drained, by failover state: direct, overflow, replay or standby."}, []string{"state"}),
		switches:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "penstock_failover_switches_total", Help: "Changes of the failover state, by the new state."}, []string{"state"}),
		objects:         prometheus.NewGauge(prometheus.GaugeOpts{Name: "penstock_overflow_objects", Help: "Objects that wait to be replayed."}),
		bytes:           prometheus.NewGauge(prometheus.GaugeOpts{Name: "penstock_overflow_bytes", Help: "Compressed bytes that wait to be replayed."}),
		oldest:          prometheus.NewGauge(prometheus.GaugeOpts{Name: "penstock_overflow_oldest_timestamp_seconds", Help: "Time of the oldest record that waits to be replayed; 0 if none waits."}),
		moved:           prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_overflow_objects_written_total", Help: "Objects written to the overflow."}),
		movedRecords:    prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_overflow_records_written_total", Help: "Records moved from the log to the overflow."}),
		movedBytes:      prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_overflow_bytes_written_total", Help: "Compressed bytes written to the overflow."}),
		replayed:        prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_overflow_objects_replayed_total", Help: "Objects replayed from the overflow."}),
		replayedRecords: prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_overflow_records_replayed_total", Help: "Records replayed from the overflow."}),
		damaged:         prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_overflow_damaged_objects_total", Help: "Objects moved aside because they could not be read to the end."}),
		storeErrors:     prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_overflow_store_errors_total", Help: "Failed requests to the overflow's object store."}),
	}
	r.MustRegister(m.logs, m.switches, m.objects, m.bytes, m.oldest, m.moved, m.movedRecords, m.movedBytes, m.replayed, m.replayedRecords, m.damaged, m.storeErrors)
	for _, state := range []string{StateDirect, StateOverflow, StateReplay, StateStandby} {
		m.logs.WithLabelValues(state)
		m.switches.WithLabelValues(state)
	}
	return m
}
