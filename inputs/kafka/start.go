package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// firstStart is what there was when the group began. Partitions that come later are read from their
// beginning, whatever the start option says: what was produced until they were noticed would be
// lost. It is nil where the group had begun before, or where the option says the beginning.
type firstStart map[string]kadm.TopicDetail

// errNoOffsets has a group fail that is not to begin.
var errNoOffsets = errors.New("the group lacks offsets, and start is \"none\"")

const beginAdvice = "they were deleted, or have expired while no member ran: set them by kafka-consumer-groups.sh --reset-offsets to where \"penstock archive verify\" says that each partition ends (--to-earliest for one that is new), or begin anew with start = \"earliest\""

// findFirstStart looks, before the group is joined, whether this is its first start. It retries
// until that is known. The error is errNoOffsets where there is to be none, or that of ctx.
func (s *session) findFirstStart(ctx context.Context) error {
	if s.in.start.earliest {
		return nil
	}
	for {
		first, err := s.tryFirstStart(ctx)
		if err == nil {
			s.in.refused.worked(ofGroup)
			s.first = first
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errNoOffsets) {
			return fmt.Errorf("%w: %s", err, beginAdvice)
		}
		s.in.refused.failed(ofGroup, err)
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
	if s.in.start.none {
		return nil, s.in.cfg.wantOffsets(ctx, adm)
	}
	// The topics come first: a group that begins in between has begun.
	topics, err := adm.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	offsets, err := groupOffsets(ctx, adm, s.in.cfg.Group)
	if err != nil {
		return nil, err
	}
	for _, parts := range offsets {
		for _, o := range parts {
			if o.At >= 0 {
				return nil, nil
			}
		}
	}
	return firstStart(topics), nil
}

func groupOffsets(
	ctx context.Context, adm *kadm.Client, group string,
) (kadm.OffsetResponses, error) {
	offsets, err := adm.FetchOffsets(ctx, group)
	if err == nil {
		err = offsets.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		err = nil
	}
	return offsets, err
}

// wantOffsets returns an error that wraps errNoOffsets if there is a partition that holds records,
// and for which the group has no offset.
func (c *Config) wantOffsets(ctx context.Context, adm *kadm.Client) error {
	topics, err := adm.ListTopics(ctx)
	if err != nil {
		return err
	}
	offsets, err := groupOffsets(ctx, adm, c.Group)
	if err != nil {
		return err
	}
	var names []string
	var without []partition
	for name, t := range topics {
		if t.Err != nil || !c.reads(name) {
			continue
		}
		known := len(without)
		for num := range t.Partitions {
			if o, ok := offsets.Lookup(name, num); !ok || o.At < 0 {
				without = append(without, partition{name, num})
			}
		}
		if len(without) > known {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil
	}
	starts, err := adm.ListStartOffsets(ctx, names...)
	if err != nil {
		return err
	}
	ends, err := adm.ListEndOffsets(ctx, names...)
	if err != nil {
		return err
	}
	var lack []string
	for _, p := range without {
		start, err1 := offsetIn(starts, p)
		end, err2 := offsetIn(ends, p)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if start < end {
			lack = append(lack, p.String())
		}
	}
	if lack == nil {
		return nil
	}
	slices.Sort(lack)
	if more := len(lack) - 5; more > 1 {
		lack = append(lack[:5], fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("%w: it has none of %s", errNoOffsets, strings.Join(lack, ", "))
}

// reads reports whether a topic is one of those to read.
func (c *Config) reads(topic string) bool {
	return slices.Contains(c.Topics, topic) ||
		c.matches(topic) && !slices.Contains(internalTopics, topic)
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
