package admin

import (
	"encoding/json"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestMetricsAsJSONByComponent(t *testing.T) {
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "a_total", Help: "A."}, []string{"component", "reason"},
	)
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "b", Help: "B."})
	h := prometheus.NewHistogram(
		prometheus.HistogramOpts{
			Name:        "c_seconds",
			Help:        "C.",
			ConstLabels: prometheus.Labels{"component": "output.x"},
		},
	)
	reg.MustRegister(c, g, h)
	c.WithLabelValues("output.x", "timeout").Add(3)
	g.Set(2.5)
	h.Observe(4)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(metricsJSON(families))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"agent":{"b":2.5,"type":"agent"},"output.x":{"a_total{reason=timeout}":3,"c_seconds_count":1,"c_seconds_sum":4,"type":"output"}}`
	if string(got) != want {
		t.Errorf("%s", got)
	}
}
