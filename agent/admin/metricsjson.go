package admin

import (
	"log/slog"
	"math"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// metricsJSON returns metrics by component, each under its name with the labels that are left;
// those of no component are the agent's. A histogram gives its count and sum.
func metricsJSON(families []*dto.MetricFamily) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, f := range families {
		for _, m := range f.Metric {
			component, labels := "agent", []string(nil)
			for _, l := range m.Label {
				if l.GetName() == "component" {
					component = l.GetValue()
					continue
				}
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			if out[component] == nil {
				kind, _, _ := strings.Cut(component, ".")
				out[component] = map[string]any{"type": kind}
			}
			suffix := ""
			if labels != nil {
				suffix = "{" + strings.Join(labels, ",") + "}"
			}
			put := func(name string, v float64) {
				if !math.IsNaN(v) && !math.IsInf(v, 0) { // which JSON has no number for
					out[component][name+suffix] = v
				}
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				put(f.GetName(), m.GetCounter().GetValue())
			case dto.MetricType_GAUGE:
				put(f.GetName(), m.GetGauge().GetValue())
			case dto.MetricType_HISTOGRAM:
				put(f.GetName()+"_count", float64(m.GetHistogram().GetSampleCount()))
				put(f.GetName()+"_sum", m.GetHistogram().GetSampleSum())
			case dto.MetricType_SUMMARY:
				put(f.GetName()+"_count", float64(m.GetSummary().GetSampleCount()))
				put(f.GetName()+"_sum", m.GetSummary().GetSampleSum())
			}
		}
	}
	return out
}

func serveMetricsJSON(w http.ResponseWriter, g prometheus.Gatherer, log *slog.Logger) {
	families, err := g.Gather()
	if err != nil { // what could be had is shown
		log.Warn("some metrics cannot be gathered", "error", err)
	}
	writeJSON(w, metricsJSON(families), log, "metrics")
}
