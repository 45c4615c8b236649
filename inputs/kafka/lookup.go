package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"
)

// partitionInfo is what has to be known of a partition before it is read.
type partitionInfo struct {
	topic kadm.TopicDetail
	group stored // what the group has committed
	err   error  // what speaks against this topic; others are looked up all the same
}

// lookUp asks, once for each topic, what it is and what the group has committed.
func (s *session) lookUp(
	ctx context.Context, all []partition,
) (map[partition]partitionInfo, error) {
	nums := map[string][]int32{}
	for _, p := range all {
		nums[p.topic] = append(nums[p.topic], p.num)
	}
	topics := make([]string, 0, len(nums))
	for t := range nums {
		topics = append(topics, t)
	}
	details, err := kadm.NewClient(s.reader).ListTopics(ctx, topics...)
	if err != nil {
		return nil, err
	}
	out := make(map[partition]partitionInfo, len(all))
	for topic, nums := range nums {
		detail := details[topic]
		err := detail.Err
		var offsets map[int32]stored
		if err == nil {
			offsets, err = s.fetchOffsets(ctx, topic, nums)
		}
		for _, n := range nums {
			out[partition{topic, n}] = partitionInfo{detail, offsets[n], err}
		}
	}
	return out, nil
}

// startQuestion asks where a start lies in a partition.
type startQuestion struct {
	part partition
	at   startAt
}

// startAnswer is an offset, or what a broker says against that partition.
type startAnswer struct {
	at  int64
	err error
}

// starts asks, once for each topic and start, where starts lie.
func (s *session) starts(
	ctx context.Context, all []startQuestion,
) (map[startQuestion]startAnswer, error) {
	type key struct {
		topic string
		at    startAt
	}
	lists := map[key]kadm.ListedOffsets{}
	out := make(map[startQuestion]startAnswer, len(all))
	for _, q := range all {
		k := key{q.part.topic, q.at}
		list, ok := lists[k]
		if !ok {
			var err error
			if list, err = s.listOffsets(ctx, q.part.topic, q.at); err != nil {
				return nil, err
			}
			lists[k] = list
		}
		at, err := offsetIn(list, q.part)
		out[q] = startAnswer{at, err}
	}
	return out, nil
}

func (s *session) listOffsets(
	ctx context.Context, topic string, at startAt,
) (kadm.ListedOffsets, error) {
	adm := kadm.NewClient(s.reader)
	switch {
	case at.earliest:
		return adm.ListStartOffsets(ctx, topic)
	case at.latest:
		return adm.ListEndOffsets(ctx, topic)
	}
	return adm.ListOffsetsAfterMilli(ctx, at.after.UnixMilli(), topic)
}

// startOffset returns where start is in a partition.
func (s *session) startOffset(ctx context.Context, p partition, start startAt) (int64, error) {
	got, err := s.start.get(ctx, startQuestion{p, start})
	if err != nil {
		return 0, err
	}
	return got.at, got.err
}

// bounds returns the first offset that a partition still has, and its end.
func (s *session) bounds(ctx context.Context, p partition) (start, end int64, err error) {
	if start, err = s.startOffset(ctx, p, startAt{earliest: true}); err != nil {
		return 0, 0, err
	}
	end, err = s.startOffset(ctx, p, startAt{latest: true})
	return start, end, err
}
