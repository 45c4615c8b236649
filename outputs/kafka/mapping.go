package kafka

import (
	"sync/atomic"

	"github.com/penstock/penstock/outputs"
)

// mapping is the number of partitions that a topic's records are spread over. It changes when
// partitions are added, or the topic is made again with another number, and then a source or a key
// belongs to another partition. So while records are on their way under one number none are sent
// under another. A partition that is slow would let newer records of a source overtake older ones
// that come to the same partition later, because they are given back or because the agent is
// killed. Those behind them are parked.
//
//	old number: record 1 waits for partition 5, which has no leader
//	new number: record 2 of the same key arrives at partition 1
//	record 1 is given back, and goes to partition 1 by the new number
type mapping struct {
	partitions int
	flying     atomic.Int64 // records on their way
	outgrown   atomic.Bool  // somebody waits for flying to be 0
	before     *mapping     // the one before; nil if there is none, or it is long ago
	onChange   func()       // looks at what is parked
}

// mapped finds the mapping for what goes to dest, and reports whether it may go. It must be parked,
// if not. w.mu is held.
func (w *Writer) mapped(dest *destination) bool {
	if dest.mapping != nil {
		return true
	}
	m := w.mappings[dest.topic]
	n, _ := w.prod.Topic(dest.topic) // dest may have been looked up under the number before
	switch {
	case n == 0:
		n = dest.partitions
	case m != nil && m.partitions != n && m.flying.Load() > 0 && !w.spread():
		if !dest.isForOldest {
			m.outgrown.Store(true)
			return false
		}
		n = m.partitions
	}
	if m == nil || m.partitions != n {
		if m != nil {
			m.before = nil
		}
		m = &mapping{partitions: n, before: m, onChange: w.parking.wake}
		w.mappings[dest.topic] = m
	}
	dest.mapping = m
	return true
}

// outgrown reports whether what waits for a topic has to wait for what is on its way under another
// number of partitions.
func (w *Writer) outgrown(topic string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.mappings[topic]
	n, _ := w.prod.Topic(topic)
	if m == nil || n == 0 || n == m.partitions || w.spread() {
		return false
	}
	// The order matters: who takes the last record away looks at outgrown afterwards.
	m.outgrown.Store(true)
	return m.flying.Load() > 0
}

// arrived takes note of n records that are not on their way any more.
func (m *mapping) arrived(n int) {
	if m.flying.Add(-int64(n)) == 0 && m.outgrown.Load() {
		m.onChange()
	}
}

// overtakes reports whether records of the round before these have failed, in their partition or
// under the number of partitions before.
func (p *itemContent) overtakes(r *outputs.Round) bool {
	return r.Failed(p.key) || p.mapping.before != nil && r.Failed(p.mapping.before)
}
