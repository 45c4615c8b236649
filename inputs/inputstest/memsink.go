package inputstest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/prometheus/client_golang/prometheus"
)

// ErrCrashed is what a crashed sink answers.
var ErrCrashed = errors.New("the sink has crashed")

// Record is a durable record with the batch's tag and origin.
type Record struct {
	record.Record
	Tag, Origin string
}

// MemSink is an inputs.Sink in memory. What is appended waits until it is made durable: at once by
// default, or at Sync after Hold. Safe for concurrent use. Make one with New.
type MemSink struct {
	mu      sync.Mutex
	changed sync.Cond
	pending []entry
	blocked bool
	hold    bool
	crashed bool
	fail    error
	told    <-chan struct{} // closed when everybody knows of what is durable
	packed  int
	appends int
	waiting int // calls of Append that wait for Unblock
	refused int // calls of Append that returned an error
	maps    bool

	records   []Record
	batches   []*record.Batch
	positions map[string][]byte
}

type entry struct {
	batch     *record.Batch
	positions []inputs.Position
	done      func(error)
}

// New returns an empty sink.
func New() *MemSink {
	s := &MemSink{positions: map[string][]byte{}}
	s.changed.L = &s.mu
	return s
}

// Append implements inputs.Sink.
func (s *MemSink) Append(
	ctx context.Context, b *record.Batch, positions []inputs.Position, done func(error),
) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting++
	for s.blocked && !s.crashed && ctx.Err() == nil {
		s.changed.Wait()
	}
	s.waiting--
	if err := s.refusalLocked(ctx); err != nil {
		s.refused++
		return err
	}
	kept := make([]inputs.Position, len(positions))
	for i, p := range positions {
		kept[i] = inputs.Position{Key: p.Key, Value: bytes.Clone(p.Value)}
	}
	s.appends++
	s.pending = append(s.pending, entry{b, kept, done})
	if !s.hold {
		s.syncLocked(len(s.pending))
	}
	s.changed.Broadcast()
	return nil
}

func (s *MemSink) refusalLocked(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.crashed:
		return ErrCrashed
	}
	return s.fail
}

// Pack implements inputs.Packer; it compresses as the buffer does.
func (s *MemSink) Pack(b *record.Batch) error {
	_, err := b.PackedAsKept(record.Snappy)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packed++
	return err
}

// TakeMaps makes TakesMaps say so.
func (s *MemSink) TakeMaps() { s.set(func() { s.maps = true }) }

// TakesMaps implements inputs.MapTaker.
func (s *MemSink) TakesMaps() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.maps }

// Positions implements inputs.Sink.
func (s *MemSink) Positions() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.positions)
}

func (s *MemSink) syncLocked(n int) {
	for _, e := range s.pending[:n] {
		if e.batch != nil {
			s.batches = append(s.batches, e.batch)
			records, err := e.batch.Records()
			if err != nil {
				panic(err) // the sink made no copy and damaged nothing
			}
			for r := range records {
				s.records = append(
					s.records, Record{Record: r.Clone(), Tag: e.batch.Tag, Origin: e.batch.Origin},
				)
			}
		}
		for _, p := range e.positions {
			if p.Value == nil {
				delete(s.positions, p.Key)
			} else {
				s.positions[p.Key] = p.Value
			}
		}
	}
	s.told = tell(s.told, s.pending[:n])
	s.pending = slices.Clone(s.pending[n:])
}

// tell calls the entries' done in a goroutine of its own, after those that prev stands for.
func tell(prev <-chan struct{}, entries []entry) <-chan struct{} {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		if prev != nil {
			<-prev
		}
		for _, e := range entries {
			if e.done != nil {
				e.done(nil)
			}
		}
	}()
	return finished
}

// Block makes Append wait, as a full buffer does.
func (s *MemSink) Block() { s.set(func() { s.blocked = true }) }

// Unblock undoes Block.
func (s *MemSink) Unblock() { s.set(func() { s.blocked = false }) }

// Fail makes Append return err; nil ends it.
func (s *MemSink) Fail(err error) { s.set(func() { s.fail = err }) }

// Hold keeps what is appended from now on from becoming durable until Sync.
func (s *MemSink) Hold() { s.set(func() { s.hold = true }) }

// Release makes everything durable, and what follows at once.
func (s *MemSink) Release() { s.set(func() { s.hold = false; s.syncLocked(len(s.pending)) }) }

// Sync makes the n oldest pending appends durable, or all if n is negative or too large.
func (s *MemSink) Sync(n int) {
	s.set(func() {
		if n < 0 || n > len(s.pending) {
			n = len(s.pending)
		}
		s.syncLocked(n)
	})
}

func (s *MemSink) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.changed.Broadcast()
}

// Crash forgets what is not durable, tells those who wait for it, and refuses everything from now
// on.
func (s *MemSink) Crash() {
	s.mu.Lock()
	lost := s.pending
	s.pending, s.crashed = nil, true
	s.changed.Broadcast()
	s.mu.Unlock()
	for _, e := range lost {
		if e.done != nil {
			e.done(ErrCrashed)
		}
	}
}

// Reopen ends a crash: the sink goes on with what was durable.
func (s *MemSink) Reopen() { s.set(func() { s.crashed, s.blocked, s.fail = false, false, nil }) }

// Pending returns the number of appends that are not durable.
func (s *MemSink) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending)
}

// Packed returns how often Pack was called, Appends how often Append succeeded.
func (s *MemSink) Packed() int  { s.mu.Lock(); defer s.mu.Unlock(); return s.packed }
func (s *MemSink) Appends() int { s.mu.Lock(); defer s.mu.Unlock(); return s.appends }

// Waiting returns how many calls of Append wait, Refused how many returned an error.
func (s *MemSink) Waiting() int { s.mu.Lock(); defer s.mu.Unlock(); return s.waiting }
func (s *MemSink) Refused() int { s.mu.Lock(); defer s.mu.Unlock(); return s.refused }

// Records returns the durable records in order.
func (s *MemSink) Records() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[:len(s.records):len(s.records)]
}

// Batches returns the durable batches in order.
func (s *MemSink) Batches() []*record.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.batches[:len(s.batches):len(s.batches)]
}

// Values returns the durable records' values in order.
func (s *MemSink) Values() []string {
	records := s.Records()
	out := make([]string, len(records))
	for i := range records {
		out[i] = string(records[i].Value)
	}
	return out
}

// Wait blocks until cond, which must not call the sink's methods, holds for the durable records,
// and reports whether it did before ctx ended.
func (s *MemSink) Wait(ctx context.Context, cond func([]Record) bool) bool {
	stop := context.AfterFunc(ctx, func() { s.set(func() {}) })
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !cond(s.records) {
		if ctx.Err() != nil {
			return false
		}
		s.changed.Wait()
	}
	return true
}

// Env returns what an agent would lend to an input: no logs, a fresh registry, dir as its
// directory.
func Env(name, dir string) inputs.Env {
	return inputs.Env{
		Name:       name,
		Agent:      "agent-1",
		Log:        slog.New(slog.DiscardHandler),
		Metrics:    prometheus.NewRegistry(),
		Dir:        dir,
		DeadLetter: func(context.Context, *record.Batch, string) error { return nil },
	}
}
