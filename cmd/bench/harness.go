package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"
)

// harness runs the workloads one after the other and prints the table.
type harness struct {
	binary, dir    string
	before         string // another binary, run beside each run of the first; empty for none
	rounds         int
	lines, backlog int64
	only           *regexp.Regexp

	corpus string // of jsonLines
	size   int64
	rows   []row

	records   int64   // of the backlog that is archived
	lake      *broker // holds that backlog
	lakeOrder order   // of its times
	archived  int     // times it was archived
	admin     string  // address of the consumer that was started last

	steady steady
}

// job is one workload and what it is held against.
type job struct {
	name, baseline string
	scale          int64 // corpora of work; 0 for those that archive the backlog
	run            func(context.Context) (usage, error)
	alone          bool // it does not run the binary
}

func (h *harness) run(ctx context.Context) error {
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return err
	}
	const produce = "franz-go Produce, no disk"
	workloads := []job{
		{"hpcloud/tail to nothing", "", 1, h.self("hpcloud"), true},
		{"tail to nothing", "hpcloud/tail to nothing", 1, h.self("tail-null"), true},
		{"tail to buffer", "hpcloud/tail to nothing", 1, func(ctx context.Context) (usage, error) {
			return runSelf(
				ctx, "tail-buffer", h.corpus, fmt.Sprint(h.lines), filepath.Join(h.dir, "buffer"),
			)
		}, true},
		{produce, "", 1, h.plainProduce, true},
		{name: "tail to buffer to Kafka", baseline: produce, scale: 1, run: h.toKafka(variant{})},
		{
			name: "the same, " + textLines.name, baseline: "tail to buffer to Kafka", scale: 1,
			run: h.toKafka(variant{corpus: textLines}),
		},
		{
			name: "the same, " + randomLines.name, baseline: "tail to buffer to Kafka", scale: 1,
			run: h.toKafka(variant{corpus: randomLines}),
		},
		{
			name: "the same, beside a dead output", baseline: "tail to buffer to Kafka", scale: 1,
			run: h.toKafka(variant{dead: true}),
		},
		{
			name: "the same, exactly once", baseline: produce, scale: 1,
			run: h.toKafka(variant{output: exactly}),
		},
		{
			name: "the same, record by record", baseline: produce, scale: 1,
			run: h.toKafka(variant{output: `headers = { app = "bench" }`}),
		},
		{
			name: "tail to Kafka, spill", baseline: produce, scale: 1,
			run: h.toKafka(variant{buffer: "spill = true"}),
		},
		{
			name: "drain of a backlog to Kafka", baseline: produce, scale: h.backlog,
			run: h.drainBacklog,
		},
		{name: "forward to buffer to Kafka, 1 client", scale: 1, run: h.relay(1, "kafka")},
		{name: "forward to buffer to Kafka, 50 clients", scale: 1, run: h.relay(50, "kafka")},
		{name: "forward to buffer to forward, 1 client", scale: 1, run: h.relay(1, "forward")},
		{name: "forward to buffer to forward, 50 clients", scale: 1, run: h.relay(50, "forward")},
	}
	workloads = append(workloads, h.archiveWorkloads()...)
	workloads = slices.DeleteFunc(
		workloads, func(w job) bool { return !h.only.MatchString(w.name) },
	)
	h.corpus = filepath.Join(h.dir, jsonLines.file)
	if slices.ContainsFunc(workloads, func(w job) bool { return w.scale > 0 }) {
		var err error
		var ratio float64
		if h.size, ratio, err = jsonLines.ensure(h.corpus, h.lines); err != nil {
			return err
		}
		fmt.Printf("%d lines, %d MB, %.1f to 1 with snappy, ", h.lines, h.size/1e6, ratio)
	}
	fmt.Printf("%d cores, %s\n\n", runtime.NumCPU(), runtime.Version())
	if err := os.RemoveAll(h.lakesDir()); err != nil {
		return err
	}
	defer os.RemoveAll(h.lakesDir())
	defer h.stopLake()
	for round := range h.rounds {
		for _, w := range workloads {
			fmt.Fprintf(os.Stderr, "%s, %d of %d ...\n", w.name, round+1, h.rounds)
			if err := h.pair(ctx, w, round%2 == 1); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	if len(h.rows) > 0 {
		printTable(os.Stdout, h.rows)
	}
	return errors.Join(
		h.runStarts(ctx), h.runQuiet(ctx), h.runSteady(ctx), h.runFilters(ctx),
	)
}

// pair runs a workload, and once more with the other binary if there is one; swapped tells that the
// other's turn comes first.
func (h *harness) pair(ctx context.Context, w job, swapped bool) error {
	own := h.binary
	defer func() { h.binary = own }()
	if h.before == "" || w.alone {
		r, err := h.once(ctx, w)
		h.note(w.name, w.baseline).add(r)
		return err
	}
	binaries := []string{own, h.before}
	var results [2]result
	for i := range binaries {
		if swapped {
			i = 1 - i
		}
		h.binary = binaries[i]
		var err error
		if results[i], err = h.once(ctx, w); err != nil {
			return err
		}
	}
	row := h.note(w.name, w.baseline)
	row.add(results[0])
	row.before = append(row.before, results[1])
	return nil
}

func (h *harness) once(ctx context.Context, w job) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	u, err := w.run(ctx)
	r := result{lines: h.lines * w.scale, bytes: h.size * w.scale, u: u}
	if w.scale == 0 {
		r.lines, r.bytes = h.records, h.records*recordSize
	}
	if u.lines > 0 {
		r.lines = u.lines
	}
	if u.moved > 0 {
		r.bytes = u.moved
	}
	return r, err
}

// note returns the row of that name.
func (h *harness) note(name, baseline string) *row {
	i := slices.IndexFunc(h.rows, func(r row) bool { return r.name == name })
	if i < 0 {
		i = len(h.rows)
		h.rows = append(h.rows, row{name: name, baseline: baseline})
	}
	return &h.rows[i]
}

// self runs a workload that takes the corpus and its number of lines.
func (h *harness) self(name string) func(context.Context) (usage, error) {
	return func(ctx context.Context) (usage, error) {
		return runSelf(ctx, name, h.corpus, fmt.Sprint(h.lines))
	}
}

func (h *harness) plainProduce(ctx context.Context) (usage, error) {
	b, err := startBroker(6, "")
	if err != nil {
		return usage{}, err
	}
	defer b.close()
	u, err := runSelf(ctx, "franz-go", h.corpus, b.addr)
	if err != nil {
		return u, err
	}
	return u, b.waitStored(ctx, h.lines)
}
