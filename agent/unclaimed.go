package agent

import (
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/outputs/overflow"
)

// lookForUnclaimed looks into the buffers of which there is no pipeline, each once it is closed.
// Who wants one of them meanwhile waits for a.leaving: what is looked into is locked. Agent.mu is
// held, by the goroutine of Run.
func (a *Agent) lookForUnclaimed(plans []*plan) {
	entries, err := os.ReadDir(a.dir("buffer", ""))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.log.Warn(
			"the directory of buffers cannot be read, so that nobody knows of those that no pipeline has",
			"error", err, "do", "see that the agent may read it",
		)
		return
	}
	without := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		has := func(p *plan) bool { return p.spec.Name == name }
		if e.IsDir() && !slices.ContainsFunc(plans, has) {
			without[name] = true
		}
	}
	maps.DeleteFunc(a.unclaimed, func(name string, _ *state.Unclaimed) bool {
		return !without[name]
	})
	for name := range without {
		before, done := a.leaving[name], make(chan struct{})
		a.leaving[name] = done
		a.closers = append(pending(a.closers), done)
		go func() {
			defer close(done)
			if before != nil {
				<-before
			}
			a.look(name)
		}()
	}
}

// look learns what waits in a buffer that no pipeline has.
func (a *Agent) look(name string) {
	one := &state.Unclaimed{Dir: a.dir("buffer", name)}
	in, err := buffer.Inspect(one.Dir)
	if err != nil {
		a.log.Warn(
			"a buffer that no pipeline has cannot be looked into", "buffer", one.Dir, "error", err,
			"do", "see what waits there with penstock buffer ls, or remove the directory",
		)
		return
	}
	for _, c := range in.Cursors() {
		if !strings.HasPrefix(c.Name, "output.") {
			continue // a reader's, which takes what it needs
		}
		one.Records = max(one.Records, c.Lag)
		if where := overflow.LeftBehind(c.Note); where != "" {
			one.Overflows = append(one.Overflows, where)
		}
	}
	waits := one.Records > 0 || len(one.Overflows) > 0
	if err := in.Close(); err != nil {
		a.log.Warn("closing a buffer failed", "dir", one.Dir, "error", err)
	}
	told := false
	a.set(func() {
		told = reflect.DeepEqual(a.unclaimed[name], one)
		if delete(a.unclaimed, name); waits {
			a.unclaimed[name] = one
		}
	})
	if waits && !told {
		a.log.Warn(
			"a pipeline is not configured any more, and what waits in its buffer is not delivered",
			"component", "pipeline."+name, "records", one.Records, "buffer", one.Dir,
			"overflow", strings.Join(one.Overflows, ", "),
			"do", one.Do(),
		)
	}
}

// unclaimedStates tells how the pipelines are that are gone. Agent.mu is held.
func (a *Agent) unclaimedStates(now time.Time) (out []state.PipelineState) {
	for _, name := range slices.Sorted(maps.Keys(a.unclaimed)) {
		one := a.unclaimed[name]
		if a.pipelines[name] != nil {
			continue // it was configured again while it was looked for
		}
		if _, err := os.Stat(one.Dir); errors.Is(err, os.ErrNotExist) {
			continue // given up
		}
		out = append(out, state.Pipeline{Name: name, Unclaimed: one}.State(now))
	}
	return out
}

// unclaimedStatus is what there is to say of a pipeline that is gone.
func unclaimedStatus(now state.PipelineState) admin.Pipeline {
	return admin.Pipeline{
		Name: now.Name, State: now.Kind, Now: now,
		Inputs: []admin.Component{}, Outputs: []admin.Component{},
	}
}
