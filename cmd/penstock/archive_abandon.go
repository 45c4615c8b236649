package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/inputs/kafka"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/inspect"
	"github.com/penstock/penstock/spool/protocol"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
)

// abandoning gives up begun cuts of one store.
type abandoning struct {
	cmd       *cobra.Command
	store     spool.Store
	topic     string
	partition int32
	yes, keep bool

	objects []*inspect.Object // of the store, once they were needed
	listed  bool
}

func archiveAbandon(t *archiveTarget) *cobra.Command {
	a := &abandoning{}
	cmd := &cobra.Command{
		Use:   "abandon",
		Short: "Give up a begun cut: delete its objects and its intent, so that its records are archived anew",
		Long: `Give up a begun cut.

A cut that was begun under one configuration cannot be finished under another: the records would be stored twice. Where the old
configuration cannot be run again, this deletes the objects of the begun cut and then the intent: from the group's offsets, or from the
buffer of an agent that archives what it reads itself. The next start archives its records anew.

Nor can a cut be finished whose topic was deleted and made again meanwhile. Its records are gone with the topic, and what was stored of it is
all that there is: --keep leaves the objects. The topic that there is now is then archived from its beginning. All members of the group, or
the agent whose buffer it is, must be stopped. Where the configuration has several archives, those cuts are meant whose pipeline leads to
--output. Without --yes it only tells what it would do.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.cmd = cmd
			return a.run(t)
		},
	}
	cmd.Flags().StringVar(&a.topic, "topic", "", "only this topic")
	cmd.Flags().Int32Var(&a.partition, "partition", -1, "only this partition")
	cmd.Flags().BoolVar(&a.yes, "yes", false, "do it")
	cmd.Flags().
		BoolVar(&a.keep, "keep", false, "leave the objects: only for a cut whose topic was made again, for else its records come twice")
	return cmd
}

func (a *abandoning) run(t *archiveTarget) error {
	cfg, err := t.load(a.cmd)
	if err != nil {
		return err
	}
	store, done, err := t.store(a.cmd)
	if err != nil {
		return err
	}
	defer done() //nolint:errcheck // nothing is pending
	a.store = store
	found := 0
	for _, c := range cfg.Components {
		src, ok := c.Config.(*kafka.Config)
		if !ok {
			continue
		}
		n, err := a.ofGroup(src, t.elsewhere(src))
		if err != nil {
			return fmt.Errorf("group %s: %w", src.Group, err)
		}
		found += n
	}
	for _, p := range cfg.Pipelines {
		if p.Source || a.topic != "" || a.partition >= 0 {
			continue
		}
		n, err := a.ofBuffer(cfg, p, t.output)
		if err != nil {
			return fmt.Errorf("pipeline %s: %w", p.Name, err)
		}
		found += n
	}
	if found == 0 {
		fmt.Fprintln(a.cmd.OutOrStdout(), "there is no begun cut")
	} else if !a.yes {
		fmt.Fprintln(a.cmd.OutOrStdout(), "nothing was changed: say --yes to do it")
	}
	return nil
}

// ofGroup gives up what a group has begun, unless the objects are elsewhere, in another output's
// store.
func (a *abandoning) ofGroup(src *kafka.Config, elsewhere string) (int, error) {
	ctx := a.cmd.Context()
	cl, err := kafkaClient(a.cmd, &src.Config)
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
		return r.Intent == nil || a.topic != "" && r.Topic != a.topic ||
			a.partition >= 0 && r.Partition != a.partition
	})
	if elsewhere != "" {
		for _, r := range rows {
			fmt.Fprintf(
				a.cmd.OutOrStdout(), "%s/%d: the cut [%d, %d) of group %s is left: see --output %s\n",
				r.Topic, r.Partition, r.Intent.Start, r.Intent.End, src.Group, elsewhere,
			)
		}
		return 0, nil
	}
	if len(rows) == 0 {
		return 0, nil
	}
	if a.yes {
		if n, err := groupMembers(ctx, adm, src.Group); err != nil {
			return 0, err
		} else if n > 0 {
			return 0, fmt.Errorf("it has %d members: stop all of them first", n)
		}
	}
	for _, r := range rows {
		what := fmt.Sprintf("%s/%d", r.Topic, r.Partition)
		if err := a.objectsOf(what, r.logName(), r.Intent, r.former()); err != nil {
			return 0, err
		}
		if !a.yes {
			continue
		}
		offsets := kadm.Offsets{}
		at, note := r.Committed, protocol.Note{Progress: r.note.Progress, Life: r.Life}.Encode()
		if r.former() {
			at, note = r.start, "" // of the topic that there is now
		}
		offsets.Add(
			kadm.Offset{
				Topic:       r.Topic,
				Partition:   r.Partition,
				At:          at,
				LeaderEpoch: -1,
				Metadata:    kafka.WithTopicID(note, r.TopicID),
			},
		)
		if err := adm.CommitAllOffsets(ctx, src.Group, offsets); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// ofBuffer gives up what outputs, or the one that is named, have begun of a pipeline's buffer.
func (a *abandoning) ofBuffer(cfg *config.Config, p *config.Pipeline, output string) (int, error) {
	dir := filepath.Join(cfg.Agent.DataDir, "buffer", p.Name)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	in, err := buffer.Inspect(dir)
	if err != nil {
		if errors.Is(err, buffer.ErrLocked) {
			return 0, fmt.Errorf("%w: stop the agent first", err)
		}
		return 0, err
	}
	cursors := in.Cursors()
	if err := in.Close(); err != nil {
		return 0, err
	}
	var begun []string // cursors
	for _, c := range cursors {
		note, _, err := protocol.ParseNote(c.Note)
		if err != nil {
			return 0, err
		}
		if note.Intent == nil || output != "" && c.Name != output {
			continue
		}
		log := spool.BufferSlug(cfg.Agent.Name, agent.LogName(p.Name, c.Name))
		log = inspect.InLife(log, note.Life)
		if err := a.objectsOf(c.Name, log, note.Intent, false); err != nil {
			return 0, err
		}
		begun = append(begun, c.Name)
	}
	if !a.yes || len(begun) == 0 {
		return len(begun), nil
	}
	opts := p.Buffer.(*buffer.Config).Options()
	opts.Log = slog.New(slog.DiscardHandler)
	b, err := buffer.Open(dir, opts)
	if err != nil {
		return 0, err
	}
	for _, name := range begun {
		err = errors.Join(err, changeNote(a.cmd.Context(), b, name, withoutIntent))
	}
	return len(begun), errors.Join(err, b.Close())
}

func withoutIntent(text string) (string, error) {
	note, _, err := protocol.ParseNote(text)
	note.Intent = nil
	return note.Encode(), err
}

// objectsOf tells of a cut and its objects, and deletes these.
func (a *abandoning) objectsOf(what, log string, in *protocol.Intent, isFormer bool) error {
	out := a.cmd.OutOrStdout()
	fmt.Fprintf(out, "%s: cut [%d, %d) of %d records\n", what, in.Start, in.End, in.Records)
	if a.keep {
		if isFormer {
			return nil
		}
		return fmt.Errorf(
			"%s: --keep is for a cut whose topic was deleted and made again; the records of this one will be archived anew, and would be there twice",
			what,
		)
	}
	if !a.listed {
		var err error
		if a.objects, err = inspect.List(a.cmd.Context(), a.store, ""); err != nil {
			return err
		}
		a.listed = true
	}
	for _, o := range a.objects {
		if o.Log != log || o.Start != in.Start || o.End != in.End {
			continue
		}
		fmt.Fprintf(out, "  delete %s\n", o.Key)
		if a.yes {
			if err := a.store.Delete(a.cmd.Context(), o.Key); err != nil {
				return err
			}
		}
	}
	return nil
}
