package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
)

// parking holds what waits for topics of which nothing is known yet, that do not exist, or that
// have another number of partitions now (see mapping), so that nothing else waits for them. Records
// of one topic wait in a queue, which later ones join until it is empty.
type parking struct {
	w      *Writer
	queues map[string][]*parked // guarded by w.mu

	woken chan struct{}
	ended chan struct{}
	end   func() // closes ended, once
	wg    sync.WaitGroup
}

// parked is the records of one delivery that go to one topic.
type parked struct {
	d            *delivery
	runs         []run
	whole        bool // the delivery is not looked at yet: it may go as it lies
	since        time.Time
	lastReported time.Time
	unwatch      func() bool // ends the watch over d.ctx
	records      int
	cuts         int64         // of the session when it came here
	gate         chan struct{} // of one without records: closed once it waits no more
}

func (p *parked) finish(err error) {
	if p.gate != nil {
		close(p.gate)
	}
	for _, r := range p.runs {
		p.d.finish(r.from, r.to, err)
	}
}

// has reports whether the record at index is one of p's. Calls come with ascending indices.
func (p *parked) has(index int) bool {
	for len(p.runs) > 0 && p.runs[0].to <= index {
		p.runs = p.runs[1:]
	}
	return len(p.runs) > 0 && p.runs[0].from <= index
}

func newParking(w *Writer) *parking {
	k := &parking{
		w:      w,
		queues: map[string][]*parked{},
		woken:  make(chan struct{}, 1),
		ended:  make(chan struct{}),
	}
	k.end = sync.OnceFunc(func() { close(k.ended) })
	k.wg.Go(k.run)
	return k
}

// wake makes it look at what waits.
func (k *parking) wake() {
	select {
	case k.woken <- struct{}{}:
	default:
	}
}

// add parks records behind those that wait for the topic. w.mu is held.
func (k *parking) add(topic string, p *parked) {
	p.since = time.Now()
	p.lastReported = p.since
	for _, r := range p.runs {
		p.records += r.to - r.from
	}
	if p.gate == nil {
		// What waits here is bounded by the windows, and must not keep others from going on.
		p.d.onFree()
	}
	p.cuts = k.w.cuts()
	p.unwatch = context.AfterFunc(p.d.ctx, k.wake)
	k.queues[topic] = append(k.queues[topic], p)
	k.wake()
}

// close gives back what waits, and waits for the goroutine.
func (k *parking) close() {
	k.end()
	k.wg.Wait()
	k.w.mu.Lock()
	queues := k.queues
	k.queues = map[string][]*parked{}
	k.w.mu.Unlock()
	for _, q := range queues {
		for _, p := range q {
			p.unwatch()
			p.finish(producer.ErrClosed)
		}
	}
}

// lookAgain is how often missing topics are asked for.
const lookAgain = 500 * time.Millisecond

func (k *parking) run() {
	tick := time.NewTimer(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-k.woken:
		case <-tick.C:
		case <-k.ended:
			return
		}
		k.w.mu.Lock()
		topics := make([]string, 0, len(k.queues))
		for t := range k.queues {
			topics = append(topics, t)
		}
		k.w.mu.Unlock()
		left := false
		for _, t := range topics {
			left = k.work(t) || left
		}
		if left {
			k.w.prod.Refresh()
			tick.Reset(lookAgain)
		}
	}
}

// work does what can be done with the records that wait for a topic. It reports whether some are
// left.
func (k *parking) work(topic string) bool {
	k.cancelled(topic)
	for {
		k.w.mu.Lock()
		q := k.queues[topic]
		if len(q) == 0 {
			delete(k.queues, topic)
			k.w.mu.Unlock()
			return false
		}
		p := q[0]
		k.w.mu.Unlock()
		dest := k.w.lookUp(p.d.ctx, topic, p.d.b)
		switch {
		case p.d.ctx.Err() != nil:
			k.drop(topic)
			p.finish(p.d.ctx.Err())
		case dest.awaitsTopic:
			k.reportOverdue(p, topic)
			return true
		case p.gate != nil:
			k.drop(topic)
			p.finish(nil)
		case dest.err != nil:
			k.drop(topic)
			k.w.absent.refused(topic, p.records)
			p.finish(dest.err)
		case k.w.outgrown(topic):
			return true
		default:
			dest.isForOldest, dest.cuts = true, p.cuts
			k.w.unpark(p, dest)
		}
	}
}

var errThere = errors.New(
	"the topic is there now, and the transaction that its records belong to has been cut: they are sent in another one",
)

// drop takes the first of a topic's queue off.
func (k *parking) drop(topic string) {
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	k.dropLocked(topic)
}

func (k *parking) dropLocked(topic string) {
	q := k.queues[topic]
	q[0].unwatch()
	q[0] = nil
	if k.queues[topic] = q[1:]; len(q) == 1 {
		delete(k.queues, topic)
	}
}

// cancelled gives back what nobody waits for any more.
func (k *parking) cancelled(topic string) {
	k.w.mu.Lock()
	var gone, kept []*parked
	for _, p := range k.queues[topic] {
		if p.d.ctx.Err() != nil {
			gone = append(gone, p)
		} else {
			kept = append(kept, p)
		}
	}
	if gone != nil {
		k.queues[topic] = kept
	}
	k.w.mu.Unlock()
	for _, p := range gone {
		p.finish(p.d.ctx.Err())
	}
}

// reportOverdue reports a topic that keeps records waiting for long.
func (k *parking) reportOverdue(p *parked, topic string) {
	now := time.Now()
	if now.Sub(p.lastReported) < k.w.cfg.DeliveryTimeout {
		return
	}
	p.lastReported = now
	err := k.w.prod.TopicError(topic, k.w.holdsAll())
	k.w.failing.failed(producer.Key{Topic: topic, Partition: -1}, err)
	k.w.overdue(err)
}

// holdsAll reports whether what is behind the records of a topic that is not there waits until it
// is.
func (w *Writer) holdsAll() bool { return w.session != nil && w.absent.after == 0 }

// await waits until a topic is there, or its records are refused.
func (k *parking) await(topic string, d *delivery) error {
	p := &parked{d: d, gate: make(chan struct{})}
	k.w.mu.Lock()
	if k.w.closed {
		k.w.mu.Unlock()
		return producer.ErrClosed
	}
	k.add(topic, p)
	k.w.mu.Unlock()
	<-p.gate
	return d.ctx.Err()
}

// unpark sends the first of a topic's queue and takes it off.
func (w *Writer) unpark(p *parked, dest *destination) {
	if p.whole && w.recordPathReason == "" {
		reason, sent := w.direct(p.d.ctx, p.d, dest)
		if sent {
			return
		}
		w.metrics.byRecord.WithLabelValues(reason).Inc()
	}
	recs, err := p.d.b.Records()
	if err != nil {
		w.parking.drop(dest.topic)
		p.finish(err) // corrupt: the drain loop knows what to do
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.parking.dropLocked(dest.topic)
	switch {
	case w.closed:
		p.finish(producer.ErrClosed)
		return
	case dest.cuts != w.cuts():
		p.finish(errThere)
		return
	}
	w.sendRecords(p.d, recs, func(i int) *destination {
		if p.has(i) {
			return dest
		}
		return nil
	})
}

// Held implements outputs.Holder.
func (w *Writer) Held() []string { return w.absent.reasons() }

// overdue reports what is kept for long, unless something else gets through: then the destination
// works.
func (w *Writer) overdue(err error) {
	if w.report != nil && time.Since(time.Unix(0, w.delivered.Load())) >= w.cfg.DeliveryTimeout {
		w.report(err)
	}
}

var _ outputs.Holder = (*Writer)(nil)
