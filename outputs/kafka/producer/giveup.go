package producer

import (
	"errors"
	"fmt"
	"math"
)

// ErrTimeout is wrapped by the error of items that were given back because their partition got
// nothing through.
var ErrTimeout = errors.New("not delivered in time")

var errBehind = fmt.Errorf("%w: what is before it in the partition was given back", ErrTimeout)

// Expire looks at the partitions that have made no progress for the delivery timeout and have no
// request out. Their items are given back, all at once, unless some partition holds an item that
// may have been appended. That one can not be given back, since whoever sends it again would
// perhaps repeat it, whereas the machine can try it under its sequence until its fate is known. Its
// owner has to wait until then, and so the rest is kept, too, but for what nobody waits for.
func (m *Machine) Expire(now int64) {
	doubt, known := false, false
	for _, p := range m.all {
		m.stale = m.stale || p.leader < 0 && len(p.queue) > 0
		if len(p.queue) == 0 || p.flying > 0 || now-p.since < int64(m.cfg.DeliveryTimeout) {
			continue
		}
		cause := p.err
		if cause == nil && p.leader < 0 {
			cause = leaderless{}
		}
		err := fmt.Errorf(
			"%s partition %d: %w within %v", p.Topic, p.Partition, ErrTimeout,
			m.cfg.DeliveryTimeout,
		)
		if cause != nil {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		if m.cfg.Transactional {
			m.Break(err)
			return
		}
		if !known {
			doubt, known = m.doubtful(), true
		}
		if !doubt || m.cfg.Faults.GiveBack {
			m.giveUp(p, err)
			continue
		}
		p.since = now
		m.withdraw(p, err)
		if len(p.queue) > 0 {
			m.events.Overdue(p.Key, err)
		}
	}
}

// doubtful reports whether something may have been appended that is not known to be.
func (m *Machine) doubtful() bool {
	for _, p := range m.all {
		for _, it := range p.queue {
			if it.unsure {
				return true
			}
		}
	}
	return false
}

// withdraw gives back what nobody waits for and was not appended: the sequence of what is behind it
// is not used yet.
func (m *Machine) withdraw(p *partition, err error) {
	first := 0
	for i, it := range p.queue {
		if it.unsure {
			first = i + 1
		}
	}
	kept := p.queue[:first:first]
	for _, it := range p.queue[first:] {
		if m.events.Unwanted(it) {
			m.events.Failed(it, err)
		} else {
			kept = append(kept, it)
		}
	}
	p.queue = kept
}

// errForgotten is said when a leader refused a batch and took one behind it: it no longer knew the
// producer.
var errForgotten = errors.New("the leader has forgotten the producer and left a gap")

// leaderless is why nothing of a partition is tried.
type leaderless struct{}

func (leaderless) Error() string { return "the partition has no leader that can be reached" }

// Do says what to do about it.
func (leaderless) Do() string {
	return "bring the brokers that hold it back: none of those in sync is up"
}

func (m *Machine) giveUp(p *partition, err error) {
	for _, it := range p.queue {
		m.events.Failed(it, err)
	}
	p.queue, p.sent, p.recovering, p.notBefore = nil, 0, false, 0
}

var errVanished = errors.New(
	"the topic was deleted and made again, and has no such partition any more",
)

// Vanish tells that a partition is none of its topic's any more, which was deleted and made again
// with fewer. What is held is not in the topic, whatever became of it before, and will not appear
// there: it is given back.
func (m *Machine) Vanish(k Key) {
	p := m.part(k)
	p.vanished = true
	m.returnVanished(p)
}

func (m *Machine) returnVanished(p *partition) {
	if p.flying > 0 || len(p.queue) == 0 {
		return
	}
	err := fmt.Errorf("%s partition %d: %w", p.Topic, p.Partition, errVanished)
	if m.cfg.Transactional {
		m.Break(err)
		return
	}
	p.abandon(p.queue) // should the partition come back
	m.giveUp(p, err)
}

// Reject refuses what is held for a topic that does not exist or may not be written to, but for
// partitions with a request out.
func (m *Machine) Reject(topic string, res Result) {
	for _, p := range m.all {
		if p.Topic == topic && p.flying == 0 {
			m.reject(p, res)
		}
	}
}

// reject refuses all that a partition holds: a part of it could not be left, as what was in doubt
// with the rest would then come under another sequence.
func (m *Machine) reject(p *partition, res Result) {
	queue := p.queue
	p.queue, p.sent, p.notBefore, p.denial = nil, 0, 0, nil
	p.abandon(queue) // should the topic come back
	for _, it := range queue {
		m.events.Rejected(p.Key, it, res)
	}
}

// Close gives back everything. The machine is not used any more.
func (m *Machine) Close(err error) {
	for _, p := range m.all {
		m.giveUp(p, err)
	}
}

// Wake returns when something will be due without an event: the end of a backoff or of a delivery
// timeout; math.MaxInt64 if nothing is.
func (m *Machine) Wake() int64 {
	at := int64(math.MaxInt64)
	for _, p := range m.all {
		if len(p.queue) == 0 || p.flying > 0 {
			continue
		}
		at = min(at, p.since+int64(m.cfg.DeliveryTimeout))
		if p.notBefore > 0 && p.leader >= 0 && !p.isAsking {
			at = min(at, p.notBefore)
		}
	}
	return at
}
