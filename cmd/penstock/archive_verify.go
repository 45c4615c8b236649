package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	humanize "github.com/dustin/go-humanize"
	"github.com/penstock/penstock/inputs/kafka"
	"github.com/penstock/penstock/spool/inspect"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
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
discarded all there was; --strict makes it one. A time partition alone has gaps when its neighbours hold the records between, and has
some objects of a cut only: gaps mean something when PREFIX ends above the time partitions, and whether all objects of a cut are there
is checked without PREFIX, since dead letters lie elsewhere. A topic that was deleted and made again is a log of its own, whose name
ends in the life that its objects have in theirs.

With --config the offsets of the groups are looked at too: a log that is archived further than its last object has a gap there. A cut
that is begun and not finished is no mistake while a consumer runs, which is about to finish it, and it is one when none does.`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				opts.Prefix = args[0]
			}
			if len(partitions) > 0 && opts.Topic == "" {
				return configError("--partition needs --topic")
			}
			opts.Partitions, opts.Begins = partitions, cmd.Flags().Changed("from")
			store, done, err := t.store(cmd)
			if err != nil {
				return err
			}
			// before the objects: one that ends meanwhile is told as open
			running, left := t.openCuts(cmd, &opts)
			opts.Open = append(slices.Clone(running), left...)
			rep, err := inspect.Verify(cmd.Context(), store, opts)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			rep.Open = running
			for _, o := range left {
				rep.Problems = append(
					rep.Problems, inspect.Problem{Kind: "open", Log: o.Log, Detail: o.Detail},
				)
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				err = enc.Encode(rep)
			} else {
				err = printReport(cmd, rep, opts.Deep)
			}
			if err == nil && rep.OK() && rep.Objects == 0 && len(opts.Archived) > 0 &&
				opts.Life == "" && opts.From == 0 && opts.To == 0 {
				return errors.New(
					"no object is there, though the group has archived records into this store: see that bucket, prefix or directory are those of then, or whether they were deleted",
				)
			}
			if err == nil && rep.OK() && rep.Objects == 0 && (opts.Prefix != "" || opts.Topic != "") {
				return errors.New(
					"no object is there that this asks for, so nothing was verified: PREFIX is what keys begin with below the output's prefix, --topic the name of a topic",
				)
			}
			if err == nil && (!rep.OK() || strict && len(rep.Gaps) > 0) {
				return &exitError{exitFailure, nil}
			}
			return err
		},
	}
	f := cmd.Flags()
	lifeFlag(cmd, &opts.Life)
	f.StringVar(&opts.Topic, "topic", "", "only this topic")
	f.Int32SliceVar(&partitions, "partition", nil, "only these partitions of it")
	f.Int64Var(
		&opts.From, "from", 0,
		"from this offset; given, the first object has to begin there, with 0 that of all that there ever was",
	)
	f.Int64Var(&opts.To, "to", 0, "to before this offset")
	f.BoolVar(&opts.Deep, "deep", false, "read the contents")
	f.BoolVar(&strict, "strict", false, "fail on gaps")
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// lifeFlag adds --life.
func lifeFlag(cmd *cobra.Command, life *string) {
	cmd.Flags().
		StringVar(life, "life", "", "only objects of one life of a topic that was deleted and made again: the eight digits in their names, or none for names without")
}

// openCuts returns the cuts that are begun and not finished, as the offsets of the configured
// groups say: those that a running consumer is about to finish, and those that nobody is. It has
// opts tell how far they were, and how far they are. Where the brokers cannot be asked it says so:
// the objects can be verified without.
func (t *archiveTarget) openCuts(
	cmd *cobra.Command, opts *inspect.Options,
) (running, left []inspect.Open) {
	if len(t.paths) == 0 || opts.Prefix != "" {
		return nil, nil
	}
	sources, err := t.sources(cmd)
	if err != nil {
		return nil, nil // an edge archives without a group
	}
	before := map[*kafka.Config][]lagRow{}
	opts.Archived = map[string]int64{}
	for _, src := range sources {
		if t.elsewhere(src) != "" {
			continue
		}
		rows, members, err := openRows(cmd, src)
		if err != nil {
			sayUnknown(cmd, src, err)
			continue
		}
		before[src] = rows
		for _, r := range rows {
			if opts.Topic != "" && r.Topic != opts.Topic ||
				len(opts.Partitions) > 0 && !slices.Contains(opts.Partitions, r.Partition) {
				continue
			}
			if r.Life != "" && r.Committed > 0 && !r.former() {
				opts.Archived[r.logName()] = r.Committed
			}
			if r.Intent == nil {
				continue
			}
			o := inspect.Open{Log: r.logName(), Start: r.Intent.Start, End: r.Intent.End}
			if o.End <= opts.From || opts.To > 0 && o.Start >= opts.To {
				continue
			}
			o.Detail = fmt.Sprintf(
				"the cut [%d, %d) of %d records in %d objects was begun by the group %s", o.Start,
				o.End, r.Intent.Records, r.Intent.Files, r.Group,
			)
			switch {
			case r.former():
				o.Detail += " in an earlier life of the topic, and cannot be finished: see \"penstock archive abandon\""
				left = append(left, o)
			case members == 0:
				o.Detail += " and is not finished, and no consumer runs: start one"
				left = append(left, o)
			default:
				o.Detail += " and is being finished"
				running = append(running, o)
			}
		}
	}
	opts.Moved = func() (out []inspect.Open) {
		for src, rows := range before {
			after, err := lagOf(cmd, src)
			if err != nil {
				sayUnknown(cmd, src, err)
			}
			out = append(out, movement(rows, after)...)
		}
		return out
	}
	return running, left
}

func sayUnknown(cmd *cobra.Command, src *kafka.Config, err error) {
	fmt.Fprintf(
		cmd.ErrOrStderr(),
		"whether the group %s has begun cuts that are not finished could not be found out: %v\n",
		src.Group, err,
	)
}

// movement returns what of each partition was archived between two looks, or begun to be.
func movement(before, after []lagRow) (out []inspect.Open) {
	for _, r := range after {
		from := int64(0)
		for _, b := range before {
			if b.Topic == r.Topic && b.Partition == r.Partition && b.TopicID == r.TopicID &&
				!b.former() {
				from = max(0, b.Committed)
			}
		}
		end := r.Committed
		if r.Intent != nil {
			end = r.Intent.End
		}
		if !r.former() && end > from {
			out = append(out, inspect.Open{Log: r.logName(), Start: from, End: end})
		}
	}
	return out
}

// openRows returns what is known of the partitions of a group and, if one has a begun cut, how many
// members it has.
func openRows(cmd *cobra.Command, src *kafka.Config) (rows []lagRow, members int, err error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), 20*time.Second)
	defer cancel()
	cl, err := kafkaClient(cmd, &src.Config)
	if err != nil {
		return nil, 0, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if rows, err = groupLag(ctx, adm, src.Group, src.Topics); err != nil {
		return nil, 0, err
	}
	if slices.ContainsFunc(rows, func(r lagRow) bool { return r.Intent != nil }) {
		members, err = groupMembers(ctx, adm, src.Group)
	}
	return rows, members, err
}

func printReport(cmd *cobra.Command, rep *inspect.Report, deep bool) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "LOG\tFROM\tTO\tCUTS\tOBJECTS\tRECORDS\tTOPIC ID\t")
	for _, name := range slices.Sorted(maps.Keys(rep.Logs)) {
		l := rep.Logs[name]
		fmt.Fprintf(
			w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t\n", name, l.Start, l.End, l.Cuts, l.Objects, l.Records,
			l.TopicID,
		)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	for _, g := range rep.Gaps {
		fmt.Fprintf(out, "gap: %s: no object covers [%d, %d)\n", g.Log, g.Start, g.End)
	}
	for _, o := range rep.Open {
		fmt.Fprintf(out, "under way: %s: %s\n", o.Log, o.Detail)
	}
	for _, p := range rep.Problems {
		fmt.Fprintf(out, "%s: %s: %s\n", p.Kind, cmp.Or(p.Key, p.Log), p.Detail)
	}
	fmt.Fprintf(
		out, "%d objects, %s, %d records: %d problems, %d gaps\n", rep.Objects,
		humanize.IBytes(uint64(rep.Bytes)), rep.Records, len(rep.Problems), len(rep.Gaps),
	)
	if rep.Partial > 0 {
		fmt.Fprintf(
			out, "%d of %d cuts have records that are in no object below PREFIX: without it, it is told "+
				"whether they are elsewhere or missing\n", rep.Partial, rep.Cuts,
		)
	}
	if deep && rep.Located < rep.Read {
		fmt.Fprintf(
			out,
			"%d of %d records were counted only: their format does not say where they come from\n",
			rep.Read-rep.Located, rep.Read,
		)
	}
	return nil
}
