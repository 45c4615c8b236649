package producer

import (
	"errors"
	"fmt"
	"math"
)

// ErrTimeout is wrapped by the error of items that were given back because their partition got nothing through.
var ErrTimeout = errors.New("not delivered in time")

// Expire gives back the items of partitions that have made no progress for the delivery timeout and have no request out.
func (m *Machine) Expire(now int64) {
	for _, p := range m.all {
		m.stale = m.stale || p.leader < 0 && len(p.queue) > 0
		if len(p.queue) == 0 || p.flying > 0 || now-p.since < int64(m.cfg.DeliveryTimeout) {
			continue
		}
		cause := p.err
		if cause == nil && p.leader < 0 {
			cause = errNoLeader
		}
		err := fmt.Errorf("%s partition %d: %w within %v", p.Topic, p.Partition, ErrTimeout, m.cfg.DeliveryTimeout)
		if cause != nil {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		if m.cfg.Transactional {
			m.Break(err)
			return
		}
		m.giveUp(p, err)
	}
}

// errForgotten is said when a leader refused a batch and took one behind it: it no longer knew the producer.
var errForgotten = errors.New("the leader has forgotten the producer and left a gap")

var errNoLeader = errors.New("the partition has no leader that can be reached")

func (m *Machine) giveUp(p *partition, err error) {
	var ghosts []ghost
	fresh := false
	for i, it := range p.queue {
		if fresh = it.fresh; fresh {
			break // what comes from here on was never sent, and must not have the sequence of what was given up before it
		}
		if it.unsure {
			for _, g := range p.queue[len(ghosts) : i+1] {
				ghosts = append(ghosts, ghost{g.Count, g.Sum})
			}
		}
	}
	switch {
	case p.bump || p.renew:
		p.ghosts = nil // another epoch comes before anything else
	case fresh:
		p.ghosts = append(ghosts, ghost{count: -1})
	default:
		p.ghosts = append(ghosts, p.ghosts...)
	}
	for _, it := range p.queue {
		m.events.Failed(it, err)
	}
	p.queue, p.sent, p.recovering, p.notBefore = nil, 0, false, 0
}

// Close gives back everything. The machine is not used any more.
func (m *Machine) Close(err error) {
	for _, p := range m.all {
		m.giveUp(p, err)
	}
}

// Wake returns when something will be due without an event: the end of a backoff or of a delivery timeout; math.MaxInt64 if nothing is.
func (m *Machine) Wake() int64 {
	at := int64(math.MaxInt64)
	for _, p := range m.all {
		if len(p.queue) == 0 || p.flying > 0 {
			continue
		}
		at = min(at, p.since+int64(m.cfg.DeliveryTimeout))
		if p.notBefore > 0 && p.leader >= 0 && !p.asking {
			at = min(at, p.notBefore)
		}
	}
	return at
}
