package kafka

import (
	"log/slog"
	"sync"
	"time"

	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	partitions           prometheus.Gauge
	commits              *prometheus.CounterVec
	skipped, fetchErrors prometheus.Counter
	pauses               prometheus.Counter
	recreated            prometheus.Counter
	large, crowded       prometheus.Counter

	mu      sync.Mutex
	repeats kafkaclient.Repeats
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		partitions: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "penstock_kafka_partitions",
				Help: "Partitions assigned to this member.",
			},
		),
		commits: prometheus.NewCounterVec(
			prometheus.CounterOpts{
				Name: "penstock_kafka_commits_total",
				Help: "Offset commits, by result.",
			},
			[]string{"result"},
		),
		skipped: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_kafka_skipped_records_total",
				Help: "Offsets that retention took before they were read.",
			},
		),
		fetchErrors: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_kafka_fetch_errors_total",
				Help: "Fetches of a partition that failed.",
			},
		),
		pauses: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_kafka_pauses_total",
				Help: "Times a partition was paused because its output is behind.",
			},
		),
	}
	m.recreated = prometheus.NewCounter(
		prometheus.CounterOpts{
			Name: "penstock_kafka_topics_made_again_total",
			Help: "Partitions that were begun anew because their topic was deleted and made again.",
		},
	)
	m.large = prometheus.NewCounter(
		prometheus.CounterOpts{
			Name: "penstock_kafka_large_batches_total",
			Help: "Batches that went to the dead letter, because they inflate to more than max_inflated_batch.",
		},
	)
	m.crowded = prometheus.NewCounter(
		prometheus.CounterOpts{
			Name: "penstock_kafka_inflate_waits_total",
			Help: "Times a partition was fetched again because other batches had to be read ahead first.",
		},
	)
	r.MustRegister(
		m.partitions, m.commits, m.skipped, m.fetchErrors, m.pauses, m.recreated, m.large,
		m.crowded,
	)
	return m
}

// logFailure logs a failure that is tried again, at most once a minute for each kind and cause.
func (m *metrics) logFailure(log *slog.Logger, what string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.repeats.Due(what, err, time.Now()) {
		log.Warn(what, "error", err, "do", advice(err))
	}
}
