package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/penstock/penstock/agent/config"
	kafkaout "github.com/penstock/penstock/outputs/kafka"
	"github.com/penstock/penstock/outputs/local"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/format"
	"github.com/penstock/penstock/spool/inspect"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

// eachEntry calls do with each record of the objects whose keys are, or begin with, one of names;
// without a store they are files.
func eachEntry(
	cmd *cobra.Command, t *archiveTarget, names []string, life string, do func(*format.Entry) error,
) error {
	if t.directory == "" && len(t.paths) == 0 {
		for _, name := range names {
			if err := readFile(cmd, name, do); err != nil {
				return err
			}
		}
		return nil
	}
	store, done, err := t.store(cmd)
	if err != nil {
		return err
	}
	return errors.Join(eachObject(cmd, store, names, life, do), done())
}

func eachObject(
	cmd *cobra.Command, store spool.Store, names []string, life string,
	do func(*format.Entry) error,
) error {
	for _, name := range names {
		found := false
		for obj, err := range store.List(cmd.Context(), name) {
			if err != nil {
				return err
			}
			if spool.IsMarker(obj.Key) || life != "" && inspect.LifeOf(obj.Key) != life {
				continue
			}
			found = true
			if err := inspect.Read(cmd.Context(), store, obj.Key, do); err != nil {
				return err
			}
		}
		if !found {
			return fmt.Errorf("%s: %w", name, spool.ErrNotFound)
		}
	}
	return nil
}

func readFile(cmd *cobra.Command, name string, do func(*format.Entry) error) error {
	if _, err := os.Stat(name); err != nil {
		return err
	}
	sc := local.DefaultStore()
	sc.Directory = filepath.Dir(name)
	store, err := local.NewStore(sc)
	if err != nil {
		return err
	}
	return errors.Join(inspect.Read(cmd.Context(), store, filepath.Base(name), do), store.Close())
}

// catLine is a record as cat --envelope prints it.
type catLine struct {
	Topic     string    `json:"topic,omitempty"`
	Tag       string    `json:"tag,omitempty"`
	Origin    string    `json:"origin,omitempty"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Time      time.Time `json:"time"`
	Key       *string   `json:"key,omitempty"`
	KeyB64    *string   `json:"key_base64,omitempty"`
	Value     *string   `json:"value_text,omitempty"`
	ValueB64  *string   `json:"value_base64,omitempty"`
	Reason    string    `json:"reason,omitempty"` // of a dead letter

	Headers []catHeader `json:"headers,omitempty"`
}

type catHeader struct {
	Key      string  `json:"key"`
	Value    *string `json:"value,omitempty"`
	ValueB64 *string `json:"value_base64,omitempty"`
}

func archiveCat(t *archiveTarget) *cobra.Command {
	var envelope bool
	var limit int64
	var life string
	cmd := &cobra.Command{
		Use:   "cat KEY...",
		Short: "Print the records of objects of any of our formats, one line each",
		Long: `Print the records of the objects whose keys are, or begin with, KEY. Without --config and --directory the keys are names of files.

Values of Avro and Parquet are printed as JSON.`,
		Args: usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := bufio.NewWriter(cmd.OutOrStdout())
			enc := json.NewEncoder(out)
			enc.SetEscapeHTML(false)
			n := int64(0)
			err := eachEntry(cmd, t, args, life, func(e *format.Entry) error {
				if n++; limit > 0 && n > limit {
					return errEnough
				}
				if envelope && e.Located {
					l := catLine{
						Topic:     e.Topic,
						Tag:       e.Tag,
						Origin:    e.Origin,
						Partition: e.Partition,
						Offset:    e.Offset,
						Time:      e.When(),
						Reason:    e.Reason,
					}
					if e.Key != nil {
						l.Key, l.KeyB64 = textOrBase64(e.Key)
					}
					if e.Value != nil {
						l.Value, l.ValueB64 = textOrBase64(e.Value)
					}
					for _, h := range e.Headers {
						kv := catHeader{Key: h.Key}
						if h.Value != nil {
							kv.Value, kv.ValueB64 = textOrBase64(h.Value)
						}
						l.Headers = append(l.Headers, kv)
					}
					return enc.Encode(&l)
				}
				if _, err := out.Write(e.Value); err != nil {
					return err
				}
				return out.WriteByte('\n')
			})
			if errors.Is(err, errEnough) {
				err = nil
			}
			return errors.Join(err, out.Flush())
		},
	}
	lifeFlag(cmd, &life)
	cmd.Flags().
		BoolVar(&envelope, "envelope", false, "print topic, partition, offset, time, key and headers too, where the format has them, and why a dead letter is one")
	cmd.Flags().Int64VarP(&limit, "lines", "n", 0, "stop after so many records")
	return cmd
}

func archiveRestore(t *archiveTarget) *cobra.Command {
	var to, topic, life string
	var keep bool
	var from, until int64
	cmd := &cobra.Command{
		Use:   "restore --to OUTPUT KEY...",
		Short: "Produce archived records to Kafka again, with key, headers and time where the format has them",
		Long: `Produce the records of the objects whose keys are, or begin with, KEY to Kafka again.

They go to the topic they came from, or to --topic. Formats without an envelope or metadata columns hold only values: these need --topic,
and get the present as their time. --to names an output "kafka" of the configuration, whose cluster and credentials are used. A restore
that was interrupted is begun again from its start: records may then be there twice.`,
		Args: usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := t.load(cmd)
			if err != nil {
				return err
			}
			out, err := kafkaOutput(cfg, to)
			if err != nil {
				return err
			}
			r := &restorer{topic: topic, keep: keep}
			opts := []kgo.Opt{
				kgo.ProducerBatchMaxBytes(int32(out.BatchMaxBytes)),
				kgo.MaxBufferedRecords(100_000),
			}
			if keep {
				opts = append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))
			}
			cl, err := kafkaClient(cmd, &out.Config, opts...)
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := context.WithCancelCause(cmd.Context())
			defer cancel(nil)
			err = eachEntry(cmd, t, args, life, func(e *format.Entry) error {
				switch asked := from > 0 || until > 0; {
				case asked && !e.Located:
					return configError(
						"the objects do not say at which offsets their records were: leave --from and --until out",
					)
				case asked && (e.Offset < from || until > 0 && e.Offset >= until):
					return nil
				}
				rec, err := r.record(e)
				if err != nil {
					return err
				}
				cl.Produce(ctx, rec, func(_ *kgo.Record, err error) {
					if err != nil {
						cancel(err)
					}
				})
				return context.Cause(ctx)
			})
			if err == nil {
				err = cl.Flush(ctx)
			}
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			if err != nil {
				return fmt.Errorf("after %d records: %w", r.n, err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d records restored\n", r.n)
			return nil
		},
	}
	f := cmd.Flags()
	lifeFlag(cmd, &life)
	f.StringVar(
		&to, "to", "",
		"the output \"kafka\" to restore into, such as output.kafka.events; may be left out where there is only one",
	)
	f.StringVar(&topic, "topic", "", "topic, in place of the records' own")
	f.BoolVar(
		&keep, "keep-partitions", false,
		"produce each record to the partition it came from, instead of by its key",
	)
	f.Int64Var(&from, "from", 0, "from this offset")
	f.Int64Var(&until, "until", 0, "to before this offset")
	return cmd
}

func kafkaOutput(cfg *config.Config, id string) (*kafkaout.Config, error) {
	var found []*kafkaout.Config
	for _, c := range cfg.Components {
		if k, ok := c.Config.(*kafkaout.Config); ok && (id == "" || c.ID() == id) {
			found = append(found, k)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, configError(
			"the configuration has several outputs \"kafka\": pick one with --to",
		)
	case id != "":
		return nil, configError("%s is no output \"kafka\" of the configuration", id)
	}
	return nil, configError("the configuration has no output \"kafka\" to restore into")
}

type restorer struct {
	topic string
	keep  bool
	n     int64
}

func (r *restorer) record(e *format.Entry) (*kgo.Record, error) {
	topic := e.Topic
	if topic == "" {
		topic = e.Tag
	}
	if r.topic != "" {
		topic = r.topic
	}
	switch {
	case topic == "":
		return nil, configError(
			"the objects do not say which topic their records came from: give one with --topic",
		)
	case r.keep && !e.Located:
		return nil, configError(
			"the objects do not say which partition their records came from: leave --keep-partitions out",
		)
	}
	r.n++
	c := e.Clone()
	rec := &kgo.Record{Topic: topic, Key: c.Key, Value: c.Value, Partition: e.Partition}
	if e.Located {
		rec.Timestamp = e.When()
	}
	for _, h := range c.Headers {
		rec.Headers = append(rec.Headers, kgo.RecordHeader(h))
	}
	return rec, nil
}
