package buffer

import (
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

type metrics struct {
	appendedRecords, appendedBytes, storedBytes prometheus.Counter
	commits, syncErrors                         prometheus.Counter
	droppedRecords                              prometheus.Counter
	damagedSegments, damagedRecords             prometheus.Counter
	diskReadBytes                               prometheus.Counter
	syncSeconds                                 prometheus.Histogram
	passedSeconds                               *prometheus.HistogramVec

	// Of spill mode.
	memoryRecords, memoryBytes, spilledBytes prometheus.Counter
	spills                                   *prometheus.CounterVec
}

// through counts a batch that every cursor has passed before it had to be written.
func (m *metrics) through(b *record.Batch) {
	m.memoryRecords.Add(float64(b.Len()))
	m.memoryBytes.Add(float64(b.Size()))
}

func newMetrics(reg prometheus.Registerer, stats func() Stats) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		appendedRecords: counter(
			"penstock_buffer_appended_records_total", "Records stored in the buffer.",
		),
		appendedBytes: counter(
			"penstock_buffer_appended_bytes_total",
			"Bytes of records stored in the buffer, before compression.",
		),
		storedBytes: counter(
			"penstock_buffer_stored_bytes_total",
			"Bytes written to the buffer's segments, after compression.",
		),
		commits: counter("penstock_buffer_commits_total", "Group commits."),
		syncErrors: counter(
			"penstock_buffer_write_errors_total",
			"Failed writes and syncs; each is tried again in a new segment.",
		),
		droppedRecords: counter(
			"penstock_buffer_dropped_records_total",
			"Records dropped undelivered by when_full = drop_oldest.",
		),
		damagedSegments: counter(
			"penstock_buffer_damaged_segments_total",
			"Segments in which something did not read back; they are kept in the directory damaged.",
		),
		damagedRecords: counter(
			"penstock_buffer_damaged_records_total", "Records that did not read back.",
		),
		diskReadBytes: counter(
			"penstock_buffer_disk_read_bytes_total",
			"Bytes read from segments by outputs that were behind.",
		),
		syncSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "penstock_buffer_sync_seconds", Help: "Time to make a group durable.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12),
		}),
		passedSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "penstock_buffer_passed_seconds",
			Help:    "Time from a record's arrival in the buffer until its output has delivered it, or moved it to the overflow, and that is on disk; of the last record of each commit.",
			Buckets: record.AgeBuckets,
		}, []string{"cursor"}),
		memoryRecords: counter(
			"penstock_buffer_memory_records_total",
			"Records that went from input to output through memory alone; with spill = true.",
		),
		memoryBytes: counter(
			"penstock_buffer_memory_bytes_total",
			"Bytes of records that went through memory alone, before compression.",
		),
		spilledBytes: counter(
			"penstock_buffer_spilled_bytes_total",
			"Bytes that were in memory alone and then were written to disk, after compression.",
		),
		spills: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_buffer_spills_total",
			Help: "Times that what was in memory alone was written to disk, by what made it necessary.",
		}, []string{"reason"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.appendedRecords, m.appendedBytes, m.storedBytes, m.commits, m.syncErrors,
		m.droppedRecords, m.damagedSegments, m.damagedRecords, m.diskReadBytes, m.syncSeconds,
		m.passedSeconds, newStatsCollector(stats),
		m.memoryRecords, m.memoryBytes, m.spilledBytes, m.spills,
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// counted returns what a counter has counted.
func counted(c prometheus.Counter) int64 {
	var m dto.Metric
	if c.Write(&m) != nil {
		return 0
	}
	return int64(m.GetCounter().GetValue())
}

// observePassed takes note of how long the last record that a commit passes was here. Caller holds
// mu.
func (b *Buffer) observePassed(cursor string, was, pos int64, now time.Time) {
	if pos <= was {
		return
	}
	if ms := b.recent.appended.at(pos - 1); ms > 0 {
		b.m.passedSeconds.WithLabelValues(cursor).
			Observe(max(now.Sub(time.UnixMilli(ms)), 0).Seconds())
	}
}

// statsCollector reads the gauges of one moment.
type statsCollector struct {
	stats                                          func() Stats
	bytes, segments, oldest, fill, lag, first, end *prometheus.Desc
	blocked, window                                *prometheus.Desc
}

func newStatsCollector(stats func() Stats) *statsCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &statsCollector{
		stats:    stats,
		bytes:    desc("penstock_buffer_bytes", "Disk used by the buffer."),
		segments: desc("penstock_buffer_segments", "Segments on disk."),
		oldest: desc(
			"penstock_buffer_oldest_record_age_seconds",
			"Age in the buffer of the oldest record that some output has not delivered.",
		),
		fill: desc("penstock_buffer_fill_ratio", "Share of the buffer in use; 1 is full."),
		lag: desc(
			"penstock_buffer_cursor_lag_records", "Records that an output has not delivered yet.",
			"cursor",
		),
		first: desc("penstock_buffer_first_position", "Position of the oldest record kept."),
		end:   desc("penstock_buffer_end_position", "Position after the newest record."),
		window: desc(
			"penstock_buffer_window_bytes",
			"Memory taken by what is in memory alone; with spill = true.",
		),
		blocked: desc(
			"penstock_buffer_blocked_seconds_total",
			"Time during which at least one append waited for the buffer to have room.",
		),
	}
}

func (c *statsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.bytes, c.segments, c.oldest, c.fill, c.lag, c.first, c.end, c.blocked, c.window,
	} {
		ch <- d
	}
}

func (c *statsCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(c.bytes, float64(s.Bytes))
	gauge(c.segments, float64(s.Segments))
	gauge(c.oldest, s.OldestAge.Seconds())
	gauge(c.fill, s.Fill)
	gauge(c.window, float64(s.WindowBytes))
	gauge(c.first, float64(s.First))
	gauge(c.end, float64(s.End))
	ch <- prometheus.MustNewConstMetric(c.blocked, prometheus.CounterValue, s.BlockedFor.Seconds())
	for _, cur := range s.Cursors {
		gauge(c.lag, float64(cur.Lag), cur.Name)
	}
}
