package framing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Grace is how long after a stop what was read is still stored.
const Grace = 5 * time.Second

// Stopping returns a ctx that ends Grace after ctx does.
func Stopping(ctx context.Context) (context.Context, context.CancelFunc) {
	return StoppingAfter(ctx, 0)
}

// StoppingAfter is Stopping for a source that may take the time of last to end after ctx has.
func StoppingAfter(
	ctx context.Context, last time.Duration,
) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	given := last + Grace
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(given, func() {
			cancel(fmt.Errorf("they could not be stored within %v of the stop", given))
		})
	})
	return late, func() { stop(); cancel(nil) }
}

// ErrIdle tells of a connection on which nothing came for too long.
var ErrIdle = errors.New("nothing came for idle_timeout")

// Stream reads the frames of one connection.
type Stream struct {
	Mode Mode
	Max  int           // bytes of a frame
	Idle time.Duration // 0 for no limit
	// Handle takes a frame, which is valid for the call only.
	Handle func(frame []byte, continued bool) error
}

// Serve hands on frames until the connection or ctx ends, and then those that had arrived by then;
// it flushes g whenever it has to wait for more. The error is nil when the other end closed the
// connection or ctx ended, unless records are lost for that, or the other end was still sending.
func (s *Stream) Serve(ctx context.Context, nc net.Conn, g *Gather) error {
	src, stop := NewLateReader(ctx, nc)
	defer stop()
	split := NewSplitter(&flushingReader{ctx, src, g, s.Idle}, s.Mode, s.Max)
	for {
		frame, continued, err := split.Next()
		if err == nil {
			err = s.Handle(frame, continued)
		}
		if err == nil {
			continue
		}
		if cerr := g.Close(); cerr != nil {
			return cerr
		}
		if err == io.EOF || ctx.Err() != nil && err != ErrCutOff {
			return nil
		}
		return err
	}
}

// flushingReader hands on what was gathered before it waits.
type flushingReader struct {
	ctx  context.Context
	src  *LateReader
	g    *Gather
	idle time.Duration
}

func (r *flushingReader) Read(p []byte) (int, error) {
	if err := r.g.Flush(); err != nil {
		return 0, err
	}
	var deadline time.Time
	if r.idle > 0 {
		deadline = time.Now().Add(r.idle)
	}
	n, err := r.src.Read(p, deadline)
	if errors.Is(err, os.ErrDeadlineExceeded) && r.ctx.Err() == nil {
		err = ErrIdle
	}
	return n, err
}
