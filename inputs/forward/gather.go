package forward

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/listen"
	"github.com/penstock/penstock/network/wire"
)

// maxOpen bounds the tags of one connection that batches are gathered for at a time.
const maxOpen = 64

// Batches are gathered up to record.TargetSize while few are open at a time. With many, over all
// connections, they are ended earlier, so that all together stay around openBytes, but not below
// smallBatch.
const (
	openBytes  = 16 << 20
	smallBatch = 16 << 10
)

// headerMetadata holds an event's v1.5 metadata, as JSON.
const headerMetadata = "fluent_metadata"

// gatherer turns the events of successive messages into batches, one open batch for each tag. It
// belongs to the reading goroutine.
type gatherer struct {
	c     *conn
	sink  inputs.Sink
	open  map[string]*gathered
	owing bool // a message that was read to its end waits in an open batch
	hint  int  // size of recent batches
	meta  []record.Header
	held  []held // of the client's first message
}

// held is a batch that waits to be appended.
type held struct {
	batch *record.Batch
	size  int
	done  func(error)
}

// gathered is one open batch and the messages with events in it.
type gathered struct {
	b        record.Builder
	origin   string
	form     record.Form
	messages []*pending
	target   int  // size at which it is flushed
	gone     bool // flushed: reading on may do that in the middle of a message
}

// message takes all events of m.
func (g *gatherer) message(m *wire.Message, p *pending) error {
	tag := m.Tag
	if g.c.in.cfg.TagPrefix != "" {
		tag = g.c.in.cfg.TagPrefix + "." + tag
	}
	origin := g.c.host
	if taker, ok := g.sink.(inputs.MapTaker); ok && taker.TakesMaps() {
		m.KeepMaps()
	}
	dead := deadLetter{g: g, tag: tag}
	var at *gathered
	for {
		ev, err := m.Event()
		if err != nil {
			if derr := dead.flush(); derr != nil {
				return derr
			}
			if err != io.EOF {
				return err
			}
			g.owing = g.owing || at != nil
			return nil
		}
		if ev.Bad != "" {
			if err := dead.add(ev); err != nil {
				return err
			}
			continue
		}
		if ev.Origin != "" {
			origin = g.c.host + "/" + ev.Origin
			if err := g.flush(tag); err != nil { // a batch has one origin
				return err
			}
			at = nil
		}
		if at == nil || at.gone || at.b.Size() >= at.target || at.form != ev.Form {
			if at, err = g.into(tag, origin, ev.Form, m.Left(), p); err != nil {
				return err
			}
		}
		headers := ev.Headers
		if ev.Meta != nil {
			g.meta = append(
				append(g.meta[:0], headers...), record.Header{Key: headerMetadata, Value: ev.Meta},
			)
			headers = g.meta
		}
		at.b.Append(ev.Time, ev.Key, ev.Record, headers)
	}
}

// into returns the open batch for the tag, with room for values of the form, and enters the message
// there, of which left bytes are to come if that is known.
func (g *gatherer) into(
	tag, origin string, form record.Form, left uint64, p *pending,
) (*gathered, error) {
	at := g.open[tag]
	if at != nil && (at.b.Size() >= at.target || at.origin != origin || at.form != form) {
		if err := g.flush(tag); err != nil {
			return nil, err
		}
		at = nil
	}
	if at == nil {
		if len(g.open) >= maxOpen {
			if err := g.flushAll(); err != nil {
				return nil, err
			}
		}
		at = &gathered{
			origin: origin,
			form:   form,
			target: int(max(smallBatch, min(record.TargetSize, openBytes/g.c.in.open.Add(1)))),
		}
		hint := g.hint
		if left > 0 { // JSON is somewhat longer than msgpack
			hint = int(min(left+left/4, record.TargetSize)) + 1<<10
		}
		at.b.Reset(tag, origin, min(hint, at.target+at.target/64))
		at.b.SetForm(form)
		g.open[tag] = at
	}
	at.messages = append(at.messages, p)
	p.left.Add(1)
	return at, nil
}

// flush appends the tag's open batch.
func (g *gatherer) flush(tag string) error {
	at := g.open[tag]
	if at == nil {
		return nil
	}
	delete(g.open, tag)
	defer g.c.in.open.Add(-1) // until it is the buffer's, which may take its time
	at.gone = true
	g.hint = max(at.b.Size()+at.b.Size()/64, g.hint/4*3)
	messages := at.messages
	n := int64(at.b.Len())
	g.c.unstored.Add(n)
	done := func(err error) {
		if err == nil {
			g.c.unstored.Add(-n)
		}
		for _, p := range messages {
			p.done(err)
		}
	}
	size := at.b.Size()
	batch := at.b.Build()
	if batch == nil {
		done(nil)
		return nil
	}
	if packer, ok := g.sink.(inputs.Packer); ok {
		if err := packer.Pack(batch); err != nil {
			done(err)
			return fmt.Errorf("%w: %w", errNotStored, err)
		}
	}
	if err := g.append(held{batch, size, done}); err != nil {
		done(err)
		return fmt.Errorf("%w: %w", errNotStored, err)
	}
	return nil
}

// patience is how long a batch of a client's first message waits for room before it is held.
const patience = time.Second

// append waits for room in the buffer. Whether the client wants an ack is first said at the end of
// its first message: if there is no room, batches before that are held, for whatever they may take.
func (g *gatherer) append(h held) error {
	switch {
	case len(g.held) > 0:
		return g.hold(h)
	case g.c.known:
		return g.wait(h)
	}
	ctx, cancel := context.WithTimeout(g.c.store, patience)
	defer cancel()
	err := g.sink.Append(ctx, h.batch, nil, h.done)
	if err == nil || ctx.Err() == nil || g.c.store.Err() != nil {
		return err
	}
	return g.hold(h)
}

func (g *gatherer) hold(h held) error {
	if !g.c.in.memory.TryAcquire(h.size) {
		if err := g.release(); err != nil {
			return err
		}
		return g.wait(h)
	}
	g.held = append(g.held, h)
	return nil
}

// release appends what was held.
func (g *gatherer) release() (err error) {
	waiting := g.held
	g.held = nil
	for _, h := range waiting {
		if err == nil {
			err = g.wait(h)
		}
		g.c.in.memory.Release(h.size)
		if err != nil {
			h.done(err)
		}
	}
	return err
}

// wait waits for room, but not for a client that sends it again: one that has asked for an ack and
// went does. It comes back every few minutes, and its connections would heap up.
func (g *gatherer) wait(h held) error {
	if !g.c.acked {
		return g.sink.Append(g.c.store, h.batch, nil, h.done)
	}
	ctx, stop := listen.WhileThere(g.c.store, g.c.nc)
	defer stop()
	err := g.sink.Append(ctx, h.batch, nil, h.done)
	if err != nil && context.Cause(ctx) == listen.ErrGone {
		return listen.ErrGone
	}
	return err
}

// flushAll appends all open batches.
func (g *gatherer) flushAll() error {
	for tag := range g.open {
		if err := g.flush(tag); err != nil {
			return err
		}
	}
	g.owing = false
	return nil
}

// records returns how many are in open batches.
func (g *gatherer) records() (n int) {
	for _, at := range g.open {
		n += at.b.Len()
	}
	return n
}

// close forgets what could not be appended.
func (g *gatherer) close() {
	g.c.in.open.Add(-int64(len(g.open)))
	clear(g.open)
}

// deadLetter gathers a message's bad events. They are stored before the message is acknowledged.
type deadLetter struct {
	g      *gatherer
	tag    string
	b      record.Builder
	reason wire.Reason
}

var reasons = map[wire.Reason]string{
	wire.NotEvent: "forward: not an event [time, map]",
	wire.TooDeep:  "forward: record nested deeper than max_depth",
	wire.TooLarge: "forward: message larger than max_message_size, or event larger than max_record_size",
	wire.Bomb:     "forward: compressed chunk inflates beyond max_inflated_size",
	wire.Corrupt:  "forward: compressed chunk does not inflate",
	wire.Garbage:  "forward: chunk is not msgpack from here on",
}

func (d *deadLetter) add(ev *wire.Event) error {
	if d.b.Len() > 0 && (d.reason != ev.Bad || d.b.Size() >= record.TargetSize) {
		if err := d.flush(); err != nil {
			return err
		}
	}
	if d.b.Len() == 0 {
		d.b.Reset(d.tag, d.g.c.host, 0)
		d.reason = ev.Bad
	}
	d.g.c.in.metrics.bad.WithLabelValues(string(ev.Bad)).Add(float64(max(ev.Count, 1)))
	value, headers := ev.Record, ev.Headers
	if ev.Raw != nil { // as on the wire, so that nothing is lost; in parts when it is large
		value = ev.Raw
		headers = []record.Header{
			{Key: "forward_part", Value: strconv.AppendInt(nil, int64(ev.Part), 10)},
		}
	}
	d.b.Append(ev.Time, ev.Key, value, headers)
	return nil
}

func (d *deadLetter) flush() error {
	if d.b.Len() == 0 {
		return nil
	}
	batch := d.b.Build()
	d.g.c.in.warnings.Warn(
		d.g.c.host, "to the dead letter: "+reasons[d.reason], "tag", d.tag, "records", batch.Len(),
	)
	if err := d.g.c.in.env.DeadLetter(d.g.c.store, batch, reasons[d.reason]); err != nil {
		d.g.c.unstored.Add(int64(batch.Len()))
		return fmt.Errorf("%w: dead letter: %w", errNotStored, err)
	}
	return nil
}
