package kafka

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// failureLog logs when partitions begin to fail, at intervals and for another cause while they do,
// and when all work again; and that no broker can be connected to. Safe for concurrent use.
type failureLog struct {
	log        *slog.Logger
	partitions fault.KeyedLog[producer.Key]
	delivered  func() time.Time // when something last was

	mu      sync.Mutex
	repeats kafkaclient.Repeats
	// since when no connection could be opened; zero if one was, or something was delivered
	unreachableSince time.Time
	unreachableErr   error
}

func newFailureLog(log *slog.Logger, delivered func() time.Time) *failureLog {
	t := &failureLog{log: log, delivered: delivered}
	t.partitions = fault.KeyedLog[producer.Key]{
		Log:   log,
		Fails: "Kafka does not take what is sent; it is tried again",
		Works: "Kafka takes everything again",
		Do:    advice,
		Due:   t.due,
		// what was given back in the meantime and is tried again is of the same outage
		Resumes: func(last time.Time) bool { return !delivered().After(last) },
	}
	return t
}

func (t *failureLog) failed(k producer.Key, err error) {
	t.partitions.Failed(k, err, "topic", k.Topic, "partition", k.Partition)
}

// worked is also for the topic, which may have been failing before it had partitions.
func (t *failureLog) worked(k producer.Key) {
	t.partitions.Worked(producer.Key{Topic: k.Topic, Partition: -1}, k)
}

// givenBack takes note that what failed for a partition is tried no more: whoever has it now knows
// of the failure.
func (t *failureLog) givenBack(k producer.Key) { t.partitions.Forget(k) }

func (t *failureLog) due(err error, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.repeats.Due("", err, now)
}

// unreachable takes note of a connection that could not be opened, for which no partition may ever
// fail: what waits for it can be given up before.
func (t *failureLog) unreachable(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.unreachableSince.IsZero() {
		t.unreachableSince = now
	}
	t.unreachableErr = err
	if t.repeats.Due("", err, now) {
		t.log.Warn(
			"a broker cannot be connected to; it is tried again", "error", err, "do", advice(err),
		)
	}
}

// state tells what is failing. reach is why no broker can be connected to.
func (t *failureLog) state(reach error) outputs.Failure {
	o, delivered := t.partitions.Outage(), t.delivered()
	t.mu.Lock()
	defer t.mu.Unlock()
	if reach == nil || delivered.After(t.unreachableSince) {
		t.unreachableSince = time.Time{}
	}
	switch {
	case o.Failing > 0:
		since, err := o.Since, o.Last
		if u := t.unreachableSince; !u.IsZero() {
			err = t.unreachableErr // why it was not delivered in time
			if u.Before(since) {
				since = u // what failed since had waited for a connection
			}
		}
		return outputs.Failure{Since: since, Error: err.Error(), Do: advice(err)}
	case !t.unreachableSince.IsZero():
		since := t.unreachableSince
		if !o.Since.IsZero() && o.Since.Before(since) && !delivered.After(o.LastAt) {
			since = o.Since
		}
		return outputs.Failure{
			Since: since, Error: t.unreachableErr.Error(), Do: advice(t.unreachableErr),
		}
	}
	return outputs.Failure{}
}

func advice(err error) string {
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed),
		errors.Is(err, kerr.ClusterAuthorizationFailed):
		return "give this user write access to the topic (ACL operations Write, Describe, and IdempotentWrite on old clusters; with exactly_once Read on the position topic)"
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed),
		errors.Is(err, kerr.GroupAuthorizationFailed):
		return "with exactly_once, give this user Write on the transactional id and Read on the group of the same name, and Read on the position topic (a prefix of \"penstock.\" will do for the first two)"
	case errors.Is(err, kerr.InvalidTransactionTimeout):
		return "set transaction_timeout to at most the brokers' transaction.max.timeout.ms"
	case errors.Is(err, kerr.SaslAuthenticationFailed),
		errors.Is(err, kerr.UnsupportedSaslMechanism),
		errors.Is(err, kerr.IllegalSaslState):
		return "check the sasl block: mechanism, and user and password, token or keys"
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		te, ok := errors.AsType[*producer.TopicError](err)
		if !ok {
			te = new(producer.TopicError)
		}
		return te.Do()
	case errors.Is(err, kerr.NotEnoughReplicas), errors.Is(err, kerr.NotEnoughReplicasAfterAppend):
		return "bring the topic's replicas back: fewer are in sync than min.insync.replicas"
	case errors.Is(err, kerr.UnsupportedCompressionType):
		return "set compression to one that the brokers know, such as snappy"
	}
	var remedy interface{ Do() string }
	if errors.As(err, &remedy) {
		return remedy.Do()
	}
	if _, ok := errors.AsType[*kerr.Error](err); ok {
		return "look into the brokers' logs: they answer, and do not take what is sent"
	}
	if _, ok := errors.AsType[*kgo.ErrFirstReadEOF](err); ok {
		return "check that tls and sasl are as the brokers expect them on this port"
	}
	return preflight.Advice(err)
}
