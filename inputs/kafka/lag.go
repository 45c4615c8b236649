package kafka

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/penstock/penstock/inputs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
)

// maxLags is for how many partitions the lag is shown one by one: those that lag most.
const maxLags = 500

var (
	descLag = prometheus.NewDesc(
		"penstock_kafka_lag_records",
		"Records of a partition that are not read yet; of more than 500 partitions those that lag most.",
		[]string{"topic", "partition"}, nil,
	)
	descLagSeconds = prometheus.NewDesc(
		"penstock_kafka_lag_seconds",
		"Age of what was last read of a partition, by the time of its records, while there is more; 0 when all is read.",
		[]string{"topic", "partition"}, nil,
	)
	descUncommitted = prometheus.NewDesc(
		"penstock_kafka_uncommitted_records",
		"Records of a partition behind the committed position: not read, or not archived yet.",
		[]string{"topic", "partition"}, nil,
	)
	descLagSum = prometheus.NewDesc(
		"penstock_kafka_lag_records_sum", "Records that are not read yet, over all partitions.",
		nil, nil,
	)
	descLagLongest = prometheus.NewDesc(
		"penstock_kafka_lag_seconds_max", "The largest lag in seconds of all partitions.", nil, nil,
	)
)

func (l *Lease) lag(now time.Time) inputs.Lag {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := inputs.Lag{Topic: l.part.topic, Partition: l.part.num}
	end := max(l.end.Load(), l.ahead.next) // the end is known with the first fetch
	if !l.ahead.reading {
		return out
	}
	out.Records, out.Uncommitted = max(end-l.ahead.read, 0), max(end-l.committed.pos, 0)
	if out.Records > 0 && l.ahead.readTime > 0 {
		out.Age = max(now.Sub(time.UnixMilli(l.ahead.readTime)), 0)
	}
	return out
}

// endsEvery is how often the ends of partitions that give nothing are asked for.
const endsEvery = 5 * time.Second

// watchEnds finds out where partitions end that give nothing: what stands behind a transaction that
// is left open is not fetched, so no fetch tells that it is there. As often, it gives up memory of
// fetches that was not needed meanwhile.
func (s *session) watchEnds(ctx context.Context) {
	tick := time.NewTicker(endsEvery)
	defer tick.Stop()
	seen := map[*Lease]int64{} // where they were read up to at the last look
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.inflater.pools.tidy()
		was := seen
		seen = map[*Lease]int64{}
		var quiet []*Lease
		var topics []string
		for _, l := range s.leases.byPartition() {
			l.mu.Lock()
			next, reading := l.ahead.next, l.ahead.reading
			l.mu.Unlock()
			before, known := was[l]
			if seen[l] = next; reading && known && next == before {
				quiet, topics = append(quiet, l), append(topics, l.part.topic)
			}
		}
		if len(quiet) == 0 {
			continue
		}
		slices.Sort(topics)
		topics = slices.Compact(topics)
		actx, cancel := context.WithTimeout(ctx, askTimeout)
		ends, err := kadm.NewClient(s.reader).ListEndOffsets(actx, topics...)
		cancel()
		if err != nil {
			continue // it is told where brokers do not answer, and asked again
		}
		for _, l := range quiet {
			if at, err := offsetIn(ends, l.part); err == nil && at > l.end.Load() {
				l.end.Store(at)
			}
		}
	}
}

// Lags returns how far the assigned partitions are behind, those first that are most. Safe for
// concurrent use.
func (in *Input) Lags() []inputs.Lag {
	s := in.now.Load()
	if s == nil {
		return nil
	}
	leases := s.leases.all()
	now := time.Now()
	out := make([]inputs.Lag, 0, len(leases))
	for _, l := range leases {
		out = append(out, l.lag(now))
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		return cmp.Or(
			cmp.Compare(b.Records, a.Records), cmp.Compare(a.Topic, b.Topic),
			cmp.Compare(a.Partition, b.Partition),
		) < 0
	})
	return out
}

// Behind implements inputs.Lagging.
func (in *Input) Behind() (b inputs.Behind, ok bool) {
	if in.now.Load() == nil {
		return b, false
	}
	for _, l := range in.Lags() {
		b.Partitions++
		b.Records += l.Records
		b.Uncommitted += l.Uncommitted
		b.Age = max(b.Age, l.Age)
	}
	b.Gone = in.gone.Load()
	return b, true
}

// lagCollector reads the lags when they are asked for.
type lagCollector struct{ in *Input }

func (lagCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descLag, descLagSeconds, descUncommitted, descLagSum, descLagLongest,
	} {
		ch <- d
	}
}

func (c lagCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	var sum int64
	var longest time.Duration
	for i, l := range c.in.Lags() {
		sum += l.Records
		longest = max(longest, l.Age)
		if i < maxLags {
			n := strconv.Itoa(int(l.Partition))
			gauge(descLag, float64(l.Records), l.Topic, n)
			gauge(descLagSeconds, l.Age.Seconds(), l.Topic, n)
			gauge(descUncommitted, float64(l.Uncommitted), l.Topic, n)
		}
	}
	gauge(descLagSum, float64(sum))
	gauge(descLagLongest, longest.Seconds())
}
