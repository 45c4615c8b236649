package buffer

import (
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
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_buffer_" + name, Help: help})
	}
	m := &metrics{
		appendedRecords: counter("appended_records_total", "Records stored in the buffer."),
		appendedBytes:   counter("appended_bytes_total", "Bytes of records stored in the buffer, before compression."),
		storedBytes:     counter("stored_bytes_total", "Bytes written to the buffer's segments, after compression."),
		commits:         counter("commits_total", "Group commits."),
		syncErrors:      counter("write_errors_total", "Failed writes and syncs; each is tried again in a new segment."),
		droppedRecords:  counter("dropped_records_total", "Records dropped undelivered by when_full = drop_oldest."),
		damagedSegments: counter("damaged_segments_total", "Segments in which something did not read back; they are kept in the directory damaged."),
		damagedRecords:  counter("damaged_records_total", "Records that did not read back."),
		diskReadBytes:   counter("disk_read_bytes_total", "Bytes read from segments by outputs that were behind."),
		syncSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "penstock_buffer_sync_seconds", Help: "Time to make a group durable.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12),
		}),
		memoryRecords: counter("memory_records_total", "Records that went from input to output through memory alone; with spill = true."),
		memoryBytes:   counter("memory_bytes_total", "Bytes of records that went through memory alone, before compression."),
		spilledBytes:  counter("spilled_bytes_total", "Bytes that were in memory alone and then were written to disk, after compression."),
		spills: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_buffer_spills_total", Help: "Times that what was in memory alone was written to disk, by what made it necessary.",
		}, []string{"reason"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.appendedRecords, m.appendedBytes, m.storedBytes, m.commits, m.syncErrors, m.droppedRecords,
		m.damagedSegments, m.damagedRecords, m.diskReadBytes, m.syncSeconds, newStatsCollector(stats),
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

// statsCollector reads the gauges of one moment.
type statsCollector struct {
	stats                                          func() Stats
	bytes, segments, oldest, fill, lag, first, end *prometheus.Desc
	blocked, window                                *prometheus.Desc
}

func newStatsCollector(stats func() Stats) *statsCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("penstock_buffer_"+name, help, labels, nil)
	}
	return &statsCollector{
		stats:    stats,
		bytes:    desc("bytes", "Disk used by the buffer."),
		segments: desc("segments", "Segments on disk."),
		oldest:   desc("oldest_record_age_seconds", "Age in the buffer of the oldest record that some output has not delivered."),
		fill:     desc("fill_ratio", "Share of the buffer in use; 1 is full."),
		lag:      desc("cursor_lag_records", "Records that an output has not delivered yet.", "cursor"),
		first:    desc("first_position", "Position of the oldest record kept."),
		end:      desc("end_position", "Position after the newest record."),
		window:   desc("window_bytes", "Memory taken by what is in memory alone; with spill = true."),
		blocked:  desc("blocked_seconds_total", "Time during which at least one append waited for the buffer to have room."),
	}
}

func (c *statsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.bytes, c.segments, c.oldest, c.fill, c.lag, c.first, c.end, c.blocked, c.window} {
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
