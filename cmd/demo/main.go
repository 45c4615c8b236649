// Command demo runs the main job of penstock on this machine alone, with an embedded broker, and
// counts every line: `make demo`. Its exit code is 1 if one is missing.
//
// It owns a command line; the rest is in cmd/penstock/demo. It is a program of its own so that
// penstock carries no broker along.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

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
	flag.Parse()
	return demo.Run(context.Background(), opts)
}
