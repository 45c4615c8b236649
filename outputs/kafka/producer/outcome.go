package producer

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Done takes the outcome of a request: one result per batch, in order.
func (m *Machine) Done(r *Request, results []Result, now int64) {
	for i := range r.Batches {
		b := &r.Batches[i]
		if b.p.isOfOlderSession {
			continue
		}
		b.p.flying--
		b.Item.flying = false
		m.result(b.p, b.Item, results[i], now)
		m.popAcked(b.p)
	}
}

func (m *Machine) result(p *partition, it *Item, res Result, now int64) {
	first := true
	for _, q := range p.queue {
		if q == it {
			break
		}
		if !q.acked {
			first = false
		}
	}
	switch classify(res) {
	case done:
		it.acked = true
		it.unsure = false
		p.isProven = !p.recovering || p.isProven
		if p.worked(now) {
			m.events.Recovered(p.Key)
		}
	case lost:
		it.unsure = !m.cfg.Faults.ForgetUnsure
		if m.cfg.Faults.ForgetUnsure {
			p.needsEpoch = true
		}
		p.recovering = true
		m.stale = true
		m.reportFailure(p, res.failure(), now)
	case again, moved:
		if res.Code == kerr.TopicAuthorizationFailed.Code &&
			m.events.Denied(p.Topic, res.failure(), false) {
			p.denial = &res
		}
		p.recovering = true
		it.notAppended = !it.unsure
		m.stale = m.stale || classify(res) == moved
		m.reportFailure(p, res.failure(), now)
	case sequence, identity:
		p.recovering = true
		it.notAppended = !it.unsure
		if !first && !m.cfg.Faults.BumpEarly {
			return // the consequence of a failure before it
		}
		if m.cfg.Transactional {
			m.Break(fmt.Errorf("%s partition %d: %w", p.Topic, p.Partition, res.failure()))
			return
		}
		p.needsEpoch = true
		p.needsID = p.needsID || classify(res) == identity
		it.unsure = false
		m.reportFailure(p, res.failure(), now)
		p.notBefore = now // nothing to wait for
	case refused:
		p.recovering = true
		it.notAppended = !it.unsure
		it.rejection = &res
	}
}

// popAcked takes acknowledged items off the front, and begins again once all requests of a failed
// round are back.
func (m *Machine) popAcked(p *partition) {
	if p.recovering && p.flying == 0 {
		p.recovering, p.isProven = false, false
		last := 0
		for i, it := range p.queue[:p.sent] {
			if it.acked {
				last = i + 1
			}
		}
		forgot, sure := false, 0
		for i, it := range p.queue[:last] {
			if it.notAppended {
				forgot, last = true, sure // what was taken behind it proves nothing
				break
			}
			if it.acked {
				sure = i + 1
			}
		}
		for _, it := range p.queue[:last] {
			// appended: the leader would not have taken what follows
			it.acked, it.rejection = true, nil
		}
		switch {
		case forgot && m.cfg.Transactional:
			m.Break(fmt.Errorf("%s partition %d: %w", p.Topic, p.Partition, errForgotten))
			return
		case forgot:
			for _, it := range p.queue[last:p.sent] {
				it.acked = false // once more, after what is missing
			}
			p.needsEpoch = true
		case last > 0:
			p.needsEpoch, p.needsID = false, false
		}
		p.sent = last
	}
	n := 0
	for n < p.sent && p.queue[n].acked {
		it := p.queue[n]
		p.acknowledge(it)
		m.events.Delivered(it)
		p.queue[n] = nil
		n++
	}
	p.sent -= n
	if p.queue = p.queue[n:]; len(p.queue) == 0 {
		p.queue = nil
	}
	if p.denial != nil && p.flying == 0 {
		m.reject(p, *p.denial)
	}
	if p.vanished {
		m.returnVanished(p)
	}
}

func (m *Machine) reportFailure(p *partition, err error, now int64) {
	p.failed(err, now, &m.cfg)
	m.events.AttemptFailed(p.Key, err)
}
