package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/outputs/kafka/producer"
	"github.com/twmb/franz-go/pkg/kerr"
)

// absent knows the topics that do not exist or may not be written to, for a Writer and its
// sessions. Safe for concurrent use.
type absent struct {
	after   time.Duration // from when on records of a topic are refused; 0: never
	log     *slog.Logger
	output  string
	metrics *metrics

	count  atomic.Int32 // of topics
	mu     sync.Mutex
	topics map[string]*absence
}

// absence is what the cluster has against a topic.
type absence struct {
	err     error
	since   time.Time
	missing bool // says the metadata; otherwise a broker said so to records
	refused int  // records that were refused for it
	asked   time.Time
	used    time.Time // when records last were for it
}

// absentForLong is after what time without records a missing topic is nobody's trouble any more.
const absentForLong = 10 * time.Minute

// isAbsence reports whether err is about one topic, and lasts until a person does something.
func isAbsence(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) ||
		errors.Is(err, kerr.TopicAuthorizationFailed)
}

// note takes note of what the cluster has against a topic. It reports whether the time is over for
// which records wait.
func (a *absent) note(topic string, err error, missing bool, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.topics[topic]
	if t == nil {
		t = &absence{since: now, used: now}
		a.topics[topic] = t
		a.count.Add(1)
	}
	if t.err, t.missing = err, missing; !missing {
		t.used = now
	}
	if now.Sub(t.used) > absentForLong {
		a.metrics.absent.DeleteLabelValues(topic)
	} else {
		a.metrics.absent.WithLabelValues(topic).Set(1)
	}
	return a.over(t, now)
}

func (a *absent) over(t *absence, now time.Time) bool {
	return a.after > 0 && now.Sub(t.since) >= a.after
}

// gone returns why records of a topic are not even tried: it is missing for longer than they wait.
// ask tells that it is time to look it up anew.
func (a *absent) gone(topic string) (why error, ask bool) {
	if a.count.Load() == 0 {
		return nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t, now := a.topics[topic], time.Now()
	if t == nil {
		return nil, false
	}
	if t.used = now; !t.missing || !a.over(t, now) {
		return nil, false
	}
	if ask = now.Sub(t.asked) >= 2*time.Second; ask {
		t.asked = now
	}
	return t.err, ask
}

// isMissing reports whether the metadata says that a topic is not there.
func (a *absent) isMissing(topic string) bool {
	if a.count.Load() == 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.topics[topic]
	return t != nil && t.missing
}

// refused counts records that go to the dead letter because of their topic.
func (a *absent) refused(topic string, records int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.topics[topic]
	if t == nil {
		return
	}
	if t.refused == 0 {
		a.log.Warn(
			"a topic has been missing for too long: its records go to the dead letter, and those of other topics go on",
			"topic",
			topic,
			"error",
			t.err,
			"for",
			time.Since(t.since).Round(time.Second).String(),
			"do",
			advice(
				t.err,
			)+"; then take the records back with penstock replay --output "+a.output+" --dead-letter",
		)
	}
	t.refused += records
}

// notePresent takes note that a topic exists, or, with written, that it takes records.
func (a *absent) notePresent(topic string, written bool) {
	if a.count.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.topics[topic]
	if t == nil || !written && !t.missing {
		return
	}
	delete(a.topics, topic)
	a.count.Add(-1)
	a.metrics.absent.DeleteLabelValues(topic)
	if t.refused > 0 {
		a.log.Warn(
			"a topic that was missing takes records again; some are in the dead letter",
			"topic", topic, "records", t.refused,
			"do", "take them back with penstock replay --output "+a.output+" --dead-letter",
		)
	}
}

// reasons returns what is wrong with topics, for people.
func (a *absent) reasons() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for name, t := range a.topics {
		if time.Since(t.used) > absentForLong {
			continue
		}
		te, ok := errors.AsType[*producer.TopicError](t.err)
		if !ok {
			te = &producer.TopicError{Topic: name, Err: t.err}
		}
		s := te.Error()
		if t.refused > 0 {
			s += fmt.Sprintf(" (%d records are in the dead letter)", t.refused)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
