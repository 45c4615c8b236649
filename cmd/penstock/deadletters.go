package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	humanize "github.com/dustin/go-humanize"
	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/outputs/replay"
	"github.com/spf13/cobra"
)

// deadLetterFlags say which dead letters are meant, and where they are.
type deadLetterFlags struct {
	config, vars  []string
	admin         *string
	reason, since string
	origin, until string
	json          bool
	samples       int
}

func deadLettersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead-letters",
		Short: "Look at records that were refused for good, and replay them",
		Long: `Look at records that were refused for good, by reason, and replay them once the reason is mended.

A running agent is asked at --admin; of one that is stopped, or from the side, the directories of a configuration
are read with --config, or those that are named. What lies in an object store is replayed by penstock replay --from.`,
		Args: usage(cobra.NoArgs),
	}
	cmd.AddCommand(deadLettersLs(), deadLettersShow(), deadLettersReplay())
	return cmd
}

func (f *deadLetterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.admin = adminFlag(cmd)
	flags.StringArrayVarP(&f.config, "config", "c", nil,
		"configuration whose directories are read instead of asking an agent; may be repeated")
	flags.StringArrayVar(&f.vars, "var", nil, "value of a variable, as name=value; may be repeated")
	flags.StringVar(&f.reason, "reason", "", "only those whose reason holds this text")
	flags.StringVar(&f.origin, "origin", "", "only those whose origin holds this text")
	flags.StringVar(&f.since, "since", "",
		"only those refused since then: a time (2026-01-02T15:04:05Z), or how long ago (2h)")
	flags.StringVar(&f.until, "until", "", "only those refused before then")
}

func (f *deadLetterFlags) query() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{
		"reason": f.reason, "origin": f.origin, "since": f.since, "until": f.until,
	} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}

func deadLettersLs() *cobra.Command {
	f := &deadLetterFlags{}
	cmd := &cobra.Command{
		Use:   "ls [DIR...]",
		Short: "Count the dead letters by reason",
		RunE: func(cmd *cobra.Command, dirs []string) error {
			return f.look(cmd, dirs, printReasons)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func deadLettersShow() *cobra.Command {
	f := &deadLetterFlags{}
	cmd := &cobra.Command{
		Use:   "show [DIR...]",
		Short: "Show some dead letters of each reason",
		RunE: func(cmd *cobra.Command, dirs []string) error {
			return f.look(cmd, dirs, printSamples)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	cmd.Flags().IntVarP(&f.samples, "count", "n", 3, "samples of each reason, up to 1000")
	return cmd
}

// look has what there is printed.
func (f *deadLetterFlags) look(
	cmd *cobra.Command, dirs []string, show func(io.Writer, *replay.Overview),
) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	o, err := f.overview(ctx, cmd, dirs)
	if err != nil {
		return err
	}
	if f.json {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		return enc.Encode(o)
	}
	show(cmd.OutOrStdout(), o)
	return nil
}

func (f *deadLetterFlags) overview(
	ctx context.Context, cmd *cobra.Command, dirs []string,
) (*replay.Overview, error) {
	filter, err := admin.FilterOf(f.query())
	if err != nil {
		return nil, &exitError{exitConfig, err}
	}
	switch {
	case len(dirs) > 0:
		o := replay.NewOverview(f.samples)
		for _, dir := range dirs {
			if err := o.AddDir(ctx, dir, &filter); err != nil {
				return nil, err
			}
		}
		o.Sort()
		return o, nil
	case len(f.config) > 0:
		cfg, report, err := loadConfig(f.config, f.vars)
		if err != nil {
			return nil, err
		}
		if cfg == nil {
			report.Write(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
			return nil, &exitError{code: exitConfig}
		}
		return agent.LookAtDeadLetters(ctx, cfg, &filter, f.samples)
	}
	q := f.query()
	q.Set("n", strconv.Itoa(f.samples))
	var o replay.Overview
	err = adminAddress(*f.admin).get(ctx, time.Minute, "/api/dead-letters", q, &o)
	if err != nil {
		return nil, fmt.Errorf("%w; of an agent that is stopped give --config, or directories", err)
	}
	return &o, nil
}

func printReasons(w io.Writer, o *replay.Overview) {
	if len(o.Reasons) == 0 {
		fmt.Fprintln(w, "no dead letters")
	} else {
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, "RECORDS\tSIZE\tFIRST\tLAST\tREFUSED BY\tREASON")
		for _, r := range o.Reasons {
			fmt.Fprintf(
				tw, "%d\t%s\t%s\t%s\t%s\t%s\n", r.Records, humanize.IBytes(uint64(r.Bytes)),
				r.First.UTC().Format(time.RFC3339), r.Last.UTC().Format(time.RFC3339), r.Output,
				printable([]byte(r.Reason)),
			)
		}
		_ = tw.Flush()
	}
	if o.Unreadable > 0 {
		fmt.Fprintf(w, "%d lines are no records\n", o.Unreadable)
	}
	for _, a := range o.Archives {
		fmt.Fprintf(
			w, "%s has its own among its objects: penstock archive cat --envelope %s\n", a.Output,
			cmp.Or(a.Prefix, "KEY..."),
		)
	}
}

func printSamples(w io.Writer, o *replay.Overview) {
	for _, r := range o.Reasons {
		fmt.Fprintf(w, "%d refused by %s: %s\n", r.Records, r.Output, printable([]byte(r.Reason)))
		for _, s := range r.Samples {
			fmt.Fprintf(
				w, "  %s  %s  %s  %s\n", s.Refused.UTC().Format(time.RFC3339), s.Tag,
				printable([]byte(s.Origin)), printable([]byte(s.Value)),
			)
		}
	}
	if len(o.Reasons) == 0 || o.Unreadable > 0 {
		printReasons(w, &replay.Overview{Unreadable: o.Unreadable, Archives: o.Archives})
	}
}

func deadLettersReplay() *cobra.Command {
	f, r := &deadLetterFlags{}, &replayFlags{deadLetter: true}
	cmd := &cobra.Command{
		Use:   "replay OUTPUT [DIR...]",
		Short: "Deliver dead letters to an output, and remove those that it has taken",
		Long: `Delivers dead letters to an output, and removes those that it has taken: exactly those, also when it is stopped.
What is refused again is kept again.

  penstock dead-letters replay output.kafka.events --reason 'too large'

has the running agent do it, with its own dead letters of that output. Its page and penstock status tell how far it is.

  penstock dead-letters replay output.kafka.events --config /etc/penstock

does it from the side, as penstock replay --dead-letter does, of a stopped agent or a running one; directories that
are named are taken instead of the output's.`,
		Args: usage(cobra.MinimumNArgs(1)),
	}
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		filter, err := admin.FilterOf(f.query())
		if err != nil {
			return &exitError{exitConfig, err}
		}
		if len(f.config) > 0 {
			r.paths, r.vars, r.filter, r.to = f.config, f.vars, filter, outputID(args[0])
			r.deadLetter = len(args) == 1
			return r.run(cmd, args[1:])
		}
		if len(args) > 1 {
			return configError("directories are replayed with the outputs of a --config")
		}
		q := f.query()
		q.Set("output", args[0])
		ended := func() {}
		if to := cmd.ErrOrStderr(); isTerminal(to) {
			live := &liveLine{w: to}
			told := tell(true, func(time.Time) { live.show(f.says(cmd.Context(), args[0])) })
			ended = func() {
				told()
				live.show("")
			}
		}
		return commandThen(cmd, *f.admin, "dead-letters/replay", q, ended)
	}
	return cmd
}

// says returns what the running agent says of an output; "" if it says nothing.
func (f *deadLetterFlags) says(ctx context.Context, name string) string {
	s, err := askStatus(ctx, *f.admin)
	if err != nil {
		return ""
	}
	for _, p := range s.Pipelines {
		for _, o := range p.Now.Outputs {
			if o.ID == outputID(name) {
				return o.ID + " " + o.Text
			}
		}
	}
	return ""
}

func outputID(name string) string { return "output." + strings.TrimPrefix(name, "output.") }
