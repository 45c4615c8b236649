package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
	"github.com/spf13/cobra"
)

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [CONFIG]",
		Short: "Tell how a running agent is: whether all is safe, what is amiss, and what to do",
		Long:  "Tells how a running agent is: whether all is safe, what is amiss, and what to do.",
		Args:  usage(cobra.MaximumNArgs(1)),
	}
	addr := adminTarget(cmd)
	files := cmd.Flags().Bool(
		"config", false, "show the configuration that it runs with instead, without secrets and comments",
	)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *files {
			return writeConfig(cmd.Context(), cmd.OutOrStdout(), *addr)
		}
		s, err := askStatus(cmd.Context(), *addr)
		if err != nil {
			return &exitError{exitUnknown, err}
		}
		var text bytes.Buffer
		writeStatus(&text, s)
		width := 0
		if out := cmd.OutOrStdout(); isTerminal(out) {
			width, _ = terminalSize(out)
		}
		fmt.Fprint(cmd.OutOrStdout(), wrapAll(text.String(), width))
		return exitOf(s.Level)
	}
	return cmd
}

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [CONFIG]",
		Short: "Check a running agent as a Nagios plugin does",
		Long: `Checks a running agent as a Nagios plugin does: one line with the state and performance data.
It warns and alarms as penstock status does, and beyond the thresholds that are given. With --metric
it looks at that metric alone, of all components or of one, and goes by the worst of its values.`,
		Args: usage(cobra.MaximumNArgs(1)),
	}
	addr := adminTarget(cmd)
	var t thresholds
	f := cmd.Flags()
	f.StringSliceVar(&t.pipelines, "pipeline", nil, "look at these pipelines only")
	f.DurationVar(
		&t.warnAge, "warning-age", 0, "warn when the oldest record has waited for so long",
	)
	f.DurationVar(
		&t.critAge, "critical-age", 0, "alarm when the oldest record has waited for so long",
	)
	f.Int64Var(
		&t.warnWaiting, "warning-waiting", 0,
		"warn when so many records wait, on disk and in the overflow",
	)
	f.Int64Var(
		&t.critWaiting, "critical-waiting", 0,
		"alarm when so many records wait, on disk and in the overflow",
	)
	f.Float64Var(
		&t.warnFill, "warning-fill", 0,
		"warn when such a share of the buffer is in use, from 0 to 1",
	)
	f.Float64Var(
		&t.critFill, "critical-fill", 0,
		"alarm when such a share of the buffer is in use, from 0 to 1",
	)
	var m metricCheck
	f.StringVar(&m.name, "metric", "", "look at this metric, with or without its labels in braces")
	f.StringVar(&m.component, "component", "", "of --metric: that of this component, output.kafka.x")
	f.StringVar(&m.warn, "warning", "", "warn when the metric is so much or more")
	f.StringVar(&m.crit, "critical", "", "alarm when the metric is so much or more")
	f.BoolVar(&m.below, "below", false, "warn and alarm when the metric is so much or less")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		look := t.look
		if m != (metricCheck{}) {
			look = m.look
		}
		level, line, err := look(cmd.Context(), *addr)
		if err != nil {
			fmt.Fprintf(cmd.OutOrStdout(), "PENSTOCK UNKNOWN - %s\n", oneLine(err.Error()))
			return &exitError{code: exitUnknown}
		}
		word := [...]string{"OK", "OK", "WARNING", "CRITICAL"}[level]
		fmt.Fprintf(cmd.OutOrStdout(), "PENSTOCK %s - %s\n", word, line)
		return exitOf(level)
	}
	return cmd
}

// wrapAll breaks lines at spaces where they are longer than width, and indents what follows; 0 is
// no width.
func wrapAll(text string, width int) string {
	if width < 40 {
		return text
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		indent := len(line) - len(strings.TrimLeft(line, " ")) + 4
		for len([]rune(line)) > width {
			r := []rune(line)
			at := width
			for at > indent && r[at] != ' ' {
				at--
			}
			if at <= indent { // a word longer than a line
				break
			}
			out.WriteString(strings.TrimRight(string(r[:at]), " ") + "\n")
			line = strings.Repeat(" ", indent) + strings.TrimLeft(string(r[at:]), " ")
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// askStatus asks a running agent how it is.
func askStatus(ctx context.Context, addr string) (s admin.Status, err error) {
	err = adminAddress(addr).get(ctx, askFor, "/api/status", nil, &s)
	return s, err
}

// writeConfig writes the configuration that a running agent has.
func writeConfig(ctx context.Context, out io.Writer, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	resp, err := adminAddress(addr).do(ctx, http.MethodGet, "/config", nil)
	if err != nil {
		return &exitError{exitUnknown, err}
	}
	defer resp.Body.Close()
	if _, err := io.Copy(out, resp.Body); err != nil {
		return &exitError{exitUnknown, err}
	}
	return nil
}

func exitOf(l state.Level) error {
	switch l {
	case state.Warning:
		return &exitError{code: exitWarning}
	case state.Critical:
		return &exitError{code: exitCritical}
	}
	return nil
}

func writeStatus(out io.Writer, s admin.Status) {
	fmt.Fprintf(out, "%s: %s\n", s.Agent, s.Sentence)
	for _, p := range s.Problems() {
		since := ""
		if !p.Since.IsZero() {
			since = " for " + state.Duration(time.Since(p.Since))
		}
		fmt.Fprintf(
			out, "\n%s: %s%s\n  %s %s\n", strings.ToUpper(p.Level.String()), state.Words(p.Kind),
			since, p.Component, p.Text,
		)
		if p.Do != "" {
			fmt.Fprintf(out, "  to do: %s\n", p.Do)
		}
	}
	for _, p := range s.Pipelines {
		if p.Now.Kind == state.Gone {
			continue // all that there is to say is said
		}
		fmt.Fprintf(out, "\n%s\n", p.Name)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, in := range p.Now.Inputs {
			text := in.Text
			if holds := in.Holds(); holds != "" {
				text += "; " + holds
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\n", in.ID, state.Words(in.Kind), text)
		}
		if p.Buffer != nil {
			text := "nothing waits"
			if p.Now.OnDisk > 0 {
				text = state.Count(
					p.Now.OnDisk, "record waits", "records wait",
				) + ", the oldest for " + state.Duration(
					p.Now.Oldest,
				)
			}
			if p.Now.Full > 0 {
				text += ", room for " + state.Duration(p.Now.Full)
			}
			fmt.Fprintf(w, "  buffer\t%.0f%% full\t%s\n", p.Now.Fill*100, text)
		}
		for _, o := range p.Now.Outputs {
			text := o.Text
			if o.Stored > 0 {
				text += "; " + state.Count(o.Stored, "record", "records") + " in the overflow"
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\n", o.ID, state.Words(o.Kind), text)
		}
		_ = w.Flush() // what cannot be written is nobody's to read
	}
	writeRecent(out, s.Recent)
}

// writeRecent tells what was logged as amiss, the newest first.
func writeRecent(out io.Writer, groups []admin.LogGroup) {
	const most = 5
	if len(groups) > 0 {
		fmt.Fprint(out, "\nrecent errors and warnings\n")
	}
	for i, g := range groups {
		if i == most {
			fmt.Fprintf(
				out, "  and %s; see the page\n",
				state.Count(int64(len(groups)-most), "other kind", "other kinds"),
			)
			break
		}
		times := ""
		if g.Count > 1 {
			times = state.Number(g.Count) + " times, last "
		}
		fmt.Fprintf(
			out, "  %s, %s%s ago: %s\n", g.Level, times, state.Duration(time.Since(g.Last)),
			strings.TrimSpace(g.Component+" "+inOneLine(g.Message)),
		)
		if g.Error != "" {
			fmt.Fprintf(out, "    %s\n", inOneLine(g.Error))
		}
		if g.Do != "" {
			fmt.Fprintf(out, "    to do: %s\n", inOneLine(g.Do))
		}
	}
}

func inOneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// thresholds are those of check; 0 is none.
type thresholds struct {
	pipelines                []string
	warnAge, critAge         time.Duration
	warnWaiting, critWaiting int64
	warnFill, critFill       float64
}

// look returns a line for Nagios.
func (t *thresholds) look(ctx context.Context, addr string) (state.Level, string, error) {
	s, err := askStatus(ctx, addr)
	if err == nil {
		err = t.narrow(&s)
	}
	if err != nil {
		return 0, "", err
	}
	figures := strings.Join(t.figures(&s), " ")
	level, beyond := t.level(&s)
	return level, oneLine(strings.Join(append(beyond, s.Sentence), " ")) + " | " + figures, nil
}

// narrow leaves in s the pipelines asked for.
func (t *thresholds) narrow(s *admin.Status) error {
	if len(s.Pipelines) == 0 {
		return errors.New("the agent has no pipelines yet")
	}
	if t.pipelines == nil {
		return nil
	}
	var kept []admin.Pipeline
	var states []state.PipelineState
	s.Level = state.OK
	for _, name := range t.pipelines {
		i := slices.IndexFunc(s.Pipelines, func(p admin.Pipeline) bool { return p.Name == name })
		if i < 0 {
			return fmt.Errorf("the agent has no pipeline %q", name)
		}
		kept, states = append(kept, s.Pipelines[i]), append(states, s.Pipelines[i].Now)
		s.Level = max(s.Level, s.Pipelines[i].Now.Level)
	}
	s.Pipelines, s.Sentence = kept, state.Sentence(states)
	return nil
}

// level returns how much s wants a person, and which thresholds it is beyond.
func (t *thresholds) level(s *admin.Status) (l state.Level, beyond []string) {
	l = s.Level
	name := ""
	raise := func(what string, warn, crit bool) {
		switch {
		case crit:
			l = max(l, state.Critical)
			beyond = append(beyond, name+": "+what+", beyond what is critical.")
		case warn:
			l = max(l, state.Warning)
			beyond = append(beyond, name+": "+what+", beyond what is warned of.")
		}
	}
	for _, p := range s.Pipelines {
		waiting := p.Now.OnDisk + p.Now.Stored
		name = p.Name
		raise(
			"the oldest record has waited for "+state.Duration(p.Now.Oldest),
			t.warnAge > 0 && p.Now.Oldest >= t.warnAge, t.critAge > 0 && p.Now.Oldest >= t.critAge,
		)
		raise(
			state.Count(waiting, "record waits", "records wait"),
			t.warnWaiting > 0 && waiting >= t.warnWaiting,
			t.critWaiting > 0 && waiting >= t.critWaiting,
		)
		raise(
			fmt.Sprintf("the buffer is %.0f%% full", p.Now.Fill*100),
			t.warnFill > 0 && p.Now.Fill >= t.warnFill, t.critFill > 0 && p.Now.Fill >= t.critFill,
		)
	}
	return l, beyond
}

// figures returns the performance data.
func (t *thresholds) figures(s *admin.Status) []string {
	limit := func(v float64) string {
		if v == 0 {
			return ""
		}
		return fmt.Sprintf("%g", v)
	}
	var out []string
	for _, p := range s.Pipelines {
		one := func(what string, v float64, unit string, warn, crit float64) {
			label := strings.NewReplacer("'", "", "=", "").Replace(p.Name + " " + what)
			out = append(
				out, fmt.Sprintf("'%s'=%g%s;%s;%s;0", label, v, unit, limit(warn), limit(crit)),
			)
		}
		one(
			"waiting", float64(p.Now.OnDisk+p.Now.Stored), "", float64(t.warnWaiting),
			float64(t.critWaiting),
		)
		one("overflow", float64(p.Now.Stored), "", 0, 0)
		one(
			"age", p.Now.Oldest.Round(time.Millisecond).Seconds(), "s", t.warnAge.Seconds(),
			t.critAge.Seconds(),
		)
		one("fill", float64(int(p.Now.Fill*1000))/10, "%", t.warnFill*100, t.critFill*100)
	}
	return out
}

// oneLine returns text as a plugin may print it.
func oneLine(text string) string {
	return strings.NewReplacer("\n", " ", "|", "/").Replace(text)
}
