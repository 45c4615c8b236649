package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// stored is what the group has committed for a partition. at is -1 if nothing.
type stored struct {
	at      int64
	note    string
	topicID string // of the topic that the offset is of; "" if that was not said
	epoch   int32  // under which the record before was written; -1 if that was not said
}

// commitOffset commits one partition on behalf of a member of a generation. Brokers that know topic
// ids refuse it for a topic that was made anew.
func (s *session) commitOffset(
	ctx context.Context, p partition, topicID [16]byte, member string, generation int32, at int64,
	epoch int32, note string,
) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation = s.in.cfg.Group, member, generation
	if s.in.cfg.InstanceID != "" {
		req.InstanceID = kmsg.StringPtr(s.in.cfg.InstanceID)
	}
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic, rt.TopicID = p.topic, topicID
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	note = WithTopicID(note, TopicID(topicID))
	rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata = p.num, at, epoch, &note
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := kafkaclient.Ask(ctx, &s.left, func() (*kmsg.OffsetCommitResponse, error) {
		return req.RequestWith(ctx, s.reader)
	})
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, rp := range t.Partitions {
			if rp.Partition == p.num {
				return kerr.ErrorForCode(rp.ErrorCode)
			}
		}
	}
	return errors.New("the broker's answer leaves the partition out")
}

// fetchOffsets returns what the group has committed for partitions of a topic, stable: no
// transaction is about to change it.
func (s *session) fetchOffsets(
	ctx context.Context, topic string, nums []int32,
) (map[int32]stored, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group, req.RequireStable = s.in.cfg.Group, true
	rt := kmsg.NewOffsetFetchRequestTopic()
	rt.Topic, rt.Partitions = topic, nums
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, s.reader)
	if err != nil {
		return nil, err
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	out := map[int32]stored{}
	add := func(num int32, code int16, at int64, epoch int32, note *string) error {
		if err := kerr.ErrorForCode(code); err != nil {
			return err
		}
		o := stored{at: at, epoch: epoch}
		if note != nil {
			o.topicID, o.note = TopicIDOf(*note)
		}
		out[num] = o
		return nil
	}
	for _, g := range resp.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
			return nil, err
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				err := add(p.Partition, p.ErrorCode, p.Offset, p.LeaderEpoch, p.Metadata)
				if err != nil {
					return nil, err
				}
			}
		}
	}
	if len(resp.Groups) == 0 {
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				err := add(p.Partition, p.ErrorCode, p.Offset, p.LeaderEpoch, p.Metadata)
				if err != nil {
					return nil, err
				}
			}
		}
	}
	for _, n := range nums {
		if _, ok := out[n]; !ok {
			return nil, fmt.Errorf("the broker's answer leaves partition %d out", n)
		}
	}
	return out, nil
}

func (s *session) partitionsOf(ctx context.Context, topic string) ([]int32, error) {
	details, err := kadm.NewClient(s.reader).ListTopics(ctx, topic)
	if err != nil {
		return nil, err
	}
	if err := details.Error(); err != nil {
		return nil, err
	}
	return details[topic].Partitions.Numbers(), nil
}

// locate finds where the lease begins: the committed position, or what start says. It retries until
// that is known or the lease is lost.
func (l *Lease) locate(ctx context.Context) error {
	for {
		err := l.tryLocate(ctx)
		switch {
		case err == nil, errors.Is(err, record.ErrFenced):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		err = fmt.Errorf("%s: %w", l.name, err)
		l.s.in.refused.failed(l.name, err)
		l.s.in.metrics.logFailure(
			l.s.in.env.Log, "the committed position of a partition cannot be read; trying again",
			err,
		)
		if err := fault.Sleep(ctx, fault.Spread(time.Second)); err != nil {
			return context.Cause(ctx)
		}
	}
}

const (
	startRetry = time.Second
	askTimeout = 30 * time.Second // for the answers to what has to be known before reading
)

func (l *Lease) tryLocate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	found, err := l.s.info.get(ctx, l.part)
	if err == nil {
		err = found.err
	}
	if err != nil {
		return err
	}
	topic, o := found.topic, found.group
	l.mu.Lock()
	l.topicID = topic.ID
	l.traced = topic.Partitions[l.part.num].LeaderEpoch >= 0
	l.mu.Unlock()
	if id := TopicID(topic.ID); o.at >= 0 && o.topicID != "" && id != "" && o.topicID != id {
		l.s.in.env.Log.Warn(
			"the group's offset is of an earlier life of the topic: it is not used, and the partition is read from its beginning",
			"partition", l.name, "offset", o.at, "topic_id", id, "former_topic_id", o.topicID,
		)
		l.former, l.recreated = former{o.topicID, o.note}, true
		o.at = -1
	}
	if o.at >= 0 {
		l.mu.Lock()
		l.committed.pos, l.committed.note = o.at, o.note
		l.ahead.epochs.from(o.at-1, o.epoch)
		l.mu.Unlock()
		return nil
	}
	at, err := l.s.startOffset(ctx, l.part, l.startRule(topic))
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.committed.pos, l.committed.note = at, ""
	l.mu.Unlock()
	if l.s.in.start.earliest || l.former.note != "" {
		return nil
	}
	// Without a commit the start would move: records that arrive until the first one would be
	// skipped by a restart. It also tells later partitions that the group has begun.
	return l.Commit(ctx, at, "")
}

func offsetIn(list kadm.ListedOffsets, p partition) (int64, error) {
	o, ok := list.Lookup(p.topic, p.num)
	if !ok {
		return 0, fmt.Errorf("the broker's answer leaves %s out", p)
	}
	return o.Offset, o.Err
}
