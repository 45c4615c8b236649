package producer

import "github.com/prometheus/client_golang/prometheus"

// Metrics are a Producer's counters.
type Metrics struct {
	requests, batches, bytes prometheus.Counter
	latency                  prometheus.Histogram
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_kafka_produce_requests_total",
				Help: "Produce requests sent, repetitions included.",
			},
		),
		batches: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_kafka_produce_batches_total",
				Help: "Record batches sent, repetitions included.",
			},
		),
		bytes: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_kafka_produce_bytes_total",
				Help: "Bytes of record batches sent, compressed, repetitions included.",
			},
		),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "penstock_kafka_produce_seconds",
			Help:    "Time from a produce request to its answer.",
			Buckets: []float64{0.001, 0.005, 0.02, 0.1, 0.5, 2, 10},
		}),
	}
	r.MustRegister(m.requests, m.batches, m.bytes, m.latency)
	return m
}
