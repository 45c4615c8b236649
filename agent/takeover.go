package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
)

// checkOwner refuses what cannot own an input for others.
func (b *builder) checkOwner(p *plan, in *inputPlan) {
	if p.front == nil || len(in.readers) == 0 {
		return
	}
	b.fail(b.cfg.Find(in.id), fmt.Errorf(
		"feeds pipeline.%s and pipeline.%s, of which the first joins records in front of its buffer, so that the other would get joined ones: write pipeline.%s before it, or give each an input of its own",
		p.spec.Name, in.readers[0], in.readers[0],
	))
}

// owners returns, by input, the pipeline that reads it.
func (b *built) owners() map[string]string {
	out := map[string]string{}
	for _, p := range b.plans {
		for _, in := range p.inputs {
			if in.owner == "" {
				out[in.id] = p.spec.Name
			}
		}
	}
	return out
}

// names reports whether a pipeline names an input.
func (b *built) names(pipeline, input string) bool { return names(b.cfg, pipeline, input) }

func names(cfg *config.Config, pipeline, input string) bool {
	return slices.ContainsFunc(cfg.Pipelines, func(p *config.Pipeline) bool {
		return p.Name == pipeline && slices.Contains(p.From, input)
	})
}

// checkOwners refuses a configuration under which an input would have another owner, whose buffer
// does not know how far it is read. Taking that over is for a reader that is left alone.
func checkOwners(cur, next *built) error {
	var errs []error
	was := cur.owners()
	for _, p := range next.plans {
		for _, in := range p.inputs {
			owner, known := was[in.id]
			if in.owner != "" || !known || owner == p.spec.Name {
				continue
			}
			wasReader := cur.names(p.spec.Name, in.id)
			follows := func(reader string) bool { return cur.names(reader, in.id) }
			if len(in.readers) > 0 && (wasReader || slices.ContainsFunc(in.readers, follows)) {
				errs = append(errs, ownerError(owner, p.spec.Name, in.id, wasReader))
			}
		}
	}
	return errors.Join(errs...)
}

// ownerError says what to do where pipeline would own an input. One that was a reader can take it
// over.
func ownerError(owner, pipeline, input string, wasReader bool) error {
	or := ""
	if wasReader {
		or = fmt.Sprintf(
			", or let pipeline.%s be the only one that names the input until it has taken that over",
			pipeline,
		)
	}
	return fmt.Errorf(
		"pipeline.%s reads %s, and how far it has come is in its buffer: write pipeline.%s before pipeline.%s%s",
		owner, input, owner, pipeline, or,
	)
}

// closeNew closes the outputs that next alone has.
func (a *Agent) closeNew(next *built) error {
	var errs []error
	for id, o := range next.outputs {
		if a.cur.outputs[id] != o {
			errs = append(errs, o.Close())
		}
	}
	return errors.Join(errs...)
}

// checkPlaces refuses, for each input, to read it where the buffer says that another pipeline did,
// and to follow another pipeline where the buffer says that this one has read it.
func (p *pipeline) checkPlaces(buf *buffer.Buffer) error {
	var errs []error
	for _, in := range p.plan.inputs {
		at, follows := placeIn(buf.Positions(in.id))
		follows = follows && !at.Taken
		switch {
		case in.owner == "" && follows && len(in.readers) > 0:
			errs = append(errs, ownerError(at.From, p.name, in.id, true))
		case in.owner != "" && follows && at.From != in.owner && in.namedBy(at.From):
			errs = append(errs, ownerError(at.From, in.owner, in.id, false))
		case in.owner != "" && !follows && len(inputPositions(buf, in.id)) > 0:
			errs = append(errs, ownerError(p.name, in.owner, in.id, false))
		}
	}
	return errors.Join(errs...)
}

// takeOver makes the pipeline the owner of an input whose owner does not name it any more: what
// that one's buffer still has of it is read, and the input's positions follow, in one transaction.
func (p *pipeline) takeOver(ctx context.Context, s *sink) error {
	at, ok := s.place()
	if !ok {
		return nil
	}
	p.log.Info("taking over an input from the pipeline that has read it", "input", s.input,
		"from", at.From)
	buf, giveBack, err := p.a.borrow(ctx, at.From, s.input)
	if err != nil {
		return fmt.Errorf("taking over from pipeline.%s: %w", at.From, err)
	}
	defer giveBack()
	if buf == nil {
		p.log.Warn(
			"the buffer of the pipeline that has read the input is gone, and with it how far it was read",
			"input", s.input, "from", at.From,
		)
		return inputs.Append(ctx, s, nil, []record.Position{{Key: placeKey}})
	}
	if !at.Taken {
		ended, end := context.WithCancel(context.Background())
		end()
		if err := p.readFrom(ctx, s, followed{owner: at.From, buf: buf, ended: ended}); err != nil {
			return err
		}
		at.Taken = true
		positions := []record.Position{at.position()}
		for key := range s.Positions() {
			positions = append(positions, record.Position{Key: key})
		}
		for key, value := range inputPositions(buf, s.input) {
			positions = append(positions, record.Position{Key: key, Value: value})
		}
		if err := inputs.Append(ctx, s, nil, positions); err != nil {
			return err
		}
	}
	if err := forget(ctx, buf, p.name, s.input); err != nil {
		return fmt.Errorf("taking over from pipeline.%s: %w", at.From, err)
	}
	return inputs.Append(ctx, s, nil, []record.Position{{Key: placeKey}})
}

// forget takes out of an owner's buffer what another one has taken over.
func forget(ctx context.Context, buf *buffer.Buffer, reader, input string) error {
	var positions []record.Position
	for key := range inputPositions(buf, input) {
		positions = append(positions, record.Position{Key: key})
	}
	forgotten := make(chan error, 1)
	done := func(err error) { forgotten <- err }
	if err := buf.Append(ctx, input, nil, positions, done); err != nil {
		return err
	}
	if err := <-forgotten; err != nil {
		return err
	}
	name := readerCursor(reader, input)
	isThere := func(c buffer.CursorInfo) bool { return c.Name == name }
	if !slices.ContainsFunc(buf.Cursors(), isThere) {
		return nil
	}
	return buf.Forget(name)
}

// borrow returns the buffer of a pipeline in which an input does not run any more, opened if there
// is no such pipeline; nil if there is no buffer.
func (a *Agent) borrow(ctx context.Context, name, input string) (*buffer.Buffer, func(), error) {
	var buf *buffer.Buffer
	var before <-chan struct{}
	err := a.await(ctx, func() bool {
		p := a.pipelines[name]
		if p == nil {
			before = a.leaving[name]
			return true
		}
		buf, before = p.buf, p.lastRuns[input]
		return buf != nil && p.open
	})
	if err != nil {
		return nil, nil, err
	}
	if before != nil && !waitAll(ctx, before) {
		return nil, nil, ctx.Err()
	}
	if buf != nil {
		return buf, func() {}, nil
	}
	return a.lent.open(a.dir("buffer", name), a)
}

// lentBuffers are open buffers of pipelines that are not configured any more. Safe for concurrent
// use.
type lentBuffers struct {
	mu     sync.Mutex
	byName map[string]*lentBuffer
}

type lentBuffer struct {
	buf   *buffer.Buffer
	users int
}

func (l *lentBuffers) open(dir string, a *Agent) (*buffer.Buffer, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.byName[dir]
	if one == nil {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return nil, func() {}, nil
		}
		cfg := buffer.Default()
		opts := cfg.Options()
		opts.Log = a.log.With("component", dir)
		buf, err := buffer.Open(dir, opts)
		if err != nil {
			return nil, nil, err
		}
		one = &lentBuffer{buf: buf}
		l.byName[dir] = one
	}
	one.users++
	return one.buf, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.users--; one.users > 0 {
			return
		}
		delete(l.byName, dir)
		if err := one.buf.Close(); err != nil {
			a.log.Warn("closing a buffer failed", "dir", dir, "error", err)
		}
	}, nil
}
