package push

import (
	"math"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
)

// otlp encodes snapshots as an ExportMetricsServiceRequest. It writes the few fields itself: the
// generated messages of all kinds of metrics would make the program larger.
type otlp struct {
	prefix, host, version string
	start                 time.Time // since when counters count
}

// The numbers of fields in opentelemetry/proto/metrics/v1/metrics.proto.
const (
	resourceMetrics, inResource, inScopeMetrics   = 1, 1, 2
	inScope, inMetrics                            = 1, 2
	metricName, metricGauge, metricSum, metricHis = 1, 5, 7, 9
	dataPoints, temporality, monotonic            = 1, 2, 3
	cumulative                                    = 2
	numberStart, numberTime, numberDouble         = 2, 3, 4
	numberAttributes                              = 7
	hisStart, hisTime, hisCount, hisSum           = 2, 3, 4, 5
	hisBuckets, hisBounds, hisAttributes          = 6, 7, 9
)

func (o *otlp) encode(families []*dto.MetricFamily, at time.Time) []byte {
	var resource []byte
	for _, kv := range [][2]string{
		{"service.name", "penstock"}, {"service.instance.id", o.host}, {"service.version", o.version},
	} {
		resource = message(resource, 1, attribute(kv[0], kv[1]))
	}
	scope := message(nil, inScope, text(nil, 1, "penstock"))
	for _, f := range families {
		if m := o.family(f, at); m != nil {
			scope = message(scope, inMetrics, m)
		}
	}
	all := message(nil, inResource, resource)
	all = message(all, inScopeMetrics, scope)
	return message(nil, resourceMetrics, all)
}

func (o *otlp) family(f *dto.MetricFamily, at time.Time) []byte {
	var data []byte
	for _, m := range f.Metric {
		var p []byte
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			p = o.number(m.GetCounter().GetValue(), m.Label, at)
		case dto.MetricType_GAUGE:
			p = o.number(m.GetGauge().GetValue(), m.Label, at)
		case dto.MetricType_HISTOGRAM:
			p = o.histogram(m.GetHistogram(), m.Label, at)
		}
		if p != nil {
			data = message(data, dataPoints, p)
		}
	}
	if data == nil { // summaries are Go's own times of garbage collection alone
		return nil
	}
	out := text(nil, metricName, o.prefix+f.GetName())
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		data = number(data, temporality, cumulative)
		data = number(data, monotonic, 1)
		return message(out, metricSum, data)
	case dto.MetricType_HISTOGRAM:
		data = number(data, temporality, cumulative)
		return message(out, metricHis, data)
	}
	return message(out, metricGauge, data)
}

func (o *otlp) number(v float64, labels []*dto.LabelPair, at time.Time) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	b := fixed(nil, numberStart, uint64(o.start.UnixNano()))
	b = fixed(b, numberTime, uint64(at.UnixNano()))
	b = fixed(b, numberDouble, math.Float64bits(v))
	return attributes(b, numberAttributes, labels)
}

func (o *otlp) histogram(h *dto.Histogram, labels []*dto.LabelPair, at time.Time) []byte {
	b := fixed(nil, hisStart, uint64(o.start.UnixNano()))
	b = fixed(b, hisTime, uint64(at.UnixNano()))
	b = fixed(b, hisCount, h.GetSampleCount())
	b = fixed(b, hisSum, math.Float64bits(h.GetSampleSum()))
	var counts, bounds []byte
	before := uint64(0)
	for _, bucket := range h.Bucket {
		if math.IsInf(bucket.GetUpperBound(), 1) {
			continue
		}
		counts = protowire.AppendFixed64(counts, bucket.GetCumulativeCount()-before)
		before = bucket.GetCumulativeCount()
		bounds = protowire.AppendFixed64(bounds, math.Float64bits(bucket.GetUpperBound()))
	}
	counts = protowire.AppendFixed64(counts, h.GetSampleCount()-before)
	b = message(b, hisBuckets, counts)
	b = message(b, hisBounds, bounds)
	return attributes(b, hisAttributes, labels)
}

func attributes(b []byte, field protowire.Number, labels []*dto.LabelPair) []byte {
	for _, l := range sorted(labels) {
		b = message(b, field, attribute(l.GetName(), l.GetValue()))
	}
	return b
}

func attribute(key, value string) []byte {
	return message(text(nil, 1, key), 2, text(nil, 1, strings.ToValidUTF8(value, "\uFFFD")))
}

func message(b []byte, field protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
}

func text(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func fixed(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), v)
}

func number(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}
