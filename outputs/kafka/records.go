package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
)

// HeaderOriginalTime holds a record's own time (RFC 3339, nanoseconds) where it could not be kept.
const HeaderOriginalTime = "penstock-original-time"

// pile is a batch being put together for one partition.
type pile struct {
	builder record.Builder
	parcel  *parcel
	since   time.Time
}

// records sends the batch record by record. Topics are looked up before the lock is taken, since that may take a while.
func (w *Writer) records(ctx context.Context, d *delivery) {
	recs, err := d.b.Records()
	if err != nil {
		d.settle(0, d.b.Len(), err) // corrupt: the drain loop knows what to do
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
		d.settle(0, d.b.Len(), producer.ErrClosed)
		return
	}
	w.started(d.b)
	now := time.Now()
	home := murmur2(d.b.Origin)
	if w.spread() {
		w.pickSpread(1, w.cfg.Partitioner == "round_robin")
	}
	i := -1
	for r := range recs {
		i++
		dest := plan.all
		if dest == nil {
			dest = plan.of[i]
		}
		if dest.err != nil {
			d.settle(i, i+1, dest.err)
			continue
		}
		key := r.Key
		if w.key != nil {
			w.scratch.key, err = w.key.Append(w.scratch.key[:0], dialect.Subject{Batch: d.b, Record: r})
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
		w.append(producer.Key{Topic: dest.topic, Partition: int32(part % dest.partitions)}, d, i, t, key, r.Value, headers, now)
	}
	if w.cfg.Linger == 0 {
		w.flushAll()
	}
}

// append puts one record onto its partition's pile.
func (w *Writer) append(k producer.Key, d *delivery, index int, t int64, key, value []byte, headers []record.Header, now time.Time) {
	p := w.open[k]
	if p != nil && p.builder.Size()+len(key)+len(value)+recordSlack(headers) > w.pileSize(k.Topic) {
		w.flush(k, p)
		p = nil
	}
	if p == nil {
		p = &pile{parcel: &parcel{key: k}, since: now}
		p.builder.Reset(d.b.Tag, d.b.Origin, min(w.pileSize(k.Topic), d.b.Size()+64))
		if len(w.open) == 0 {
			w.timer.Reset(w.cfg.Linger)
		}
		w.open[k] = p
	}
	p.builder.Append(t, key, value, headers)
	p.parcel.add(d, index)
}

func recordSlack(headers []record.Header) int {
	n := 64
	for i := range headers {
		n += len(headers[i].Key) + len(headers[i].Value) + 10
	}
	return n
}

// pileSize is the uncompressed size at which a batch is sent: what is not compressible must fit too.
func (w *Writer) pileSize(topic string) int { return min(w.limit(topic)-100, record.TargetSize) }

// flush sends a pile. w.mu is held.
func (w *Writer) flush(k producer.Key, p *pile) {
	delete(w.open, k)
	if w.cfg.Partitioner == "sticky" {
		w.pickSpread(1, true)
	}
	b := p.builder.Build()
	w.prod.Send(k, &producer.Item{Batch: b, Count: int32(b.Len()), Size: b.Size(), Owner: p.parcel})
}

func (w *Writer) flushAll() {
	for k, p := range w.open {
		w.flush(k, p)
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
	topic      string
	partitions int
	maxAge     time.Duration // older records get the current time; 0: none
	err        error
}

// plan is the destinations of a batch's records.
type plan struct {
	all *destination
	of  []*destination
}

func (w *Writer) route(ctx context.Context, d *delivery) (plan, error) {
	known := map[string]*destination{}
	find := func(name []byte) (*destination, error) {
		if dest := known[string(name)]; dest != nil {
			return dest, nil
		}
		dest := &destination{topic: string(name)}
		n, err := w.prod.Partitions(ctx, dest.topic)
		if err != nil {
			if err = w.topicError(ctx, err); !outputs.IsPermanent(err) {
				return nil, err
			}
			dest.err = err
		}
		dest.partitions, dest.maxAge = n, w.maxAge(ctx, dest.topic, d.b)
		known[dest.topic] = dest
		return dest, nil
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
			return plan{all: &destination{err: outputs.Permanent(fmt.Errorf("topic: %w", err))}}, nil
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
			out.of = append(out.of, &destination{err: outputs.Permanent(fmt.Errorf("topic: %w", err))})
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
	return record.Header{Key: HeaderOriginalTime, Value: time.Unix(0, t).UTC().AppendFormat(nil, time.RFC3339Nano)}
}

func staticHeaders(m map[string]string) []record.Header {
	var out []record.Header
	for k, v := range m {
		out = append(out, record.Header{Key: k, Value: []byte(v)})
	}
	slices.SortFunc(out, func(a, b record.Header) int { return strings.Compare(a.Key, b.Key) })
	return out
}
