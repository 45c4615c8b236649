package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is either the harness, or with a first argument that names one, a workload in a process of
// its own.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if ok, err := workload(args[0], args[1:]); ok {
			return err
		}
	}
	h := harness{}
	s := &h.steady
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&h.binary, "penstock", "bin/penstock", "the penstock binary to measure")
	fs.StringVar(
		&h.dir, "dir", filepath.Join(os.TempDir(), "penstock-bench"),
		"work directory; the corpus is kept there",
	)
	fs.Int64Var(&h.lines, "lines", 5_000_000, "lines of the corpus")
	fs.Int64Var(
		&h.backlog, "backlog", 5,
		"size of the backlog that is drained, in corpora (about a gigabyte each)",
	)
	fs.Int64Var(
		&h.records, "records", 5_000_000, "records of the backlog that is archived, 200 bytes each",
	)
	rates := fs.String(
		"rates", "100,1000,10000,50000", "steady load: lines per second, of each row",
	)
	fs.IntVar(&s.files, "files", 20, "steady load: files")
	fs.DurationVar(
		&s.window, "window", 10*time.Second,
		"steady load: how long each agent is measured at each rate",
	)
	fs.IntVar(&h.rounds, "rounds", 1, "runs of each workload, of which the median is printed, with the least and the most")
	fs.StringVar(
		&h.before, "before", "",
		"another penstock binary, which runs each workload at full speed beside the first: ratios of the pairs are printed",
	)
	fs.Func(
		"agent",
		"steady load: another agent, as name=command line for sh; may be repeated. It finds in its environment LOGS (a glob), BROKER, TOPIC, DIR "+
			"(to write to), and CONFIG and CONFIG_SPILL, which are for another penstock",
		func(v string) error {
			name, command, ok := strings.Cut(v, "=")
			if !ok {
				return errors.New("want name=command line")
			}
			s.agents = append(s.agents, steadyAgent{name: name, command: command})
			return nil
		},
	)
	only := fs.String("only", "", "regular expression: run only these workloads")
	if err := fs.Parse(args); err != nil {
		return err
	}
	var err error
	if h.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	if h.rounds < 1 {
		return errors.New("rounds: must be at least 1")
	}
	s.rounds = h.rounds
	if s.rates, err = parseRates(*rates); err != nil {
		return err
	}
	return h.run(ctx)
}

func workload(name string, args []string) (bool, error) {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	num := func(i int) int64 {
		n, _ := strconv.ParseInt(arg(i), 10, 64)
		return n
	}
	switch name {
	case "broker":
		return true, serveBroker(int32(num(0)), arg(1))
	case "lake-broker":
		return true, serveLakeBroker(num(0), order(arg(1)))
	case "lake-feed":
		return true, feedSteadily(arg(0), num(1))
	case "lake-limit":
		return true, lakeLimit(arg(0), num(1), arg(2))
	case "s3":
		return true, serveS3()
	case "steady-broker":
		return true, serveSteadyBroker(int32(num(0)))
	case "steady-writer":
		return true, writeSteadily(arg(0), int(num(1)), max(num(2), 1))
	case "steady-reader":
		return true, readSteadily(arg(0))
	case "hpcloud":
		return true, hpcloudTail(arg(0), num(1))
	case "franz-go":
		return true, plainProduce(arg(0), arg(1))
	case "tail-null":
		return true, tailNull(arg(0), num(1))
	case "tail-buffer":
		return true, tailBuffer(arg(0), num(1), arg(2))
	case "forward-client":
		return true, forwardClients(arg(0), int(num(1)), num(2))
	case "forward-sink":
		return true, forwardSink(num(0))
	}
	return false, nil
}
