package kafka

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
)

// Transactions implements outputs.Transactor.
func (w *Writer) Transactions() (every outputs.CommitInterval, wanted bool) {
	return w.cfg.commitInterval(), w.cfg.Delivery == ExactlyOnce
}

// Session implements outputs.Transactor. name is the transactional id, and the group that stores
// the position, for partition 0 of the position topic.
func (w *Writer) Session(name string) (outputs.Session, error) {
	var run [8]byte
	if _, err := rand.Read(run[:]); err != nil {
		return nil, err
	}
	s := &Session{
		id:      name,
		run:     fmt.Sprintf("%x", run),
		broken:  make(chan struct{}),
		outcome: make(chan outcome, 1),
	}
	close(s.broken)
	s.w = w.newWriter(s, w.sticky)
	o := w.producerOptions()
	o.Transactional, o.UnstableTimeout = true, min(unstableTimeout, w.cfg.DeliveryTimeout)
	o.Txn = &producer.TxnOptions{
		ID:      name,
		Group:   name,
		Topic:   w.cfg.positionTopic(),
		Timeout: w.cfg.TransactionTimeout,
		Events:  sessionEvents{s},
	}
	s.w.run(o)
	return s, nil
}

// unstableTimeout is far above the time in which markers come to be written.
const unstableTimeout = 10 * time.Second

// Session is one transactional producer. It implements outputs.Session.
type Session struct {
	w   *Writer
	id  string
	run string // tells this session from others of the same id

	last int64 // end of the last batch started since Cut; under w.mu
	cuts int64 // how often Cut made a new transaction; under w.mu

	progressed func() // nil: nobody wants to know

	mu      sync.Mutex
	broken  chan struct{} // closed while no transaction can be open
	outcome chan outcome  // of the Resolve or Commit under way
	// is over that of every session before this one; 0 before the first Resolve
	claim   int64
	claimed bool // a transaction of this session has been committed
}

type outcome struct {
	stored producer.Stored
	err    error
}

// stamp is the metadata of a stored position. Who has a transactional id is told by Claim, not by
// Run: a position that is read without waiting for the transaction before may be that of a run
// before this one.
type stamp struct {
	Run     string `json:"run"`
	Claim   int64  `json:"claim,omitempty"` // 0 was written by releases that had none
	Log     string `json:"log,omitempty"`
	Object  string `json:"object,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Ended   bool   `json:"ended,omitempty"`
	Damaged bool   `json:"damaged,omitempty"`
}

// Start implements outputs.Session.
func (s *Session) Start(ctx context.Context, b *record.Batch, done func(error)) {
	s.w.Start(ctx, b, func(err error) {
		if err != nil && !forGood(err) {
			s.w.prod.Break(err)
		}
		done(err)
	})
}

// forGood reports whether no record of the batch is to be sent again.
func forGood(err error) bool {
	var partial *outputs.PartialError
	if errors.As(err, &partial) {
		for _, r := range partial.Records {
			if !outputs.IsPermanent(r.Err) {
				return false
			}
		}
		return true
	}
	return outputs.IsPermanent(err) || errors.Is(err, record.ErrCorrupt)
}

// started notes that a batch is about to be sent. w.mu is held.
func (w *Writer) started(b *record.Batch) {
	if w.session != nil {
		w.session.last = b.End
	}
}

// cuts returns how many transactions of the session have been cut. w.mu is held.
func (w *Writer) cuts() int64 {
	if w.session == nil {
		return 0
	}
	return w.session.cuts
}

// Resolve implements outputs.Session.
func (s *Session) Resolve(ctx context.Context) (outputs.Position, bool, error) {
	s.w.mu.Lock()
	s.w.discard()
	s.last = 0
	s.w.mu.Unlock()
	s.mu.Lock()
	select {
	case <-s.broken:
		s.broken = make(chan struct{})
	default:
	}
	s.mu.Unlock()
	out := s.await()
	if !s.w.prod.Resolve() {
		return outputs.Position{}, false, producer.ErrClosed
	}
	select {
	case o := <-out:
		if o.err != nil {
			return outputs.Position{}, false, o.err
		}
		p, found := position(o.stored)
		return p, found, nil
	case <-ctx.Done():
		s.w.prod.Break(ctx.Err())
		return outputs.Position{}, false, ctx.Err()
	}
}

func position(o producer.Stored) (outputs.Position, bool) {
	var m stamp
	if !o.Found || json.Unmarshal([]byte(o.Metadata), &m) != nil {
		return outputs.Position{}, false
	}
	return outputs.Position{
		At:      o.Position,
		Log:     m.Log,
		Object:  m.Object,
		Digest:  m.Digest,
		Ended:   m.Ended,
		Damaged: m.Damaged,
	}, true
}

// await returns the channel on which the next outcome will come.
func (s *Session) await() <-chan outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcome = make(chan outcome, 1)
	return s.outcome
}

func (s *Session) sendOutcome(o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.outcome <- o:
	default:
	}
}

// discard gives back what is being put together. w.mu is held.
func (w *Writer) discard() {
	for k, p := range w.open {
		delete(w.open, k)
		p.content.finish(producer.ErrAborted)
	}
}

// Broken implements outputs.Session.
func (s *Session) Broken() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// Flush implements outputs.Flusher.
func (s *Session) Flush() { s.w.Flush() }

// Cut implements outputs.Session.
func (s *Session) Cut(empty bool) int64 {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.last == 0 && !empty {
		return 0 // no commit follows, which would be what the next batches waited for
	}
	s.w.flushAll()
	s.w.prod.Cut()
	end := s.last
	s.last = 0
	s.cuts++
	return end
}

// Commit implements outputs.Session.
func (s *Session) Commit(ctx context.Context, p outputs.Position) error {
	s.mu.Lock()
	claim := s.claim
	s.mu.Unlock()
	m, err := json.Marshal(
		stamp{
			Run:     s.run,
			Claim:   claim,
			Log:     p.Log,
			Object:  p.Object,
			Digest:  p.Digest,
			Ended:   p.Ended,
			Damaged: p.Damaged,
		},
	)
	if err == nil && len(m) > record.MaxNote {
		err = fmt.Errorf(
			"the position's metadata of %d bytes is over the limit of %d", len(m), record.MaxNote,
		)
	}
	if err != nil {
		s.Break()
		return err
	}
	out, broken := s.await(), s.Broken()
	if !s.w.prod.Commit(p.At, string(m)) {
		return producer.ErrClosed
	}
	select {
	case o := <-out:
		return o.err
	case <-broken:
		select {
		case o := <-out:
			return o.err
		default:
			return producer.ErrAborted
		}
	case <-ctx.Done():
		s.Break()
		return ctx.Err()
	}
}

// Break implements outputs.Session.
func (s *Session) Break() { s.w.prod.Break(errGivenUp) }

var errGivenUp = errors.New("given up")

// Close gives back what is not committed. The Writer's connections stay.
func (s *Session) Close() error {
	s.w.stop()
	return nil
}

// sessionEvents takes the answers of the producer's transactions.
type sessionEvents struct{ s *Session }

func (e sessionEvents) key() producer.Key {
	return producer.Key{Topic: "transactional id " + e.s.id, Partition: -1}
}

func (e sessionEvents) Ours(o producer.Stored) error {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	var m stamp
	switch {
	case !e.s.claimed || !o.Found || json.Unmarshal([]byte(o.Metadata), &m) != nil:
		return nil
	case m.Run == e.s.run || m.Claim < e.s.claim:
		return nil
	}
	return fmt.Errorf("transactional id %q: %w", e.s.id, outputs.ErrTaken)
}

// Resolved takes a position that is stable, and none can come after it but through this session or
// one that takes over from it.
func (e sessionEvents) Resolved(o producer.Stored) {
	var m stamp
	_ = json.Unmarshal([]byte(o.Metadata), &m) // what cannot be read claims nothing
	e.s.mu.Lock()
	if !e.s.claimed {
		// The time keeps claims apart where the position that had the last one is gone.
		e.s.claim = max(m.Claim+1, time.Now().UnixMilli())
	}
	e.s.mu.Unlock()
	e.s.sendOutcome(outcome{stored: o})
}

func (e sessionEvents) Committed() {
	e.s.w.metrics.committed.Inc()
	e.s.w.failing.worked(e.key())
	e.s.mu.Lock()
	e.s.claimed = true
	e.s.mu.Unlock()
	e.s.sendOutcome(outcome{})
}

func (e sessionEvents) Broken(err error) {
	e.s.w.metrics.aborted.Inc()
	switch {
	case errors.Is(err, errGivenUp),
		errors.Is(err, outputs.ErrTaken),
		errors.Is(err, context.Canceled):
		// told elsewhere, or no trouble
	default:
		e.s.w.failing.failed(e.key(), err)
	}
	e.s.mu.Lock()
	select {
	case <-e.s.broken:
	default:
		close(e.s.broken)
	}
	e.s.mu.Unlock()
	e.s.sendOutcome(outcome{err: err})
}

func (e sessionEvents) Delayed(err error) { e.s.w.failing.failed(e.key(), err) }

// OnProgress implements outputs.Progresser.
func (s *Session) OnProgress(progressed func()) { s.progressed = progressed }

func (e sessionEvents) Progressed() {
	if e.s.progressed != nil {
		e.s.progressed()
	}
}

func (e sessionEvents) EndedAgain(committed bool) {
	e.s.w.metrics.endedAgain.Inc()
	e.s.w.env.Log.Warn(
		"Kafka's group coordinator still held this output's position as one of an open transaction, long after that had ended: it was ended once more, in the same way",
		"transactional_id", e.s.id, "committed", committed,
		"do", "nothing; it happens when the broker that coordinates the group is killed",
	)
}
