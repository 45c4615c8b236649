package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/outputs/overflow"
)

var _ admin.Commander = (*Agent)(nil)

// output returns the id of the output that name means: output.TYPE.LABEL or TYPE.LABEL.
func (a *Agent) output(name string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := "output." + strings.TrimPrefix(name, "output.")
	var known []string
	for _, p := range a.pipelines {
		for _, o := range p.plan.outputs { // also while its buffer is being opened
			if o.id == id {
				return id, nil
			}
			known = append(known, o.id)
		}
	}
	slices.Sort(known)
	return "", fmt.Errorf(
		"%q %w: no pipeline delivers to it; outputs are %s", name, admin.ErrUnknown,
		strings.Join(slices.Compact(known), ", "),
	)
}

// Pause implements admin.Commander.
func (a *Agent) Pause(name string) (string, error) {
	id, err := a.output(name)
	if err != nil {
		return "", err
	}
	changed, err := a.paused.set(id, true, time.Now())
	switch {
	case err != nil:
		return "", fmt.Errorf("%s is not paused, since that cannot be stored: %w", id, err)
	case !changed:
		return id + " is paused already", nil
	}
	a.log.Warn(
		"the output is paused, also after a restart: it delivers nothing, and the buffer fills",
		"component", id, "do", "penstock resume "+id,
	)
	return id + " is paused; what comes waits on disk until penstock resume " + id, nil
}

// Resume implements admin.Commander.
func (a *Agent) Resume(name string) (string, error) {
	id, err := a.output(name)
	if err != nil {
		return "", err
	}
	changed, err := a.paused.set(id, false, time.Now())
	switch {
	case err != nil:
		return "", fmt.Errorf("%s stays paused, since that cannot be stored: %w", id, err)
	case !changed:
		return id + " is not paused", nil
	}
	a.log.Info("the output goes on", "component", id)
	return id + " goes on", nil
}

// draining is a request to stop once everything is delivered.
type draining struct {
	ctx    context.Context
	result chan string // the error's text; "" if all was delivered
}

// Drain implements admin.Commander.
func (a *Agent) Drain(ctx context.Context) (string, error) {
	a.mu.Lock()
	var paused []string
	for _, p := range a.pipelines {
		for _, o := range p.plan.outputs {
			if since, _ := a.paused.get(o.id); !since.IsZero() {
				paused = append(paused, o.id)
			}
		}
	}
	a.mu.Unlock()
	if len(paused) > 0 {
		slices.Sort(paused)
		return "", fmt.Errorf(
			"nothing was begun: %s paused; resume first, or stop the agent as it is",
			strings.Join(slices.Compact(paused), ", "),
		)
	}
	d := draining{ctx, make(chan string, 1)}
	select {
	case a.drains <- d:
	case <-a.stopped:
		return "", errors.New("the agent is stopping")
	case <-ctx.Done():
		return "", errors.New("the agent is busy: nothing was begun; try again")
	}
	if text := <-d.result; text != "" {
		return "", errors.New(text)
	}
	return "all is delivered; the agent ends", nil
}

// drain stops inputs, lets outputs deliver what they have, and tells how that went. ctx ends when
// the agent is to stop.
func (a *Agent) drain(ctx context.Context, d draining) {
	a.log.Info("draining: inputs stop, what is in the buffers is delivered, and the agent ends")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()
	a.awaitOpening(ctx)
	a.stopInputs(ctx, slices.Collect(maps.Values(a.pipelines)), noLimit)
	a.drainAll(ctx)
	left := a.undelivered()
	if len(left) > 0 {
		a.log.Warn(
			"not everything could be delivered in time: the rest is delivered after the next start",
			"left", left,
		)
		d.result <- "not everything could be delivered: " + strings.Join(left, ", ") +
			"; the agent ends, and what it has outputs for is delivered after the next start"
		return
	}
	d.result <- ""
}

// awaitOpening waits until each buffer has been opened, or could not be.
func (a *Agent) awaitOpening(ctx context.Context) {
	isTried := func(p *pipeline) bool { return p.open || p.openErr != nil }
	for _, p := range a.pipelines {
		for !isTried(p) {
			select {
			case o := <-a.opened:
				a.handleOpened(o)
			case <-ctx.Done():
				return
			}
		}
	}
}

// undelivered tells what is left once all is delivered that can be.
func (a *Agent) undelivered() (left []string) {
	states := a.States()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range states {
		if n := s.OnDisk; n > 0 {
			left = append(left, fmt.Sprintf("%d records of pipeline %s wait on disk", n, s.Name))
		}
		if n := s.Stored; n > 0 {
			left = append(left, fmt.Sprintf("%d records of pipeline %s wait in the overflow", n, s.Name))
		}
		for _, where := range a.elsewhere(s) {
			left = append(left, "records of pipeline "+s.Name+" wait in "+where)
		}
		for _, pr := range s.Problems {
			if pr.Component == "pipeline."+s.Name &&
				(pr.Kind == state.Failed || pr.Kind == state.Opening) {
				left = append(left, pr.Component+" "+pr.Text)
			}
		}
	}
	return left
}

// elsewhere returns in which overflows records of a pipeline wait that no output brings back.
// Agent.mu is held.
func (a *Agent) elsewhere(s state.PipelineState) (all []string) {
	switch p := a.pipelines[s.Name]; {
	case s.Kind == state.Gone:
		return a.unclaimed[s.Name].Overflows
	case p.buf != nil && s.Stored == 0:
		for _, c := range p.buf.Cursors() {
			if where := overflow.LeftBehind(c.Note); where != "" {
				all = append(all, where)
			}
		}
	}
	return all
}
