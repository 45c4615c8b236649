package producer

import (
	"fmt"
	"time"
)

// Config bounds a Machine. All fields but Spread are required.
type Config struct {
	// requests of one partition at a time, at most 5: brokers recognise the last five batches
	Inflight     int
	RequestBytes int // a request is closed once it is this large
	// a partition that got nothing through for so long gives back all it holds
	DeliveryTimeout time.Duration
	BackoffMin      time.Duration // wait after a first failure, doubled with each further one
	BackoffMax      time.Duration
	// Spread varies each wait by chance, so that many agents that lose a broker at once do not come
	// back at once, nor one of them always when its leader moves; nil leaves waits as they are.
	Spread func(time.Duration) time.Duration
	// how long a position may be unstable when nothing is open any more: markers are written within
	// milliseconds, or as soon as their partition has a leader. Only of transactional ones.
	UnstableTimeout time.Duration
	Transactional   bool // one identity for all partitions, given by Begin; see Txn
	Faults          Faults
}

// wait is how long to wait after that many failures in a row.
func (c *Config) wait(first time.Duration, failures int) time.Duration {
	wait := c.BackoffMax
	if failures < 20 {
		wait = min(wait, first<<failures)
	}
	if c.Spread != nil {
		wait = c.Spread(wait)
	}
	return wait
}

// Faults break the protocol on purpose, to show that the model test finds it.
type Faults struct {
	GiveBack     bool // give back what may have been appended
	NoGate       bool // pipeline before the leader has shown that it knows the sequence
	ForgetUnsure bool // renumber after a lost answer
	// take every sequence error for a loss at the broker, even behind a failed batch
	BumpEarly   bool
	NoFetch     bool // after a commit of unknown outcome, take it for one that failed
	NoInit      bool // after a failure, go on under the epoch that is there
	NoJoin      bool // send to partitions that are not in the transaction yet
	CommitEarly bool // end a transaction before all of it is acknowledged
	RetryStore  bool // try a TxnOffsetCommit again whose answer was lost
}

// Machine is the state of an idempotent producer. Times are nanoseconds on any steady clock. It is
// not safe for concurrent use.
//
// Invariants: a partition's queue is in delivery order; its first sent items are in requests or
// acknowledged; the sequence of queue[i] is head plus the record counts before i. More than one
// request of a partition is in flight only while its leader has acknowledged a batch of this epoch.
// From then on a broker refuses gaps, so an acknowledged batch proves that all before it were
// appended.
type Machine struct {
	cfg    Config
	events Events
	parts  map[Key]*partition
	all    []*partition           // of parts, in the order of their making
	order  map[int32][]*partition // by leader
	turn   map[int32]int
	stale  bool

	// Only of transactional machines, see transactions.go.
	id        int64
	epoch     int16
	broken    error // why nothing is sent until Begin
	accepting int64 // the transaction that new items belong to
	current   int64 // the one whose items may be sent: accepting or the one before it
}

// forgetAfter is how long an idle partition may count on its leader remembering the sequence:
// brokers look every ten minutes for producers whose time (producer.id.expiration.ms, a day) is
// over, and both can be set. To prove it again costs one round trip.
const forgetAfter = int64(time.Second)

// NewMachine returns a machine without partitions.
func NewMachine(cfg Config, events Events) *Machine {
	m := &Machine{
		cfg:    cfg,
		events: events,
		parts:  map[Key]*partition{},
		order:  map[int32][]*partition{},
		turn:   map[int32]int{},
	}
	if cfg.Transactional {
		m.broken = fmt.Errorf("%w: %w", ErrAborted, errNotBegun)
	}
	return m
}

func (m *Machine) part(k Key) *partition {
	p := m.parts[k]
	if p == nil {
		p = &partition{Key: k, leader: -1, sequencing: sequencing{id: -1}}
		if m.cfg.Transactional {
			p.id, p.epoch = m.id, m.epoch
		}
		m.parts[k] = p
		m.all = append(m.all, p)
		m.order[-1] = append(m.order[-1], p)
	}
	return p
}

// Add queues an item.
func (m *Machine) Add(k Key, it *Item, now int64) {
	if m.broken != nil {
		m.events.Failed(it, m.broken)
		return
	}
	if m.events.Behind(it) {
		m.events.Failed(it, errBehind)
		return
	}
	it.txn = m.accepting
	p := m.part(k)
	if p.vanished {
		p.queue = append(p.queue, it)
		m.returnVanished(p)
		return
	}
	if len(p.queue) == 0 {
		p.since = now
		if now-p.lastAck > forgetAfter {
			p.isProven = false
		}
	}
	p.queue = append(p.queue, it)
}

// SetLeader tells which broker leads a partition; -1 if none does.
func (m *Machine) SetLeader(k Key, broker int32) {
	p := m.part(k)
	p.vanished = false
	if p.leader == broker {
		return
	}
	old := m.order[p.leader]
	for i := range old {
		if old[i] == p {
			m.order[p.leader] = append(old[:i], old[i+1:]...)
			break
		}
	}
	p.leader = broker
	m.order[broker] = append(m.order[broker], p)
	p.isProven = false
	p.recovering = p.recovering || p.flying > 0
}

// Leaders returns the brokers that lead partitions.
func (m *Machine) Leaders() []int32 {
	out := make([]int32, 0, len(m.order))
	for b, parts := range m.order {
		if b >= 0 && len(parts) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// Identities returns the partitions that need a producer id now. Each call must be answered by
// Identify for each of them.
func (m *Machine) Identities(now int64) []Key {
	var out []Key
	for _, p := range m.all {
		if p.id < 0 && !p.isAsking && len(p.queue) > 0 && now >= p.notBefore {
			p.isAsking = true
			out = append(out, p.Key)
		}
	}
	return out
}

// Identify gives a partition its producer id, or tells why there is none.
func (m *Machine) Identify(k Key, id int64, epoch int16, err error, now int64) {
	p := m.part(k)
	p.isAsking = false
	if err != nil {
		m.reportFailure(p, fmt.Errorf("no producer id: %w", err), now)
		return
	}
	p.identify(id, epoch)
}

// NeedMetadata tells, once, that leaders are to be looked up anew.
func (m *Machine) NeedMetadata() bool {
	s := m.stale
	m.stale = false
	return s
}

// Next returns the next request to send to a broker, or nil.
func (m *Machine) Next(broker int32, now int64) *Request {
	parts := m.order[broker]
	if len(parts) == 0 {
		return nil
	}
	var r *Request
	start := m.turn[broker] % len(parts)
	for i := range parts {
		p := parts[(start+i)%len(parts)]
		if !m.prepareNext(p, now) {
			continue
		}
		it := p.queue[p.sent]
		if r != nil && r.Bytes+it.Size > m.cfg.RequestBytes {
			break
		}
		if r == nil {
			r = &Request{Broker: broker}
			m.turn[broker] = start + i + 1
		}
		r.Batches = append(
			r.Batches,
			RequestBatch{
				Key:      p.Key,
				Item:     it,
				ID:       p.id,
				Epoch:    p.epoch,
				Sequence: p.sequence(p.sent),
				p:        p,
			},
		)
		r.Bytes += it.Size
		it.flying, it.notAppended = true, false
		p.sent++
		p.flying++
	}
	return r
}

// prepareNext reports whether queue[sent] may be sent now, and resolves what must come first.
func (m *Machine) prepareNext(p *partition, now int64) bool {
	if p.recovering || p.vanished || p.id < 0 || now < p.notBefore || p.sent >= len(p.queue) ||
		m.held(p) {
		return false
	}
	if p.flying > 0 {
		it := p.queue[p.sent]
		return (p.isProven || m.cfg.Faults.NoGate) && p.flying < m.cfg.Inflight &&
			it.rejection == nil && !p.isDue()
	}
	for p.sent == 0 && len(p.queue) > 0 && p.queue[0].rejection != nil {
		m.replace(p)
	}
	if len(p.queue) == 0 {
		return false
	}
	return m.renumber(p)
}

// renumber gives the partition a new epoch or asks for a new id where that is due. It reports
// whether the partition may send.
func (m *Machine) renumber(p *partition) bool {
	if p.isDue() && m.cfg.Transactional {
		m.Break(fmt.Errorf("%s partition %d: %w", p.Topic, p.Partition, errUnsure))
		return false
	}
	if p.isDue() {
		m.events.Renumbered(p.Key)
	}
	return p.sequencing.renumber()
}

// replace puts what Events makes of it in the place of a refused item.
func (m *Machine) replace(p *partition) {
	it := p.queue[0]
	no := *it.rejection
	it.rejection = nil
	parts := m.events.Rejected(p.Key, it, no)
	for _, part := range parts {
		part.txn = it.txn
	}
	if it.unsure {
		p.needsEpoch = true // an earlier attempt may be there under this sequence
	}
	p.queue = append(append(make([]*Item, 0, len(parts)+len(p.queue)-1), parts...), p.queue[1:]...)
}
