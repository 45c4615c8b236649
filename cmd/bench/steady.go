package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// steady is the second table: what agents cost while lines come at a steady rate, as on a server
// that writes logs all day.
type steady struct {
	rates  []int64
	files  int
	window time.Duration
	rounds int
	agents []steadyAgent
}

// steadyAgent is one to measure: penstock under edgeConfig, or a command line for sh.
type steadyAgent struct{ name, buffer, command string }

// settleSteady is how long an agent has before it is measured, once it has delivered something.
const settleSteady = 8 * time.Second

// cell is what was measured of one agent at one rate.
type cell struct {
	came float64 // in percent of the lines written meanwhile: an agent may fall behind

	cpu, resident, written, amplified, writes, syncs, p50, p99 float64
}

func parseRates(s string) (rates []int64, err error) {
	for f := range strings.SplitSeq(s, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(f), 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-rates: %q is no number of lines per second", f)
		}
		rates = append(rates, n)
	}
	return rates, nil
}

// runSteady measures every agent at every rate, one after the other in each round, and prints the
// medians.
func (h *harness) runSteady(ctx context.Context) error {
	s := &h.steady
	s.agents = append([]steadyAgent{
		{name: "penstock, synced"}, {name: "penstock, spill", buffer: "spill = true"},
	}, s.agents...)
	type row struct {
		name  string
		agent steadyAgent
		rate  int64
		cells []cell
	}
	var rows []row
	for _, rate := range s.rates {
		for _, a := range s.agents {
			if name := fmt.Sprintf("steady: %d lines/s, %s", rate, a.name); h.only.MatchString(
				name,
			) {
				rows = append(rows, row{name: name, agent: a, rate: rate})
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	for range s.rounds {
		for i := range rows {
			r := &rows[i]
			fmt.Fprintf(os.Stderr, "%s ...\n", r.name)
			wctx, cancel := context.WithTimeout(ctx, s.window+time.Minute)
			c, err := h.steadyCell(wctx, r.agent, r.rate)
			cancel()
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			r.cells = append(r.cells, c)
		}
	}
	fmt.Printf(
		"\nsteady lines over %d files, medians of %d runs of %v\n\n", s.files, s.rounds, s.window,
	)
	tw := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(
		tw,
		"lines/s\tagent\tcame %\tCPU % of a core\tresident MB\tdisk KB/s\tof the lines\twrites/s\tsyncs/s\tp50 ms\tp99 ms\t",
	)
	for _, r := range rows {
		m := medianCell(r.cells)
		fmt.Fprintf(
			tw, "%d\t%s\t%.0f\t%.1f\t%.0f\t%.0f\t%.1fx\t%.0f\t%s\t%.1f\t%.1f\t\n", r.rate,
			r.agent.name, m.came, m.cpu, m.resident, m.written, m.amplified, m.writes,
			countOr(m.syncs), m.p50, m.p99,
		)
	}
	return tw.Flush()
}

func countOr(n float64) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", n)
}

func medianCell(cells []cell) cell {
	median := func(get func(*cell) float64) float64 {
		var list []float64
		for i := range cells {
			list = append(list, get(&cells[i]))
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	return cell{
		came:      median(func(c *cell) float64 { return c.came }),
		cpu:       median(func(c *cell) float64 { return c.cpu }),
		resident:  median(func(c *cell) float64 { return c.resident }),
		written:   median(func(c *cell) float64 { return c.written }),
		amplified: median(func(c *cell) float64 { return c.amplified }),
		writes:    median(func(c *cell) float64 { return c.writes }),
		syncs:     median(func(c *cell) float64 { return c.syncs }),
		p50:       median(func(c *cell) float64 { return c.p50 }),
		p99:       median(func(c *cell) float64 { return c.p99 }),
	}
}

// steadyCell runs one agent beside a writer, a broker and a reader, which are processes of their
// own.
func (h *harness) steadyCell(ctx context.Context, a steadyAgent, rate int64) (c cell, err error) {
	dir := filepath.Join(h.dir, "steady")
	logs := filepath.Join(dir, "logs")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(logs, 0o755)); err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := startServer("steady-broker", "6")
	if err != nil {
		return c, err
	}
	defer b.close()
	reader, err := startHelper("steady-reader", b.addr)
	if err != nil {
		return c, err
	}
	defer reader.close()
	writer, err := startHelper("steady-writer", logs, fmt.Sprint(h.steady.files), fmt.Sprint(rate))
	if err != nil {
		return c, err
	}
	defer writer.close()
	admin, err := freePort()
	if err != nil {
		return c, err
	}
	e, err := h.startSteadyAgent(a, dir, b.addr, admin)
	if err != nil {
		return c, err
	}
	defer e.stop()
	ctx, cancel := e.whileRunning(ctx)
	defer cancel()
	if err := b.waitStored(ctx, 1); err != nil {
		return c, err
	}
	if err := pause(ctx, settleSteady); err != nil {
		return c, err
	}
	return h.measureSteadily(ctx, e.cmd.Process.Pid, admin, writer, reader)
}

// startSteadyAgent starts penstock, or a command line that finds in its environment what it is to
// do.
func (h *harness) startSteadyAgent(a steadyAgent, dir, addr, admin string) (*edge, error) {
	glob := filepath.Join(dir, "logs", "*.log")
	configs := map[string]string{"CONFIG": "", "CONFIG_SPILL": "spill = true"}
	env := append(os.Environ(), "LOGS="+glob, "BROKER="+addr, "TOPIC="+benchTopic, "DIR="+dir)
	if a.command == "" {
		configs = map[string]string{"CONFIG": a.buffer}
	}
	for name, buffer := range configs {
		path := filepath.Join(dir, strings.ToLower(name)+".hcl")
		text := fmt.Appendf(
			nil, edgeConfig, filepath.Join(dir, "data"), glob, addr, "", admin, buffer, "", "",
		)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return nil, err
		}
		env = append(env, name+"="+path)
	}
	logPath := filepath.Join(h.dir, "steady.log")
	if a.command == "" {
		return startAgent(h.binary, filepath.Join(dir, "config.hcl"), logPath, dir)
	}
	cmd := exec.Command("sh", "-c", "exec "+a.command)
	cmd.Env = env
	return startCommand(cmd, logPath, dir)
}

// measureSteadily returns what the process uses during the window.
func (h *harness) measureSteadily(
	ctx context.Context, pid int, admin string, writer, reader *helper,
) (c cell, err error) {
	var ignored, lines, size int64
	var before, after usage
	syncs := scrapeCommits(admin)
	if err := errors.Join(
		reader.ask(ctx, &ignored, &ignored, &ignored), writer.ask(ctx, &lines, &size),
	); err != nil {
		return c, err
	}
	sample(pid, &before)
	start, m := time.Now(), watch(pid)
	err = pause(ctx, h.steady.window)
	peak := m.end()
	if err != nil {
		return c, err
	}
	sample(pid, &after)
	seconds := time.Since(start).Seconds()
	var lines2, size2, received, p50, p99 int64
	if err := errors.Join(
		reader.ask(ctx, &received, &p50, &p99), writer.ask(ctx, &lines2, &size2),
	); err != nil {
		return c, err
	}
	sent := lines2 - lines
	if sent == 0 || received == 0 {
		return c, fmt.Errorf("%d lines were written, %d have come", sent, received)
	}
	c = cell{
		came:     float64(received) / float64(sent) * 100,
		cpu:      (after.cpu - before.cpu).Seconds() / seconds * 100,
		resident: float64(peak.peakAnon+peak.peakMapped) / 1e6,
		written: float64(
			after.wroteDisk-before.wroteDisk,
		) / seconds / 1e3,
		amplified: float64(after.wroteDisk-before.wroteDisk) / float64(size2-size),
		writes: float64(
			after.writes-before.writes,
		) / seconds,
		syncs: -1,
		p50:   float64(p50) / 1e3,
		p99:   float64(p99) / 1e3,
	}
	if now := scrapeCommits(admin); syncs >= 0 && now >= 0 {
		c.syncs = (now - syncs) / seconds
	}
	return c, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// scrapeCommits returns how often penstock has synced its buffer; -1 if what listens there does not
// say.
func scrapeCommits(admin string) float64 {
	resp, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
		if strings.HasPrefix(sc.Text(), "penstock_buffer_commits_total") {
			f := strings.Fields(sc.Text())
			if n, err := strconv.ParseFloat(f[len(f)-1], 64); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				return n
			}
		}
	}
	return -1
}
