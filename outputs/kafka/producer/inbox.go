package producer

import "sync"

// event is something for the loop, which alone calls it.
type event interface{ apply(p *Producer) }

// inbox is how others reach the loop. Its methods are safe for concurrent use and never block.
type inbox struct {
	wake chan struct{} // capacity 1; the loop waits for it

	mu     sync.Mutex // guards what follows
	events []event    // in order
	stale  bool       // metadata is to be fetched
	closed bool
}

func newInbox() inbox { return inbox{wake: make(chan struct{}, 1)} }

// post adds an event, and reports whether the loop will see it.
func (in *inbox) post(e event) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return false
	}
	in.events = append(in.events, e)
	in.signal()
	return true
}

// refresh asks for new metadata at once.
func (in *inbox) refresh() {
	in.refreshLater()
	in.signal()
}

// refreshLater asks for new metadata when the loop wakes next.
func (in *inbox) refreshLater() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stale = true
}

func (in *inbox) signal() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// take empties the inbox.
func (in *inbox) take() (events []event, stale bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	events, stale = in.events, in.stale
	in.events, in.stale = nil, false
	return events, stale
}

// close makes post refuse everything, and returns what is left.
func (in *inbox) close() []event {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	left := in.events
	in.events = nil
	return left
}

type (
	added struct {
		key Key
		it  *Item
	}
	answered struct {
		r       *Request
		results []Result
		from    *sender
	}
	identified struct {
		key   Key
		id    int64
		epoch int16
		err   error
	}
	found struct {
		topics map[string]topic
		err    error
	}
)

func (e added) apply(p *Producer) {
	p.m.Add(e.key, e.it, p.now())
	p.updateLeader(e.key, p.topics.get(e.key.Topic).leaders)
}

func (e answered) apply(p *Producer) {
	e.from.free++
	p.m.Done(e.r, e.results, p.now())
}

func (e identified) apply(p *Producer) { p.m.Identify(e.key, e.id, e.epoch, e.err, p.now()) }

func (e found) apply(p *Producer) {
	p.fetching = false
	p.topics.store(e.topics, e.err)
	for name, t := range e.topics {
		p.onTopicLookup(name, t.err)
		for _, part := range p.m.all {
			if part.Topic == name && t.err == nil {
				p.updateLeader(part.Key, t.leaders)
			}
		}
	}
}
