package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func topCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top [CONFIG]",
		Short: "Watch a running agent: states, rates and what waits, as they change",
		Long: `Watches a running agent: states, rates and what waits, as they change. It ends with Ctrl-C, or after -n screens.
With --once it prints one page as plain text, for scripts.`,
		Args: usage(cobra.MaximumNArgs(1)),
	}
	addr := adminTarget(cmd)
	f := cmd.Flags()
	var t top
	f.DurationVarP(&t.every, "interval", "d", time.Second, "time between screens")
	f.IntVarP(&t.screens, "count", "n", 0, "end after so many screens; 0: go on")
	once := f.Bool("once", false, "print one page as plain text")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if t.every < 100*time.Millisecond || t.screens < 0 {
			return &exitError{exitConfig, fmt.Errorf("--interval must be at least 100ms, and -n not negative")}
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		t.out, t.ask = cmd.OutOrStdout(), func(ctx context.Context) (admin.Status, error) {
			return askStatus(ctx, *addr)
		}
		if *once {
			t.screens, t.plain = 1, true
		} else {
			t.plain = !isTerminal(t.out)
		}
		return t.run(ctx)
	}
	return cmd
}

// top shows one screen after the other.
type top struct {
	every   time.Duration
	screens int // 0: without end
	plain   bool
	out     io.Writer
	ask     func(context.Context) (admin.Status, error)

	last map[string]sample // by pipeline and component
}

// sample is what was counted when.
type sample struct {
	at      time.Time
	records float64
}

// run takes a first sample, without which there are no rates, and then shows screens. An agent that
// cannot be asked at the beginning is an error; later that is shown.
func (t *top) run(ctx context.Context) error {
	s, err := t.ask(ctx)
	if err != nil {
		return err
	}
	t.page(s, time.Now())
	if !t.plain {
		fmt.Fprint(t.out, "\x1b[?1049h\x1b[?25l")
		defer fmt.Fprint(t.out, "\x1b[?25h\x1b[?1049l")
	}
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	for n := 0; t.screens == 0 || n < t.screens; n++ {
		if n > 0 || t.plain {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
		var lines []string
		if s, err = t.ask(ctx); ctx.Err() != nil {
			return nil
		} else if err != nil {
			lines = []string{"penstock top  " + time.Now().Format(time.TimeOnly), "", err.Error()}
		} else {
			lines = t.page(s, time.Now())
		}
		if err := t.show(lines); err != nil {
			return err
		}
	}
	return nil
}

func (t *top) show(lines []string) error {
	if t.plain {
		_, err := fmt.Fprintln(t.out, strings.Join(lines, "\n"))
		return err
	}
	width, height := terminalSize(t.out)
	var b strings.Builder
	b.WriteString("\x1b[H")
	shown := lines[:min(len(lines), height-1)]
	if len(shown) < len(lines) {
		shown[len(shown)-1] = fmt.Sprintf("... and %d lines more", len(lines)-len(shown)+1)
	}
	for _, l := range shown {
		b.WriteString(cutTo(l, width) + "\x1b[K\r\n")
	}
	b.WriteString("\x1b[J")
	_, err := io.WriteString(t.out, b.String())
	return err
}

// page returns the lines of a screen, as wide as the terminal, and 80 columns where there is none.
func (t *top) page(s admin.Status, now time.Time) []string {
	width := 80
	if !t.plain {
		width, _ = terminalSize(t.out)
	}
	names := min(max(width-50, 12), 60) // the rest is for the longest state, and figures
	lines := []string{fmt.Sprintf(
		"%s  %s  up %s  %d MiB", s.Agent, now.Format(time.TimeOnly), state.Duration(now.Sub(s.Started)),
		s.Memory>>20,
	)}
	lines = append(lines, wrapTo(s.Sentence, width)...)
	for _, pr := range s.Problems() {
		text := fmt.Sprintf("! %s %s", pr.Component, pr.Text)
		if pr.Do != "" {
			text += " -> " + pr.Do
		}
		lines = append(lines, wrapTo(text, width)...)
	}
	next := map[string]sample{}
	for _, p := range s.Pipelines {
		if p.Now.Kind == state.Gone {
			continue
		}
		head := "pipeline " + p.Name
		if p.Buffer != nil {
			head += fmt.Sprintf(
				": buffer %.0f%% full, %s on disk", p.Now.Fill*100,
				state.Count(p.Now.OnDisk, "record", "records"),
			)
			if p.Now.OnDisk > 0 {
				head += ", oldest " + state.Duration(p.Now.Oldest)
			}
		}
		lines = append(lines, "", cutTo(head, width), fmt.Sprintf(
			"  %-*s %-18s %9s %9s %8s", names, "", "", "RECORDS/S", "WAITING", "TOTAL",
		))
		row := func(id, kind string, c *admin.Component, waiting int64) {
			rate, total := "-", "-"
			if c != nil {
				key := p.Name + " " + id
				next[key] = sample{now, c.Records}
				if was, ok := t.last[key]; ok && now.After(was.at) && c.Records >= was.records {
					rate = short((c.Records - was.records) / now.Sub(was.at).Seconds())
				}
				total = short(c.Records)
			}
			wait := ""
			if waiting >= 0 {
				wait = short(float64(waiting))
			}
			lines = append(lines, fmt.Sprintf(
				"  %-*s %-18s %9s %9s %8s", names, cutTo(id, names), state.Words(kind), rate, wait,
				total,
			))
		}
		for _, in := range p.Now.Inputs {
			row(in.ID, in.Kind, component(p.Inputs, in.ID), -1)
		}
		for _, o := range p.Now.Outputs {
			row(o.ID, o.Kind, component(p.Outputs, o.ID), o.Waiting+o.Stored)
		}
	}
	t.last = next
	for i, l := range lines {
		lines[i] = withoutControl(l)
	}
	return lines
}

func component(all []admin.Component, id string) *admin.Component {
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	return nil
}

// short returns a number in at most seven characters.
func short(v float64) string {
	for _, unit := range []string{"", "k", "M", "G", "T"} {
		if v < 9999.5 || unit == "T" {
			if unit == "" || v >= 99.95 {
				return fmt.Sprintf("%.0f%s", v, unit)
			}
			return fmt.Sprintf("%.1f%s", v, unit)
		}
		v /= 1000
	}
	return ""
}

// withoutControl replaces what could steer a terminal.
func withoutControl(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

func cutTo(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return string(r[:max(width-1, 0)]) + "~"
}

// wrapTo breaks text at spaces into lines, those after the first indented.
func wrapTo(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, cutTo(line, width))
			line = "  " + word
		default:
			line += " " + word
		}
	}
	return append(lines, cutTo(line, width))
}

// terminalSize returns the size of the terminal w, or the usual one.
func terminalSize(w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 1 {
			return w, h
		}
	}
	return 80, 24
}
