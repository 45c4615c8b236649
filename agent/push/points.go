package push

import (
	"cmp"
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// point is one number of a snapshot. Histograms and summaries are two: their counts and their sums.
type point struct {
	name    string
	labels  []*dto.LabelPair // sorted by name
	counter bool
	value   float64
}

// points flattens what was gathered, in its order. What is no number is left out: no receiver
// takes it.
func points(families []*dto.MetricFamily) []point {
	var out []point
	for _, f := range families {
		for _, m := range f.Metric {
			put := func(suffix string, counter bool, v float64) {
				if !math.IsNaN(v) && !math.IsInf(v, 0) {
					out = append(out, point{f.GetName() + suffix, sorted(m.Label), counter, v})
				}
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				put("", true, m.GetCounter().GetValue())
			case dto.MetricType_GAUGE:
				put("", false, m.GetGauge().GetValue())
			case dto.MetricType_UNTYPED:
				put("", false, m.GetUntyped().GetValue())
			case dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM:
				put("_count", true, float64(m.GetHistogram().GetSampleCount()))
				put("_sum", true, m.GetHistogram().GetSampleSum())
			case dto.MetricType_SUMMARY:
				put("_count", true, float64(m.GetSummary().GetSampleCount()))
				put("_sum", true, m.GetSummary().GetSampleSum())
			}
		}
	}
	return out
}

func sorted(labels []*dto.LabelPair) []*dto.LabelPair {
	return slices.SortedFunc(slices.Values(labels), func(a, b *dto.LabelPair) int {
		return cmp.Compare(a.GetName(), b.GetName())
	})
}

// clean keeps letters, digits, what of - _ . is allowed, and nothing else.
func clean(s, allowed string) string {
	b := []byte(s)
	for i, c := range b {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		for j := 0; j < len(allowed) && !ok; j++ {
			ok = allowed[j] == c
		}
		if !ok {
			b[i] = '_'
		}
	}
	return string(b)
}
