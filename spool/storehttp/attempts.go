package storehttp

import (
	"context"
	"errors"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

const firstPause, longestPause = 200 * time.Millisecond, 5 * time.Second

// Attempts bounds how often one request is made.
type Attempts struct {
	Max     int              // in all
	MayPass func(error) bool // the same request may go well the next time
}

// Next waits until the request is due again after it has failed failures times, lastly with err. It
// returns err if there is no use in another attempt.
func (a Attempts) Next(ctx context.Context, failures int, err error) error {
	if failures >= a.Max || !a.MayPass(err) || ctx.Err() != nil {
		return err
	}
	back := fault.Backoff{Min: firstPause, Max: longestPause, Failures: failures - 1}
	if end := back.Wait(ctx); end != nil {
		return errors.Join(end, err)
	}
	return nil
}
