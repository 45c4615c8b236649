package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/inputs"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// failsFor and failsTimes tell an outage from a connection that a broker has hung up on.
	failsFor   = 3 * time.Second
	failsTimes = 2
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
func (in *Input) Failing() (f inputs.Failure) {
	if in.now.Load() == nil {
		return f
	}
	silent, a := in.silence.Silence(), &in.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.times >= failsTimes && time.Since(a.since) >= failsFor {
		f = inputs.Failure{Since: a.since, Error: a.err.Error(), Do: preflight.Advice(a.err)}
	} else if first := in.refused.oldest(); first.err != nil {
		f = inputs.Failure{
			Since: first.since, Error: first.err.Error(), Do: advice(first.err), Refused: true,
			InPart: in.readsSome(),
		}
	}
	if s := silent; !s.Since.IsZero() {
		f.InPart = (f.Since.IsZero() || f.Refused) && !s.AllOfThem
		f.Refused = false
		if f.Since.IsZero() || s.Since.Before(f.Since) {
			f.Since = s.Since
		}
		f.Error, f.Do = s.Why, s.Do // a timeout says less
	}
	return f
}

// readsSome reports whether a partition is read that nothing is refused of.
func (in *Input) readsSome() bool {
	if s := in.now.Load(); s != nil {
		for _, l := range s.leases.all() {
			if !in.refused.has(l.name) {
				return true
			}
		}
	}
	return false
}
