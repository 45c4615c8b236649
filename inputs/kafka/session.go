package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/kgo"
)

// partition names a partition.
type partition struct {
	topic string
	num   int32
}

func (p partition) String() string { return fmt.Sprintf("%s/%d", p.topic, p.num) }

// session is one stay in the group: from Run to its return.
type session struct {
	in     *Input
	handle func(ctx context.Context, log record.Log) error
	ctx    context.Context
	member *kgo.Client
	reader *kgo.Client    // all that is asked goes through it: it can be closed at once
	left   sync.WaitGroup // see kafkaclient.Ask
	// of the reading client
	inflater   *inflater
	heartbeats *heartbeats
	first      firstStart

	leases leases

	info  *coalescer[partition, partitionInfo]
	start *coalescer[startQuestion, startAnswer]

	suspect chan struct{} // a topic may have been made again

	wake  chan struct{} // the reader has something to do beside polling
	ready chan struct{} // closed once member is set
}

func (s *session) run(ctx context.Context) error {
	var err error
	s.inflater = newInflater(s.in.cfg.MaxInflatedBatch, s.in.cfg.BufferBytes, &fetchPools{})
	rctx, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	opts := append(s.in.readerOptions(s.inflater), kgo.WithContext(rctx))
	if s.reader, err = kgo.NewClient(opts...); err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer s.left.Wait()
	var helpers sync.WaitGroup
	defer helpers.Wait()
	// What helpers ask ends with it, however long a broker takes to answer.
	defer func() {
		if s.in.silence.Silence().AllOfThem {
			abandon() // it would tell the brokers, over connections that are not there yet
		}
		s.reader.Close()
	}()
	protocol, err := s.in.protocol(ctx, s.reader)
	if err != nil {
		return nil // ctx has ended
	}
	if err := s.findFirstStart(ctx); ctx.Err() != nil {
		return nil
	} else if err != nil {
		return err
	}
	s.heartbeats = newHeartbeats(s.in.cfg.SessionTimeout, s.in.cfg.RebalanceTimeout)
	s.ctx = ctx
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.member, err = kgo.NewClient(append(
		s.in.memberOptions(protocol, s.heartbeats),
		kgo.OnPartitionsAssigned(
			func(_ context.Context, cl *kgo.Client, parts map[string][]int32) {
				s.assigned(cl, parts)
			},
		),
		kgo.OnPartitionsRevoked(
			func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { s.revoked(parts) },
		),
		kgo.OnPartitionsLost(
			func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { s.lost(parts) },
		),
	)...)
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	s.info, s.start = newCoalescer(s.lookUp), newCoalescer(s.starts)
	close(s.ready)
	s.in.env.Log.Info("joining the consumer group", "group", s.in.cfg.Group, "protocol", protocol)
	helpers.Go(func() { s.read(own) })
	helpers.Go(func() { s.drainMember(own) })
	helpers.Go(func() { s.watch(own) })
	helpers.Go(func() { s.watchLives(own) })
	helpers.Go(func() { s.watchEnds(own) })
	helpers.Go(func() { s.info.run(own) })
	helpers.Go(func() { s.start.run(own) })
	<-ctx.Done()
	// The handles end while the membership still stands, so that they can commit what they have
	// done.
	s.leases.mu.Lock()
	for _, l := range s.leases.held {
		l.cancel(context.Cause(ctx))
	}
	s.leases.mu.Unlock()
	s.leases.wg.Wait()
	s.leave()
	return nil
}

// leaveWithin is how long the group may take to let the member go. Brokers that answer nothing drop
// it when its session times out.
const leaveWithin = 3 * time.Second

// leave leaves the group. Where that takes too long, it goes on without anybody waiting: it ends
// with the client's own patience.
func (s *session) leave() {
	left := make(chan struct{})
	go func() {
		defer close(left)
		s.member.Close()
	}()
	within := leaveWithin
	if s.in.silence.Silence().AllOfThem {
		within /= 10
	}
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-left:
	case <-late.C:
		s.in.env.Log.Warn(
			"the consumer group does not answer: it is left without telling it",
			"group", s.in.cfg.Group, "session_timeout", s.in.cfg.SessionTimeout.String(),
			"do", "nothing: the partitions go to others once the session has timed out",
		)
	}
}

// assigned begins a lease for each partition.
func (s *session) assigned(cl *kgo.Client, parts map[string][]int32) {
	<-s.ready
	cl.PauseFetchPartitions(parts) // the member never reads
	for topic, nums := range parts {
		for _, n := range nums {
			s.begin(partition{topic, n})
		}
	}
}

func (s *session) begin(p partition) {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	s.beginLocked(p, false)
}

// beginLocked begins a lease, with leases.mu held; recreated tells that the topic was made again
// since the one before.
func (s *session) beginLocked(p partition, recreated bool) {
	if s.ctx.Err() != nil {
		return
	}
	l := newLease(s, p)
	l.recreated = recreated
	before := s.leases.put(p, l)
	s.in.metrics.partitions.Set(float64(len(s.leases.held)))
	s.leases.wg.Go(func() { l.run(before) })
}

// beginAnew has another lease take the place of l, which ends.
func (s *session) beginAnew(l *Lease) {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	if s.leases.held[l.part] != l {
		return
	}
	l.revoke(errRewritten)
	s.beginLocked(l.part, false)
}

// take ends the leases of partitions for the session, not yet for their handles.
func (s *session) take(parts map[string][]int32) []*Lease {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	out := s.leases.take(parts)
	s.in.metrics.partitions.Set(float64(len(s.leases.held)))
	return out
}

// revoked lets the handles finish, within the revoke timeout, and then ends the leases. Nobody else
// is given the partitions before it returns.
func (s *session) revoked(parts map[string][]int32) {
	leases := s.take(parts)
	for _, l := range leases {
		l.cancel(errRevoked)
	}
	timeout := time.NewTimer(s.in.cfg.RevokeTimeout)
	defer timeout.Stop()
	for _, l := range leases {
		select {
		case <-l.done:
		case <-timeout.C:
			timeout.Reset(0)
			s.in.env.Log.Warn(
				"an output was not done with a partition in time; it is given up all the same",
				"partition", l.Name(), "timeout", s.in.cfg.RevokeTimeout.String(),
			)
		}
	}
	for _, l := range leases {
		l.revoke(errRevoked)
	}
	for _, l := range leases {
		l.awaitCommits()
	}
}

// lost ends leases at once: the group has given the partitions away.
func (s *session) lost(parts map[string][]int32) {
	for _, l := range s.take(parts) {
		l.revoke(errLost)
	}
}

var (
	errRevoked = fmt.Errorf(
		"the group has taken the partition from this member: %w", record.ErrFenced,
	)
	errLost      = fmt.Errorf("the group has dropped this member: %w", record.ErrFenced)
	errRewritten = fmt.Errorf(
		"the log is not the one that was read: it is read again: %w", record.ErrFenced,
	)
	errSilent = fmt.Errorf(
		"the group has not been heard of for longer than the session timeout: %w", record.ErrFenced,
	)
)

// drainMember takes what the member's client reports: it reads no records, but group errors come
// this way.
func (s *session) drainMember(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := s.member.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return
		}
		fetches.EachError(func(topic string, p int32, err error) {
			var group *kgo.ErrGroupSession
			if errors.As(err, &group) {
				s.in.refused.failed(ofGroup, err)
				s.in.metrics.logFailure(
					s.in.env.Log, "the consumer group session failed; joining again", err,
				)
			}
		})
	}
}

// watch gives all partitions up when the group has been silent for too long, and begins anew once
// it is heard of again without having dropped this member.
func (s *session) watch(ctx context.Context) {
	tick := time.NewTicker(max(s.in.cfg.SessionTimeout/10, 10*time.Millisecond))
	defer tick.Stop()
	silent := map[partition]*Lease{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !s.heartbeats.isAlive(time.Now()) {
			s.leases.mu.Lock()
			for p, l := range s.leases.held {
				if silent[p] != l {
					silent[p] = l
					s.in.env.Log.Warn(
						"the consumer group is out of reach; the partition is given up until it is back",
						"partition", l.Name(),
					)
					l.revoke(errSilent)
				}
			}
			s.leases.mu.Unlock()
			continue
		}
		for p, l := range silent {
			delete(silent, p)
			if s.leases.has(p, l) {
				s.begin(p)
			}
		}
	}
}
