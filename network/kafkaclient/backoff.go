package kafkaclient

import (
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

// RetryBackoff returns how long a client waits after the nth failure in a row, at most about
// longest. No two agents wait alike: with thousands of them a broker that comes back would get all
// their connections and requests in one moment, every time.
func RetryBackoff(longest time.Duration) func(n int) time.Duration {
	return func(n int) time.Duration {
		return fault.Spread(min(100*time.Millisecond<<min(n, 10), longest))
	}
}
