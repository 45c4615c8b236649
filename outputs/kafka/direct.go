package kafka

import (
	"context"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
)

// smallBatch is the size below which it is worth putting batches together record by record.
const smallBatch = 16 << 10

// reasons why a batch is not sent as it lies though the configuration would allow it.
var reasons = map[string]string{
	"small":       "small batches are put together",
	"size":        "it is larger than the topic, or batch_max_bytes, allows",
	"compression": "it is compressed otherwise than compression says",
	"age":         "its times are older than the topic takes",
}

// direct sends the batch as it lies, or deals with it otherwise, if it can; if not it says why.
// dest is known of what has waited for it, which is then taken off the queue; otherwise it is nil.
func (w *Writer) direct(
	ctx context.Context, d *delivery, dest *destination,
) (reason string, sent bool) {
	b := d.b
	if b.Size() < w.small {
		return "small", false
	}
	packed, err := b.Packed(w.codec)
	if err != nil {
		w.arrived(dest)
		d.finish(0, b.Len(), outputs.Permanent(err))
		return "", true
	}
	switch {
	case len(packed) > int(w.cfg.BatchMaxBytes):
		return "size", false
	case packedCodec(packed) != 0 && packedCodec(packed) != byte(w.codec):
		return "compression", false
	}
	if dest == nil {
		name, err := w.topicOf(b)
		if err != nil {
			d.finish(0, b.Len(), outputs.Permanent(err))
			return "", true
		}
		if dest, err = w.find(ctx, string(name), d); err != nil {
			d.refuse(err)
			return "", true
		}
	}
	if dest.err != nil {
		w.absent.refused(dest.topic, b.Len())
		d.finish(0, b.Len(), dest.err)
		return "", true
	}
	if !dest.awaitsTopic && tooOld(b, dest.maxAge) {
		return "age", false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		if dest.isForOldest {
			w.parking.dropLocked(dest.topic)
		}
		d.finish(0, b.Len(), producer.ErrClosed)
		return "", true
	}
	name := dest.topic
	if len(packed) > w.limit(name) {
		return "size", false
	}
	if dest.awaitsTopic || !dest.isForOldest && w.parking.queues[name] != nil || !w.mapped(dest) {
		w.started(b)
		w.parking.add(name, &parked{d: d, whole: true, runs: []run{{0, b.Len()}}})
		return "", true
	}
	if dest.isForOldest {
		w.parking.dropLocked(name)
		if dest.cuts != w.cuts() {
			d.finish(0, b.Len(), errThere)
			return "", true
		}
	}
	n := dest.mapping.partitions
	part := murmur2(b.Origin) % n
	if w.spread() {
		part = w.pickSpread(n, true)
	}
	k := producer.Key{Topic: name, Partition: int32(part)}
	if p := w.open[k]; p != nil {
		w.flush(k, p)
	}
	if !dest.isForOldest {
		w.started(b)
	}
	w.metrics.direct.Inc()
	dest.mapping.flying.Add(int64(b.Len()))
	w.prod.Send(k, &producer.Item{
		Batch: b, Count: int32(b.Len()), Size: len(packed),
		Owner: &itemContent{key: k, mapping: dest.mapping, refs: []ref{{d, []run{{0, b.Len()}}}}},
	})
	return "", true
}

// topicOf returns the name of the topic of all records of a batch.
func (w *Writer) topicOf(b *record.Batch) ([]byte, error) {
	if b.Topic != "" {
		return []byte(b.Topic), nil
	}
	name, err := w.topic.Append(nil, dialect.Subject{Batch: b})
	if err != nil {
		return nil, err
	}
	return name, sanitizeTopic(name)
}

func packedCodec(packed []byte) byte { return packed[22] & 7 }

// arrived takes what has waited for dest off its queue.
func (w *Writer) arrived(dest *destination) {
	if dest != nil {
		w.parking.drop(dest.topic)
	}
}
