package forward

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// maxUnacked bounds the messages of one connection that are read but not yet durable or whose ack
// is not yet taken.
const maxUnacked = 4096

// ackTimeout is how long a client may refuse to take an ack.
const ackTimeout = 30 * time.Second

var (
	errNotStored = errors.New("not stored")
	errAckWrite  = errors.New("the client does not take its ack")
)

// pending is a message that is not wholly durable yet.
type pending struct {
	conn  *conn
	left  atomic.Int32 // batches with events of it, and one for as long as it is being read
	chunk []byte       // the ack to send; nil for none. Written before the reader's own done.
}

// done takes the outcome of one of the parts. It does not block. After a failure nothing is
// acknowledged on the connection any more.
func (p *pending) done(err error) {
	if err != nil {
		p.conn.acks.fail(fmt.Errorf("%w: %w", errNotStored, err))
	}
	if p.left.Add(-1) == 0 {
		p.conn.acks.complete(p.chunk)
	}
}

// acks sends acks in a goroutine of its own, which lives only while there are any. Safe for
// concurrent use.
type acks struct {
	c     *conn
	slots chan struct{} // one for each unsettled message

	mu      sync.Mutex
	out     []byte // acks to be written
	owed    int    // settled messages in out
	writing bool
	err     error
	quiet   chan struct{} // closed when the writer has gone; nil when there is none
}

func newAcks(c *conn) acks { return acks{c: c, slots: make(chan struct{}, maxUnacked)} }

// reserve waits until there are fewer than maxUnacked messages on the way.
func (a *acks) reserve(ctx context.Context) error {
	a.mu.Lock()
	err := a.err
	a.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case a.slots <- struct{}{}:
		return nil
	default:
	}
	if err := a.c.gather.flushAll(); err != nil { // else nothing would ever complete
		return err
	}
	select {
	case a.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errStopping
	}
}

// complete ends a message, with its ack if it gets one.
func (a *acks) complete(ack []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ack == nil || a.err != nil {
		<-a.slots
		return
	}
	a.out = append(a.out, ack...)
	a.owed++
	if !a.writing {
		a.writing = true
		a.quiet = make(chan struct{})
		go a.write(a.quiet)
	}
}

func (a *acks) write(quiet chan struct{}) {
	defer close(quiet)
	var spare []byte
	for {
		a.mu.Lock()
		out, n := a.out, a.owed
		if len(out) == 0 || a.err != nil {
			for range a.owed {
				<-a.slots
			}
			a.out, a.owed = nil, 0
			a.writing = false
			a.mu.Unlock()
			return
		}
		a.out, a.owed = spare[:0], 0
		a.mu.Unlock()
		_ = a.c.nc.SetWriteDeadline(time.Now().Add(ackTimeout))
		_, err := a.c.nc.Write(out)
		for range n {
			<-a.slots
		}
		if err != nil {
			a.fail(fmt.Errorf("%w: %w", errAckWrite, err))
			continue
		}
		a.c.in.metrics.acks.Add(float64(n))
		spare = out
	}
}

// fail ends the connection: what is not acknowledged will be sent again by the client.
func (a *acks) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err = err
		_ = a.c.nc.Close()
	}
}

// finish waits a while until every message is settled and every ack written, so that the connection
// can be closed, and returns what went wrong.
func (a *acks) finish() error {
	if len(a.slots) > 0 { // else all is settled, and nobody but the caller reserves
		timeout := time.After(grace)
		for range maxUnacked {
			select {
			case a.slots <- struct{}{}:
				continue
			case <-timeout:
				a.fail(fmt.Errorf("%w in time", errNotStored))
			}
			break
		}
	}
	a.mu.Lock()
	quiet := a.quiet
	a.mu.Unlock()
	if quiet != nil {
		<-quiet
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}
