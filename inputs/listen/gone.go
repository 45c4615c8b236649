package listen

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

// ErrGone is the cause of a context of WhileThere.
var ErrGone = errors.New("the client went away before it had its ack")

// lookEvery is how often WhileThere looks.
const lookEvery = time.Second

// WhileThere returns a context that ends once the client has closed the connection, for something
// that may take long; stop frees what that takes. It reads nothing.
func WhileThere(ctx context.Context, nc net.Conn) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	look := time.AfterFunc(lookEvery, func() {
		defer close(ended)
		for ctx.Err() == nil && !isGone(nc) {
			_ = fault.Sleep(ctx, lookEvery)
		}
		cancel(ErrGone)
	})
	return ctx, func() {
		cancel(nil)
		if !look.Stop() {
			<-ended
		}
	}
}
