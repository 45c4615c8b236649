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
	lines, backlog int64
	only           *regexp.Regexp

	corpus string
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
}

func (h *harness) run(ctx context.Context) error {
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return err
	}
	const produce = "franz-go Produce, no disk"
	workloads := []job{
		{"hpcloud/tail to nothing", "", 1, h.self("hpcloud")},
		{"tail to nothing", "hpcloud/tail to nothing", 1, h.self("tail-null")},
		{"tail to buffer", "hpcloud/tail to nothing", 1, func(ctx context.Context) (usage, error) {
			return runSelf(
				ctx, "tail-buffer", h.corpus, fmt.Sprint(h.lines), filepath.Join(h.dir, "buffer"),
			)
		}},
		{produce, "", 1, h.plainProduce},
		{"tail to buffer to Kafka", produce, 1, h.toKafka(variant{})},
		{
			"the same, beside a dead output",
			"tail to buffer to Kafka",
			1,
			h.toKafka(variant{dead: true}),
		},
		{"the same, exactly once", produce, 1, h.toKafka(variant{output: exactly})},
		{
			"the same, record by record",
			produce,
			1,
			h.toKafka(variant{output: `headers = { app = "bench" }`}),
		},
		{"tail to Kafka, spill", produce, 1, h.toKafka(variant{buffer: "spill = true"})},
		{"drain of a backlog to Kafka", produce, h.backlog, h.drainBacklog},
		{"forward to buffer to Kafka, 1 client", "", 1, h.relay(1, "kafka")},
		{"forward to buffer to Kafka, 50 clients", "", 1, h.relay(50, "kafka")},
		{"forward to buffer to forward, 1 client", "", 1, h.relay(1, "forward")},
		{"forward to buffer to forward, 50 clients", "", 1, h.relay(50, "forward")},
	}
	workloads = append(workloads, h.archiveWorkloads()...)
	workloads = slices.DeleteFunc(
		workloads, func(w job) bool { return !h.only.MatchString(w.name) },
	)
	h.corpus = filepath.Join(h.dir, "corpus.log")
	if slices.ContainsFunc(workloads, func(w job) bool { return w.scale > 0 }) {
		var err error
		if h.size, err = ensureCorpus(h.corpus, h.lines); err != nil {
			return err
		}
		fmt.Printf("%d lines, %d MB, ", h.lines, h.size/1e6)
	}
	fmt.Printf("%d cores, %s\n\n", runtime.NumCPU(), runtime.Version())
	defer h.stopLake()
	for _, w := range workloads {
		fmt.Fprintf(os.Stderr, "%s ...\n", w.name)
		wctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
		u, err := w.run(wctx)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		lines, size := h.lines*w.scale, h.size*w.scale
		if w.scale == 0 {
			lines, size = h.records, h.records*recordSize
		}
		if u.lines > 0 {
			lines = u.lines
		}
		if u.moved > 0 {
			size = u.moved
		}
		h.rows = append(
			h.rows, row{name: w.name, lines: lines, bytes: size, u: u, baseline: w.baseline},
		)
	}
	if len(h.rows) > 0 {
		printTable(os.Stdout, h.rows)
	}
	return errors.Join(h.runStarts(ctx), h.runQuiet(ctx), h.runSteady(ctx))
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
