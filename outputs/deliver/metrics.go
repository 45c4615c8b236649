package deliver

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/prometheus/client_golang/prometheus"
)

type senderMetrics struct {
	records, bytes, retries, dead prometheus.Counter
	errors                        *prometheus.CounterVec
	flyingBatches, flyingBytes    prometheus.Gauge
	lastSuccess                   prometheus.Gauge
	latency, eventAge             prometheus.Histogram
}

func newSenderMetrics(r prometheus.Registerer, failing func() bool) *senderMetrics {
	m := &senderMetrics{
		records: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_output_records_total",
				Help: "Records that the destination has taken.",
			},
		),
		bytes: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_output_bytes_total",
				Help: "Uncompressed bytes that the destination has taken.",
			},
		),
		retries: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_output_retries_total",
				Help: "Batches sent again after a failure.",
			},
		),
		dead: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_output_dead_letter_records_total",
				Help: "Records refused for good, by the destination or by filters, and kept in the dead letter.",
			},
		),
		errors: prometheus.NewCounterVec(
			prometheus.CounterOpts{
				Name: "penstock_output_errors_total",
				Help: "Failed deliveries, by reason.",
			},
			[]string{"reason"},
		),
		flyingBatches: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "penstock_output_in_flight_batches",
				Help: "Batches read from the log and not yet delivered.",
			},
		),
		flyingBytes: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "penstock_output_in_flight_bytes",
				Help: "Uncompressed bytes read from the log and not yet delivered.",
			},
		),
		lastSuccess: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "penstock_output_last_success_timestamp_seconds",
				Help: "When the destination last took a batch; 0 if never.",
			},
		),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "penstock_output_delivery_seconds",
			Help:    "Time from a batch's first attempt to its acknowledgement, with exactly_once to its commit.",
			Buckets: []float64{0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600},
		}),
	}
	m.eventAge = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "penstock_output_event_age_seconds",
		Help:    "Time from an event, as its record's time says, to its acknowledgement, with exactly_once to its commit; of the newest record of each batch.",
		Buckets: record.AgeBuckets,
	})
	r.MustRegister(
		m.eventAge,
		m.records,
		m.bytes,
		m.retries,
		m.dead,
		m.errors,
		m.flyingBatches,
		m.flyingBytes,
		m.lastSuccess,
		m.latency,
		prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{
				Name: "penstock_output_failing",
				Help: "1 while something sent to the destination fails and is tried again.",
			},
			func() float64 {
				if failing() {
					return 1
				}
				return 0
			},
		),
	)
	return m
}

// answerNow returns that b has been answered now.
func answerNow(b *record.Batch, v verdict) answered {
	a := answered{at: time.Now()}
	a.age, a.hasAge = b.Age(a.at)
	a.hasAge = a.hasAge && v.taken > 0
	return a
}

// concluded notes how long a batch took, since its first attempt and since its newest event, when
// it counts as delivered since after its answer.
func (m *senderMetrics) concluded(a answered, begun time.Time, after time.Duration) {
	m.latency.Observe((a.at.Sub(begun) + after).Seconds())
	if a.hasAge {
		m.eventAge.Observe((a.age + after).Seconds())
	}
}

// Reasoner is implemented by errors that know a short, fixed name for what went wrong, used as a
// metric label.
type Reasoner interface{ Reason() string }

func reasonOf(err error) string {
	var partial *outputs.PartialError
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
	case outputs.IsPermanent(err):
		return "refused"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &op):
		return "connection"
	}
	return "other"
}
