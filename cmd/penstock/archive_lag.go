package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/penstock/penstock/inputs/kafka"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/inspect"
	"github.com/penstock/penstock/spool/protocol"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// lagRow is what is known of one partition.
type lagRow struct {
	Group     string           `json:"group"`
	Topic     string           `json:"topic"`
	Partition int32            `json:"partition"`
	Committed int64            `json:"committed"` // -1 for nothing
	End       int64            `json:"end"`
	Lag       int64            `json:"lag"`
	Watermark *time.Time       `json:"watermark,omitempty"`
	Intent    *protocol.Intent `json:"intent,omitempty"`

	note protocol.Note
}

func archiveLag(t *archiveTarget) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lag",
		Short: "Print how far each partition is archived: committed, intent, end, lag, watermark",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sources, err := t.sources(cmd)
			if err != nil {
				return err
			}
			var rows []lagRow
			for _, src := range sources {
				r, err := lagOf(cmd, src)
				if err != nil {
					return fmt.Errorf("group %s: %w", src.Group, err)
				}
				rows = append(rows, r...)
			}
			return printLag(cmd, rows, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per partition")
	return cmd
}

// lagOf reads the offsets of a group.
func lagOf(cmd *cobra.Command, src *kafka.Config) ([]lagRow, error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
	defer cancel()
	cl, err := kafkaClient(cmd, &src.Config)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	return groupLag(ctx, kadm.NewClient(cl), src.Group, src.Topics)
}

func groupLag(ctx context.Context, adm *kadm.Client, group string, topics []string) ([]lagRow, error) {
	committed, err := stableOffsets(ctx, adm, group)
	if err != nil {
		return nil, err
	}
	for topic := range committed {
		if !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	if len(topics) == 0 {
		return nil, nil // no topic is named, and nothing is committed
	}
	ends, err := adm.ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, err
	}
	starts, err := adm.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, err
	}
	var rows []lagRow
	var errs []error
	ends.Each(func(o kadm.ListedOffset) {
		if o.Err != nil {
			errs = append(errs, fmt.Errorf("%s/%d: %w", o.Topic, o.Partition, o.Err))
			return
		}
		row := lagRow{Group: group, Topic: o.Topic, Partition: o.Partition, Committed: -1, End: o.Offset}
		from := int64(0)
		if s, ok := starts.Lookup(o.Topic, o.Partition); ok && s.Err == nil {
			from = s.Offset
		}
		if c, ok := committed.Lookup(o.Topic, o.Partition); ok && c.At >= 0 {
			row.Committed = c.At
			from = max(from, c.At)
			if row.note, _, err = protocol.ParseNote(c.Metadata); err != nil {
				errs = append(errs, fmt.Errorf("%s/%d: %w", o.Topic, o.Partition, err))
			}
		}
		row.Lag = max(0, o.Offset-from)
		row.Intent = row.note.Intent
		if ms := row.note.Watermark; ms > 0 {
			at := time.UnixMilli(ms).UTC()
			row.Watermark = &at
		}
		rows = append(rows, row)
	})
	slices.SortFunc(rows, func(a, b lagRow) int {
		if a.Topic != b.Topic {
			if a.Topic < b.Topic {
				return -1
			}
			return 1
		}
		return int(a.Partition - b.Partition)
	})
	return rows, errors.Join(errs...)
}

// stableWait is how long a transaction that holds offsets of a group is waited for.
const stableWait = 30 * time.Second

// stableOffsets returns what a group has committed once no transaction is about to change it.
func stableOffsets(ctx context.Context, adm *kadm.Client, group string) (kadm.OffsetResponses, error) {
	late := time.NewTimer(stableWait)
	defer late.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		committed, err := adm.FetchOffsets(kadm.RequireStable(ctx), group)
		if err == nil {
			err = committed.Error()
		}
		if !errors.Is(err, kerr.UnstableOffsetCommit) {
			return committed, err
		}
		select {
		case <-again.C:
		case <-late.C:
			return nil, fmt.Errorf("a transaction that is to change its offsets has been open for %v: try again later, or end it with kafka-transactions.sh: %w", stableWait, err)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func printLag(cmd *cobra.Command, rows []lagRow, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(cmd.OutOrStdout())
		for i := range rows {
			if err := enc.Encode(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "GROUP\tTOPIC\tPARTITION\tCOMMITTED\tEND\tLAG\tWATERMARK\tINTENT\t")
	total := int64(0)
	for _, r := range rows {
		committed, mark, intent := "-", "-", "-"
		if r.Committed >= 0 {
			committed = fmt.Sprint(r.Committed)
		}
		if r.Watermark != nil {
			mark = r.Watermark.Format(time.RFC3339)
		}
		if in := r.Intent; in != nil {
			intent = fmt.Sprintf("[%d, %d) %d records", in.Start, in.End, in.Records)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\t%s\t%s\t\n", r.Group, r.Topic, r.Partition, committed, r.End, r.Lag, mark, intent)
		total += r.Lag
	}
	fmt.Fprintf(w, "total\t\t\t\t\t%d\t\t\t\n", total)
	return w.Flush()
}

func archiveAbandon(t *archiveTarget) *cobra.Command {
	var topic string
	var partition int32
	var yes bool
	cmd := &cobra.Command{
		Use:   "abandon",
		Short: "Give up a begun cut: delete its objects and its intent, so that its records are archived anew",
		Long: `Give up a begun cut.

A cut that was begun under one configuration cannot be finished under another: the records would be stored twice. Where the old
configuration cannot be run again, this deletes the objects of the begun cut and then the intent from the group's offsets. The next start
archives its records anew. All members of the group must be stopped. Without --yes it only tells what it would do.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, done, err := t.store(cmd)
			if err != nil {
				return err
			}
			defer done() //nolint:errcheck // nothing is pending
			sources, err := t.sources(cmd)
			if err != nil {
				return err
			}
			found := 0
			for _, src := range sources {
				n, err := abandon(cmd, store, src, topic, partition, yes)
				if err != nil {
					return fmt.Errorf("group %s: %w", src.Group, err)
				}
				found += n
			}
			if found == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "there is no begun cut")
			} else if !yes {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing was changed: say --yes to do it")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&topic, "topic", "", "only this topic")
	cmd.Flags().Int32Var(&partition, "partition", -1, "only this partition")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}

func abandon(cmd *cobra.Command, store spool.Store, src *kafka.Config, topic string, partition int32, yes bool) (int, error) {
	ctx := cmd.Context()
	cl, err := kafkaClient(cmd, &src.Config)
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	rows, err := groupLag(ctx, adm, src.Group, src.Topics)
	if err != nil {
		return 0, err
	}
	rows = slices.DeleteFunc(rows, func(r lagRow) bool {
		return r.Intent == nil || topic != "" && r.Topic != topic || partition >= 0 && r.Partition != partition
	})
	if len(rows) == 0 {
		return 0, nil
	}
	if yes {
		groups, err := adm.DescribeGroups(ctx, src.Group)
		if err != nil {
			return 0, err
		}
		if g := groups[src.Group]; len(g.Members) > 0 {
			return 0, fmt.Errorf("it has %d members: stop all of them first", len(g.Members))
		}
	}
	objects, err := inspect.List(ctx, store, "")
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		fmt.Fprintf(cmd.OutOrStdout(), "%s/%d: cut [%d, %d) of %d records\n", r.Topic, r.Partition, r.Intent.Start, r.Intent.End, r.Intent.Records)
		for _, o := range objects {
			if o.Log != inspect.LogName(r.Topic, r.Partition) || o.Start != r.Intent.Start || o.End != r.Intent.End {
				continue
			}
			fmt.Fprintf(cmd.OutOrStdout(), "  delete %s\n", o.Key)
			if yes {
				if err := store.Delete(ctx, o.Key); err != nil {
					return 0, err
				}
			}
		}
		if !yes {
			continue
		}
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: r.Topic, Partition: r.Partition, At: r.Committed, LeaderEpoch: -1, Metadata: protocol.Note{Progress: r.note.Progress}.Encode()})
		if err := adm.CommitAllOffsets(ctx, src.Group, offsets); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}
