package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// failsFor and failsTimes tell an outage from a connection that a broker has hung up on.
	failsFor   = 3 * time.Second
	failsTimes = 2

	reachAdvice = "check the brokers' addresses, that tls and sasl are as they expect on this port, and the network between"
)

// answers knows since when no broker answers. It is a hook of all clients. Safe for concurrent use.
type answers struct {
	mu    sync.Mutex
	since time.Time // the first failure after the last answer; zero if there is none
	times int       // failures since then
	err   error     // the last one
}

func (a *answers) failed(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since.IsZero() {
		a.since = time.Now()
	}
	a.times++
	a.err = err
}

// OnBrokerRead implements kgo.HookBrokerRead.
func (a *answers) OnBrokerRead(
	_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error,
) {
	switch k := kmsg.Key(key); {
	case errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, context.Canceled):
	case err != nil:
		a.failed(err)
	case k == kmsg.ApiVersions || k == kmsg.SASLHandshake || k == kmsg.SASLAuthenticate:
		// who is let in no further answers nothing
	default:
		a.mu.Lock()
		defer a.mu.Unlock()
		a.since, a.times, a.err = time.Time{}, 0, nil
	}
}

// Failing implements inputs.Failing.
func (in *Input) Failing() (since time.Time, why, do string) {
	a := &in.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	if in.now.Load() == nil || a.times < failsTimes || time.Since(a.since) < failsFor {
		return time.Time{}, "", ""
	}
	return a.since, a.err.Error(), reachAdvice
}
