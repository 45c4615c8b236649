package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/framing"
	"github.com/penstock/penstock/inputs/listen"
	"github.com/penstock/penstock/network/wire"
)

var (
	errStopping = errors.New("the agent is stopping")
	errStalled  = errors.New("a message stands still, or all but, for message_timeout")
	errIdle     = errors.New("nothing came for idle_timeout")
)

// conn is one connection: a goroutine that reads, owns all but acks, and this owns a second one
// that writes acks.
type conn struct {
	in     *Forward
	nc     net.Conn
	src    *framing.LateReader // of nc
	host   string              // the records' origin
	ctx    context.Context
	store  context.Context // outlives ctx by a grace period
	reader *wire.Reader
	gather gatherer
	acks   acks

	unstored atomic.Int64 // records handed on that are not known to be durable
	acked    bool         // the client asks for acks, as far as is known
	known    bool         // a message has told

	told  uint64    // values that were ignored, as far as was reported
	since time.Time // within a message: when progress of it came last; zero between messages
	came  int       // bytes since then
}

// progress is what must come of a message within message_timeout, unless its end does: a client
// that drips holds on to memory that others need.
const progress = 16 << 10

// serve runs a connection from its handshake to its end.
func (f *Forward) serve(ctx context.Context, nc net.Conn, sink inputs.Sink) {
	host := listen.Host(nc.RemoteAddr())
	src, stop := framing.NewLateReader(ctx, nc)
	defer stop()
	if f.auth != nil {
		_ = nc.SetDeadline(time.Now().Add(f.cfg.HandshakeTimeout))
		if ctx.Err() != nil {
			return
		}
		name, err := f.auth.admit(ctx, nc)
		if err != nil {
			var no *refusal
			label := "handshake"
			if errors.As(err, &no) {
				label = no.label
			}
			switch {
			case ctx.Err() != nil:
			case !errors.Is(err, io.EOF):
				f.refused(host, label, err)
			case advice(err) != "":
				// most are load balancers that only look whether the port is open
				f.warnings.Warn(host, "connection closed", "error", err, "do", advice(err))
			}
			return
		}
		_ = nc.SetDeadline(time.Time{})
		if name != "" {
			host = name
		}
	}
	store, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	hurry := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer hurry()

	c := &conn{in: f, nc: nc, src: src, host: host, ctx: ctx, store: store}
	c.acks = newAcks(c)
	c.gather = gatherer{c: c, sink: sink, open: map[string]*gathered{}}
	c.reader = wire.NewReader(c, f.limits)
	defer c.reader.Close()
	defer c.gather.close()

	err := c.run()
	ferr := c.gather.flushAll()
	if ferr = errors.Join(ferr, c.gather.release()); ferr != nil && err == nil {
		err = ferr
	}
	if aerr := c.acks.finish(); aerr != nil {
		err = aerr // it closed the connection, and reading failed for that
	}
	c.tellIgnored()
	c.report(err)
	if !c.acked { // or the client sends again what is not stored
		f.lost.Add(c.unstored.Load() + int64(c.gather.records()))
	}
}

// tellIgnored counts and logs what was passed over: somebody may believe it to be taken.
func (c *conn) tellIgnored() {
	n := c.reader.Ignored()
	if n == c.told {
		return
	}
	c.in.metrics.ignored.Add(float64(n - c.told))
	c.told = n
	c.in.warnings.Warn(
		c.host, "data that is no message was ignored", "begins_with",
		fmt.Sprintf("%.16q", c.reader.First()), "do",
		first(hintForProtocol(c.reader.First()), "look at what the client sends"),
	)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// run reads messages until the connection ends.
func (c *conn) run() error {
	for {
		m, err := c.reader.Next()
		if err != nil {
			return err
		}
		c.in.metrics.messages.WithLabelValues(m.Mode.String()).Inc()
		if err := c.message(m); err != nil {
			return err
		}
		if !c.in.cfg.Keepalive {
			return nil
		}
	}
}

func (c *conn) message(m *wire.Message) error {
	if err := c.acks.reserve(c.store); err != nil {
		return err
	}
	ack := &pending{conn: c}
	ack.left.Store(1)
	err := c.gather.message(m, ack)
	var o wire.Options
	if err == nil {
		o, err = m.Options()
	}
	if err == nil && o.Signal != 0 {
		c.in.warnings.Warn(
			c.host,
			"metrics or traces came, which do not become records: they are in the dead letter", "tag",
			m.Tag, "fluent_signal", o.Signal, "do", "send only logs here",
		)
	}
	if err == nil {
		ack.chunk = wire.AppendAck(nil, o.Chunk, c.reader.JSON())
		if o.Chunk == nil {
			ack.chunk = nil
		}
		c.known, c.acked = true, o.Chunk != nil
		err = c.gather.release()
	}
	ack.done(nil) // without a chunk, when the message was not read to its end
	return err
}

// Read implements io.Reader for the wire reader. Before it waits for more it hands on what is
// complete: a client that waits for an ack sends nothing until it has it.
func (c *conn) Read(p []byte) (int, error) {
	inside := c.reader.Inside()
	c.tellIgnored()
	if !inside || c.gather.owing {
		if err := c.gather.flushAll(); err != nil {
			return 0, err
		}
	}
	var deadline time.Time
	switch now := time.Now(); {
	case inside:
		if c.since.IsZero() || c.came >= progress {
			c.since, c.came = now, 0
		}
		deadline = c.since.Add(c.in.cfg.MessageTimeout)
	case c.in.cfg.IdleTimeout > 0:
		c.since = time.Time{}
		deadline = now.Add(c.in.cfg.IdleTimeout)
	default:
		c.since = time.Time{}
	}
	n, err := c.src.Read(p, deadline)
	c.came += n
	switch {
	case err == nil || err == io.EOF || err == framing.ErrCutOff:
	case c.ctx.Err() != nil:
		err = errStopping
	case errors.Is(err, os.ErrDeadlineExceeded) && inside:
		err = errStalled
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errIdle
	}
	return n, err
}

// report counts and logs why the connection has ended, where that is worth it.
func (c *conn) report(err error) {
	label := ""
	switch {
	case errors.Is(err, framing.ErrCutOff) && !c.acked:
		c.in.warnings.Warn(c.host, "connection closed", "error", err)
		return
	case err == nil, err == io.EOF, errors.Is(err, errStopping), c.ctx.Err() != nil:
		return
	case errors.Is(err, errIdle):
		c.in.metrics.closed.WithLabelValues("idle").Inc()
		return
	case errors.Is(err, errStalled):
		label = "stalled"
	case errors.Is(err, listen.ErrNoMemory):
		label = "memory"
	case errors.Is(err, wire.ErrMalformed):
		label = "malformed"
	case errors.Is(err, errNotStored):
		label = "not_stored"
	case errors.Is(err, errAckWrite):
		label = "ack_not_taken"
	case errors.Is(err, io.ErrUnexpectedEOF):
		label = "network"
		err = errors.New("the client went away in the middle of a message")
	default:
		label = "network"
	}
	c.in.metrics.closed.WithLabelValues(label).Inc()
	args := []any{"error", err}
	if do := hintForProtocol(c.reader.First()); do != "" && label == "malformed" {
		args = append(args, "do", do)
	}
	c.in.warnings.Warn(c.host, "connection closed: "+label, args...)
}
