package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is either the harness, or with a first argument that names one, a workload in a process of its own.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if ok, err := workload(args[0], args[1:]); ok {
			return err
		}
	}
	h := harness{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&h.binary, "penstock", "bin/penstock", "the penstock binary to measure")
	fs.StringVar(&h.dir, "dir", filepath.Join(os.TempDir(), "penstock-bench"), "work directory; the corpus is kept there")
	fs.Int64Var(&h.lines, "lines", 5_000_000, "lines of the corpus")
	fs.Int64Var(&h.backlog, "backlog", 5, "size of the backlog that is drained, in corpora (about a gigabyte each)")
	fs.Int64Var(&h.records, "records", 5_000_000, "records of the backlog that is archived, 200 bytes each")
	only := fs.String("only", "", "regular expression: run only these workloads")
	if err := fs.Parse(args); err != nil {
		return err
	}
	var err error
	if h.only, err = regexp.Compile(*only); err != nil {
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
	case "s3":
		return true, serveS3()
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
