package framing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// After a stop is read on until nothing came for Quiet, but no longer than LastWords: what has
// arrived by then, nobody may send again.
const (
	Quiet     = 20 * time.Millisecond
	LastWords = time.Second
)

// ErrCutOff tells of a sender that was still sending LastWords after a stop.
var ErrCutOff = fmt.Errorf("reading ended %v after the stop, while more was coming", LastWords)

// LateReader reads until ctx ends, and then what had arrived by then. One goroutine uses it.
type LateReader struct {
	ctx context.Context
	src lateSource
	end time.Time // of reading on after ctx's end; zero before that has begun
}

// lateSource is a connection, or a pipe.
type lateSource interface {
	io.Reader
	SetReadDeadline(t time.Time) error
}

// NewLateReader returns a LateReader of src, and a function to call when it is not used any more.
func NewLateReader(ctx context.Context, src lateSource) (*LateReader, func() bool) {
	stop := context.AfterFunc(ctx, func() { _ = src.SetReadDeadline(time.Unix(1, 0)) })
	return &LateReader{ctx: ctx, src: src}, stop
}

// Read is as io.Reader's, and waits until deadline if that is not zero. Once ctx has ended the last
// error is ctx's, ErrCutOff or that of the source.
func (r *LateReader) Read(p []byte, deadline time.Time) (int, error) {
	_ = r.src.SetReadDeadline(deadline)
	if r.ctx.Err() == nil { // after the deadline was set, or it would undo the stop's
		n, err := r.src.Read(p)
		if r.ctx.Err() == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
	return r.readOn(p)
}

func (r *LateReader) readOn(p []byte) (int, error) {
	for {
		now := time.Now()
		if r.end.IsZero() {
			r.end = now.Add(LastWords)
		}
		if !now.Before(r.end) {
			return 0, ErrCutOff
		}
		until := now.Add(Quiet)
		_ = r.src.SetReadDeadline(until)
		n, err := r.src.Read(p)
		switch {
		case n > 0:
			return n, nil // an error comes again
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return 0, err
		case !time.Now().Before(until):
			return 0, r.ctx.Err()
		}
		// the stop's deadline was set after this one
	}
}
