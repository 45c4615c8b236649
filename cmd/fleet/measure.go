package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

func printHead(w io.Writer) {
	fmt.Fprintf(w, "%-13s %6s %8s %9s %7s %7s %8s %13s %13s %10s %6s %7s %8s\n",
		"delivery", "agents", "commit", "records/s", "prod/s", "txn/s", "all/s",
		"produce ms", "commit ms", "interval s", "conns", "CPU %", "CPU ms/r")
}

// measure runs n agents and prints a row.
func (o *options) measure(ctx context.Context, c *servers.Cluster, dir string, n int) error {
	f, err := startFleet(ctx, o.load, target{brokers: c.Addrs(), dir: dir}, n)
	if err != nil {
		return err
	}
	defer f.close()
	if err := fault.Sleep(ctx, o.warmup); err != nil {
		return err
	}
	was, err := f.figures()
	if err != nil {
		return err
	}
	before, err := brokersUsage(c)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := fault.Sleep(ctx, o.window); err != nil {
		return err
	}
	now, err := f.figures()
	if err != nil {
		return err
	}
	after, err := brokersUsage(c)
	if err != nil {
		return err
	}
	took := time.Since(begun).Seconds()
	interval := now.values["penstock_output_commit_interval_seconds"] / float64(n)
	d := now.since(was)
	cpu := (after.cpu - before.cpu).Seconds()
	if n == 0 {
		fmt.Printf("%-13s %119.1f\n", "none", 100*cpu/took)
		return nil
	}
	const produce, commit = "penstock_kafka_produce_seconds", "penstock_output_commit_seconds"
	per := func(name string) float64 { return d.values[name] / took }
	fmt.Printf(
		"%-13s %6d %8v %9.0f %7.0f %7.0f %8.0f %5.0f p99 %4.0f %5.0f p99 %4.0f %8.2f %8d %7.1f %8.2f\n",
		o.delivery, n, o.commit,
		per("penstock_output_records_total"), per("penstock_kafka_requests_total/Produce"),
		per("penstock_kafka_transactions_total/committed"), d.requests()/took,
		d.mean(produce), d.quantile(produce, 0.99), d.mean(commit), d.quantile(commit, 0.99),
		interval, after.sockets, 100*cpu/took, 1000*cpu/d.requests(),
	)
	var kinds []string
	for name, v := range d.values {
		if kind, ok := strings.CutPrefix(name, "penstock_kafka_requests_total/"); ok && v > 0 {
			kinds = append(kinds, fmt.Sprintf("%s %.0f/s", kind, v/took))
		}
	}
	slices.Sort(kinds)
	fmt.Fprintf(os.Stderr, "    %s; brokers hold %d MB; %.0f transactions given up, %.0f retries\n",
		strings.Join(kinds, ", "), after.resident>>20,
		d.values["penstock_kafka_transactions_total/aborted"],
		d.values["penstock_output_retries_total"])
	return nil
}
