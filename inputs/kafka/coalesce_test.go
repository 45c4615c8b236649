package kafka

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// Thousands that ask at the same time make a handful of requests, and each gets its own answer.
func TestQuestionsTravelTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		requests := 0
		bad := errors.New("no")
		tog := newCoalescer(func(_ context.Context, all []int) (map[int]int, error) {
			requests++
			out := map[int]int{}
			for _, q := range all {
				if q < 0 {
					return nil, bad
				}
				out[q] = q * q
			}
			return out, nil
		})
		var wg, run sync.WaitGroup
		run.Go(func() { tog.run(ctx) })
		for q := range 5000 {
			wg.Go(func() {
				if a, err := tog.get(ctx, q%1000); err != nil || a != (q%1000)*(q%1000) {
					t.Errorf("%d: %d, %v", q, a, err)
				}
			})
		}
		wg.Wait()
		if requests > 3 {
			t.Errorf("%d requests", requests)
		}
		if _, err := tog.get(ctx, -1); !errors.Is(err, bad) {
			t.Error(err)
		}
		cancel()
		run.Wait()
		if _, err := tog.get(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
