package forward

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	connections prometheus.Gauge
	refused     *prometheus.CounterVec
	closed      *prometheus.CounterVec
	messages    *prometheus.CounterVec
	acks        prometheus.Counter
	bad         *prometheus.CounterVec
	ignored     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		connections: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "penstock_forward_connections",
				Help: "Connections being served.",
			},
		),
		refused: prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: "penstock_forward_refused_connections_total",
				Help: "Connections that were not served, by reason."},
			[]string{"reason"},
		),
		closed: prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: "penstock_forward_broken_connections_total",
				Help: "Connections that this side gave up, by reason."},
			[]string{"reason"},
		),
		messages: prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: "penstock_forward_messages_total",
				Help: "Messages read, by mode."},
			[]string{"mode"},
		),
		acks: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "penstock_forward_acks_total",
				Help: "Chunks acknowledged.",
			},
		),
		bad: prometheus.NewCounterVec(
			prometheus.CounterOpts{
				Name: "penstock_forward_bad_events_total",
				Help: "Events, or parts of large ones, sent to the dead letter, by reason.",
			},
			[]string{"reason"},
		),
		ignored: prometheus.NewCounter(
			prometheus.CounterOpts{Name: "penstock_forward_ignored_values_total",
				Help: "Values passed over because they are neither messages nor heartbeats."},
		),
	}
	reg.MustRegister(m.connections, m.refused, m.closed, m.messages, m.acks, m.bad, m.ignored)
	return m
}
