package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// choosy registers those metrics that have one of names alone, so that they are asked for quickly.
type choosy struct {
	prometheus.Registerer
	names []string // nil: all
}

func (c *choosy) MustRegister(list ...prometheus.Collector) {
	for _, m := range list {
		if err := c.Register(m); err != nil {
			panic(err)
		}
	}
}

func (c *choosy) Register(m prometheus.Collector) error {
	isThere := func(name string) bool { return has(m, name) }
	if c.names != nil && !slices.ContainsFunc(c.names, isThere) {
		return nil
	}
	return c.Registerer.Register(m)
}

// has reports whether a collector has a metric of that name.
func has(m prometheus.Collector, name string) (ok bool) {
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		m.Describe(descs)
	}()
	for d := range descs {
		ok = ok || strings.Contains(d.String(), strconv.Quote(name))
	}
	return ok
}

// figures are metrics of all agents together: counters and gauges by name and labels, and
// histograms.
type figures struct {
	values     map[string]float64
	histograms map[string]*dto.Histogram
}

// figures asks all agents at once: one after the other, each would wait for its turn among the
// goroutines of all.
func (f *fleet) figures() (figures, error) {
	sum := figures{values: map[string]float64{}, histograms: map[string]*dto.Histogram{}}
	families, errs := make([][]*dto.MetricFamily, len(f.agents)), make([]error, len(f.agents))
	var wg sync.WaitGroup
	for i, a := range f.agents {
		wg.Go(func() { families[i], errs[i] = a.reg.Gather() })
	}
	wg.Wait()
	for i := range families {
		sum.add(families[i])
	}
	return sum, errors.Join(errs...)
}

func (f *figures) add(families []*dto.MetricFamily) {
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
