package outputs

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// sender delivers batches to one writer. It is shared by everything that sends there: the logs being drained, replays, outputs that
// this one stands by for, and outputs whose dead letter it is.
type sender struct {
	sync   Writer // exactly one of sync and async is set
	async  AsyncWriter
	closer io.Closer

	name   string
	cfg    Common
	dl     DeadLetter
	router Router // nil if the writer is none
	prober Prober // nil if the writer is none
	m      *senderMetrics
	ill    trouble
	burial *trouble
	log    *slog.Logger

	refusals notice

	// A Writer never sees two batches of one origin at once, whoever sends them.
	seed    maphash.Seed
	stripes []chan struct{}

	lastSuccess   atomic.Int64 // nanoseconds since the Unix epoch
	flying, bytes atomic.Int64
	dead          atomic.Int64
}

func (s *sender) init(w any, c Common, env Env, dl DeadLetter) {
	s.name, s.cfg, s.dl, s.log = env.Name, c, dl, env.Log
	s.router, _ = w.(Router)
	s.prober, _ = w.(Prober)
	s.m = newSenderMetrics(env.Metrics)
	s.ill = trouble{
		log: env.Log, what: "the destination", do: "check that it is reachable, that it accepts this agent's credentials, and that it has room",
		flag: func(failing bool) {
			if failing {
				s.m.failing.Set(1)
			} else {
				s.m.failing.Set(0)
			}
		},
	}
	if r, ok := w.(Reporter); ok {
		r.Report(func(err error) {
			s.m.errors.WithLabelValues(reasonOf(err)).Inc()
			s.ill.failed(err)
		})
	}
	s.burial = newBurialTrouble(env)
	s.seed = maphash.MakeSeed()
	s.stripes = make([]chan struct{}, 4*c.Window.Lanes)
	for i := range s.stripes {
		s.stripes[i] = make(chan struct{}, 1)
	}
}

func (s *sender) hash(origin string) uint64 { return maphash.String(s.seed, origin) }

// attempt sends b once and waits for the answer.
func (s *sender) attempt(ctx context.Context, b *record.Batch) error {
	if s.async != nil {
		errc := make(chan error, 1)
		s.async.Start(ctx, b, func(err error) { errc <- err })
		select {
		case err := <-errc: // a writer always calls done
			return err
		case <-ctx.Done():
		}
		select {
		case err := <-errc:
			return err
		case <-time.After(grace): // it may yet be delivered
			return ctx.Err()
		}
	}
	stripe := s.stripes[s.hash(b.Origin)%uint64(len(s.stripes))]
	select {
	case stripe <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-stripe }()
	return s.sync.Write(ctx, b)
}

// deliver sends b until every record has been taken or buried. It fails only with ctx's error, and returns what was not taken then. h may be nil.
func (s *sender) deliver(ctx context.Context, b *record.Batch, h *health) (rest *record.Batch, err error) {
	back := backoff{Retry: s.cfg.Retry}
	begin := time.Now()
	for {
		sent := s.attempt(ctx, b)
		if sent != nil && ctx.Err() != nil {
			return undelivered(b, sent), ctx.Err()
		}
		v := s.judge(b, sent)
		if v.alive && h != nil {
			h.alive()
		}
		if len(v.letters) > 0 {
			if err := s.buryAll(ctx, v.letters, h); err != nil {
				return undelivered(b, sent), err
			}
		}
		if v.rest == nil {
			s.m.latency.Observe(time.Since(begin).Seconds())
			return nil, nil
		}
		if v.rest.Len() < b.Len() {
			back.failures = 0
		}
		b = v.rest
		if err := back.wait(ctx); err != nil {
			return b, err
		}
		s.m.retries.Inc()
	}
}

func (s *sender) buryAll(ctx context.Context, letters []Letter, h *health) error {
	if h != nil {
		h.block(1)
		defer h.block(-1)
	}
	if err := bury(ctx, s.dl, letters, s.cfg.Retry, s.burial); err != nil {
		return err
	}
	s.m.dead.Add(float64(len(letters)))
	s.dead.Add(int64(len(letters)))
	if n := s.refusals.due(len(letters), time.Now()); n > 0 {
		s.log.Warn("the destination refuses records for good; they are in the dead letter", "records", n, "reason", letters[0].Reason,
			"origin", letters[0].Origin, "do", "mend the reason and take them back with penstock replay --output "+s.name+" --dead-letter")
	}
	return nil
}

// verdict is what becomes of a batch after an attempt.
type verdict struct {
	rest    *record.Batch // to send again; nil if nothing is
	letters []Letter      // to bury
	taken   int           // records delivered
	alive   bool          // the destination answered for at least one record
}

// judge splits b by the outcome of an attempt, and counts and logs it.
func (s *sender) judge(b *record.Batch, err error) verdict {
	if err == nil {
		s.succeeded()
		return verdict{taken: b.Len(), alive: true}
	}
	s.m.errors.WithLabelValues(reasonOf(err)).Inc()
	if errors.Is(err, record.ErrCorrupt) || IsPermanent(err) {
		s.ill.worked()
		return verdict{letters: Letters(b, s.name, err.Error(), nil), alive: true}
	}
	var partial *PartialError
	if !errors.As(err, &partial) {
		s.ill.failed(err)
		return verdict{rest: b}
	}
	if !partial.sound(b.Len()) {
		s.ill.failed(err) // a writer's mistake: nothing it says can be trusted, so nothing is taken as delivered
		return verdict{rest: b}
	}
	var again, refused []RecordError
	for _, r := range partial.Records {
		if IsPermanent(r.Err) {
			refused = append(refused, r)
		} else {
			again = append(again, r)
		}
	}
	v := verdict{taken: b.Len() - len(partial.Records)}
	v.alive = v.taken > 0 || len(refused) > 0
	if len(refused) > 0 {
		v.letters = Letters(b, s.name, "", refused)
	}
	if len(again) > 0 {
		s.ill.failed(err)
		v.rest = pick(b, again)
	} else {
		s.succeeded()
	}
	return v
}

func (s *sender) succeeded() {
	now := time.Now()
	s.lastSuccess.Store(now.UnixNano())
	s.m.lastSuccess.Set(float64(now.UnixMilli()) / 1e3)
	s.ill.worked()
}

// pick returns a batch of the listed records of b, which keep their positions.
func pick(b *record.Batch, list []RecordError) *record.Batch {
	i := -1
	return keep(b, func(*record.Record) bool {
		i++
		if len(list) == 0 || list[0].Index != i {
			return false
		}
		list = list[1:]
		return true
	})
}

// undelivered returns what of b an attempt that ended with err did not deliver; nil if it delivered all.
func undelivered(b *record.Batch, err error) *record.Batch {
	if err == nil {
		return nil
	}
	var partial *PartialError
	if !errors.As(err, &partial) || !partial.sound(b.Len()) {
		return b
	}
	return pick(b, partial.Records)
}

// from returns b without the records before pos: b itself if there are none or it cannot be read, nil if nothing is left.
func from(b *record.Batch, pos int64) *record.Batch {
	if b.First >= pos {
		return b
	}
	if b.End <= pos {
		return nil
	}
	end := b.End
	p := keep(b, func(r *record.Record) bool { return r.Offset >= pos })
	if p != nil {
		p.End = end
	}
	return p
}

// upTo returns b without the records from end on. b may be nil.
func upTo(b *record.Batch, end int64) *record.Batch {
	if b == nil || b.End <= end {
		return b
	}
	return keep(b, func(r *record.Record) bool { return r.Offset < end })
}
