package agent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
)

// An input that several pipelines name is read by the first of them, its owner. Each further one,
// a reader, follows the owner's buffer by a cursor of its own, and appends what the input has
// brought to its own buffer. How far it has come stands there among the input's positions, in the
// transaction of the data: so what a crash has kept the cursor from is known, and neither lost nor
// repeated. The cursor in the owner's buffer is moved afterwards. It holds what is not yet in the
// reader's.

// placeKey is where the place of a reader stands among the positions of the input.
const placeKey = "\x00place"

// place is how far a reader has come in the owner's buffer.
type place struct {
	From string `json:"from"` // the owner
	Life string `json:"life"` // the note of the cursor there: in another life, Pos means nothing
	Pos  int64  `json:"pos"`
	// the input's positions have been taken over from the owner, which still has them
	Taken bool `json:"taken,omitempty"`
}

func placeIn(positions map[string][]byte) (p place, ok bool) {
	v, ok := positions[placeKey]
	return p, ok && json.Unmarshal(v, &p) == nil
}

func (p place) position() record.Position {
	v, _ := json.Marshal(p) // of texts and numbers
	return record.Position{Key: placeKey, Value: v}
}

// readerCursor names the cursor in the owner's buffer.
func readerCursor(pipeline, input string) string { return "pipeline." + pipeline + "/" + input }

// readersOf returns the pipelines that follow the buffer of owner for an input.
func readersOf(cfg *config.Config, owner, input string) (out []string) {
	for _, p := range cfg.Pipelines {
		if p.Feeds[input] == owner {
			out = append(out, p.Name)
		}
	}
	return out
}

// readerCursors returns the names of the cursors of all readers of the plan's buffer.
func (p *plan) readerCursors() (out []string) {
	for _, in := range p.inputs {
		for _, reader := range in.readers {
			out = append(out, readerCursor(reader, in.id))
		}
	}
	return out
}

// followed is the buffer of an input's owner.
type followed struct {
	owner string
	buf   *buffer.Buffer
	// whether batches of which the input is not known are of the input
	alone bool
	// done when nothing more of the input will come
	ended context.Context
}

// follow reads an input from its owner's buffer until it comes to its end there. Should the owner's
// buffer be opened anew, it goes on with that.
func (p *pipeline) follow(ctx context.Context, s *sink, in *inputPlan) error {
	var last *buffer.Buffer
	for {
		f, stop, err := p.awaitOwner(ctx, in, last)
		if err != nil {
			return err
		}
		err = p.readFrom(ctx, s, f)
		stop()
		if last = f.buf; !errors.Is(err, buffer.ErrClosed) || ctx.Err() != nil {
			return err
		}
	}
}

// awaitOwner waits until the buffer of an input's owner is open, and another one than last.
func (p *pipeline) awaitOwner(
	ctx context.Context, in *inputPlan, last *buffer.Buffer,
) (f followed, stop func(), err error) {
	var unit *inputUnit
	err = p.a.await(ctx, func() bool {
		owner := p.a.pipelines[in.owner]
		if owner == nil || owner.buf == nil || owner.buf == last || owner.inputs[in.id] == nil {
			return false
		}
		unit = owner.inputs[in.id]
		f = followed{owner: in.owner, buf: owner.buf, alone: len(owner.plan.inputs) == 1}
		return true
	})
	if err != nil {
		return f, nil, err
	}
	ended, end := context.WithCancel(context.Background())
	f.ended = ended
	stopped := make(chan struct{})
	go func() {
		select {
		case <-unit.done:
		case <-stopped:
			return
		}
		if s, _, _ := unit.status(); s != Finished { // not its end, but that of the agent
			select {
			case <-p.end.Done():
			case <-stopped:
				return
			}
		}
		end()
	}()
	return f, func() { close(stopped); end() }, nil
}

// readFrom reads what an input has brought from its owner's buffer, until it has ended there.
func (p *pipeline) readFrom(ctx context.Context, s *sink, from followed) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	name := readerCursor(p.name, s.input)
	cursor, err := from.buf.Cursor(name)
	if err != nil {
		return fmt.Errorf("pipeline.%s: %w", from.owner, err)
	}
	defer cursor.Close()
	f := &feed{sink: s, followed: from, cursor: cursor, id: record.InputID(s.input)}
	if err := f.begin(ctx); err != nil {
		return fmt.Errorf("pipeline.%s: %w", from.owner, err)
	}
	f.settled.changed = make(chan struct{}, 1)
	var committing sync.WaitGroup
	committing.Go(func() {
		if err := f.commit(ctx); err != nil {
			cancel(err)
		}
	})
	err = f.run(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	cancel(nil)
	committing.Wait()
	return errors.Join(err, f.finish())
}

// reader is the sink of a reader.
type reader interface {
	Append(
		ctx context.Context, b *record.Batch, positions []record.Position, done func(error),
	) error
	place() (p place, ok bool)
	TakesMaps() bool
}

// feed is an input as it comes from its owner's buffer.
type feed struct {
	followed
	sink    reader
	cursor  *buffer.Cursor
	id      int64 // of the input, in its batches
	life    string
	last    int64 // once the input has ended, the position after all of it; 0 before
	settled settled
}

// begin goes to where the reader has come.
func (f *feed) begin(ctx context.Context) error {
	// A commit of the feed before may be under way: what is noted anew before it is stored counts
	// as stored with it.
	pos, life, err := f.cursor.Refresh(ctx)
	if err != nil {
		return err
	}
	if f.life = life; life == "" {
		f.life = rand.Text()
		if err := f.cursor.Commit(ctx, pos, f.life); err != nil {
			return err
		}
	}
	at, ok := f.sink.place()
	at.Pos = min(at.Pos, f.cursor.End())
	if ok && at.From == f.owner && at.Life == f.life && at.Pos > pos {
		// It is in the reader's buffer, and the cursor had not been moved.
		if err := f.confirm(ctx, pos, at.Pos); err != nil {
			return err
		}
		pos = at.Pos
		if err := f.cursor.Commit(ctx, pos, f.life); err != nil {
			return err
		}
	}
	f.settled.read, f.settled.pos = pos, pos
	return f.cursor.SeekTo(pos)
}

// confirm counts what is between two positions, and known to be in the reader's buffer.
func (f *feed) confirm(ctx context.Context, pos, to int64) error {
	if err := f.cursor.SeekTo(pos); err != nil {
		return err
	}
	for pos < to {
		b, err := f.cursor.Next(ctx)
		if err != nil {
			return err
		}
		pos = b.End
		if f.isMine(b) {
			f.note(b, tally.Confirmed)
		} else {
			f.note(b, tally.Unmatched)
		}
	}
	return nil
}

func (f *feed) isMine(b *record.Batch) bool {
	return b.Len() > 0 && (b.Input == f.id || b.Input == 0 && f.alone)
}

func (f *feed) run(ctx context.Context) error {
	for {
		b, err := f.next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !f.isMine(b) {
			f.note(b, tally.Unmatched)
			f.settled.skip(b.End)
			continue
		}
		own := b
		if b.Form() != record.AsSeen && !f.sink.TakesMaps() {
			if own, err = b.Seen(); err != nil {
				return err
			}
		}
		f.note(b, tally.Delivered)
		f.settled.begin(b.End)
		at := place{From: f.owner, Life: f.life, Pos: b.End}
		err = f.sink.Append(
			ctx, own.Retag(own.Tag), []record.Position{at.position()},
			func(err error) { f.settled.done(b.End, err) },
		)
		if err != nil {
			f.settled.done(0, err)
			return err
		}
	}
}

// next returns io.EOF once the input has ended and all that was appended until then is read.
func (f *feed) next(ctx context.Context) (*record.Batch, error) {
	if f.ended.Err() == nil {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(f.ended, cancel)()
		b, err := f.cursor.Next(inner)
		if err == nil || ctx.Err() != nil || f.ended.Err() == nil {
			return b, err
		}
	}
	if f.last == 0 {
		f.last = f.buf.Placed()
	}
	if f.settled.reached(f.last) {
		return nil, io.EOF
	}
	return f.cursor.Next(ctx)
}

func (f *feed) note(b *record.Batch, stage tally.Stage) {
	e := tally.Entry{
		Stage: tally.Taken, Origin: b.Origin, First: b.First, End: b.End,
		Count: tally.Count{Records: int64(b.Len()), Bytes: int64(b.Size())},
	}
	whole := e
	whole.Stage = stage
	f.cursor.Note(e, whole)
}

// commit moves the cursor to where all is settled, until ctx ends.
func (f *feed) commit(ctx context.Context) error {
	for {
		select {
		case <-f.settled.changed:
		case <-ctx.Done():
			return nil
		}
		pos, err := f.settled.get()
		if err == nil && !f.cursor.Advance(pos) {
			err = f.cursor.Commit(ctx, pos, f.life)
		}
		if err != nil {
			return err
		}
	}
}

// outcomeWithin is how long the outcome of appends is waited for at the end of a feed.
const outcomeWithin = 2 * time.Second

// finish commits what is settled. What is not known yet is found by the next begin.
func (f *feed) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), outcomeWithin)
	defer cancel()
	for f.settled.waits() {
		select {
		case <-f.settled.changed:
			continue
		case <-ctx.Done():
		}
		break
	}
	pos, err := f.settled.get()
	if err != nil {
		return err
	}
	if err := f.cursor.Commit(ctx, pos, f.life); !errors.Is(err, buffer.ErrClosed) {
		return err
	}
	return nil
}

// settled is up to where everything is in the reader's buffer, durably, or not for it.
type settled struct {
	mu      sync.Mutex
	open    int // appends whose outcome is not known
	read    int64
	pos     int64
	err     error
	changed chan struct{} // capacity 1
}

func (s *settled) change(f func()) {
	s.mu.Lock()
	f()
	if s.open == 0 && s.err == nil {
		s.pos = s.read
	}
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// begin is called before what ends at pos is appended, done with the outcome; of an append that
// was refused at once, pos is 0.
func (s *settled) begin(pos int64) { s.change(func() { s.open, s.read = s.open+1, pos }) }

func (s *settled) done(pos int64, err error) {
	s.change(func() {
		s.open--
		if s.err == nil {
			s.err = err
		}
		if s.err == nil {
			s.pos = pos
		}
	})
}

// skip passes over what is not for the reader.
func (s *settled) skip(pos int64) { s.change(func() { s.read = pos }) }

func (s *settled) reached(pos int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read >= pos
}

func (s *settled) waits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open > 0
}

func (s *settled) get() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pos, s.err
}
