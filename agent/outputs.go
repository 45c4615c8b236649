package agent

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deadletter"
)

// Outputs are some outputs of a configuration, made without the rest of it, for commands that work
// beside the agent.
type Outputs struct {
	byID           map[string]*output
	opened         []outputs.Output
	deadLetterDirs map[string]*deadletter.Dir
}

// OpenOutputs makes the outputs called ids, and those that they refer to. The error joins one
// Mistake for each that cannot be made.
func OpenOutputs(cfg *config.Config, opts Options, ids ...string) (*Outputs, error) {
	a := &Agent{
		opts:           opts,
		log:            opts.Log,
		dataDir:        cfg.Agent.DataDir,
		started:        time.Now(),
		registries:     newRegistries(),
		deadLetterDirs: map[string]*deadletter.Dir{},
	}
	b := &builder{a: a, cfg: cfg, new: &built{cfg: cfg, outputs: map[string]*output{}}}
	for _, id := range ids {
		if inst := cfg.Find(id); inst == nil || inst.Component.Kind != config.Output {
			b.errs = append(b.errs, fmt.Errorf("there is no %s in the configuration", id))
			continue
		}
		b.output(id)
	}
	o := &Outputs{byID: b.new.outputs, opened: b.created, deadLetterDirs: a.deadLetterDirs}
	if err := errors.Join(b.errs...); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// Get returns an output that OpenOutputs was asked for.
func (o *Outputs) Get(id string) outputs.Output { return o.byID[id].Output }

// DeadLetterDir returns the directory in which the component called id keeps refused records; "" if
// that is not a directory.
func DeadLetterDir(cfg *config.Config, id string) string {
	dir := filepath.Join(cfg.Agent.DataDir, "dead-letter", id)
	inst := cfg.Find(id)
	if inst == nil {
		return dir
	}
	if common, ok := inst.Common.(*outputs.Common); ok && common.DeadLetter.To != "" {
		return ""
	} else if ok && common.DeadLetter.Dir != "" {
		return common.DeadLetter.Dir
	}
	return dir
}

// DeadLetterPrefix returns what the keys of all dead-letter objects of an archive begin with, "" if
// they have nothing in common, and whether it is one.
func DeadLetterPrefix(inst *config.Instance) (prefix string, isArchive bool) {
	archive, ok := inst.Config.(interface{ DeadLetterPrefix() string })
	if !ok {
		return "", false
	}
	return archive.DeadLetterPrefix(), true
}

// Close closes them, those that others refer to last.
func (o *Outputs) Close() error {
	var errs []error
	for _, out := range slices.Backward(o.opened) {
		errs = append(errs, out.Close())
	}
	for _, d := range o.deadLetterDirs {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}
