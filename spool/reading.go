package spool

import (
	"context"
	"sync"

	"github.com/penstock/penstock/buffer/record"
)

// reading reads a log ahead of the drain, by one batch, in a goroutine of its own. The drain alone
// calls it; batches is where the two meet.
type reading struct {
	log     record.Log
	batches chan delivery // of the goroutine that runs
	cancel  context.CancelFunc
	ended   sync.WaitGroup
}

// delivery is what one Next returned. Nothing follows an error.
type delivery struct {
	b   *record.Batch
	err error
}

// begin reads from pos on, until stop. Nothing is being read yet.
func (r *reading) begin(ctx context.Context, pos int64) {
	ctx, r.cancel = context.WithCancel(ctx)
	batches := make(chan delivery)
	r.batches = batches
	r.ended.Go(func() {
		err := r.log.SeekTo(pos)
		for {
			var b *record.Batch
			if err == nil {
				b, err = r.log.Next(ctx)
			}
			select {
			case batches <- delivery{b, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
}

// stop ends the goroutine and waits for it; what it held is dropped.
func (r *reading) stop() {
	r.cancel()
	r.ended.Wait()
}
