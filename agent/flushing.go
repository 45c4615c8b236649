package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/spool"
)

// flushedEvery is how often it is looked whether what was flushed is archived.
const flushedEvery = 100 * time.Millisecond

// flushing is what was open of an archive when a flush was asked for.
type flushing struct {
	id string
	*spool.Flushed
}

func (f flushing) isArchived() bool {
	waiting, released := f.Left()
	return waiting+released == 0
}

// isHopeless reports whether waiting is of no use.
func (f flushing) isHopeless() bool {
	_, released := f.Left()
	return released > 0 || f.Refused()
}

// Flush implements admin.Commander.
func (a *Agent) Flush(ctx context.Context, wait time.Duration) (string, error) {
	asked := a.flush()
	if len(asked) == 0 {
		return "no output holds files open: all send what they have within milliseconds", nil
	}
	ids := make([]string, len(asked))
	for i, f := range asked {
		ids[i] = f.id
	}
	a.log.Info("flush: what is open is closed and uploaded now", "components", ids)
	if wait <= 0 {
		return "what is open is closed and uploaded now: " + strings.Join(ids, ", "), nil
	}
	if err := a.awaitFlush(ctx, asked, wait); err != nil {
		return "", err
	}
	text := "what was open is archived: " + strings.Join(ids, ", ")
	for _, id := range ids {
		switch s := a.outputState(id); {
		case s.Level == state.Critical:
			return "", fmt.Errorf("%s has nothing open any more, but %s", id, told(s))
		case s.Level == state.Warning:
			text += "; " + id + " " + told(s)
		}
	}
	return text, nil
}

// flush asks all archives, and returns what they have open, by component. A store that only takes
// an overflow holds nothing open.
func (a *Agent) flush() (asked []flushing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.pipelines {
		for id, u := range p.outputs {
			o, ok := u.plan.output.Output.(archive)
			if ok && !slices.ContainsFunc(asked, func(f flushing) bool { return f.id == id }) {
				asked = append(asked, flushing{id, o.Flush()})
			}
		}
	}
	sort.Slice(asked, func(i, j int) bool { return asked[i].id < asked[j].id })
	return asked
}

// awaitFlush waits until all that was open is archived, or returns why it is not: what only a
// person can mend at once, all else when the time is over.
func (a *Agent) awaitFlush(ctx context.Context, asked []flushing, wait time.Duration) error {
	over := time.NewTimer(wait)
	defer over.Stop()
	look := time.NewTicker(flushedEvery)
	defer look.Stop()
	for {
		asked = slices.DeleteFunc(asked, flushing.isArchived)
		for _, f := range asked {
			if f.isHopeless() {
				return errors.New(a.whyNot(f, ""))
			}
		}
		if len(asked) == 0 {
			return nil
		}
		select {
		case <-look.C:
		case <-over.C:
			var left []string
			for _, f := range asked {
				left = append(left, a.whyNot(f, " within "+wait.String()))
			}
			return errors.New(strings.Join(left, "; "))
		case <-ctx.Done():
			return errors.New("the agent is stopping: what was open may not be archived yet")
		}
	}
}

// whyNot tells what an output has not archived, why, and what to do.
func (a *Agent) whyNot(f flushing, within string) string {
	waiting, released := f.Left()
	text := fmt.Sprintf(
		"%s has not archived %s that it had open%s",
		f.id, state.Count(waiting+released, "record", "records"), within,
	)
	switch s := a.outputState(f.id); {
	case s.Level > state.OK:
		text += ": it " + told(s)
	case released > 0:
		text += ": it was started anew, or its log has gone to another; flush again"
	default:
		text += ": that takes longer; allow for more with --timeout"
	}
	return text
}

// outputState returns how an output is where it is worst.
func (a *Agent) outputState(id string) (worst state.OutputState) {
	for _, p := range a.States() {
		for _, o := range p.Outputs {
			if o.ID == id && (worst.ID == "" || o.Level > worst.Level) {
				worst = o
			}
		}
	}
	return worst
}

func told(s state.OutputState) string {
	if s.Do == "" {
		return s.Text
	}
	return s.Text + "; " + s.Do
}
