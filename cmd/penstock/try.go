package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/penstock/penstock/agent"
	"github.com/spf13/cobra"
)

func tryCommand() *cobra.Command {
	var s agent.Sample
	var at string
	cmd := &cobra.Command{
		Use:   "try CONFIG... < SAMPLE",
		Short: "Show what would become of lines, after each filter, without starting anything",
		Long: `Show what would become of the lines on standard input: each record after each filter, and the outputs
that get it, with topic, key, partition, index or path of the object. Lines go through the input, the filters, the
routes and the templates as they would in the agent; nothing is started and nobody is reached. For a
variable of the environment that is not set its name stands, which is told.

On a terminal of at least 80 columns each record stands before and after each filter side by side, with
~ at what is changed, + at what is added and - at what is removed. Elsewhere it is a line for each filter.

    head /var/log/app.log | penstock try --path /var/log/app.log /etc/penstock`,
		Args: usage(cobra.MinimumNArgs(1)),
	}
	vars := varFlags(cmd)
	cmd.Flags().
		StringVar(&s.Input, "input", "", "the input the lines are for, such as input.tail.app; needed where there are several")
	cmd.Flags().
		StringVar(&s.Path, "path", "", "file that the lines stand in, or host they come from; of input kafka, the topic")
	cmd.Flags().StringVar(&s.Tag, "tag", "", "tag, instead of the one that the input gives")
	cmd.Flags().StringVar(&s.Key, "key", "", "key of the records")
	cmd.Flags().
		StringVar(&at, "time", "", "when the lines are read, such as 2026-01-31T12:00:00Z; now by default")
	cmd.Flags().
		IntVar(&s.Partitions, "partitions", 0, "partitions of the topics in Kafka; given, each record's is shown")
	var view trialView
	view.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, configs []string) error {
		if err := view.validate(); err != nil {
			return err
		}
		s.Time = time.Now().Truncate(time.Millisecond) // as short as it is shown
		var err error
		if at != "" {
			if s.Time, err = time.Parse(time.RFC3339Nano, at); err != nil {
				return &exitError{
					exitConfig,
					fmt.Errorf("--time %q: write it as in 2026-01-31T12:00:00Z", at),
				}
			}
		}
		a, err := offline(cmd, configs, *vars, nil, true)
		if err != nil {
			return err
		}
		defer a.Discard() //nolint:errcheck // nothing was opened
		if s.Data, err = io.ReadAll(cmd.InOrStdin()); err != nil {
			return err
		}
		trials, err := a.Try(s)
		if err != nil {
			return &exitError{exitConfig, err}
		}
		out := cmd.OutOrStdout()
		print, n := view.printer(out), 0
		several := len(trials) > 0 && trials[0].Pipeline != trials[len(trials)-1].Pipeline
		for i, t := range trials {
			if begins := i == 0 || trials[i-1].Pipeline != t.Pipeline; several && begins {
				fmt.Fprintf(out, "%spipeline %s\n\n", strings.Repeat("\n", min(i, 1)), t.Pipeline)
				n = 0
			}
			n++
			print(n, t)
		}
		return nil
	}
	return cmd
}

// trialView is how trials are shown.
type trialView struct {
	name  string // side, lines, or auto
	width int    // 0: that of the terminal
}

func (v *trialView) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(
		&v.name, "view", "auto",
		"side: before and after each filter side by side; lines: a line for each; auto: side on a terminal",
	)
	choices(cmd, "view", "auto", "side", "lines")
	cmd.Flags().IntVar(
		&v.width, "width", 0,
		"columns there are, that of the terminal by default; lines are shown if they are fewer than 80",
	)
}

func (v *trialView) validate() error {
	if v.name != "auto" && v.name != "side" && v.name != "lines" {
		return configError("--view: write side, lines or auto")
	}
	return nil
}

// printer returns what prints the nth trial.
func (v *trialView) printer(w io.Writer) func(n int, t agent.Trial) {
	var c colors
	terminal := isTerminal(w)
	if terminal {
		c = colors{dim: "\x1b[2m", red: "\x1b[31m", green: "\x1b[32m", off: "\x1b[0m"}
	}
	width := v.width
	if width == 0 {
		width, _ = terminalSize(w)
	}
	if width >= leastColumns && (v.name == "side" || v.name == "auto" && terminal) {
		return (&columnPrinter{w: w, colors: c, width: width}).print
	}
	return (&trialPrinter{w: w, colors: c}).print
}

// colors is what switches colours on, and off again; all are empty where there are none.
type colors struct{ dim, red, green, off string }

// trialPrinter prints trials, one step a line.
type trialPrinter struct {
	w io.Writer
	colors
}

func (p *trialPrinter) print(n int, t agent.Trial) {
	if n > 1 {
		fmt.Fprintln(p.w)
	}
	width := len("record 000")
	for _, s := range t.Steps {
		width = max(width, len(s.Filter))
	}
	width = max(width, deliveryWidth(t))
	line := func(what, color, text string) { writeStep(p.w, width, what, color, text, p.off) }
	line(fmt.Sprint("record ", n), "", show(t.In))
	before := []agent.Trialed{t.In}
	for _, s := range t.Steps {
		switch {
		case s.Refused != "":
			line(s.Filter, p.red, "dead letter: "+s.Refused)
		case len(s.Out) == 0:
			line(s.Filter, p.red, "discarded")
		}
		for i, o := range s.Out {
			if i < len(before) && len(s.Out) == len(before) && show(o) == show(before[i]) {
				line(s.Filter, p.dim, "unchanged")
			} else {
				line(s.Filter, p.green, show(o))
			}
		}
		before = s.Out
	}
	writeDeliveries(p.w, p.colors, width, t)
}

// writeStep writes a line of two columns.
func writeStep(w io.Writer, width int, what, color, text, off string) {
	if color == "" {
		off = ""
	}
	if text != "" {
		what = fmt.Sprintf("%-*s  %s%s%s", width, what, color, visible(strings.TrimRight(text, " ")), off)
	}
	fmt.Fprintln(w, what)
}

// deliveryWidth returns how wide the names of a trial's outputs are.
func deliveryWidth(t agent.Trial) int {
	width := 0
	for _, o := range t.Out {
		for _, d := range o.Deliver {
			width = max(width, len("-> ")+len(d.Output))
		}
	}
	return width
}

// writeDeliveries writes which outputs get what leaves the filters, a line each.
func writeDeliveries(w io.Writer, c colors, width int, t agent.Trial) {
	line := func(what, color, text string) { writeStep(w, width, what, color, text, c.off) }
	for _, o := range t.Out {
		if len(o.Deliver) == 0 {
			line("->", c.red, "no output: no route takes the tag "+o.Tag)
		}
		for _, d := range o.Deliver {
			text := ""
			for _, a := range d.Destination {
				text += fmt.Sprintf("%s %s  ", a[0], a[1])
			}
			color := ""
			if d.Dead != "" {
				color, text = c.red, "dead letter: "+d.Dead
			}
			line("-> "+d.Output, color, text)
		}
	}
}

// show writes a record in one line: time, tag, key, headers and value.
func show(r agent.Trialed) string {
	out := r.Record.When().Format("2006-01-02T15:04:05.999Z") + "  " + r.Tag
	if r.Record.Key != nil {
		out += fmt.Sprintf("  key %q", r.Record.Key)
	}
	for _, h := range r.Record.Headers {
		out += fmt.Sprintf("  %s=%q", h.Key, h.Value)
	}
	return out + "  " + visible(string(r.Record.Value))
}

// visible writes what would move a terminal's cursor, or do worse, as Go does.
func visible(s string) string {
	var b strings.Builder
	for _, c := range s {
		if unicode.IsControl(c) || c == unicode.ReplacementChar {
			quoted := strconv.QuoteRune(c)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}
