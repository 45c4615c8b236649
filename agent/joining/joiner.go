package joining

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs/join"
)

// Store is a buffer as one input sees it.
type Store interface {
	// Append is that of inputs.Sink. replayable says that all of it can be read again, or stands on
	// disk in another form, if the input is one that reads again.
	Append(
		ctx context.Context, b *record.Batch, positions []record.Position, replayable bool,
		done func(error),
	) error
	// Positions is that of inputs.Sink.
	Positions() map[string][]byte
	// DeadLetter takes what can be neither kept nor passed on.
	DeadLetter(ctx context.Context, b *record.Batch, reason string) error
}

// These bound what is held of one input. What is over them passes as it is, and is counted.
const (
	maxHeld      = 10_000
	maxHeldBytes = 16 << 20
)

// Batches of one tag and origin are joined one after the other, those of others beside them.
const shards = 32

type shard struct {
	turn  chan struct{} // of one: who has put something in may use slots
	slots map[slotID]*slot
}

func (s *shard) lock(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *shard) unlock() { <-s.turn }

// Held returns how many events are held, by all keys.
func (j *Joiner) Held() int64 { return j.count.Load() }

// Holds reports whether something of that tag and origin is held back, or is being appended.
func (j *Joiner) Holds(tag, origin string) bool {
	s := j.shard(tag, origin)
	select {
	case s.turn <- struct{}{}:
	default:
		return true
	}
	defer s.unlock()
	for _, slot := range s.slots {
		if slot.tag == tag && slot.origin == origin {
			return true
		}
	}
	return false
}

// way is one filter's way of joining.
type way struct {
	f                 *filter.Multiline
	rules             *join.Rules // nil: only parts of lines are joined
	separator         string
	timeout           time.Duration
	maxLines, maxSize int
	readers           sync.Pool
}

func newWay(f *filter.Multiline) *way {
	c := f.Config()
	w := &way{
		f: f, rules: f.Rules(), separator: c.Separator, timeout: c.Timeout, maxLines: c.MaxLines,
		maxSize: int(c.MaxSize),
	}
	w.readers.New = func() any { return f.NewReader() }
	return w
}

// Joiner joins what one input appends.
type Joiner struct {
	ways  []*way // the first that a record is the business of counts
	store Store
	log   *slog.Logger
	now   func() time.Time

	shards       [shards]shard
	count, bytes atomic.Int64 // of what is held
	seq          atomic.Int64
	appending    sync.WaitGroup // appends whose outcome is not known
	generation   int            // tells what it stores from what is stored when it begins

	wake   chan struct{} // something is held
	cancel context.CancelFunc
	ended  chan struct{} // closed once flushing has ended
	logged fault.Throttle
}

// New returns a Joiner that goes on with what is stored. Close it.
func New(
	ctx context.Context, filters []*filter.Multiline, store Store, log *slog.Logger,
) (*Joiner, error) {
	j := newJoiner(filters, store, log)
	if err := j.load(ctx); err != nil {
		j.appending.Wait() // the next one reads what is stored
		return nil, fmt.Errorf("what a multiline filter holds: %w", err)
	}
	flushing, cancel := context.WithCancel(context.Background())
	j.cancel, j.ended = cancel, make(chan struct{})
	go j.flush(flushing)
	return j, nil
}

func newJoiner(filters []*filter.Multiline, store Store, log *slog.Logger) *Joiner {
	j := &Joiner{store: store, log: log, now: time.Now, wake: make(chan struct{}, 1)}
	for _, f := range filters {
		j.ways = append(j.ways, newWay(f))
	}
	for i := range j.shards {
		j.shards[i] = shard{turn: make(chan struct{}, 1), slots: map[slotID]*slot{}}
	}
	return j
}

func (j *Joiner) shard(tag, origin string) *shard {
	return &j.shards[(xxhash.Sum64String(tag)*31+xxhash.Sum64String(origin))%shards]
}

// Append is that of inputs.Sink, with what is joined in place of b. Safe for concurrent use.
func (j *Joiner) Append(
	ctx context.Context, b *record.Batch, positions []record.Position, done func(error),
) error {
	replayable := len(positions) > 0
	if b == nil || b.Len() == 0 {
		return j.append(ctx, b, positions, replayable, done)
	}
	records, err := b.Records()
	if err != nil {
		return j.append(ctx, b, positions, replayable, done) // who reads it reports it
	}
	sh := j.shard(b.Tag, b.Origin)
	if err := sh.lock(ctx); err != nil {
		return err
	}
	defer sh.unlock()
	t := j.begin(sh, b)
	for r := range records {
		t.add(r)
	}
	if err := t.commit(ctx, positions, replayable, done); err != nil {
		return err
	}
	if len(sh.slots) > 0 {
		select {
		case j.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

func (j *Joiner) append(
	ctx context.Context, b *record.Batch, positions []record.Position, replayable bool,
	done func(error),
) error {
	if b == nil && len(positions) == 0 && done == nil {
		return nil
	}
	j.appending.Add(1)
	err := j.store.Append(ctx, b, positions, replayable, func(err error) {
		defer j.appending.Done()
		if done != nil {
			done(err)
		}
	})
	if err != nil {
		j.appending.Done()
	}
	return err
}

// load takes up what is stored.
func (j *Joiner) load(ctx context.Context) error {
	all, last, err := takeStored(ctx, j.store)
	if err != nil {
		return err
	}
	j.generation = last + 1
	for _, s := range all {
		sh := j.shard(s.tag, s.origin)
		t := j.begin(sh, record.FromRecords(s.tag, s.origin, s.parts))
		t.store, t.alters = s.forget(), true
		for i := range s.parts {
			t.add(&s.parts[i])
		}
		if err := t.commit(ctx, nil, true, nil); err != nil {
			return err
		}
	}
	j.wake <- struct{}{}
	return nil
}

// flush takes what nothing follows as complete, until ctx ends.
func (j *Joiner) flush(ctx context.Context) {
	defer close(j.ended)
	tick := time.Second
	for _, w := range j.ways {
		tick = min(tick, max(w.timeout/4, 5*time.Millisecond))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-j.wake:
		}
		for j.count.Load() > 0 {
			if fault.Sleep(ctx, tick) != nil {
				return
			}
			err := j.end(ctx, false)
			if n := j.logged.Due(1, time.Now()); err != nil && ctx.Err() == nil && n > 0 {
				j.log.Warn(
					"what a multiline filter holds cannot be appended; it is kept, and tried again",
					"error", err, "do", "see what the buffer says",
				)
			}
		}
	}
}

// end takes as complete what nothing has followed for long, or all.
func (j *Joiner) end(ctx context.Context, all bool) error {
	var errs []error
	for i := range j.shards {
		errs = append(errs, j.endShard(ctx, &j.shards[i], all))
	}
	return errors.Join(errs...)
}

func (j *Joiner) endShard(ctx context.Context, sh *shard, all bool) error {
	if err := sh.lock(ctx); err != nil {
		return err
	}
	defer sh.unlock()
	now := j.now()
	due := map[[2]string][]*slot{}
	for _, s := range sh.slots {
		if all || now.Sub(s.since) >= j.ways[s.way].timeout {
			from := [2]string{s.tag, s.origin}
			due[from] = append(due[from], s)
		}
	}
	for from, list := range due {
		slices.SortFunc(list, func(a, b *slot) int { return cmp.Compare(a.seq, b.seq) })
		t := j.begin(sh, record.FromRecords(from[0], from[1], nil))
		t.alters = true
		for _, s := range list {
			t.endAll(t.change(s))
		}
		if err := t.commit(ctx, nil, true, nil); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the Joiner once no call of Append is under way, and returns when the outcome of all
// that was appended is known. With deliver, what is held is appended before; otherwise, and if that
// fails, it stays stored for the next Joiner.
func (j *Joiner) Close(ctx context.Context, deliver bool) error {
	j.cancel()
	<-j.ended
	var err error
	if deliver {
		err = j.end(ctx, true)
	}
	j.appending.Wait()
	return err
}

// All joins what is in b as though nothing followed, and stores nothing.
func All(filters []*filter.Multiline, b *record.Batch) (*record.Batch, error) {
	records, err := b.Records()
	if err != nil {
		return nil, err
	}
	j := newJoiner(filters, nil, nil)
	t := j.begin(j.shard(b.Tag, b.Origin), b)
	for r := range records {
		t.add(r)
	}
	for _, s := range t.order {
		t.endAll(s)
	}
	return built(b, t.out), nil
}
