package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// startRounds is how often each start is measured.
const startRounds = 7

// runStarts prints how long it is from the start of an agent until the consumer has the first line,
// which was written before. It does so with a new data directory, with the one that an agent has
// left which was stopped, and with that of one that was killed.
func (h *harness) runStarts(ctx context.Context) error {
	const name = "start to first record"
	if !h.only.MatchString(name) {
		return nil
	}
	fmt.Fprintf(os.Stderr, "%s ...\n", name)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	kinds := []string{"new data directory", "after a stop", "after a kill"}
	took := make([][]float64, len(kinds))
	for range startRounds {
		if err := h.startCells(ctx, took); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	fmt.Printf("\n%s, ms, medians of %d (least, most)\n\n", name, startRounds)
	for i, kind := range kinds {
		slices.Sort(took[i])
		fmt.Printf("  %-20s %4.0f (%.0f, %.0f)\n",
			kind, took[i][startRounds/2], took[i][0], took[i][startRounds-1])
	}
	return nil
}

// startCells starts an agent three times on one data directory and adds what each start took.
func (h *harness) startCells(ctx context.Context, took [][]float64) (err error) {
	dir := filepath.Join(h.dir, "start")
	logs := filepath.Join(dir, "logs")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(logs, 0o755)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := startServer("steady-broker", "6")
	if err != nil {
		return err
	}
	defer b.close()
	reader, err := startHelper("steady-reader", b.addr)
	if err != nil {
		return err
	}
	defer reader.close()
	admin, err := freePort()
	if err != nil {
		return err
	}
	for i := range took {
		f, err := os.OpenFile(
			filepath.Join(logs, "app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644,
		)
		if err != nil {
			return err
		}
		_, err = f.Write(appendSteadyLine(nil, 0, int64(i), time.Now()))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		e, err := h.startSteadyAgent(steadyAgent{}, dir, b.addr, admin)
		if err != nil {
			return err
		}
		first, err := firstLine(ctx, e, reader)
		if i == 1 && err == nil {
			_ = e.cmd.Process.Kill()
		}
		e.stop()
		if err != nil {
			return err
		}
		took[i] = append(took[i], first)
	}
	return nil
}

// firstLine waits for the line that was written before e was started and returns its latency in
// milliseconds.
func firstLine(ctx context.Context, e *edge, reader *helper) (float64, error) {
	ctx, cancel := e.whileRunning(ctx)
	defer cancel()
	for {
		var received, p50, p99 int64
		if err := reader.ask(ctx, &received, &p50, &p99); err != nil {
			return 0, err
		}
		if received > 0 {
			return float64(p50) / 1e3, nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return 0, err
		}
	}
}
