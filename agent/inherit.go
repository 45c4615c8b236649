package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/inputs"
)

// inherit has an input that starts for the first time go on where those of its kind have stopped
// that the pipeline does not have any more: it may be one of them, under another name. What they
// have read is in the buffer, or was.
func (p *pipeline) inherit(ctx context.Context, s *sink, input inputs.Input) error {
	heir, ok := input.(inputs.Heir)
	if !ok || len(inputPositions(s.buf, s.input)) > 0 {
		return nil
	}
	for _, gone := range p.current.Load().goneInputs(s.buf) {
		if kindOf(gone) != kindOf(s.input) {
			continue
		}
		p.a.mu.Lock()
		last := p.lastRuns[gone]
		p.a.mu.Unlock()
		if last != nil && !waitAll(ctx, last) {
			return ctx.Err()
		}
		positions := heir.Inherit(inputPositions(s.buf, gone))
		if len(positions) == 0 {
			continue
		}
		if err := inputs.Append(ctx, s, nil, positions); err != nil {
			return fmt.Errorf("going on where %s has stopped: %w", gone, err)
		}
		p.log.Info(
			"the input goes on where another has stopped that is not configured any more",
			"input", s.input, "other", gone, "positions", len(positions),
		)
	}
	return nil
}

// kindOf returns what is before the name in an id: "input.tail." of "input.tail.app".
func kindOf(id string) string { return id[:strings.LastIndexByte(id, '.')+1] }

// goneInputs returns the inputs that a buffer knows and the plan does not have.
func (pl *plan) goneInputs(buf *buffer.Buffer) []string {
	gone := slices.DeleteFunc(buf.Inputs(), func(name string) bool {
		return slices.ContainsFunc(pl.inputs, func(in *inputPlan) bool { return in.id == name })
	})
	slices.Sort(gone)
	return gone
}
