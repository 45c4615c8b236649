package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/penstock/penstock/cmd/penstock/demo"
	"golang.org/x/term"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run() error {
	opts := demo.Options{Out: os.Stdout, Live: term.IsTerminal(int(os.Stdout.Fd()))}
	if exe, err := os.Executable(); err == nil {
		opts.Penstock = filepath.Join(filepath.Dir(exe), "penstock")
	}
	flag.StringVar(&opts.Penstock, "penstock", opts.Penstock, "the binary")
	flag.StringVar(
		&opts.Dir, "dir", "", "work directory, kept afterwards (default: a temporary one, removed)",
	)
	flag.IntVar(&opts.Rate, "rate", 4000, "lines a second that the apps write together")
	broker := flag.String(
		"broker", "", "only an embedded broker, for trying, at this host:port, until it is interrupted",
	)
	flag.Parse()
	if *broker != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return demo.Serve(ctx, *broker, os.Stdout)
	}
	return demo.Run(context.Background(), opts)
}
