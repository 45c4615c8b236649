package agent

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/outputs/overflow"
)

// unclaimed is a buffer in which something waits and which no pipeline has: that was renamed, or
// taken out of the configuration.
type unclaimed struct {
	dir       string
	records   int64  // that some output has not delivered
	overflows string // where records wait, too, one to a line
}

func (u unclaimed) known() *state.Unclaimed {
	k := &state.Unclaimed{Records: u.records, Dir: u.dir}
	if u.overflows != "" {
		k.Overflows = strings.Split(u.overflows, "\n")
	}
	return k
}

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
	maps.DeleteFunc(a.unclaimed, func(name string, _ unclaimed) bool { return !without[name] })
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
	one := unclaimed{dir: a.dir("buffer", name)}
	in, err := buffer.Inspect(one.dir)
	if err != nil {
		a.log.Warn(
			"a buffer that no pipeline has cannot be looked into", "buffer", one.dir, "error", err,
			"do", "see what waits there with penstock buffer ls, or remove the directory",
		)
		return
	}
	for _, c := range in.Cursors() {
		if !strings.HasPrefix(c.Name, "output.") {
			continue // a reader's, which takes what it needs
		}
		one.records = max(one.records, c.Lag)
		if where := overflow.LeftBehind(c.Note); where != "" {
			one.overflows = strings.TrimLeft(one.overflows+"\n"+where, "\n")
		}
	}
	waits := one.records > 0 || one.overflows != ""
	if err := in.Close(); err != nil {
		a.log.Warn("closing a buffer failed", "dir", one.dir, "error", err)
	}
	told := false
	a.set(func() {
		told = a.unclaimed[name] == one
		if delete(a.unclaimed, name); waits {
			a.unclaimed[name] = one
		}
	})
	if waits && !told {
		a.log.Warn(
			"a pipeline is not configured any more, and what waits in its buffer is not delivered",
			"component", "pipeline."+name, "records", one.records, "buffer", one.dir,
			"overflow", strings.ReplaceAll(one.overflows, "\n", ", "),
			"do", one.known().Do(),
		)
	}
}

// unclaimedStates tells how the pipelines are that are gone. Agent.mu is held.
func (a *Agent) unclaimedStates(now time.Time) (out []state.PipelineState) {
	for _, name := range slices.Sorted(maps.Keys(a.unclaimed)) {
		one := a.unclaimed[name]
		if _, err := os.Stat(one.dir); errors.Is(err, os.ErrNotExist) {
			continue // given up
		}
		out = append(out, state.Pipeline{Name: name, Unclaimed: one.known()}.State(now))
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
