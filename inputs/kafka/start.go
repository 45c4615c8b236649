package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// firstStart is what there was when the group began. Partitions that come later are read from their
// beginning, whatever the start option says: what was produced until they were noticed would be
// lost. It is nil where the group had begun before, or where the option says the beginning.
type firstStart map[string]kadm.TopicDetail

// errNoOffsets has a group fail that is not to begin.
var errNoOffsets = errors.New(
	"the group has no offsets, and start is \"none\": they were deleted, or have expired while no member ran",
)

const beginAdvice = "set them by kafka-consumer-groups.sh --reset-offsets to where \"penstock archive verify\" says that each partition ends, or begin anew with start = \"earliest\""

// findFirstStart looks, before the group is joined, whether this is its first start. It retries
// until that is known. The error is errNoOffsets where there is to be none, or that of ctx.
func (s *session) findFirstStart(ctx context.Context) error {
	if s.in.start.earliest {
		return nil
	}
	for {
		first, err := s.tryFirstStart(ctx)
		if err == nil {
			s.first = first
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errNoOffsets) {
			return fmt.Errorf("%w: %s", err, beginAdvice)
		}
		s.in.metrics.logFailure(s.in.env.Log, "the group's offsets cannot be read; trying again", err)
		if err := fault.Sleep(ctx, fault.Spread(startRetry)); err != nil {
			return err
		}
	}
}

func (s *session) tryFirstStart(ctx context.Context) (firstStart, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	adm := kadm.NewClient(s.reader)
	// The topics come first: a group that begins in between has begun.
	topics, err := adm.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	begun, err := hasBegun(ctx, adm, s.in.cfg.Group)
	switch {
	case err != nil:
		return nil, err
	case begun:
		return nil, nil
	case s.in.start.none:
		return nil, errNoOffsets
	}
	return firstStart(topics), nil
}

// hasBegun reports whether the group has offsets.
func hasBegun(ctx context.Context, adm *kadm.Client, group string) (bool, error) {
	offsets, err := adm.FetchOffsets(ctx, group)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return false, err
	}
	for _, parts := range offsets {
		for _, o := range parts {
			if o.At >= 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// startRule returns where the lease begins, as the group has no offset for it.
func (l *Lease) startRule(topic kadm.TopicDetail) startAt {
	was, ok := l.s.first[l.part.topic]
	_, existed := was.Partitions[l.part.num]
	if ok && existed && was.ID == topic.ID && !l.recreated {
		return l.s.in.start
	}
	if !l.s.in.start.earliest {
		l.s.in.env.Log.Info(
			"the partition came after the group had begun: it is read from its beginning",
			"partition", l.name, "start", l.s.in.cfg.Start,
		)
	}
	return startAt{earliest: true}
}
