package kafka

import (
	"context"
	"errors"

	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
	"github.com/twmb/franz-go/pkg/kerr"
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

// direct sends the batch as it lies, if it can; otherwise it says why not.
func (w *Writer) direct(ctx context.Context, d *delivery) (reason string, sent bool) {
	b := d.b
	if b.Size() < w.small {
		return "small", false
	}
	packed, err := b.Packed(w.codec)
	if err != nil {
		d.settle(0, b.Len(), outputs.Permanent(err))
		return "", true
	}
	switch {
	case len(packed) > int(w.cfg.BatchMaxBytes):
		return "size", false
	case packedCodec(packed) != 0 && packedCodec(packed) != byte(w.codec):
		return "compression", false
	}
	name := b.Topic
	if name == "" {
		raw, err := w.topic.Append(nil, dialect.Subject{Batch: b})
		if err == nil {
			err = sanitizeTopic(raw)
		}
		if err != nil {
			d.settle(0, b.Len(), outputs.Permanent(err))
			return "", true
		}
		name = string(raw)
	}
	n, err := w.prod.Partitions(ctx, name)
	if err != nil {
		d.refuse(w.topicError(ctx, err))
		return "", true
	}
	if tooOld(b, w.maxAge(ctx, name, b)) {
		return "age", false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(packed) > w.limit(name) {
		return "size", false
	}
	part := murmur2(b.Origin) % n
	if w.spread() {
		part = w.pickSpread(n, true)
	}
	k := producer.Key{Topic: name, Partition: int32(part)}
	if p := w.open[k]; p != nil {
		w.flush(k, p)
	}
	w.started(b)
	w.prod.Send(k, &producer.Item{
		Batch: b, Count: int32(b.Len()), Size: len(packed),
		Owner: &parcel{key: k, refs: []ref{{d, []run{{0, b.Len()}}}}},
	})
	return "", true
}

func packedCodec(packed []byte) byte { return packed[22] & 7 }

// topicError marks the error of a topic that cannot be: its records must not hold up the others.
func (w *Writer) topicError(ctx context.Context, err error) error {
	var te *producer.TopicError
	switch {
	case errors.As(err, &te) && errors.Is(err, kerr.InvalidTopicException):
		return outputs.Permanent(err)
	case te != nil && ctx.Err() == nil:
		w.trouble.failed(producer.Key{Topic: te.Topic, Partition: -1}, err)
	}
	return err
}
