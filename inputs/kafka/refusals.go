package kafka

import (
	"errors"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/twmb/franz-go/pkg/kerr"
)

// refusals are the partitions, topics and group that brokers answer for, though not as reading
// needs. Safe for concurrent use.
type refusals struct {
	mu sync.Mutex
	of map[string]refusal
}

type refusal struct {
	since, last time.Time
	err         error
}

// ofGroup is what the group as a whole is refused by, among partitions and topics by their names.
const ofGroup = ""

// refusedFor is how long what is not refused again counts as refused: all is tried more often.
const refusedFor = 30 * time.Second

func (r *refusals) failed(of string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, was := time.Now(), r.of[of]
	if now.Sub(was.last) > refusedFor {
		was.since = now
	}
	if r.of == nil {
		r.of = map[string]refusal{}
	}
	r.of[of] = refusal{was.since, now, err}
}

func (r *refusals) worked(of string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, of)
}

func (r *refusals) has(of string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.of[of]
	return ok
}

// oldest returns what has been refused for longest; the zero refusal if nothing is for long.
func (r *refusals) oldest() (first refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for of, x := range r.of {
		switch {
		case now.Sub(x.last) > refusedFor:
			delete(r.of, of)
		case now.Sub(x.since) < failsFor:
		case first.err == nil, x.since.Before(first.since):
			first = x
		}
	}
	return first
}

// advice says what to do about a failure.
func advice(err error) string {
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return "give this user Read and Describe on the topic"
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return "give this user Read on the group"
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		return "create the topic, or mend its name in topics; it is read once it is there"
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return "check the sasl block: mechanism, and user and password, token or keys"
	}
	if _, ok := errors.AsType[*kerr.Error](err); ok {
		return "look into the brokers' logs: they answer, and do not give what is asked for"
	}
	return preflight.Advice(err)
}
