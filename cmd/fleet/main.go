package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	load
	agents         []int
	warmup, window time.Duration
	outage, after  time.Duration
	patience       time.Duration
	partitions     int
}

// load is what each agent does.
type load struct {
	delivery  string
	batches   float64 // a second
	lines     int     // of a batch
	bytes     int     // of a line
	commit    time.Duration
	commitMax time.Duration
}

func run(ctx context.Context, args []string) error {
	o := options{}
	fs := flag.NewFlagSet("fleet", flag.ContinueOnError)
	agents := fs.String("agents", "100,300,1000", "how many agents, of each run; 0 is the cluster by itself")
	deliveries := fs.String(
		"delivery", kafka.AtLeastOnce+","+kafka.ExactlyOnce, "delivery, of each run",
	)
	fs.Float64Var(&o.batches, "batches", 1, "batches a second that each agent reads from its log")
	fs.IntVar(&o.lines, "lines", 20, "lines of a batch")
	fs.IntVar(&o.bytes, "bytes", 200, "bytes of a line")
	fs.DurationVar(&o.commit, "commit", 200*time.Millisecond, "commit_interval")
	fs.DurationVar(&o.commitMax, "commit-max", 5*time.Second, "commit_interval_max")
	fs.IntVar(&o.partitions, "partitions", 12, "partitions of the topic")
	fs.DurationVar(&o.warmup, "warmup", 10*time.Second, "time before each measurement")
	fs.DurationVar(&o.window, "window", 15*time.Second, "time of each measurement")
	fs.DurationVar(&o.outage, "outage", 0, "take all brokers away for so long, and print each second")
	fs.DurationVar(
		&o.after, "after", 10*time.Second,
		"failover.after, recover and object_age of the agents in an outage",
	)
	fs.DurationVar(
		&o.patience, "patience", 2*time.Minute, "how long after an outage the overflow may take",
	)
	if err := fs.Parse(args); err != nil {
		return err
	}
	for _, s := range strings.Split(*agents, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return fmt.Errorf("agents: %q is no number of agents", s)
		}
		o.agents = append(o.agents, n)
	}
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := servers.NewCluster(dir)
	if err != nil {
		return err
	}
	defer c.Close()
	if o.outage > 0 {
		o.delivery, _, _ = strings.Cut(*deliveries, ",")
		return errors.Join(createTopic(ctx, c, o.partitions), o.runOutage(ctx, c, dir))
	}
	if err := createTopic(ctx, c, o.partitions); err != nil {
		return err
	}
	printHead(os.Stdout)
	for o.delivery = range strings.SplitSeq(*deliveries, ",") {
		for _, n := range o.agents {
			if err := o.measure(ctx, c, dir, n); err != nil {
				return fmt.Errorf("%d agents, %s: %w", n, o.delivery, err)
			}
		}
	}
	return nil
}

const topic = "fleet-logs"

func createTopic(ctx context.Context, c *servers.Cluster, partitions int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...))
	if err != nil {
		return err
	}
	defer cl.Close()
	_, err = kadm.NewClient(cl).CreateTopic(ctx, int32(partitions), 3, nil, topic)
	return err
}
