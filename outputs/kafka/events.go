package kafka

import (
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
	"github.com/twmb/franz-go/pkg/kerr"
)

// events takes the producer's answers.
type events struct{ w *Writer }

func (e events) Delivered(it *producer.Item) {
	p := it.Owner.(*itemContent)
	e.w.delivered.Store(time.Now().UnixNano())
	e.w.absent.notePresent(p.key.Topic, true)
	p.finish(nil)
}

func (e events) Failed(it *producer.Item, err error) {
	p := it.Owner.(*itemContent)
	e.w.failing.givenBack(p.key)
	p.fail(err)
}

func (e events) AttemptFailed(k producer.Key, err error) { e.w.failing.failed(k, err) }
func (e events) Recovered(k producer.Key)                { e.w.failing.worked(k) }

// Behind implements producer.Events.
func (e events) Behind(it *producer.Item) bool {
	p := it.Owner.(*itemContent)
	return slices.ContainsFunc(p.refs, func(r ref) bool { return p.overtakes(r.d.round) })
}

// Unwanted implements producer.Events.
func (e events) Unwanted(it *producer.Item) bool {
	return !slices.ContainsFunc(
		it.Owner.(*itemContent).refs, func(r ref) bool { return r.d.ctx.Err() == nil },
	)
}

// Overdue implements producer.Events.
func (e events) Overdue(k producer.Key, err error) {
	e.w.overdue(err)
}

// Denied implements producer.Events.
func (e events) Denied(topic string, err error, missing bool) bool {
	if !isAbsence(err) {
		return false
	}
	te := &producer.TopicError{
		Topic: topic,
		Err:   err,
		Asked: e.w.cfg.AllowAutoTopicCreation,
		Holds: e.w.holdsAll(),
	}
	over := e.w.absent.note(topic, te, missing, time.Now())
	if missing {
		e.w.failing.failed(producer.Key{Topic: topic, Partition: -1}, te)
		e.w.parking.wake()
	}
	return over
}

// Present implements producer.Events.
func (e events) Present(topic string) {
	e.w.absent.notePresent(topic, false)
	e.w.failing.worked(producer.Key{Topic: topic, Partition: -1})
	e.w.parking.wake()
}

func (e events) Renumbered(k producer.Key) {
	e.w.metrics.renumbered.Inc()
	e.w.env.Log.Info(
		"going on with another producer epoch", "topic", k.Topic, "partition", k.Partition,
	)
}

// Rejected decides what becomes of a batch that the broker refuses as it is: split, changed, or
// without the records that are to blame.
func (e events) Rejected(k producer.Key, it *producer.Item, res producer.Result) []*producer.Item {
	p := it.Owner.(*itemContent)
	refusal := outputs.Permanent(res.Failure())
	blamed := make(map[int]bool, len(res.Records))
	for _, r := range res.Records {
		blamed[r.Index] = true
	}
	n := int(it.Count)
	switch res.Code {
	case kerr.UnknownTopicOrPartition.Code, kerr.TopicAuthorizationFailed.Code:
		e.w.absent.refused(k.Topic, n)
		p.finish(refusal)
		return nil
	case kerr.InvalidTopicException.Code:
		p.finish(refusal)
		return nil
	case kerr.InvalidTimestamp.Code:
		if p.retimed {
			p.finish(refusal)
			return nil
		}
		e.w.metrics.retimed.Inc()
		return e.rebuild(it, func(i int, r *record.Record) disposition {
			if len(blamed) > 0 && !blamed[i] {
				return keep
			}
			return retime
		}, refusal)
	case kerr.InvalidRecord.Code:
		if len(blamed) > 0 {
			return e.rebuild(it, func(i int, r *record.Record) disposition {
				if blamed[i] {
					return refuse
				}
				return keep
			}, refusal)
		}
	}
	if n == 1 {
		p.finish(refusal)
		return nil
	}
	e.w.metrics.split.Inc()
	if packed, err := it.Batch.Packed(
		e.w.codec,
	); err == nil &&
		res.Code != kerr.InvalidRecord.Code {
		e.w.lowerLimit(k.Topic, len(packed))
	}
	return e.rebuild(it, func(i int, r *record.Record) disposition {
		if i == n/2 {
			return cut
		}
		return keep
	}, refusal)
}

// disposition is what becomes of a record of a refused batch.
type disposition uint8

const (
	keep   disposition = iota
	cut                // keep, at the beginning of another batch
	retime             // keep, with the current time
	refuse             // to the dead letter
)

// rebuild makes new batches of a refused one.
func (e events) rebuild(
	it *producer.Item, decide func(i int, r *record.Record) disposition, refusal error,
) []*producer.Item {
	p := it.Owner.(*itemContent)
	recs, err := it.Batch.Records()
	if err != nil {
		p.finish(err)
		return nil
	}
	type owner struct {
		d     *delivery
		index int
	}
	owners := make([]owner, 0, it.Count)
	p.each(func(d *delivery, index int) { owners = append(owners, owner{d, index}) })
	var out []*producer.Item
	var bb record.Builder
	next := &itemContent{key: p.key, mapping: p.mapping, retimed: p.retimed}
	end := func() {
		if b := bb.Build(); b != nil {
			out = append(
				out, &producer.Item{Batch: b, Count: int32(b.Len()), Size: b.Size(), Owner: next},
			)
		}
		next = &itemContent{key: p.key, mapping: p.mapping, retimed: p.retimed}
		bb.Reset(it.Batch.Tag, it.Batch.Origin, it.Batch.Size()/2)
	}
	end()
	now := time.Now().UnixNano()
	i := -1
	for r := range recs {
		i++
		t, headers := r.Time, r.Headers
		switch decide(i, r) {
		case cut:
			end()
		case retime:
			next.retimed = true
			headers = append(append([]record.Header(nil), headers...), originalTime(t))
			t = now
		case refuse:
			owners[i].d.finish(owners[i].index, owners[i].index+1, refusal)
			p.mapping.arrived(1)
			continue
		}
		bb.Append(t, r.Key, r.Value, headers)
		next.add(owners[i].d, owners[i].index)
	}
	end()
	return out
}
