package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// quietFiles are the numbers of files of which each is a row of the table of idle agents.
var quietFiles = []int{20, 1000, 10_000}

// settleQuiet is how long an agent has, once it has delivered all, to give back what it needed.
const settleQuiet = 15 * time.Second

// runQuiet prints what an agent costs that has read all its files and to which nothing comes.
func (h *harness) runQuiet(ctx context.Context) error {
	var rows []string
	for _, files := range quietFiles {
		name := fmt.Sprintf("quiet: %d files", files)
		if !h.only.MatchString(name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", name)
		wctx, cancel := context.WithTimeout(ctx, 2*time.Minute+h.steady.window)
		cpu, u, err := h.quietCell(wctx, files)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		rows = append(rows, fmt.Sprintf("  %6d  %8.2f  %12.1f  %11.1f\n",
			files, cpu, float64(u.peakAnon)/1e6, float64(u.peakAnon+u.peakMapped)/1e6))
	}
	if len(rows) > 0 {
		fmt.Printf("\nquiet files, over %v\n\n   files  CPU ms/s  anonymous MB  resident MB\n%s",
			h.steady.window, strings.Join(rows, ""))
	}
	return nil
}

// quietCell returns milliseconds of CPU in a second, and memory.
func (h *harness) quietCell(ctx context.Context, files int) (cpu float64, u usage, err error) {
	dir := filepath.Join(h.dir, "quiet")
	logs := filepath.Join(dir, "logs")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(logs, 0o755)); err != nil {
		return 0, u, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for i := range files {
		line := appendSteadyLine(nil, i, int64(i), time.Now())
		path := filepath.Join(logs, fmt.Sprintf("app-%05d.log", i))
		if err := os.WriteFile(path, line, 0o644); err != nil {
			return 0, u, err
		}
	}
	b, err := startServer("steady-broker", "6")
	if err != nil {
		return 0, u, err
	}
	defer b.close()
	admin, err := freePort()
	if err != nil {
		return 0, u, err
	}
	e, err := h.startSteadyAgent(steadyAgent{}, dir, b.addr, admin)
	if err != nil {
		return 0, u, err
	}
	defer e.stop()
	ctx, cancel := e.whileRunning(ctx)
	defer cancel()
	if err := b.waitStored(ctx, int64(files)); err != nil {
		return 0, u, err
	}
	if err := pause(ctx, settleQuiet); err != nil {
		return 0, u, err
	}
	pid := e.cmd.Process.Pid
	before, start, m := onCPU(pid), time.Now(), watch(pid)
	err = pause(ctx, h.steady.window)
	u = m.end()
	return float64(onCPU(pid)-before) / 1e6 / time.Since(start).Seconds(), u, err
}

// onCPU returns the nanoseconds that the threads of a process have run, which is finer than the
// ticks of /proc/PID/stat.
func onCPU(pid int) (total int64) {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		ran, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(ran, 10, 64)
		total += n
	}
	return total
}
