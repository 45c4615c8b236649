package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Lease is a partition for as long as it is assigned to this member. It is a record.Log whose
// positions are Kafka's offsets, and also a record.Ender, record.Refresher, record.Noter,
// record.Mortal, record.Starter and record.Partitioned.
//
// Once the lease is lost, Next and Commit return an error that wraps record.ErrFenced, for good.
type Lease struct {
	s    *session
	part partition
	name string

	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // the handle has returned
	limit  atomic.Int64  // bytes to read ahead
	end    atomic.Int64  // the partition's end, as far as known

	commits   sync.Mutex // one commit at a time
	recreated bool       // the topic was made again while this member read it

	former former
	traced bool // brokers know under which leader a record was written; see epochs

	mu        sync.Mutex
	changed   chan struct{} // closed and renewed on each change
	gone      error         // why the lease is lost
	failure   error         // why Next cannot go on
	rewritten *rewritten    // nothing behind it is what was read
	ahead     readAhead
	committed committed
	// of the topic that is read; zero until located, and where brokers do not tell
	topicID [16]byte
}

// former is what was committed in an earlier life of the topic; empty if nothing was. It is written
// before anybody reads it.
type former struct{ life, note string }

// committed is what is stored of a partition's position, as far as is known. Lease.mu guards it;
// commits are made one at a time, under Lease.commits.
type committed struct {
	pos      int64
	note     string
	doubt    time.Time // of the last commit whose outcome is unknown
	inflight int       // commits under way
}

// settled reports whether it is known what brokers have.
func (c *committed) settled() bool { return c.inflight == 0 && c.doubt.IsZero() }

func newLease(s *session, p partition) *Lease {
	l := &Lease{
		s:       s,
		part:    p,
		name:    p.String(),
		done:    make(chan struct{}),
		changed: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancelCause(s.ctx)
	return l
}

// run finds the position to begin at, runs the handle and gives the reader back.
func (l *Lease) run(before <-chan struct{}) {
	defer close(l.done)
	defer l.s.in.refused.worked(l.name)
	defer l.cancel(nil)
	if before != nil {
		<-before // two handles of one partition must not meet
	}
	log := l.s.in.env.Log.With("partition", l.name)
	if err := l.locate(l.ctx); err != nil {
		if l.ctx.Err() == nil && !errors.Is(err, record.ErrFenced) {
			log.Error("the partition cannot be read", "error", err)
		}
		return
	}
	l.s.in.refused.worked(ofGroup)
	l.s.in.refused.worked(l.name)
	log.Info("partition assigned", "position", l.committed.pos, "note", l.committed.note != "")
	l.mu.Lock()
	l.ahead.seekTo(l.committed.pos)
	l.mu.Unlock()
	l.s.wakeReader()
	err := l.s.handle(l.ctx, l)
	l.stop()
	switch {
	case l.ctx.Err() != nil:
		log.Info("partition finished", "reason", context.Cause(l.ctx))
	case err == nil, errors.Is(err, record.ErrFenced):
		log.Info("partition finished")
	default:
		log.Error("the partition is stopped until it is assigned anew", "error", err)
	}
}

// stop ends reading.
func (l *Lease) stop() {
	l.mu.Lock()
	l.ahead.clear()
	l.failure = errStopped
	l.change()
	l.mu.Unlock()
	l.s.wakeReader()
}

var errStopped = errors.New("the log was handed back")

// revoke ends the lease.
func (l *Lease) revoke(why error) {
	l.mu.Lock()
	if l.gone == nil {
		l.gone = why
		l.ahead.clear()
		l.change()
	}
	l.mu.Unlock()
	l.cancel(why)
	l.s.wakeReader()
}

// change wakes whoever waits. l.mu is held.
func (l *Lease) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// awaitCommits waits until no commit is under way any more.
func (l *Lease) awaitCommits() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.committed.inflight > 0 {
		changed := l.changed
		l.mu.Unlock()
		<-changed
		l.mu.Lock()
	}
}

// Name implements record.Log.
func (l *Lease) Name() string { return l.name }

// Partition implements record.Partitioned.
func (l *Lease) Partition() (string, int32) { return l.part.topic, l.part.num }

// Fingerprint implements record.Fingerprinter: another limit may refuse other batches.
func (l *Lease) Fingerprint() string {
	if n := l.s.in.cfg.MaxInflatedBatch; n != defaultMaxInflated {
		return fmt.Sprintf("max_inflated_batch %d", n)
	}
	return ""
}

// End implements record.Ender.
func (l *Lease) End() int64 { return l.end.Load() }

// Start implements record.Starter.
func (l *Lease) Start(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	start, _, err := l.s.bounds(ctx, l.part)
	return start, err
}

// FindEnd implements record.EndFinder.
func (l *Lease) FindEnd(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, end, err := l.s.bounds(ctx, l.part)
	return end, err
}

// Committed implements record.Log.
func (l *Lease) Committed() (int64, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.committed.pos, l.committed.note
}

// Next implements record.Log.
func (l *Lease) Next(ctx context.Context) (*record.Batch, error) {
	for {
		l.mu.Lock()
		switch {
		case l.gone != nil:
			defer l.mu.Unlock()
			return nil, l.gone
		case len(l.ahead.queue) > 0:
			b := l.ahead.queue[0].Batch
			if refused := l.ahead.queue[0].refused; refused != nil {
				l.mu.Unlock()
				if err := l.writeDeadLetter(ctx, b, refused); err != nil {
					return nil, err
				}
				l.mu.Lock()
				if len(l.ahead.queue) == 0 || l.ahead.queue[0].Batch != b {
					l.mu.Unlock()
					continue
				}
			}
			l.ahead.pop()
			resume := l.ahead.full && l.ahead.bytes <= l.limit.Load()/2
			l.mu.Unlock()
			if resume {
				l.s.wakeReader()
			}
			return b, l.throttle(ctx, b.Len())
		case l.failure != nil:
			defer l.mu.Unlock()
			return nil, l.failure
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			if cause := context.Cause(ctx); errors.Is(cause, record.ErrFenced) {
				return nil, cause
			}
			return nil, ctx.Err()
		}
	}
}

// throttle waits as the rate limit says.
func (l *Lease) throttle(ctx context.Context, n int) error {
	limit := l.s.in.limit
	if limit == nil {
		return nil
	}
	for n > 0 {
		m := min(n, limit.Burst())
		if err := limit.WaitN(ctx, m); err != nil {
			if ctx.Err() != nil {
				return nil // the batch is on its way out already
			}
			return err
		}
		n -= m
	}
	return nil
}

// SeekTo implements record.Log.
func (l *Lease) SeekTo(pos int64) error {
	l.mu.Lock()
	if l.gone != nil {
		defer l.mu.Unlock()
		return l.gone
	}
	if pos == l.ahead.read && (l.ahead.reading || l.ahead.seek) && l.failure == nil {
		l.mu.Unlock()
		return nil
	}
	l.ahead.seekTo(pos)
	l.failure = nil
	if r := l.rewritten; r != nil && pos > r.from {
		l.failure = r.err
	}
	l.mu.Unlock()
	l.s.wakeReader()
	return nil
}

// Commit implements record.Log. It is fenced twice: by the lease, and by the brokers, which refuse
// a member or generation that is not the group's. While the group is in the middle of a rebalance
// that leaves the partition here, it waits.
func (l *Lease) Commit(ctx context.Context, pos int64, note string) error {
	if len(note) > record.MaxNote {
		return fmt.Errorf(
			"commit %s: a note of %d bytes, at most %d are allowed", l.name, len(note),
			record.MaxNote,
		)
	}
	l.commits.Lock()
	defer l.commits.Unlock()
	patience := time.Now().Add(l.s.in.cfg.SessionTimeout + l.s.in.cfg.RebalanceTimeout)
	for {
		// The generation is read while the lease stands: it is one in which the partition is ours,
		// and the brokers refuse it once it is not.
		l.mu.Lock()
		if l.gone != nil {
			defer l.mu.Unlock()
			return l.gone
		}
		if pos < l.committed.pos {
			defer l.mu.Unlock()
			return fmt.Errorf(
				"commit %s: position %d is behind the committed %d", l.name, pos, l.committed.pos,
			)
		}
		member, generation := l.s.member.GroupMetadata()
		id, epoch := l.topicID, l.ahead.epochs.before(pos)
		l.committed.inflight++
		l.mu.Unlock()

		err := l.s.commitOffset(ctx, l.part, id, member, generation, pos, epoch, note)

		l.mu.Lock()
		l.committed.inflight--
		if err == nil {
			l.committed.pos, l.committed.note = pos, note
			l.ahead.epochs.forget(pos)
		}
		unknown := err != nil && !refused(err)
		if unknown {
			l.committed.doubt = time.Now()
		}
		l.change()
		l.mu.Unlock()
		switch {
		case err == nil:
			l.s.in.metrics.commits.WithLabelValues("ok").Inc()
			return nil
		case unknown:
			l.s.in.metrics.commits.WithLabelValues("unknown").Inc()
			return fmt.Errorf("commit %s at %d: the outcome is unknown: %w", l.name, pos, err)
		case otherLife(err):
			// The topic is gone, and perhaps there again: then the lease is about to be lost.
			l.s.suspectLife()
		case !transient(err):
			l.s.in.metrics.commits.WithLabelValues("refused").Inc()
			return fmt.Errorf("commit %s at %d: %w", l.name, pos, err)
		}
		l.s.in.metrics.commits.WithLabelValues("fenced").Inc()
		if time.Now().After(patience) {
			l.revoke(fmt.Errorf("commit %s at %d: %w: %w", l.name, pos, err, record.ErrFenced))
			continue
		}
		if err := l.awaitChange(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// awaitChange waits a moment, less if the lease is lost meanwhile.
func (l *Lease) awaitChange(ctx context.Context, d time.Duration) error {
	l.mu.Lock()
	changed := l.changed
	l.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-changed:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// refused reports whether a commit that failed with err was certainly not applied.
func refused(err error) bool {
	var k *kerr.Error
	if !errors.As(err, &k) {
		return false
	}
	switch k {
	case kerr.UnknownServerError,
		kerr.RequestTimedOut,
		kerr.NetworkException,
		kerr.NotEnoughReplicasAfterAppend:
		return false
	}
	return true
}

// transient reports whether a refusal may end while the lease stands: either the group comes to
// agree on a generation, or the lease is lost.
func transient(err error) bool {
	for _, k := range []*kerr.Error{
		kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.UnknownMemberID,
		kerr.StaleMemberEpoch, kerr.FencedMemberEpoch, kerr.FencedInstanceID,
		kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator,
		kerr.UnreleasedInstanceID,
	} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

// Refresh implements record.Refresher. After a commit whose outcome is unknown it waits until a
// broker can no longer have that request lying about. Connections on which a request timed out are
// closed, and brokers give up on an offset commit within the request timeout.
func (l *Lease) Refresh(ctx context.Context) (int64, string, error) {
	l.commits.Lock()
	defer l.commits.Unlock()
	l.mu.Lock()
	doubt := l.committed.doubt
	l.mu.Unlock()
	if !doubt.IsZero() {
		if err := fault.Sleep(ctx, time.Until(doubt.Add(l.s.in.cfg.RequestTimeout))); err != nil {
			return 0, "", err
		}
	}
	l.mu.Lock()
	pos, note, gone := l.committed.pos, l.committed.note, l.gone
	l.mu.Unlock()
	if gone != nil {
		return 0, "", gone
	}
	offsets, err := l.s.fetchOffsets(ctx, l.part.topic, []int32{l.part.num})
	if err != nil {
		return 0, "", fmt.Errorf("read the offset of %s back: %w", l.name, err)
	}
	o := offsets[l.part.num]
	if id := l.Life(); o.at >= 0 && o.topicID != "" && id != "" && o.topicID != id {
		l.revoke(errReborn)
		l.s.suspectLife()
		return 0, "", errReborn
	}
	if o.at >= 0 {
		pos, note = o.at, o.note
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone != nil {
		return 0, "", l.gone // somebody else may have committed meanwhile
	}
	l.committed.pos, l.committed.note, l.committed.doubt = pos, note, time.Time{}
	return pos, note, nil
}

// Notes implements record.Noter.
func (l *Lease) Notes(ctx context.Context) (map[int32]string, error) {
	nums, err := l.s.partitionsOf(ctx, l.part.topic)
	if err != nil {
		return nil, err
	}
	offsets, err := l.s.fetchOffsets(ctx, l.part.topic, nums)
	if err != nil {
		return nil, err
	}
	out := make(map[int32]string, len(nums))
	for _, n := range nums {
		if o := offsets[n]; o.topicID == "" || o.topicID == l.Life() {
			out[n] = o.note
		} else {
			out[n] = "" // of an earlier life
		}
	}
	return out, nil
}
