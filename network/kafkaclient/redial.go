package kafkaclient

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

// Addresses that could not be connected to for a while are left alone for a part of that time:
// thousands of agents that have lost Kafka come back over seconds then, and not in the moment in
// which a broker listens again.
const (
	redialPatience = 10 * time.Second // before it is more than a client's own backoff
	redialShare    = 10               // one part of the time that it has failed
	redialLongest  = 10 * time.Second
)

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// redial holds connections back to addresses that have failed for long. Safe for concurrent use.
type redial struct {
	dial   dialFunc
	spread func(time.Duration) time.Duration

	mu     sync.Mutex
	failed map[string]*failedAddress
}

type failedAddress struct {
	since, notBefore time.Time
	err              error
}

func newRedial(dial dialFunc) *redial {
	return &redial{dial: dial, spread: fault.Spread, failed: map[string]*failedAddress{}}
}

// heldBackError is the error of the last attempt in place of another attempt.
type heldBackError struct{ error }

func (e *heldBackError) Unwrap() error { return e.error }

// isHeldBack reports whether nothing was tried.
func isHeldBack(err error) bool {
	_, ok := errors.AsType[*heldBackError](err)
	return ok
}

// connect is a kgo.Dialer.
func (r *redial) connect(ctx context.Context, network, address string) (net.Conn, error) {
	r.mu.Lock()
	if f := r.failed[address]; f != nil && time.Now().Before(f.notBefore) {
		r.mu.Unlock()
		return nil, &heldBackError{f.err}
	}
	r.mu.Unlock()
	conn, err := r.dial(ctx, network, address)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		clear(r.failed) // the others of the cluster are no longer waited for either
	case ctx.Err() == nil:
		r.note(address, err)
	}
	return conn, err
}

// note takes note of a failure. r.mu is held.
func (r *redial) note(address string, err error) {
	now := time.Now()
	f := r.failed[address]
	if f == nil {
		f = &failedAddress{since: now}
		r.failed[address] = f
	}
	f.err = err
	if age := now.Sub(f.since); age >= redialPatience {
		f.notBefore = now.Add(r.spread(min(age/redialShare, redialLongest)))
	}
}
