package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// figures are metrics of all agents together: counters and gauges by name and labels, and
// histograms.
type figures struct {
	values     map[string]float64
	histograms map[string]*dto.Histogram
}

func (f *fleet) figures() (figures, error) {
	sum := figures{values: map[string]float64{}, histograms: map[string]*dto.Histogram{}}
	for _, a := range f.agents {
		if err := sum.add(a.reg); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func (f *figures) add(r prometheus.Gatherer) error {
	families, err := r.Gather()
	if err != nil {
		return err
	}
	for _, family := range families {
		for _, m := range family.Metric {
			var b strings.Builder
			b.WriteString(family.GetName())
			for _, l := range m.Label {
				fmt.Fprintf(&b, "/%s", l.GetValue())
			}
			name := b.String()
			switch {
			case m.Counter != nil:
				f.values[name] += m.Counter.GetValue()
			case m.Gauge != nil:
				f.values[name] += m.Gauge.GetValue()
			case m.Histogram != nil && f.histograms[name] == nil:
				f.histograms[name] = m.Histogram
			case m.Histogram != nil:
				merge(f.histograms[name], m.Histogram, 1)
			}
		}
	}
	return nil
}

// since returns what has come to counters and histograms since earlier figures.
func (f figures) since(earlier figures) figures {
	for name, v := range earlier.values {
		f.values[name] -= v
	}
	for name, h := range earlier.histograms {
		merge(f.histograms[name], h, -1)
	}
	return f
}

func merge(h, other *dto.Histogram, sign int) {
	add := func(a *uint64, b uint64) { *a = uint64(int64(*a) + int64(sign)*int64(b)) }
	add(h.SampleCount, other.GetSampleCount())
	*h.SampleSum += float64(sign) * other.GetSampleSum()
	for i, b := range other.Bucket {
		add(h.Bucket[i].CumulativeCount, b.GetCumulativeCount())
	}
}

// mean and quantile are in milliseconds. quantile takes times to be spread evenly over a bucket.
func (f figures) mean(name string) float64 {
	h := f.histograms[name]
	if h.GetSampleCount() == 0 {
		return math.NaN()
	}
	return 1000 * h.GetSampleSum() / float64(h.GetSampleCount())
}

func (f figures) quantile(name string, q float64) float64 {
	h := f.histograms[name]
	if h.GetSampleCount() == 0 {
		return math.NaN()
	}
	rank := q * float64(h.GetSampleCount())
	low, below := 0.0, 0.0
	for _, b := range h.Bucket {
		count := float64(b.GetCumulativeCount())
		if count >= rank {
			share := (rank - below) / (count - below)
			return 1000 * (low + share*(b.GetUpperBound()-low))
		}
		low, below = b.GetUpperBound(), count
	}
	return 1000 * low
}

// requests returns how many requests of all kinds there were.
func (f figures) requests() (n float64) {
	for name, v := range f.values {
		if strings.HasPrefix(name, "penstock_kafka_requests_total/") {
			n += v
		}
	}
	return n
}
