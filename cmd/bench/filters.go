package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/penstock/penstock/cmd/penstock/demo"
)

// filterCase is one filter over lines of one kind. Other agents find its name in FILTER; those of
// "none" are measured over the lines of every case, so that what a filter costs is the difference.
type filterCase struct {
	name   string
	lines  corpus
	filter string // blocks of a pipeline
}

var (
	criLines = corpus{"CRI", "cri.log", func(
		dst []byte, _ *rand.Rand, seq int64, t time.Time,
	) []byte {
		dst = t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000000Z")
		dst = append(dst, " stdout F "...)
		return demo.AppendLine(dst, "bench", seq, t)
	}}
	nginxLines = corpus{"nginx", "nginx.log", func(
		dst []byte, r *rand.Rand, seq int64, t time.Time,
	) []byte {
		dst = fmt.Appendf(dst, "10.0.%d.%d - - [", seq%200, seq%251)
		dst = t.UTC().AppendFormat(dst, "02/Jan/2006:15:04:05 -0700")
		return fmt.Appendf(dst,
			`] "GET /api/v1/items/%d HTTP/1.1" 200 %d "https://example.org/shop" `+
				`"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`+"\n",
			seq%1000, r.IntN(90000))
	}}
)

const nginxPattern = `^(?P<remote>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]*)\] ` +
	`"(?P<method>\S+) (?P<path>[^"]*?)(?: \S+)?" (?P<code>\d+) (?P<size>\d+) ` +
	`"(?P<referer>[^"]*)" "(?P<agent>[^"]*)"$`

var filterCases = []filterCase{
	{"untouched", jsonLines, `filter "where" { condition = "tag != 'nothing'" }`},
	{"drop", jsonLines, `filter "drop" { if = "field.level == 'debug'" }`},
	{"cri", criLines, `filter "parse" { format = "cri" }`},
	{"json", jsonLines, `filter "parse" {
    format = "json"
    types  = { status = "int", ms = "float" }
  }`},
	{"json and set", jsonLines, `filter "parse" { format = "json" }
  filter "set" {
    fields = { slow = "field.ms > 250.0", class = "int(field.status) / 100" }
  }`},
	{"nginx", nginxLines, `filter "parse" { format = "nginx" }`},
	{"regex", nginxLines, fmt.Sprintf(`filter "parse" {
    format  = "regex"
    pattern = %q
  }`, nginxPattern)},
}

const filterConfig = `
agent {
  data_dir = %[1]q
  name     = "bench"
  admin { listen = "" }
}
input "stdin" "lines" {}
output "stdout" "nothing" { format = "raw" }
pipeline "bench" {
  from = [input.stdin.lines]
  buffer { spill = true }
  %[2]s
  to = [output.stdout.nothing]
}
`

// runFilters prints what each filter costs, by the processor time of whole programs that read lines
// and throw them away: with the filter, less without it.
func (h *harness) runFilters(ctx context.Context) error {
	const title = "filters: "
	cases := slices.DeleteFunc(slices.Clone(filterCases), func(c filterCase) bool {
		return !h.only.MatchString(title + c.name)
	})
	if len(cases) == 0 {
		return nil
	}
	agents := []steadyAgent{{name: "penstock"}}
	for _, a := range h.steady.agents {
		if a.command != "" {
			agents = append(agents, a)
		}
	}
	lines := max(h.lines/5, 1)
	var rows []string
	for _, c := range cases {
		path := filepath.Join(h.dir, c.lines.file+".filters")
		if _, _, err := c.lines.ensure(path, lines); err != nil {
			return err
		}
		for _, a := range agents {
			var with, without []float64
			for round := range h.rounds {
				fmt.Fprintf(
					os.Stderr, "%s%s, %s, %d of %d ...\n", title, c.name, a.name, round+1, h.rounds,
				)
				for _, run := range []struct {
					filter filterCase
					to     *[]float64
				}{{filterCase{name: "none"}, &without}, {c, &with}} {
					cpu, err := h.filterRun(ctx, a, run.filter, path)
					if err != nil {
						return fmt.Errorf("%s%s, %s: %w", title, run.filter.name, a.name, err)
					}
					*run.to = append(*run.to, cpu.Seconds()/float64(lines)*1e6)
				}
			}
			slices.Sort(with)
			slices.Sort(without)
			all, base := with[len(with)/2], without[len(without)/2]
			rows = append(rows, fmt.Sprintf(
				"%s\t%s\t%.2f\t%.2f\t%.2f\t\n", c.name, a.name, base, all, all-base,
			))
		}
	}
	fmt.Printf("\nfilters, CPU-s per million of %d lines, medians of %d runs\n\n", lines, h.rounds)
	tw := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "filter\tagent\twithout\twith\tthe filter\t")
	fmt.Fprint(tw, strings.Join(rows, ""))
	return tw.Flush()
}

// filterRun has an agent read a file to its end and returns the processor time that it took.
func (h *harness) filterRun(
	ctx context.Context, a steadyAgent, c filterCase, path string,
) (cpu time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	dir := filepath.Join(h.dir, "filters")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	in, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	var cmd *exec.Cmd
	if a.command != "" {
		cmd = exec.CommandContext(ctx, "sh", "-c", a.command)
		cmd.Env = append(os.Environ(), "FILTER="+c.name, "LOGS="+path, "DIR="+dir)
	} else {
		config := filepath.Join(dir, "penstock.hcl")
		text := fmt.Appendf(nil, filterConfig, filepath.Join(dir, "data"), c.filter)
		if err := os.WriteFile(config, text, 0o644); err != nil {
			return 0, err
		}
		cmd = exec.CommandContext(ctx, h.binary, "run", config)
	}
	log, err := os.Create(filepath.Join(h.dir, "filters.log"))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd.Stdin, cmd.Stderr = in, log
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%w; see %s", err, log.Name())
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
