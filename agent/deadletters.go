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
	if out == nil {
		return "", fmt.Errorf("%s is being made by a reload: try again", id)
	}
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
	over, err := out.replays.begin()
	if err != nil {
		return "", err
	}
	defer over()
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	wg.Go(func() { cancel(a.endsReplay(ctx, out)) })
	progress, forget := a.bringsBack(id)
	dead := to.Status().DeadLettered
	defer forget()
	log, began := a.log.With("component", id), time.Now()
	sum, err := replay.FromFiles(ctx, dir, replay.Options{
		To: to, Log: log, Filter: *f, Progress: progress, Abandoned: over,
	})
	a.set(func() { a.returned[id] += sum.Records })
	if reached := progress.Now(); !reached.Since.IsZero() {
		told := []any{
			"records", sum.Records, "of", reached.OfRecords, "damaged_files", sum.Damaged,
			"took", time.Since(began).Round(time.Millisecond).String(),
		}
		switch {
		case errors.Is(err, context.Canceled):
			log.Info(
				"the replay of dead letters was ended before its end: the others stay",
				append(told, "because", context.Cause(ctx))...,
			)
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

// ended is why a replay was told to end, and what to do.
type ended string

func (e ended) Error() string { return string(e) }

// Is has an ended replay be one that was cancelled.
func (ended) Is(target error) bool { return target == context.Canceled }

// endsReplay waits for what is to end a replay through an output, or for the end of ctx.
func (a *Agent) endsReplay(ctx context.Context, out *output) error {
	closing := out.replays.closing
	for {
		since, changed := a.paused.get(out.id)
		if !since.IsZero() {
			return ended(out.id + " was paused: resume it, and replay again")
		}
		select {
		case <-changed:
		case <-closing.Done():
			return context.Cause(closing)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// replays are those by hand through one output, which is not closed while they send.
type replays struct {
	closing context.Context // ends, with why, when the output is to be closed
	end     context.CancelCauseFunc

	mu      sync.Mutex // what begins does so before the end, or not at all
	sending sync.WaitGroup
}

func newReplays() *replays {
	r := &replays{}
	r.closing, r.end = context.WithCancelCause(context.Background())
	return r
}

// begin has the output wait until over is called.
func (r *replays) begin() (over func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing.Err() != nil {
		return nil, context.Cause(r.closing)
	}
	r.sending.Add(1)
	return sync.OnceFunc(r.sending.Done), nil
}

// stop tells all to end, of which sending is waited for, and lets none begin.
func (r *replays) stop(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(why)
}

// bringsBack has the states of an output tell of a replay by hand until forget is called. Of two at
// once the second, which will be refused, is not told of.
func (a *Agent) bringsBack(id string) (progress *replay.Progress, forget func()) {
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
