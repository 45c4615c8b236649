package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	humanize "github.com/dustin/go-humanize"
	"github.com/penstock/penstock/spool/inspect"
	"github.com/spf13/cobra"
)

func archiveVerify(t *archiveTarget) *cobra.Command {
	var opts inspect.Options
	var partitions []int32
	var asJSON, strict bool
	cmd := &cobra.Command{
		Use:   "verify [PREFIX]",
		Short: "Check archived objects: counts, gaps and overlaps by name and metadata, with --deep by contents",
		Long: `Check archived objects whose keys begin with PREFIX, such as app-logs/dt=2026-01-02/, or all.

A gap is a range of positions that no object covers. It is no mistake where the log held only control records, or where filters
discarded all there was; --strict makes it one. A time partition alone has gaps when its neighbours hold the records between, so
gaps are told only when PREFIX ends above the time partitions. The exit code is 1 if anything is wrong.`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				opts.Prefix = args[0]
			}
			if len(partitions) > 0 && opts.Topic == "" {
				return configError("--partition needs --topic")
			}
			for _, p := range partitions {
				opts.Logs = append(opts.Logs, inspect.LogName(opts.Topic, p))
			}
			store, done, err := t.store(cmd)
			if err != nil {
				return err
			}
			rep, err := inspect.Verify(cmd.Context(), store, opts)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				err = enc.Encode(rep)
			} else {
				err = printReport(cmd, rep, opts.Deep)
			}
			if err == nil && (!rep.OK() || strict && len(rep.Gaps) > 0) {
				return &exitError{exitFailure, nil}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Topic, "topic", "", "only this topic")
	f.Int32SliceVar(&partitions, "partition", nil, "only these partitions of it")
	f.Int64Var(&opts.From, "from", 0, "from this offset")
	f.Int64Var(&opts.To, "to", 0, "to before this offset")
	f.BoolVar(&opts.Deep, "deep", false, "read the contents")
	f.BoolVar(&strict, "strict", false, "fail on gaps")
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

func printReport(cmd *cobra.Command, rep *inspect.Report, deep bool) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "LOG\tFROM\tTO\tCUTS\tOBJECTS\tRECORDS\t")
	for _, name := range slices.Sorted(maps.Keys(rep.Logs)) {
		l := rep.Logs[name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t\n", name, l.Start, l.End, l.Cuts, l.Objects, l.Records)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	for _, g := range rep.Gaps {
		fmt.Fprintf(out, "gap: %s: no object covers [%d, %d)\n", g.Log, g.Start, g.End)
	}
	for _, p := range rep.Problems {
		fmt.Fprintf(out, "%s: %s: %s\n", p.Kind, p.Key, p.Detail)
	}
	fmt.Fprintf(out, "%d objects, %s, %d records: %d problems, %d gaps\n", rep.Objects, humanize.IBytes(uint64(rep.Bytes)), rep.Records, len(rep.Problems), len(rep.Gaps))
	if deep && rep.Located < rep.Read {
		fmt.Fprintf(out, "%d of %d records were counted only: their format does not say where they come from\n", rep.Read-rep.Located, rep.Read)
	}
	return nil
}
