package filter

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// CountConfig is the config of the count filter.
type CountConfig struct {
	Name      string                `hcl:"name" doc:"Name of the metric on /metrics, such as \"http_requests_total\". The labels component and log are added; log names the pipeline and output that the filter works for, which counts for itself, or the partition that is read."`
	Help      string                `hcl:"help,optional" doc:"What the metric's help says."`
	Labels    map[string]Expression `hcl:"labels,optional" doc:"Labels and the expressions for their values: { status = \"field.status\", method = \"upper(field.method)\" }. What a record lacks is an empty text."`
	Value     Expression            `hcl:"value,optional" doc:"Expression for what is added, a number that is not negative, or observed; 1 otherwise. A record for which it gives no such number is not counted, but in a metric of its own."`
	Buckets   []float64             `hcl:"buckets,optional" doc:"Makes it a histogram of value, with these upper bounds: [0.01, 0.1, 1, 10]."`
	MaxSeries int                   `hcl:"max_series,optional" doc:"How many combinations of labels there may be; what comes beyond has the text other for each label."`
}

// DefaultCount returns the defaults.
func DefaultCount() CountConfig { return CountConfig{Help: "Counted by a filter.", MaxSeries: 1000} }

var metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)

// Validate checks the config.
func (c *CountConfig) Validate() error {
	var errs []error
	if !metricName.MatchString(c.Name) || strings.HasPrefix(c.Name, "penstock_") {
		errs = append(
			errs, errors.New("name: must be letters, digits and _, and not begin with penstock_"),
		)
	}
	for name := range c.Labels {
		if !metricName.MatchString(name) || strings.HasPrefix(name, "__") || name == "component" ||
			name == "log" ||
			name == "le" {
			errs = append(errs, fmt.Errorf("labels: %q cannot be a label", name))
		}
		if c.Labels[name].IsZero() {
			errs = append(errs, fmt.Errorf("labels: %s: must not be empty", name))
		}
	}
	if len(c.Buckets) > 0 && c.Value.IsZero() {
		errs = append(errs, errors.New("value: say what is observed"))
	}
	if !slices.IsSorted(c.Buckets) ||
		slices.ContainsFunc(
			c.Buckets, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) },
		) {
		errs = append(errs, errors.New("buckets: must ascend"))
	}
	if c.MaxSeries < 1 {
		errs = append(errs, errors.New("max_series: must be at least 1"))
	}
	return errors.Join(errs...)
}

// Count makes metrics of records, which pass unchanged. A record that is delivered again while the
// agent runs is not counted again.
type Count struct {
	base
	cfg    CountConfig
	agent  string
	names  []string
	log    string
	series map[string]bool
	progress

	counter   *prometheus.CounterVec
	histogram *prometheus.HistogramVec
	failed    prometheus.Counter
}

// NewCount returns the filter.
func NewCount(c CountConfig, env Env) (*Count, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Count{
		base:     newBase(env),
		cfg:      c,
		agent:    env.Agent,
		names:    slices.Sorted(maps.Keys(c.Labels)),
		series:   map[string]bool{},
		progress: newProgress(),
	}
	labels := append([]string{"log"}, f.names...)
	var metric prometheus.Collector
	if len(c.Buckets) > 0 {
		f.histogram = prometheus.NewHistogramVec(
			prometheus.HistogramOpts{Name: c.Name, Help: c.Help, Buckets: c.Buckets}, labels,
		)
		metric = f.histogram
	} else {
		f.counter = prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: c.Name, Help: c.Help}, labels,
		)
		metric = f.counter
	}
	if env.Metrics != nil {
		if err := env.Metrics.Register(metric); err != nil {
			return nil, fmt.Errorf("name: %w", err)
		}
	}
	f.failed = env.counter(
		"penstock_filter_not_counted_total",
		"Records that were not counted, as the expression for their value gives no number, or a negative one.",
	)
	return f, nil
}

// ForLog implements Stateful.
func (f *Count) ForLog(log string) Filter {
	g := *f
	g.log, g.series, g.progress = log, map[string]bool{}, newProgress()
	return &g
}

// MetricOf returns the metric that a filter makes, and its shape, in which all that have its name
// must agree; empty for other filters.
func MetricOf(f Filter) (name, shape string) {
	if c, ok := f.(*conditional); ok {
		f = c.Filter
	}
	c, ok := f.(*Count)
	if !ok {
		return "", ""
	}
	kind := "counter"
	if c.histogram != nil {
		kind = "histogram"
	}
	return c.cfg.Name, fmt.Sprintf("a %s with the help %q", kind, c.cfg.Help)
}

// Edit implements Filter.
func (f *Count) Edit(v *View) Verdict {
	if f.isRepeated(v) {
		return Kept
	}
	value := 1.0
	if !f.cfg.Value.IsZero() {
		x, err := f.cfg.Value.eval(v, f.agent)
		n, ok := number(x)
		if err != nil || !ok || math.IsNaN(n) || n < 0 && f.counter != nil {
			f.failed.Inc()
			return Kept
		}
		value = n
	}
	labels := make([]string, 1, 1+len(f.names))
	labels[0] = f.log
	for _, name := range f.names {
		labels = append(
			labels, strings.ToValidUTF8(keyOf(v, f.cfg.Labels[name], f.agent), "\uFFFD"),
		)
	}
	if key := strings.Join(labels[1:], "\x00"); !f.series[key] {
		if len(f.series) < f.cfg.MaxSeries {
			f.series[key] = true
		} else {
			for i := range labels[1:] {
				labels[i+1] = "other"
			}
		}
	}
	if f.histogram != nil {
		f.histogram.WithLabelValues(labels...).Observe(value)
	} else {
		f.counter.WithLabelValues(labels...).Add(value)
	}
	return Kept
}
