package spool

import (
	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	records, bytes                                    prometheus.Counter
	archived, cuts, hooks                             *prometheus.CounterVec
	objects, objectBytes, kept, completed             prometheus.Counter
	redos, missing, compacted, moved, fenced, skipped prometheus.Counter
	uploadRetries, commitRetries                      prometheus.Counter
	diskRefused, spills                               prometheus.Counter
	memory, disk, openFiles, paths, logs              prometheus.GaugeFunc
	uploadSeconds                                     prometheus.Histogram
	eventAge                                          *prometheus.HistogramVec
	stuck                                             *prometheus.GaugeVec
	conflicts                                         prometheus.Gauge
}

func newMetrics(a *Archiver, r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string, f func() float64) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	m := &metrics{
		records: counter(
			"penstock_output_records_total", "Records that the destination has taken.",
		),
		bytes: counter(
			"penstock_output_bytes_total", "Uncompressed bytes that the destination has taken.",
		),
		archived: prometheus.NewCounterVec(
			prometheus.CounterOpts{
				Name: "penstock_archive_records_total",
				Help: "Records archived and committed, by class: main, late or dead_letter.",
			},
			[]string{"class"},
		),
		cuts: prometheus.NewCounterVec(
			prometheus.CounterOpts{
				Name: "penstock_archive_cuts_total",
				Help: "Cuts made, by reason.",
			},
			[]string{"reason"},
		),
		hooks: prometheus.NewCounterVec(
			prometheus.CounterOpts{
				Name: "penstock_archive_hook_runs_total",
				Help: "Completion hooks run, by hook and result.",
			},
			[]string{"hook", "result"},
		),
		objects: counter("penstock_archive_objects_total", "Objects uploaded."),
		objectBytes: counter(
			"penstock_archive_object_bytes_total", "Bytes of uploaded objects, as they are stored.",
		),
		completed: counter(
			"penstock_archive_completed_partitions_total", "Partition paths marked as complete.",
		),
		kept: counter(
			"penstock_archive_kept_objects_total",
			"Objects of an incomplete redo that were left as they were, because the whole cut had stored them.",
		),
		redos: counter(
			"penstock_archive_redos_total",
			"Cuts made again because their owner had not finished them.",
		),
		compacted: counter(
			"penstock_archive_compacted_records_total",
			"Records of a begun cut that compaction had taken when the cut was made again.",
		),
		missing: counter(
			"penstock_archive_missing_records_total",
			"Records of a begun cut that the log no longer had when the cut was made again.",
		),
		moved: counter(
			"penstock_archive_moved_positions_total",
			"Intents that were void because the committed position had been changed by hand.",
		),
		skipped: counter(
			"penstock_archive_skipped_nulls_total",
			"Records with a null value that were left out, as on_null says.",
		),
		fenced: counter(
			"penstock_archive_fenced_total",
			"Logs that were lost to another owner while something was spooled.",
		),
		uploadRetries: counter(
			"penstock_archive_upload_retries_total", "Uploads tried again after a failure.",
		),
		commitRetries: counter(
			"penstock_archive_commit_retries_total", "Commits whose outcome was unknown.",
		),
		diskRefused: counter(
			"penstock_archive_disk_refused_total",
			"Writes that the disk of the working files refused.",
		),
		spills: counter(
			"penstock_archive_spills_total",
			"Times that records in memory were moved to disk because memory ran short.",
		),
		uploadSeconds: prometheus.NewHistogram(
			prometheus.HistogramOpts{
				Name:    "penstock_archive_upload_seconds",
				Help:    "Time of one upload.",
				Buckets: []float64{0.005, 0.02, 0.1, 0.5, 2, 10, 60},
			},
		),
		eventAge: prometheus.NewHistogramVec(
			prometheus.HistogramOpts{
				Name:    "penstock_archive_event_age_seconds",
				Help:    "Time from an event to the commit of the cut that archives it, of the oldest and the newest event of each cut.",
				Buckets: record.AgeBuckets,
			},
			[]string{"event"},
		),
		conflicts: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "penstock_archive_occupied_keys",
				Help: "Objects that cannot be stored because another is there that the store refuses to overwrite.",
			},
		),
		stuck: prometheus.NewGaugeVec(
			prometheus.GaugeOpts{
				Name: "penstock_archive_waiting",
				Help: "1 while the archiver cannot go on for this reason: store, commit, disk, decode, complete or log.",
			},
			[]string{"reason"},
		),
	}
	m.memory = gauge(
		"penstock_archive_spool_memory_bytes", "Memory of records that are not uploaded yet.",
		func() float64 { return float64(a.budget.used(true)) },
	)
	m.disk = gauge(
		"penstock_archive_spool_disk_bytes", "Disk of records that are not uploaded yet.",
		func() float64 { return float64(a.budget.used(false)) },
	)
	m.openFiles = gauge(
		"penstock_archive_open_files", "Working files that are open.",
		func() float64 { return float64(a.files.openFiles()) },
	)
	m.paths = gauge(
		"penstock_archive_open_paths",
		"Partition paths in the cuts that are being filled or uploaded.",
		func() float64 { return float64(a.paths.Load()) },
	)
	m.logs = gauge(
		"penstock_archive_logs", "Logs being archived.",
		func() float64 { return float64(a.budget.count()) },
	)
	r.MustRegister(
		m.records, m.bytes, m.archived, m.cuts, m.hooks, m.objects, m.objectBytes, m.kept,
		m.completed, m.redos, m.missing, m.compacted, m.moved, m.fenced, m.skipped, m.uploadRetries,
		m.commitRetries, m.diskRefused, m.spills, m.uploadSeconds, m.eventAge, m.stuck, m.conflicts,
		m.memory, m.disk, m.openFiles, m.paths, m.logs,
	)
	return m
}

func (b *budget) used(memory bool) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if memory {
		return b.memory
	}
	return b.disk
}

func (b *budget) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.logs)
}
