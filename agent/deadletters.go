package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/replay"
)

var _ admin.DeadLetterer = (*Agent)(nil)

// DeadLetterDirs returns all directories in which components keep refused records, those of
// components that are not configured any more included.
func DeadLetterDirs(cfg *config.Config) ([]string, error) {
	base := filepath.Join(cfg.Agent.DataDir, "dead-letter")
	entries, err := os.ReadDir(base)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(base, e.Name()))
		}
	}
	for _, inst := range cfg.Components {
		if inst.Component.Kind != config.Output {
			continue
		}
		if dir := DeadLetterDir(cfg, inst.ID()); dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// DeadLetters implements admin.DeadLetterer.
func (a *Agent) DeadLetters(
	ctx context.Context, f *replay.Filter, samples int,
) (*replay.Overview, error) {
	a.mu.Lock()
	cfg := a.cur.cfg
	a.mu.Unlock()
	return LookAtDeadLetters(ctx, cfg, f, samples)
}

// LookAtDeadLetters groups what waits in the directories of a configuration.
func LookAtDeadLetters(
	ctx context.Context, cfg *config.Config, f *replay.Filter, samples int,
) (*replay.Overview, error) {
	dirs, err := DeadLetterDirs(cfg)
	if err != nil {
		return nil, err
	}
	o := replay.NewOverview(samples)
	for _, dir := range dirs {
		if err := o.AddDir(ctx, dir, f); err != nil {
			return nil, err
		}
	}
	o.Sort()
	o.Archives = archives(cfg)
	return o, nil
}

// archives returns the outputs that have their dead letters among their objects.
func archives(cfg *config.Config) (all []replay.Archive) {
	for _, p := range cfg.Pipelines {
		for _, id := range p.Outputs() {
			inst := cfg.Find(id)
			common, ok := inst.Common.(*outputs.ArchiveCommon)
			if !ok || common.DeadLetter != nil {
				continue
			}
			a := replay.Archive{Output: id}
			a.Prefix, _ = DeadLetterPrefix(inst)
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all
}

// ReplayDeadLetters implements admin.DeadLetterer.
func (a *Agent) ReplayDeadLetters(
	ctx context.Context, name string, f *replay.Filter,
) (string, error) {
	id, err := a.output(name)
	if err != nil {
		return "", err
	}
	a.mu.Lock()
	cfg, out := a.cur.cfg, a.cur.outputs[id]
	a.mu.Unlock()
	if since, _ := a.paused.get(id); !since.IsZero() {
		return "", fmt.Errorf("%s is paused: resume it first", id)
	}
	to, ok := out.Output.(*drain.Drainer)
	dir := DeadLetterDir(cfg, id)
	if !ok || dir == "" {
		return "", fmt.Errorf(
			"the dead letters of %s are not in a directory: use penstock replay --from", id,
		)
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return "nothing was ever refused by " + id, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { // an agent that stops does not wait for who asked
		select {
		case <-a.stopped:
			cancel()
		case <-ctx.Done():
		}
	})
	progress, ended := a.bringsBack(id)
	dead := to.Status().DeadLettered
	defer ended()
	log, began := a.log.With("component", id), time.Now()
	sum, err := replay.FromFiles(ctx, dir, replay.Options{
		To: to, Log: log, Filter: *f, Progress: progress,
	})
	a.set(func() { a.returned[id] += sum.Records })
	if reached := progress.Now(); !reached.Since.IsZero() {
		told := []any{
			"records", sum.Records, "of", reached.OfRecords, "damaged_files", sum.Damaged,
			"took", time.Since(began).Round(time.Millisecond).String(),
		}
		switch {
		case errors.Is(err, context.Canceled):
			log.Info("the replay of dead letters was ended before its end: the others stay", told...)
		case err != nil:
			log.Warn(
				"not all dead letters could be brought back", append(
					told, "error", err, "do", "mend what it says, and replay again: the others stay",
				)...)
		default:
			log.Info("dead letters were brought back", told...)
		}
	}
	if err != nil {
		return "", fmt.Errorf("%d records were replayed, the others stay: %w", sum.Records, err)
	}
	text := "replayed " + state.Count(sum.Records, "record", "records") + " into " + id
	if again := to.Status().DeadLettered - dead; again > 0 {
		text += "; meanwhile " + state.Count(again, "record was", "records were") +
			" refused for good: see penstock dead-letters ls for what is not mended yet"
	}
	if sum.Damaged > 0 {
		text += fmt.Sprintf("; damaged files moved aside: %d", sum.Damaged)
	}
	return text, nil
}

// bringsBack has the states of an output tell of a replay by hand until ended is called. Of two at
// once the second, which will be refused, is not told of.
func (a *Agent) bringsBack(id string) (progress *replay.Progress, ended func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byHand[id] != nil {
		return nil, func() {}
	}
	progress = new(replay.Progress)
	a.byHand[id] = progress
	return progress, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.byHand, id)
	}
}
