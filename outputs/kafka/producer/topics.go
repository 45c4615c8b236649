package producer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topics is what is known of the cluster's topics. Partition counts may be read by anybody; the
// rest belongs to the Producer's loop.
type topics struct {
	autoCreate bool

	mu    sync.Mutex
	known map[string]*topic
}

type topic struct {
	id [16]byte
	// ids that the name had before, the latest ones: the topic was deleted and made again
	past    [][16]byte
	leaders []int32 // by partition; -1: none
	err     error   // why nothing is known
}

// names returns the topics somebody asked for.
func (t *topics) names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]string, 0, len(t.known))
	for name := range t.known {
		out = append(out, name)
	}
	return out
}

// want makes a topic known of and reports whether it is new.
func (t *topics) want(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known[name] != nil {
		return false
	}
	t.known[name] = &topic{}
	return true
}

func (t *topics) get(name string) topic {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.known[name]; k != nil {
		return *k
	}
	return topic{}
}

// fetch looks the wanted topics up.
func (t *topics) fetch(ctx context.Context, cl *kgo.Client) (map[string]topic, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = t.autoCreate
	for _, name := range t.names() {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, rt)
	}
	if req.Topics == nil {
		req.Topics = []kmsg.MetadataRequestTopic{} // none, not all
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	out := make(map[string]topic, len(resp.Topics))
	for i := range resp.Topics {
		rt := &resp.Topics[i]
		if rt.Topic == nil {
			continue
		}
		tp := topic{
			id:      rt.TopicID,
			err:     kerr.ErrorForCode(rt.ErrorCode),
			leaders: make([]int32, len(rt.Partitions)),
		}
		for j := range tp.leaders {
			tp.leaders[j] = -1
		}
		for j := range rt.Partitions {
			p := &rt.Partitions[j]
			if int(p.Partition) < len(tp.leaders) && p.Leader >= 0 {
				tp.leaders[p.Partition] = p.Leader
			}
		}
		out[*rt.Topic] = tp
	}
	return out, nil
}

// store takes up what fetch returned, or its error for the topics that nothing is known of yet.
// Partitions once known are kept when a topic is momentarily not there. What comes from a broker
// that is behind the times is taken out of found.
func (t *topics) store(found map[string]topic, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, k := range t.known {
		f, ok := found[name]
		switch {
		case err != nil:
			if k.leaders == nil {
				k.err = err
			}
		case ok && k.outdates(f):
			delete(found, name)
		case ok && f.err == nil && len(f.leaders) > 0:
			if f.past = k.past; f.id != k.id && k.leaders != nil {
				f.past = append(f.past[max(0, len(f.past)-maxPast+1):], k.id)
			}
			*k = f
		case ok:
			k.err = f.err
			if k.err == nil {
				k.err = errors.New("the topic has no partitions")
			}
			for i := range k.leaders {
				k.leaders[i] = -1
			}
		}
	}
}

// maxPast bounds the ids that are remembered of a topic.
const maxPast = 16

// outdates reports whether f is older than what is known: it is of an earlier life of the topic, or
// has fewer partitions in this one.
func (t *topic) outdates(f topic) bool {
	if f.err != nil || f.id == ([16]byte{}) {
		return false
	}
	return slices.Contains(t.past, f.id) || f.id == t.id && len(f.leaders) < len(t.leaders)
}

// TopicError tells why a topic cannot be produced to.
type TopicError struct {
	Topic string
	Err   error
	Asked bool // the brokers were asked to create it
	Holds bool // nothing that is behind its records goes on before them
}

func (e *TopicError) Error() string {
	waits := ""
	if e.Holds {
		waits = ", and with exactly_once all behind its records waits"
	}
	if errors.Is(e.Err, kerr.UnknownTopicOrPartition) { // what brokers say of it helps nobody
		return fmt.Sprintf("topic %q: %s%s: %s", e.Topic, e.Reason(), waits, e.Do())
	}
	return fmt.Sprintf("topic %q: %v%s", e.Topic, e.Err, waits)
}

// Do says what to do about it; of the zero TopicError, about a topic that is not there.
func (e *TopicError) Do() string {
	said, answered := errors.AsType[*kerr.Error](e.Err)
	switch {
	case said == kerr.TopicAuthorizationFailed:
		return "give this user Write and Describe on the topic"
	case answered && said != kerr.UnknownTopicOrPartition:
		return "look into the brokers' logs: they answer, and tell no partitions of it"
	case !answered && e.Err != nil:
		return preflight.Advice(e.Err)
	case e.Asked:
		return "create it, or have auto.create.topics.enable let the brokers do so"
	}
	return "create it, or set allow_auto_topic_creation, if auto.create.topics.enable lets the brokers"
}

func (e *TopicError) Unwrap() error { return e.Err }

// Reason is the error's short name for metrics.
func (e *TopicError) Reason() string {
	var k *kerr.Error
	if errors.As(e.Err, &k) {
		return k.Message
	}
	return "metadata"
}

// Topic returns the number of a topic's partitions; 0 if it is not known yet, or what the cluster
// has against it. It does not block: Events.Present and Denied tell when that has changed.
func (p *Producer) Topic(name string) (int, error) {
	t := p.topics.get(name)
	if len(t.leaders) > 0 {
		return len(t.leaders), nil
	}
	if p.topics.want(name) {
		p.Refresh()
	}
	if t.err != nil {
		return 0, &TopicError{Topic: name, Err: t.err, Asked: p.cfg.AutoCreate}
	}
	return 0, nil
}

// TopicError returns why nothing is known of a topic, for people. holds is TopicError.Holds.
func (p *Producer) TopicError(name string, holds bool) error {
	t := p.topics.get(name)
	var said *kerr.Error
	if !errors.As(t.err, &said) {
		unknown, why := errors.New("no broker has told about it"), p.cfg.ConnectError()
		if t.err != nil && (why == nil || t.err.Error() != why.Error()) {
			unknown = fmt.Errorf("%w: %w", unknown, t.err)
		}
		t.err = unknown
		if why != nil {
			t.err = fmt.Errorf("%w; connecting failed: %w", unknown, why)
		}
	}
	return fmt.Errorf(
		"%w within %v: %w", ErrTimeout, p.cfg.DeliveryTimeout,
		&TopicError{Topic: name, Err: t.err, Asked: p.cfg.AutoCreate, Holds: holds},
	)
}
