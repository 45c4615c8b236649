package deliver

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/outputs"
)

// Sender delivers batches to one writer. It is shared by everything that sends there: the logs
// being drained, replays, outputs that this one stands by for, and outputs whose dead letter it is.
type Sender struct {
	Sync   outputs.Writer // exactly one of sync and async is set
	Async  outputs.AsyncWriter
	Closer io.Closer

	name              string
	Config            outputs.Common
	deadLetter        outputs.DeadLetter
	Router            outputs.Router // nil if the writer is none
	Prober            outputs.Prober // nil if the writer is none
	m                 *senderMetrics
	Failing           fault.FailureLog
	retrying          retrying
	DeadLetterFailing *fault.FailureLog
	log               *slog.Logger

	refusals fault.Throttle

	origins originLocks

	Counters
}

// Counters say how delivery goes. Safe for concurrent use.
type Counters struct {
	LastSuccess   atomic.Int64 // nanoseconds since the Unix epoch
	Flying, Bytes atomic.Int64
	Dead          atomic.Int64
}

// originLocks sees to it that a Writer never sees two batches of one origin at once, whoever sends
// them.
type originLocks struct {
	seed    maphash.Seed
	stripes []chan struct{}
}

func newOriginLocks(n int) originLocks {
	o := originLocks{seed: maphash.MakeSeed(), stripes: make([]chan struct{}, n)}
	for i := range o.stripes {
		o.stripes[i] = make(chan struct{}, 1)
	}
	return o
}

func (o *originLocks) hash(origin string) uint64 { return maphash.String(o.seed, origin) }

// lock waits until nobody else sends what is of this origin, or ctx ends. Whoever has the lock
// gives it back by receiving from held.
func (o *originLocks) lock(ctx context.Context, origin string) (held <-chan struct{}, err error) {
	stripe := o.stripes[o.hash(origin)%uint64(len(o.stripes))]
	select {
	case stripe <- struct{}{}:
		return stripe, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Sender) Init(w any, c outputs.Common, env outputs.Env, dl outputs.DeadLetter) {
	s.name, s.Config, s.deadLetter, s.log = env.Name, c, dl, env.Log
	s.Router, _ = w.(outputs.Router)
	s.Prober, _ = w.(outputs.Prober)
	s.m = newSenderMetrics(env.Metrics, func() bool { return !s.Failure().Since.IsZero() })
	s.Failing = fault.FailureLog{
		Log:  env.Log,
		What: "the destination",
		Do:   "check that it is reachable, that it accepts this agent's credentials, and that it has room",
	}
	if r, ok := w.(outputs.Reporter); ok {
		r.Report(func(err error) {
			s.m.errors.WithLabelValues(reasonOf(err)).Inc()
			s.Failing.Failed(err)
		})
	}
	s.DeadLetterFailing = NewDeadLetterLog(env)
	s.origins = newOriginLocks(4 * c.Window.Lanes)
}

// attempt sends b once and waits for the answer.
func (s *Sender) attempt(ctx context.Context, b *record.Batch, h *Health) error {
	if s.Async != nil {
		errc := make(chan error, 1)
		s.Async.Start(ctx, b, func(err error) { errc <- err })
		select {
		case err := <-errc: // a writer always calls done
			return err
		case <-ctx.Done():
		}
		select {
		case err := <-errc:
			return err
		case <-time.After(s.GracePeriod(h)): // it may yet be delivered
			return ctx.Err()
		}
	}
	held, err := s.origins.lock(ctx, b.Origin)
	if err != nil {
		return err
	}
	defer func() { <-held }()
	return s.Sync.Write(ctx, b)
}

// Deliver sends b until every record has been taken or is a dead letter. It fails only with ctx's
// error, and returns what was not taken then. h may be nil.
func (s *Sender) Deliver(
	ctx context.Context, b *record.Batch, h *Health,
) (rest *record.Batch, err error) {
	rest, _, err = s.deliver(ctx, b, h)
	return rest, err
}

func (s *Sender) deliver(
	ctx context.Context, b *record.Batch, h *Health,
) (rest *record.Batch, of outcome, err error) {
	back := s.Config.Retry.Backoff()
	begin := time.Now()
	isRetried := false
	defer func() { s.forget(&isRetried) }()
	for {
		sent := s.attempt(ctx, b, h)
		if sent != nil && ctx.Err() != nil {
			rest = undelivered(b, sent)
			of.taken += b.Len()
			if rest != nil {
				of.taken -= rest.Len()
			}
			return rest, of, ctx.Err()
		}
		v := s.classify(b, sent)
		s.tell(&isRetried, v, sent)
		if v.hasAnswered && h != nil {
			h.noteAnswer()
		}
		if len(v.dead) > 0 {
			if err := s.writeDeadLetters(ctx, v.dead, h); err != nil {
				return undelivered(b, sent), of, err
			}
		}
		of.add(v.outcome())
		if v.rest == nil {
			s.m.concluded(answerNow(b, v), begin, 0)
			return nil, of, nil
		}
		if v.rest.Len() < b.Len() {
			back.Failures = 0
		}
		b = v.rest
		if err := back.Wait(ctx); err != nil {
			return b, of, err
		}
		s.m.retries.Inc()
	}
}

func (s *Sender) writeDeadLetters(ctx context.Context, dead []outputs.DeadRecord, h *Health) error {
	if h != nil {
		h.block(1)
		defer h.block(-1)
	}
	err := writeDeadLetter(ctx, s.deadLetter, dead, s.Config.Retry, s.DeadLetterFailing)
	if err != nil {
		return err
	}
	s.CountDead(len(dead))
	if n := s.refusals.Due(len(dead), time.Now()); n > 0 {
		s.log.Warn(
			"the destination refuses records for good; they are in the dead letter", "records", n,
			"reason", dead[0].Reason, "origin", dead[0].Origin,
			"do", "mend the reason and take them back with penstock replay --output "+s.name+" --dead-letter",
		)
	}
	return nil
}

// verdict is what becomes of a batch after an attempt.
type verdict struct {
	rest        *record.Batch        // to send again; nil if nothing is
	dead        []outputs.DeadRecord // for the dead letter
	taken       int                  // records delivered
	refused     int                  // records in dead, which may be fewer
	hasAnswered bool                 // the destination answered for at least one record
}

func (v *verdict) outcome() outcome { return outcome{v.taken, v.refused} }

// classify splits b by the outcome of an attempt, and counts it.
func (s *Sender) classify(b *record.Batch, err error) verdict {
	if err == nil {
		s.succeeded()
		return verdict{taken: b.Len(), hasAnswered: true}
	}
	s.m.errors.WithLabelValues(reasonOf(err)).Inc()
	if errors.Is(err, record.ErrCorrupt) || outputs.IsPermanent(err) {
		return verdict{
			dead: outputs.DeadRecords(b, s.name, err.Error(), nil), refused: b.Len(),
			hasAnswered: true,
		}
	}
	var partial *outputs.PartialError
	if !errors.As(err, &partial) {
		return verdict{rest: b}
	}
	if !partial.IsValid(b.Len()) {
		// a writer's mistake: nothing it says can be trusted, so nothing is taken as delivered
		return verdict{rest: b}
	}
	var again, refused []outputs.RecordError
	for _, r := range partial.Records {
		if outputs.IsPermanent(r.Err) {
			refused = append(refused, r)
		} else {
			again = append(again, r)
		}
	}
	v := verdict{taken: b.Len() - len(partial.Records), refused: len(refused)}
	v.hasAnswered = v.taken > 0 || len(refused) > 0
	if len(refused) > 0 {
		v.dead = outputs.DeadRecords(b, s.name, "", refused)
	}
	if len(again) > 0 {
		v.rest = pick(b, again)
	} else {
		s.succeeded()
	}
	return v
}

func (s *Sender) succeeded() {
	now := time.Now()
	s.LastSuccess.Store(now.UnixNano())
	s.m.lastSuccess.Set(float64(now.UnixMilli()) / 1e3)
}

// pick returns a batch of the listed records of b, which keep their positions.
func pick(b *record.Batch, list []outputs.RecordError) *record.Batch {
	i := -1
	return keep(b, func(int64) bool {
		i++
		if len(list) == 0 || list[0].Index != i {
			return false
		}
		list = list[1:]
		return true
	})
}

// undelivered returns what of b an attempt that ended with err did not deliver; nil if it delivered
// all.
func undelivered(b *record.Batch, err error) *record.Batch {
	if err == nil {
		return nil
	}
	var partial *outputs.PartialError
	if !errors.As(err, &partial) || !partial.IsValid(b.Len()) {
		return b
	}
	return pick(b, partial.Records)
}

// From returns b without the records before pos: b itself if there are none or it cannot be read,
// nil if nothing is left.
func From(b *record.Batch, pos int64) *record.Batch {
	if b.First >= pos {
		return b
	}
	if b.End <= pos {
		return nil
	}
	end := b.End
	p := keep(b, func(at int64) bool { return at >= pos })
	if p != nil {
		p.End = end
	}
	return p
}

// UpTo returns b without the records from end on. b may be nil.
func UpTo(b *record.Batch, end int64) *record.Batch {
	if b == nil || b.End <= end {
		return b
	}
	return keep(b, func(pos int64) bool { return pos < end })
}

// CountDead counts records that are in the dead letter.
func (s *Sender) CountDead(n int) {
	s.m.dead.Add(float64(n))
	s.Dead.Add(int64(n))
}
