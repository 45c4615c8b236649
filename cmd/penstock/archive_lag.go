package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"text/tabwriter"
	"time"

	"github.com/penstock/penstock/inputs/kafka"
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
	// as in the names of the objects; "" where they have none, or there are none yet
	Life    string `json:"life,omitempty"`
	TopicID string `json:"topic_id,omitempty"` // of the topic that there is
	// that the committed offset is of, if that is another
	Former string `json:"former_topic_id,omitempty"`

	note  protocol.Note
	start int64 // of the partition
}

// former reports whether what is committed is of an earlier life of the topic.
func (r *lagRow) former() bool { return r.Former != "" }

// logName is what the partition is called in the names of its objects.
func (r *lagRow) logName() string {
	return inspect.InLife(inspect.LogName(r.Topic, r.Partition), r.Life)
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

func groupLag(
	ctx context.Context, adm *kadm.Client, group string, topics []string,
) ([]lagRow, error) {
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
	details, err := adm.ListTopics(ctx, topics...)
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
		row := lagRow{
			Group:     group,
			Topic:     o.Topic,
			Partition: o.Partition,
			Committed: -1,
			End:       o.Offset,
		}
		from := int64(0)
		if s, ok := starts.Lookup(o.Topic, o.Partition); ok && s.Err == nil {
			from = s.Offset
		}
		row.start = from
		if c, ok := committed.Lookup(o.Topic, o.Partition); ok && c.At >= 0 {
			id, note := kafka.TopicIDOf(c.Metadata)
			if details[o.Topic].ID != (kadm.TopicID{}) {
				row.TopicID = kafka.TopicID(details[o.Topic].ID)
			}
			if id != "" && row.TopicID != "" && id != row.TopicID {
				row.Former = id // it says nothing about this topic
			} else {
				from = max(from, c.At)
			}
			row.Committed = c.At
			if row.note, _, err = protocol.ParseNote(note); err != nil {
				errs = append(errs, fmt.Errorf("%s/%d: %w", o.Topic, o.Partition, err))
			}
		}
		row.Lag = max(0, o.Offset-from)
		row.Intent, row.Life = row.note.Intent, row.note.Life
		if ms := row.note.Watermark; ms > 0 {
			at := time.UnixMilli(ms).UTC()
			row.Watermark = &at
		}
		rows = append(rows, row)
	})
	sort.Slice(rows, func(i, j int) bool {
		a, b := &rows[i], &rows[j]
		return a.Topic < b.Topic || a.Topic == b.Topic && a.Partition < b.Partition
	})
	return rows, errors.Join(errs...)
}

// stableWait is how long a transaction that holds offsets of a group is waited for.
const stableWait = 30 * time.Second

// stableOffsets returns what a group has committed once no transaction is about to change it.
func stableOffsets(
	ctx context.Context, adm *kadm.Client, group string,
) (kadm.OffsetResponses, error) {
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
			return nil, fmt.Errorf(
				"a transaction that is to change its offsets has been open for %v: try again later, or end it with kafka-transactions.sh: %w",
				stableWait, err,
			)
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
	fmt.Fprintln(w, "GROUP\tTOPIC\tPARTITION\tCOMMITTED\tEND\tLAG\tWATERMARK\tINTENT\tLIFE\t")
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
		life := cmp.Or(r.Life, "-")
		if r.former() {
			life = "former"
		}
		fmt.Fprintf(
			w, "%s\t%s\t%d\t%s\t%d\t%d\t%s\t%s\t%s\t\n", r.Group, r.Topic, r.Partition, committed,
			r.End, r.Lag, mark, intent, life,
		)
		total += r.Lag
	}
	fmt.Fprintf(w, "total\t\t\t\t\t%d\t\t\t\t\n", total)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.former() {
			fmt.Fprintf(
				cmd.OutOrStdout(),
				"%s/%d: the committed offset is of an earlier life of the topic (id %s): it is not used, and the topic that there is now is read from its beginning\n",
				r.Topic, r.Partition, r.Former,
			)
		}
	}
	return nil
}

// groupMembers returns how many members a group has, of whichever protocol.
func groupMembers(ctx context.Context, adm *kadm.Client, group string) (int, error) {
	classic, err := adm.DescribeGroups(ctx, group)
	if err != nil {
		return 0, err
	}
	n := len(classic[group].Members)
	// Brokers without the consumer protocol have no such group, nor the request.
	if consumer, err := adm.DescribeConsumerGroups(ctx, group); err == nil &&
		consumer[group].Err == nil {
		n = max(n, len(consumer[group].Members))
	}
	return n, nil
}
