package producer

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

var (
	errNotBegun = errors.New("no transaction has begun")
	errUnsure   = errors.New("what a broker was sent may be there or not")
)

// ErrAborted is wrapped by the error of items whose transaction came to nothing: none of it will be
// seen.
var ErrAborted = errors.New("transaction aborted")

// Begin makes a transactional machine go on under an identity that no transaction is open for.
func (m *Machine) Begin(id int64, epoch int16) {
	for _, p := range m.all {
		p.isOfOlderSession = true
	}
	clear(m.parts)
	m.all = nil
	clear(m.order)
	m.id, m.epoch, m.broken = id, epoch, nil
	m.accepting++
	m.current = m.accepting
}

// Break gives back all items, and those that come before Begin.
func (m *Machine) Break(err error) {
	if m.broken != nil {
		return
	}
	m.broken = fmt.Errorf("%w: %w", ErrAborted, err)
	for _, p := range m.all {
		p.isOfOlderSession = true
		for _, it := range p.queue {
			m.events.Failed(it, m.broken)
		}
		p.queue, p.sent = nil, 0
	}
}

// Cut makes the items that are added from now on wait for the next transaction.
func (m *Machine) Cut() {
	if m.broken == nil && m.accepting == m.current {
		m.accepting++
	}
}

// held reports whether the partition's next item has to wait for its transaction.
func (m *Machine) held(p *partition) bool {
	if !m.cfg.Transactional {
		return false
	}
	return m.broken != nil || p.queue[p.sent].txn > m.current ||
		p.joined != m.current && !m.cfg.Faults.NoJoin
}

// joins returns the partitions that must be added to the transaction.
func (m *Machine) joins(now int64) []Key {
	var out []Key
	for _, p := range m.all {
		if now >= p.notBefore && p.sent < len(p.queue) && p.queue[p.sent].txn == m.current &&
			p.joined != m.current {
			out = append(out, p.Key)
		}
	}
	return out
}

// bar takes note that a partition cannot be added to the transaction: the others go on without it.
func (m *Machine) bar(k KeyCode, now int64) {
	p, res := m.part(k.Key), Result{Code: k.Code}
	if m.events.Denied(p.Topic, res.failure(), k.Code == kerr.UnknownTopicOrPartition.Code) {
		m.reject(p, res)
		return
	}
	m.reportFailure(p, res.failure(), now)
}

func (m *Machine) join(keys []Key) {
	for _, k := range keys {
		m.part(k).joined = m.current
	}
}

// pending reports whether something of the current transaction is not acknowledged.
func (m *Machine) pending() bool {
	for _, p := range m.all {
		if len(p.queue) > 0 && p.queue[0].txn <= m.current {
			return true
		}
	}
	return false
}

// advance lets the items of the next transaction go.
func (m *Machine) advance(now int64) {
	m.current = m.accepting
	for _, p := range m.all {
		p.since = now
	}
}
