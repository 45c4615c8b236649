package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// skipLarge lets the reader go on after a batch that is too large. What stands for the batch in the
// queue is a batch without records. The dead letter is written when it is its turn, before anything
// behind it can be committed, and by each redo of a cut again.
func (l *Lease) skipLarge(large *kgo.ErrDecompressTooLarge) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone != nil || l.failure != nil || l.ahead.seek || large.NextOffset <= l.ahead.next {
		return
	}
	b := record.FromRecords(l.part.topic, l.name, nil)
	b.First, b.End = max(large.Offset, l.ahead.next), large.NextOffset
	l.ahead.pass(queued{Batch: b, refused: large})
	l.change()
	l.s.wakeReader()
}

// writeDeadLetter writes the dead letter of a batch that is too large: the batch as Kafka has it,
// if it still does. It tries until that is done or ctx ends.
func (l *Lease) writeDeadLetter(
	ctx context.Context, b *record.Batch, large *kgo.ErrDecompressTooLarge,
) error {
	log := l.s.in.env.Log.With("partition", l.name)
	for {
		l.mu.Lock()
		gone := l.gone
		l.mu.Unlock()
		if gone != nil {
			return gone
		}
		raw, err := l.s.fetchBatch(ctx, l.part, l.located(), large.Offset)
		switch {
		case errors.Is(err, kerr.OffsetOutOfRange):
			raw = nil // retention took it: the letter tells what it was
		case errors.Is(err, errAborted):
			return nil
		case err != nil:
			if otherLife(err) {
				l.s.suspectLife()
			}
			l.s.in.metrics.logFailure(
				log, "a batch for the dead letter cannot be fetched; trying again", err,
			)
			if err := l.awaitChange(ctx, retryLarge); err != nil {
				return err
			}
			continue
		}
		reason := fmt.Sprintf(
			"the batch with offsets %d to %d of %s takes more than max_inflated_batch (%d bytes) once it is inflated",
			b.First, b.End-1, l.name, l.s.in.cfg.MaxInflatedBatch,
		)
		rec := record.Record{Offset: b.First, Value: raw, Headers: []record.Header{
			{Key: "penstock-batch-first", Value: strconv.AppendInt(nil, b.First, 10)},
			{Key: "penstock-batch-last", Value: strconv.AppendInt(nil, b.End-1, 10)},
		}}
		if len(raw) >= batchHead {
			if ms := int64(
				binary.BigEndian.Uint64(raw[27:]),
			); ms >= 0 &&
				ms <= math.MaxInt64/int64(time.Millisecond) {
				rec.Time = ms * 1e6
			}
		}
		letter := record.FromRecords(l.part.topic, l.name, []record.Record{rec})
		letter.Topic = l.part.topic
		if err := l.s.in.env.DeadLetter(ctx, letter, reason); err != nil {
			return err
		}
		l.s.in.metrics.large.Inc()
		log.Error(
			"a batch inflates to more than it may and was written to the dead letter as it lies in Kafka; reading goes on after it",
			"first", b.First, "last", b.End-1, "bytes", len(raw),
			"max_inflated_batch", l.s.in.cfg.MaxInflatedBatch,
			"do", "if it is wanted, read these offsets with a larger max_inflated_batch and another group; have its producer send smaller batches",
		)
		return nil
	}
}

const (
	retryLarge = 500 * time.Millisecond
	batchHead  = 61 // bytes of a record batch before its records
)

var errAborted = errors.New("the batch belongs to a transaction that was aborted")

// fetchBatch reads the batch at an offset as its broker sends it.
// https://kafka.apache.org/documentation/#recordbatch
func (s *session) fetchBatch(
	ctx context.Context, p partition, id [16]byte, at int64,
) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	details, err := kadm.NewClient(s.reader).ListTopics(ctx, p.topic)
	if err != nil {
		return nil, err
	}
	topic := details[p.topic]
	part, known := topic.Partitions[p.num]
	switch {
	case topic.Err != nil:
		return nil, topic.Err
	case !known:
		return nil, kerr.UnknownTopicOrPartition
	case part.Err != nil:
		return nil, part.Err
	case id != [16]byte{} && topic.ID != id:
		return nil, kerr.UnknownTopicID
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = 500, 1, 1<<10, -1
	if s.in.cfg.Isolation == "read_committed" {
		req.IsolationLevel = 1
	}
	rt, rp := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	rt.Topic, rt.TopicID = p.topic, topic.ID
	// A broker sends the first batch whole, however large it is.
	rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes, rp.CurrentLeaderEpoch = p.num, at, 1<<10, -1
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	got, err := s.member.Broker(int(part.Leader)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, err
	}
	resp := got.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, errors.New("the broker answered about another partition")
	}
	answer := &resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return nil, err
	}
	raw := answer.RecordBatches
	if len(raw) < batchHead || raw[16] != 2 {
		return nil, errors.New("the broker sent no record batch")
	}
	size := int64(binary.BigEndian.Uint32(raw[8:])) + 12
	if int64(binary.BigEndian.Uint64(raw)) != at || size > int64(len(raw)) {
		return nil, errors.New("the broker sent another batch, or part of one")
	}
	raw = raw[:size:size]
	// Listed are the transactions aborted after the offset that was asked for, so the producer's
	// own, if it began before, is the one that the batch belongs to.
	transactional := binary.BigEndian.Uint16(raw[21:])&0x10 != 0
	producer := int64(binary.BigEndian.Uint64(raw[43:]))
	for _, a := range answer.AbortedTransactions {
		if transactional && a.ProducerID == producer && a.FirstOffset <= at {
			return nil, errAborted
		}
	}
	return raw, nil
}
