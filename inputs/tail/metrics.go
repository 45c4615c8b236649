package tail

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// counts are the input's metrics.
type counts struct {
	long         prometheus.Counter
	holes        prometheus.Counter
	crOnly       prometheus.Counter
	eventFlush   prometheus.Counter
	ignored      prometheus.Counter
	notContainer prometheus.Counter
	eventLimit   prometheus.Counter
	truncated    prometheus.Counter
	rotated      prometheus.Counter
	recognised   prometheus.Counter
	errors       *prometheus.CounterVec
	skipped      *prometheus.CounterVec
	rateLimited  *prometheus.CounterVec
	disposed     *prometheus.CounterVec
	kept         *prometheus.CounterVec
	polling      prometheus.Gauge
	unknownPod   prometheus.Counter
}

func newCounts(reg prometheus.Registerer, t *Tail) *counts {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	c := &counts{
		long: counter(
			"penstock_tail_long_lines_total",
			"Lines longer than max_line_size, which were split, truncated or skipped. A split line so long that its end was not read with its beginning counts at each cut.",
		),
		crOnly: counter(
			"penstock_tail_cr_only_files_total",
			"Files found with carriage returns and no line end.",
		),
		holes: counter(
			"penstock_tail_hole_bytes_total",
			"Bytes of holes that were skipped: NULs where a file was truncated under a program that does not append.",
		),
		notContainer: counter(
			"penstock_tail_foreign_lines_total",
			"Lines of containers' logs that no container runtime has written; each is a record as it stands.",
		),
		ignored: counter(
			"penstock_tail_ignored_files_total",
			"Files found to be older than ignore_older, and left alone.",
		),
		unknownPod: counter(
			"penstock_tail_unknown_pods_total",
			"Logs read without labels because nothing was known of their pod in time.",
		),
		eventFlush: counter(
			"penstock_tail_multiline_flushes_total",
			"Multiline events taken as complete because nothing followed.",
		),
		eventLimit: counter(
			"penstock_tail_multiline_limits_total",
			"Multiline events cut at max_lines or max_line_size.",
		),
		truncated: counter(
			"penstock_tail_truncations_total",
			"Files found truncated or overwritten, and read anew.",
		),
		rotated: counter(
			"penstock_tail_rotations_total", "Files that left their path by rename or deletion.",
		),
		recognised: counter(
			"penstock_tail_recognised_copies_total",
			"Files found to be copies, plain or compressed, of content read before.",
		),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_tail_errors_total",
			Help: "Failures to find, open or read files, by reason; all are retried.",
		}, []string{"reason"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_tail_skipped_files_total",
			Help: "Files found to be neither text nor compressed in a way that can be read, by format.",
		}, []string{"format"}),
		rateLimited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_tail_rate_limited_total",
			Help: "Times that a file began to wait for a rate limit, by limit.",
		}, []string{"limit"}),
		disposed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_tail_finished_files_total",
			Help: "Files that every output had acknowledged and that were deleted or moved, as after_read says.",
		}, []string{"did"}),
		kept: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_tail_kept_files_total",
			Help: "Times that a file was kept though every output had acknowledged it, by reason; changed and writer are of files that somebody writes to.",
		}, []string{"reason"}),
		polling: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "penstock_tail_polling",
			Help: "1 while files are polled because inotify is not to be had.",
		}),
	}
	reg.MustRegister(
		c.errors, c.skipped, c.rateLimited, c.disposed, c.kept, c.polling, fileCollector{t},
	)
	return c
}

var (
	descWatched = prometheus.NewDesc(
		"penstock_tail_files", "Files known, of those open, and of those left out by an annotation of their pod.", []string{"state"}, nil,
	)
	descLag = prometheus.NewDesc(
		"penstock_tail_lag_bytes",
		"Bytes not read yet, by file; of more than lag_files files those that lag most.",
		[]string{"path"}, nil,
	)
	descLagAll = prometheus.NewDesc(
		"penstock_tail_lag_total_bytes", "Bytes not read yet in all files.", nil, nil,
	)
)

// fileCollector reads the gauges off the files when they are asked for.
type fileCollector struct{ t *Tail }

func (c fileCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descWatched
	ch <- descLag
	ch <- descLagAll
}

func (c fileCollector) Collect(ch chan<- prometheus.Metric) {
	files := c.t.Status()
	var open, lag, excluded float64
	if r := c.t.run.Load(); r != nil {
		excluded = float64(r.excluded())
	}
	lags := map[string]int64{}
	for _, f := range files {
		if f.Open {
			open++
		}
		if f.Lag > 0 {
			lag += float64(f.Lag)
		}
		lags[f.Path] += max(f.Lag, 0)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descWatched, float64(len(files)), "watched")
	gauge(descWatched, open, "open")
	gauge(descWatched, excluded, "excluded")
	gauge(descLagAll, lag)
	paths := make([]string, 0, len(lags))
	for p := range lags {
		paths = append(paths, p)
	}
	slices.SortFunc(
		paths,
		func(a, b string) int { return cmp.Or(cmp.Compare(lags[b], lags[a]), cmp.Compare(a, b)) },
	)
	for _, p := range paths[:min(len(paths), c.t.cfg.LagFiles)] {
		gauge(descLag, float64(lags[p]), p)
	}
}
