package kafkaclient

import (
	"context"
	"sync"
)

// Ask makes a request of a client, and gives it up when ctx ends: a client waits for a connection
// that is being set up, however long a broker that hangs takes for that. What is given up like this
// ends when the client is closed; left waits for it then.
func Ask[T any](ctx context.Context, left *sync.WaitGroup, ask func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	came := make(chan answer, 1)
	left.Go(func() {
		v, err := ask()
		came <- answer{v, err}
	})
	select {
	case a := <-came:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
