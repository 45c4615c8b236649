package kafka

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	direct         prometheus.Counter
	byRecord       *prometheus.CounterVec
	split, retimed prometheus.Counter
	renumbered     prometheus.Counter

	committed, aborted, endedAgain prometheus.Counter
	absent                         *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	byPath := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penstock_kafka_path_batches_total",
		Help: "Batches sent as they lie (path direct) or record by record (path record), and why.",
	}, []string{"path", "reason"})
	m := &metrics{
		direct:   byPath.WithLabelValues("direct", ""),
		byRecord: byPath.MustCurryWith(prometheus.Labels{"path": "record"}),
		split: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_kafka_split_batches_total",
				Help: "Batches that were split because a broker refused them as they were.",
			},
		),
		retimed: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_kafka_retimed_batches_total",
				Help: "Batches whose times a broker refused, so that they were sent with the current one.",
			},
		),
	}
	m.renumbered = prometheus.NewCounter(
		prometheus.CounterOpts{
			Name: "penstock_kafka_new_epochs_total",
			Help: "Times a partition went on with another producer epoch, after batches were given up or the broker had lost track: what was sent and never answered may be there twice.",
		},
	)
	txns := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penstock_kafka_transactions_total",
		Help: "Transactions that were committed, and that were given up: what they held is sent again, and readers see it once. Result ended_again is of those whose end the group's coordinator had missed, so that it was repeated.",
	}, []string{"result"})
	m.endedAgain = txns.WithLabelValues("ended_again")
	m.committed, m.aborted = txns.WithLabelValues("committed"), txns.WithLabelValues("aborted")
	m.absent = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "penstock_kafka_topic_unavailable",
		Help: "1 for a topic that records are for and that does not exist or may not be written to.",
	}, []string{"topic"})
	r.MustRegister(byPath, m.split, m.retimed, m.renumbered, txns, m.absent)
	return m
}
