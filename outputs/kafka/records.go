package kafka

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
	"github.com/twmb/franz-go/pkg/kerr"
)

// HeaderOriginalTime holds a record's own time (RFC 3339, nanoseconds) where it could not be kept.
const HeaderOriginalTime = "penstock-original-time"

// accumulator is a batch being put together for one partition.
type accumulator struct {
	builder record.Builder
	content *itemContent
	since   time.Time
}

// records sends the batch record by record. Topics are looked up before the lock is taken, since
// that may take a while.
func (w *Writer) records(ctx context.Context, d *delivery) {
	recs, err := d.b.Records()
	if err != nil {
		d.finish(0, d.b.Len(), err) // corrupt: the drain loop knows what to do
		return
	}
	plan, err := w.route(ctx, d)
	if err != nil {
		d.refuse(err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		d.finish(0, d.b.Len(), producer.ErrClosed)
		return
	}
	w.started(d.b)
	if w.spread() {
		w.pickSpread(1, w.cfg.Partitioner == "round_robin")
	}
	w.sendRecords(d, recs, func(i int) *destination {
		if plan.all != nil {
			return plan.all
		}
		return plan.of[i]
	})
	for topic, p := range w.scratch.parked {
		delete(w.scratch.parked, topic)
		w.parking.add(topic, p)
	}
}

// sendRecords sends the records of d for which there is a destination. Those whose topic is waited
// for are left in w.scratch.parked. w.mu is held.
func (w *Writer) sendRecords(
	d *delivery, recs iter.Seq[*record.Record], destinationOf func(i int) *destination,
) {
	now := time.Now()
	home := murmur2(d.b.Origin)
	i := -1
	for r := range recs {
		i++
		dest := destinationOf(i)
		switch {
		case dest == nil:
			continue
		case dest.err != nil:
			if dest.topic != "" {
				w.absent.refused(dest.topic, 1)
			}
			d.finish(i, i+1, dest.err)
			continue
		case dest.awaitsTopic,
			!dest.isForOldest && w.parking.queues[dest.topic] != nil,
			!w.mapped(dest):
			w.park(d, i, dest.topic)
			continue
		}
		key := r.Key
		if w.key != nil {
			var err error
			w.scratch.key, err = w.key.Append(
				w.scratch.key[:0], dialect.Subject{Batch: d.b, Record: r},
			)
			if key = w.scratch.key; err != nil {
				key = nil
			}
		}
		part := home
		switch {
		case w.spread():
			part = w.sticky
		case w.byHash && key != nil:
			part = murmur2(key)
		}
		t, headers := r.Time, r.Headers
		old := dest.maxAge > 0 && t < now.Add(-dest.maxAge).UnixNano()
		if len(w.headers) > 0 || old {
			w.scratch.headers = append(append(w.scratch.headers[:0], headers...), w.headers...)
			if old {
				w.scratch.headers = append(w.scratch.headers, originalTime(t))
				t = now.UnixNano()
			}
			headers = w.scratch.headers
		}
		k := producer.Key{Topic: dest.topic, Partition: int32(part % dest.mapping.partitions)}
		w.append(k, dest.mapping, d, i, t, key, r.Value, headers, now)
	}
	if w.cfg.Linger == 0 {
		w.flushAll()
	}
}

// park sets one record aside.
func (w *Writer) park(d *delivery, index int, topic string) {
	p := w.scratch.parked[topic]
	if p == nil {
		p = &parked{d: d}
		w.scratch.parked[topic] = p
	}
	if n := len(p.runs); n > 0 && p.runs[n-1].to == index {
		p.runs[n-1].to++
		return
	}
	p.runs = append(p.runs, run{index, index + 1})
}

// append puts one record onto its partition's accumulator.
func (w *Writer) append(
	k producer.Key, m *mapping, d *delivery, index int, t int64, key, value []byte,
	headers []record.Header, now time.Time,
) {
	p := w.open[k]
	if p != nil && p.builder.Size()+len(key)+len(value)+recordSlack(headers) > w.pileSize(k.Topic) {
		w.flush(k, p)
		p = nil
	}
	if p == nil {
		p = &accumulator{content: &itemContent{key: k, mapping: m}, since: now}
		// Piles are of about one size while the load is steady.
		room := max(d.b.Size(), w.scratch.accumulated) + 64
		p.builder.Reset(d.b.Tag, d.b.Origin, min(w.pileSize(k.Topic), room))
		if len(w.open) == 0 {
			w.timer.Reset(w.cfg.Linger)
		}
		w.open[k] = p
	}
	p.builder.Append(t, key, value, headers)
	p.content.add(d, index)
	m.flying.Add(1)
}

func recordSlack(headers []record.Header) int {
	n := 64
	for i := range headers {
		n += len(headers[i].Key) + len(headers[i].Value) + 10
	}
	return n
}

// pileSize is the uncompressed size at which a batch is sent: what is not compressible must fit
// too.
func (w *Writer) pileSize(topic string) int { return min(w.limit(topic)-100, record.TargetSize) }

// flush sends an accumulator. w.mu is held.
func (w *Writer) flush(k producer.Key, p *accumulator) {
	delete(w.open, k)
	if w.cfg.Partitioner == "sticky" {
		w.pickSpread(1, true)
	}
	b := p.builder.Build()
	w.scratch.accumulated = max(b.Size(), w.scratch.accumulated-w.scratch.accumulated/8)
	w.prod.Send(k, &producer.Item{
		Batch: b, Alone: true, Count: int32(b.Len()), Size: b.Size(), Owner: p.content,
	})
}

func (w *Writer) flushAll() {
	for k, p := range w.open {
		w.flush(k, p)
	}
}

// Flush implements outputs.Flusher: what lies in piles lingers only if others went of late.
func (w *Writer) Flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); !w.closed && len(w.open) > 0 && now.Sub(w.flushed) >= w.cfg.Linger {
		w.timer.Stop()
		w.flushed = now
		w.flushAll()
	}
}

// flushLingering sends the piles whose time has come.
func (w *Writer) flushLingering() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	now := time.Now()
	wait := w.cfg.Linger
	for k, p := range w.open {
		if age := now.Sub(p.since); age >= w.cfg.Linger {
			w.flushed = now
			w.flush(k, p)
		} else {
			wait = min(wait, w.cfg.Linger-age)
		}
	}
	if len(w.open) > 0 {
		w.timer.Reset(wait)
	}
}

// destination is where records go, or why they cannot.
type destination struct {
	topic       string
	partitions  int
	mapping     *mapping      // once it is decided
	maxAge      time.Duration // older records get the current time; 0: none
	awaitsTopic bool          // nothing is known of the topic, or it is not there yet
	isForOldest bool          // for what has waited longest
	cuts        int64         // with isForOldest: of the session when it came to wait
	err         error
}

// plan is the destinations of a batch's records.
type plan struct {
	all *destination
	of  []*destination
}

// find looks a topic up. With transactions it waits for one that is not there: what is behind its
// records could not be committed before them, and the open transaction would keep readers waiting
// for all that was written to the same partitions since, whoever wrote it.
func (w *Writer) find(ctx context.Context, name string, d *delivery) (*destination, error) {
	for {
		dest := w.lookUp(ctx, name, d.b)
		if w.session == nil || !dest.awaitsTopic {
			return dest, nil
		}
		if err := w.parking.await(name, d); err != nil {
			return nil, err
		}
	}
}

// lookUp returns what is known of a topic now.
func (w *Writer) lookUp(ctx context.Context, name string, b *record.Batch) *destination {
	dest := &destination{topic: name}
	n, err := w.prod.Topic(name)
	gone, ask := w.absent.gone(name)
	if ask {
		w.prod.Refresh()
	}
	switch {
	case errors.Is(err, kerr.InvalidTopicException):
		dest.err = outputs.Permanent(err)
	case gone != nil:
		dest.err = outputs.Permanent(gone)
	case n == 0, w.session != nil && w.absent.isMissing(name):
		dest.awaitsTopic = true
	default:
		dest.partitions, dest.maxAge = n, w.maxAge(ctx, name, b)
	}
	return dest
}

func (w *Writer) route(ctx context.Context, d *delivery) (plan, error) {
	known := map[string]*destination{}
	find := func(name []byte) (dest *destination, err error) {
		if dest = known[string(name)]; dest == nil {
			if dest, err = w.find(ctx, string(name), d); err == nil {
				known[dest.topic] = dest
			}
		}
		return dest, err
	}
	if d.b.Topic != "" || dialect.OfBatch(w.cfg.Topic) {
		name := []byte(d.b.Topic)
		var err error
		if d.b.Topic == "" {
			if name, err = w.topic.Append(nil, dialect.Subject{Batch: d.b}); err == nil {
				err = sanitizeTopic(name)
			}
		}
		if err != nil {
			return plan{
				all: &destination{err: outputs.Permanent(fmt.Errorf("topic: %w", err))},
			}, nil
		}
		dest, err := find(name)
		return plan{all: dest}, err
	}
	recs, err := d.b.Records()
	if err != nil {
		return plan{}, err
	}
	out := plan{of: make([]*destination, 0, d.b.Len())}
	var name []byte
	for r := range recs {
		name, err = w.topic.Append(name[:0], dialect.Subject{Batch: d.b, Record: r})
		if err == nil {
			err = sanitizeTopic(name)
		}
		if err != nil {
			out.of = append(
				out.of, &destination{err: outputs.Permanent(fmt.Errorf("topic: %w", err))},
			)
			continue
		}
		dest, err := find(name)
		if err != nil {
			return plan{}, err
		}
		out.of = append(out.of, dest)
	}
	return out, nil
}

func originalTime(t int64) record.Header {
	return record.Header{
		Key:   HeaderOriginalTime,
		Value: time.Unix(0, t).UTC().AppendFormat(nil, time.RFC3339Nano),
	}
}

func staticHeaders(m map[string]string) []record.Header {
	var out []record.Header
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, record.Header{Key: k, Value: []byte(m[k])})
	}
	return out
}
