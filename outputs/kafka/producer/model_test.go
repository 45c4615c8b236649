package producer

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/twmb/franz-go/pkg/kerr"
)

func modelSteps(t *testing.T) int { return runtest.Number(t, "PENSTOCK_STEPS", 1_000_000) }

// modelLog is a partition as brokers keep it: the records and what they know of producers.
type modelLog struct {
	leader  int32
	records []int // source record numbers
	size    int   // batches larger than this are refused
	idle    int64 // when something was last appended, or said to be
	old     bool  // a producer that is not known must begin at sequence 0, as before Kafka 2.5
	states  map[int64]*modelState

	// A partition that died alone: its leader answers with dead, and appends nothing unless appends
	// is set.
	dead    int16
	appends bool
}

type modelState struct {
	epoch int16
	last  int32 // -1: nothing of this epoch yet
	cache []modelEntry
}

type modelEntry struct{ first, last int32 }

// append does what a broker does with a batch of an idempotent producer:
// https://github.com/apache/kafka/blob/4.0/storage/src/main/java/org/apache/kafka/storage/internals/log/ProducerAppendInfo.java
func (l *modelLog) append(broker int32, b *RequestBatch) int16 {
	recs := b.Item.Owner.(interface{ records() []int }).records()
	if l.leader != broker {
		return kerr.NotLeaderForPartition.Code
	}
	if l.dead != 0 && !l.appends {
		return l.dead
	}
	if len(recs) > l.size {
		return kerr.MessageTooLarge.Code
	}
	first, last := b.Sequence, addSequence(b.Sequence, int32(len(recs))-1)
	s := l.states[b.ID]
	switch {
	case s == nil && l.old && first != 0:
		return kerr.UnknownProducerID.Code
	case s == nil:
		s = &modelState{epoch: b.Epoch}
		l.states[b.ID] = s
	case b.Epoch < s.epoch:
		return kerr.InvalidProducerEpoch.Code
	case b.Epoch > s.epoch:
		if first != 0 {
			return kerr.OutOfOrderSequenceNumber.Code
		}
		s.epoch, s.cache = b.Epoch, nil
	default:
		for _, e := range s.cache {
			if e.first == first && e.last == last {
				return kerr.DuplicateSequenceNumber.Code
			}
		}
		if first != addSequence(s.last, 1) {
			return kerr.OutOfOrderSequenceNumber.Code
		}
	}
	s.last = last
	if s.cache = append(s.cache, modelEntry{first, last}); len(s.cache) > 5 {
		s.cache = s.cache[1:]
	}
	l.records = append(l.records, recs...)
	return 0
}

// modelBatch is consecutive records of a partition's source.
type modelBatch struct{ recs []int }

// modelSource is the log that feeds one partition, and its drain loop: after a failure it goes back
// to the first failed record.
type modelSource struct {
	key    Key
	next   int // first record not given to the machine
	base   int // first record not reported delivered
	out    []*Item
	unsure map[int]bool // records that may be duplicated
	maybe  map[int]bool // records that were refused while in doubt
	gone   map[int]bool // records moved to the overflow, which are not in the log
	most   int          // first record that was never given to the machine
	fixed  int          // size of batches when they are rebatched; 0: any
	broken bool         // a batch failed and nothing was delivered since
	late   []*Item      // behind a batch that was given back, and crossing with that
	cross  int          // where such a batch begins; 0: none is under way
	left   bool         // nobody waits for what is out
}

type modelFlight struct {
	r       *Request
	applied bool
	results []Result
}

type model struct {
	t        testing.TB
	rng      *rand.Rand
	m        *Machine
	now      int64
	logs     map[Key]*modelLog
	sources  map[Key]*modelSource
	keys     []Key
	conns    [3][]*modelFlight // requests on each broker's connection, in order
	zombies  [3][]*modelFlight // given up by the client, still on their way
	nextID   int64
	rebatch  bool // a repeated batch has other bounds
	failures map[Key]bool
	denied   map[string]int64
	sum      modelSum
	bad      string
}

func newModel(t testing.TB, rng *rand.Rand, faults Faults, rebatch bool) *model {
	w := &model{
		t:        t,
		rng:      rng,
		logs:     map[Key]*modelLog{},
		sources:  map[Key]*modelSource{},
		failures: map[Key]bool{},
		denied:   map[string]int64{},
		rebatch:  rebatch,
	}
	w.m = NewMachine(Config{
		Inflight: 1 + rng.IntN(
			5,
		),
		RequestBytes:    1 + rng.IntN(30),
		DeliveryTimeout: 200 * time.Millisecond,
		BackoffMin:      time.Millisecond,
		BackoffMax:      20 * time.Millisecond,
		Spread: func(d time.Duration) time.Duration {
			return d - d/4 + time.Duration(rng.Int64N(int64(d/2)+1))
		},
		Faults: faults,
	}, w)
	for i := range 1 + rng.IntN(3) {
		k := Key{fmt.Sprint("t", i), int32(i)}
		w.keys = append(w.keys, k)
		w.logs[k] = &modelLog{
			leader: int32(rng.IntN(3)),
			size:   6,
			old:    rng.IntN(2) == 0,
			states: map[int64]*modelState{},
		}
		w.sources[k] = &modelSource{
			key:    k,
			unsure: map[int]bool{},
			gone:   map[int]bool{},
			maybe:  map[int]bool{},
		}
		if rebatch && rng.IntN(2) == 0 {
			w.sources[k].fixed = 3
		}
	}
	return w
}

func (w *model) fail(format string, args ...any) {
	if w.bad == "" {
		w.bad = fmt.Sprintf(format, args...)
	}
}

func (w *model) Delivered(it *Item) {
	b := it.Owner.(*modelBatch)
	for _, s := range w.sources {
		if len(s.out) == 0 || s.out[0] != it {
			continue
		}
		s.out = s.out[1:]
		l := w.logs[s.key]
		l.idle = w.now
		// All of it must be in the log.
		have := map[int]bool{}
		for _, r := range l.records[max(0, len(l.records)-400):] {
			have[r] = true
		}
		for _, r := range b.recs {
			if !have[r] {
				w.fail("%v: record %d was reported delivered and is not in the log", s.key, r)
			}
		}
		s.base = b.recs[len(b.recs)-1] + 1
		s.broken = false
		if len(s.out) == 0 && s.left {
			s.left = false
			s.next, s.broken = s.base, true
		}
		return
	}
	w.fail("delivered out of order: %v", b.recs)
}

func (w *model) Failed(it *Item, err error) {
	if !errors.Is(err, ErrTimeout) {
		w.fail("failed with %v", err)
	}
	for _, s := range w.sources {
		if i := slices.Index(s.late, it); i >= 0 {
			s.late = nil
			w.sum.crossed++
			return
		}
		i := slices.Index(s.out, it)
		if i < 0 || i > 0 && !s.left {
			continue
		}
		w.sum.given++
		if s.cross == 0 {
			s.cross = s.next
		}
		if s.out = slices.Delete(s.out, i, i+1); len(s.out) == 0 || !s.left {
			s.left = false
			s.next, s.broken = s.base, true
		}
		return
	}
	w.fail("failed out of order")
}

func (w *model) Behind(it *Item) bool {
	for _, s := range w.sources {
		if i := slices.Index(s.late, it); i >= 0 {
			return true
		}
	}
	return false
}

// Denied gives a topic up after a while.
func (w *model) Denied(topic string, err error, missing bool) bool {
	if w.denied[topic] == 0 {
		w.denied[topic] = w.now
	}
	return w.now-w.denied[topic] > int64(50*time.Millisecond)
}

func (w *model) Present(string) {}

func (w *model) Unwanted(it *Item) bool {
	for _, s := range w.sources {
		if s.left && slices.Contains(s.out, it) {
			return true
		}
	}
	return false
}

func (w *model) Overdue(k Key, err error) {
	w.sum.overdue++
	for _, s := range w.sources {
		for _, it := range s.out {
			if it.unsure {
				return
			}
		}
	}
	w.fail("%v is kept although nothing is in doubt: %v", k, err)
}

func (w *model) Rejected(k Key, it *Item, res Result) []*Item {
	b := it.Owner.(*modelBatch)
	if res.Code == kerr.TopicAuthorizationFailed.Code {
		s := w.sources[k]
		if len(s.out) == 0 || s.out[0] != it {
			w.fail("%v: %v were refused before what is before them", k, b.recs)
			return nil
		}
		w.sum.refused++
		for _, r := range b.recs {
			if s.gone[r] = !it.unsure; it.unsure {
				s.maybe[r] = true
			}
		}
		s.out, s.base, s.broken = s.out[1:], b.recs[len(b.recs)-1]+1, false
		if len(s.out) == 0 && s.left {
			s.left = false
			s.next, s.broken = s.base, true
		}
		return nil
	}
	if res.Code != kerr.MessageTooLarge.Code || len(b.recs) < 2 {
		w.fail("rejected %v with %d", b.recs, res.Code)
		return nil
	}
	half := len(b.recs) / 2
	parts := []*Item{newModelItem(b.recs[:half]), newModelItem(b.recs[half:])}
	s := w.sources[k]
	for i, o := range s.out {
		if o == it {
			s.out = append(append(append([]*Item(nil), s.out[:i]...), parts...), s.out[i+1:]...)
			return parts
		}
	}
	w.fail("rejected what was not given")
	return nil
}

func (w *model) AttemptFailed(k Key, err error) { w.failures[k] = true }
func (w *model) Recovered(k Key)                { w.failures[k] = false }
func (w *model) Renumbered(Key)                 {}

func newModelItem(recs []int) *Item {
	return &Item{Count: int32(len(recs)), Size: len(recs), Owner: &modelBatch{recs}}
}

func (w *model) step() {
	rng := w.rng
	w.now += int64(rng.IntN(int(2 * time.Millisecond)))
	k := w.keys[rng.IntN(len(w.keys))]
	s, l := w.sources[k], w.logs[k]
	b := int32(rng.IntN(3))
	switch rng.IntN(20) {
	case 0, 1, 2, 3: // the source has a batch
		if len(s.out) > 8 || s.left {
			return
		}
		// its start crosses with the failure of what is before it
		if s.cross > 0 && len(s.out) == 0 && rng.IntN(3) == 0 {
			it := newModelItem([]int{s.cross})
			s.late = []*Item{it}
			if w.m.Add(k, it, w.now); s.late != nil {
				w.fail("%v: a batch overtakes what was given back", k)
			}
			return
		}
		s.cross = 0
		// The same records make the same batch when they come again, unless the model rebatches.
		n := 1 + (s.next*7+3)%5
		if w.rebatch {
			if n = s.fixed; n == 0 {
				n = 1 + rng.IntN(5)
			}
			// failover takes some records elsewhere
			if s.broken && len(s.out) == 0 && rng.IntN(3) == 0 {
				for range 1 + rng.IntN(20) {
					s.gone[s.next] = true
					s.next++
				}
				s.base, s.broken = s.next, false
			}
		} else if s.next%41 == 40 {
			n = 9 // too large for the topic
		}
		recs := make([]int, n)
		for i := range recs {
			recs[i] = s.next + i
		}
		s.next += n
		s.most = max(s.most, s.next)
		it := newModelItem(recs)
		s.out = append(s.out, it)
		w.m.Add(k, it, w.now)
	case 4, 5, 6, 7, 8, 9: // the client sends
		if r := w.m.Next(b, w.now); r != nil {
			w.conns[b] = append(w.conns[b], &modelFlight{r: r})
		}
	case 10, 11, 12, 13, 14: // the broker works off its connection and answers
		if len(w.conns[b]) == 0 {
			return
		}
		f := w.conns[b][0]
		w.apply(f)
		if rng.IntN(12) == 0 {
			w.breakConn(b)
			return
		}
		w.conns[b] = w.conns[b][1:]
		w.sum.answered++
		w.m.Done(f.r, f.results, w.now)
	case 15: // a connection breaks or times out with all that is on it
		if rng.IntN(4) == 0 {
			w.breakConn(b)
		}
		if rng.IntN(40) == 0 && len(s.out) > 0 { // a flight is given up
			s.left = true
		}
	case 16: // something long given up arrives
		if len(w.zombies[b]) > 0 {
			f := w.zombies[b][0]
			w.zombies[b] = w.zombies[b][1:]
			if rng.IntN(2) == 0 {
				w.apply(f)
			}
		}
	case 17: // a leader moves
		if rng.IntN(8) == 0 {
			l.leader = int32(rng.IntN(3))
		}
		if rng.IntN(4) == 0 {
			delete(w.denied, k.Topic)
		}
		if l.dead = 0; rng.IntN(3) == 0 {
			l.dead = []int16{
				kerr.NotEnoughReplicas.Code, kerr.RequestTimedOut.Code, kerr.NotEnoughReplicasAfterAppend.Code, kerr.TopicAuthorizationFailed.Code,
			}[rng.IntN(4)]
			l.appends = l.dead == kerr.NotEnoughReplicasAfterAppend.Code ||
				l.dead == kerr.RequestTimedOut.Code && rng.IntN(2) == 0
		}
		// Expired. What may yet come twice would not be known again.
		if len(s.out) == 0 && s.base >= s.most && !w.underway(k) {
			w.now = max(w.now, l.idle+forgetAfter+1)
			clear(l.states)
		}
		if rng.IntN(60) == 0 {
			w.now += int64(300 * time.Millisecond) // nobody does anything for a while: an outage
		}
	case 18:
		for _, k := range w.keys {
			if rng.IntN(2) == 0 {
				w.m.SetLeader(k, w.logs[k].leader)
			}
		}
		if rng.IntN(30) == 0 {
			w.m.SetLeader(k, -1)
		}
	case 19:
		for _, k := range w.m.Identities(w.now) {
			if rng.IntN(4) == 0 {
				w.m.Identify(k, 0, 0, errors.New("no"), w.now)
				continue
			}
			w.nextID++
			epoch := int16(0)
			if rng.IntN(3) == 0 {
				epoch = math.MaxInt16 - int16(rng.IntN(2)) // after many bumps
			}
			w.m.Identify(k, w.nextID, epoch, nil, w.now)
		}
		w.m.Expire(w.now)
	}
}

// underway reports whether a request for k has not been answered, or may yet arrive.
func (w *model) underway(k Key) bool {
	for _, flights := range append(w.conns[:], w.zombies[:]...) {
		for _, f := range flights {
			for i := range f.r.Batches {
				if f.r.Batches[i].Key == k {
					return true
				}
			}
		}
	}
	return false
}

func (w *model) apply(f *modelFlight) {
	if f.applied {
		return
	}
	f.applied = true
	for i := range f.r.Batches {
		b := &f.r.Batches[i]
		l := w.logs[b.Key]
		code := l.append(f.r.Broker, b)
		if code == 0 {
			l.idle = w.now
		}
		if code == kerr.UnknownProducerID.Code {
			w.sum.unknown++
		}
		if code == 0 && w.rng != nil && w.rng.IntN(50) == 0 {
			code = kerr.RequestTimedOut.Code // appended, and not replicated in time
		}
		if code == 0 && l.dead != 0 {
			code = l.dead
		}
		f.results = append(f.results, Result{Code: code})
	}
}

// breakConn loses a connection: what was on it may or may not arrive, and the client learns
// nothing.
func (w *model) breakConn(b int32) {
	for _, f := range w.conns[b] {
		if !f.applied {
			w.zombies[b] = append(w.zombies[b], f)
		}
		results := make([]Result, len(f.r.Batches))
		for i := range results {
			results[i].Err = errors.New("connection lost")
		}
		w.m.Done(f.r, results, w.now)
	}
	w.conns[b] = nil
}

// check verifies every log: no record lost or out of order, none twice but where that is allowed.
func (w *model) check() {
	for k, l := range w.logs {
		s := w.sources[k]
		next, late := 0, map[int]bool{}
		for i, r := range l.records {
			if s.gone[r] {
				w.fail("%v: record %d went elsewhere and is in the log", k, r)
				return
			}
			if s.maybe[r] && !late[r] { // once, at any time
				if late[r] = true; r == next {
					next++
				}
				continue
			}
			for r > next && (s.gone[next] || s.maybe[next]) {
				next++
			}
			switch {
			case r == next:
				next++
			case r > next:
				w.fail("%v: record %d at %d where %d was due", k, r, i, next)
				return
			case !s.unsure[r]:
				w.fail("%v: record %d twice", k, r)
				return
			}
		}
		for s.gone[next] || s.maybe[next] {
			next++
		}
		if next < s.base {
			w.fail("%v: %d records delivered, %d in the log", k, s.base, next)
		}
	}
}

// modelSum is what model runs came across.
type modelSum struct{ answered, delivered, unknown, overdue, given, crossed, refused int }

func runModel(t testing.TB, seed uint64, steps int, faults Faults) (bad string, sum modelSum) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for steps > 0 {
		w := newModel(t, rng, faults, rng.IntN(3) == 0)
		n := min(steps, 2000)
		for range n {
			w.step()
			if w.bad != "" {
				return w.bad, sum
			}
		}
		w.check()
		if w.bad == "" {
			w.settle()
			w.check()
		}
		for _, s := range w.sources {
			w.sum.delivered += s.base
		}
		sum = modelSum{
			sum.answered + w.sum.answered,
			sum.delivered + w.sum.delivered,
			sum.unknown + w.sum.unknown,
			sum.overdue + w.sum.overdue,
			sum.given + w.sum.given,
			sum.crossed + w.sum.crossed,
			sum.refused + w.sum.refused,
		}
		if w.bad != "" {
			return w.bad, sum
		}
		steps -= n
	}
	return "", sum
}

// settle ends all faults and waits until everything is delivered: nothing may be stuck.
func (w *model) settle() {
	for _, l := range w.logs {
		l.dead = 0
	}
	for range 20_000 {
		idle := true
		for _, s := range w.sources {
			if len(s.out) > 0 {
				idle = false
			} else if s.next < s.base {
				w.fail("source went back behind what was delivered")
			}
		}
		if idle {
			return
		}
		w.now += int64(time.Millisecond)
		for _, k := range w.keys {
			w.m.SetLeader(k, w.logs[k].leader)
		}
		for _, k := range w.m.Identities(w.now) {
			w.nextID++
			w.m.Identify(k, w.nextID, 0, nil, w.now)
		}
		for b := range int32(3) {
			for r := w.m.Next(b, w.now); r != nil; r = w.m.Next(b, w.now) {
				w.conns[b] = append(w.conns[b], &modelFlight{r: r})
			}
			for len(w.conns[b]) > 0 {
				f := w.conns[b][0]
				w.conns[b] = w.conns[b][1:]
				w.apply(f)
				w.m.Done(f.r, f.results, w.now)
			}
		}
	}
	w.fail("stuck: not everything was delivered after all faults had ended")
}

func TestModel(t *testing.T) {
	seed := runtest.Seed(t)
	steps := modelSteps(t)
	bad, sum := runModel(t, seed, steps, Faults{})
	if bad != "" {
		t.Fatalf("%s (PENSTOCK_SEED=%d)", bad, seed)
	}
	t.Logf("%d steps: %+v", steps, sum)
	if sum.delivered < steps/50 || sum.unknown < steps/500_000 || sum.overdue < steps/2_000 ||
		sum.given < steps/2_000 ||
		sum.crossed < steps/20_000 ||
		sum.refused < steps/5_000 {
		t.Fatalf("the model hardly delivers, forgets, keeps or gives back: %+v in %d steps", sum, steps)
	}
}

// A leader that has forgotten an idle producer takes any sequence: it gets one batch, and what is
// behind it only once that is taken.
func TestGateAfterIdleness(t *testing.T) {
	w, s, l := newTinyModel(t)
	w.give(s, 0)
	w.settle()
	w.now += forgetAfter + 1
	clear(l.states)
	w.give(s, 1, 2) // too large
	w.give(s, 3)
	if w.m.Next(0, w.now) == nil || w.m.Next(0, w.now) != nil {
		t.Fatal("not one request is in flight")
	}
}

// A leader that refuses a batch and takes one behind it has forgotten the producer: the later batch
// proves nothing about the earlier one.
func TestGapAfterAForgottenProducer(t *testing.T) {
	w, s, l := newTinyModel(t)
	s.unsure = map[int]bool{1: true, 2: true, 3: true}
	w.give(s, 0)
	w.settle()
	w.give(s, 1, 2) // too large
	w.give(s, 3)
	var flights []*modelFlight
	for r := w.m.Next(0, w.now); r != nil; r = w.m.Next(0, w.now) {
		flights = append(flights, &modelFlight{r: r})
	}
	if len(flights) != 2 {
		t.Fatalf("%d requests in flight, want 2", len(flights))
	}
	clear(l.states)
	for _, f := range flights {
		w.apply(f)
		w.m.Done(f.r, f.results, w.now)
	}
	w.settle()
	if got, want := fmt.Sprint(l.records), "[0 3 1 2 3]"; got != want || w.bad != "" {
		t.Fatalf("the log has %s, want %s; %s", got, want, w.bad)
	}
}

// newTinyModel returns a model without chance: one partition, whose leader takes one record at a
// time.
func newTinyModel(t *testing.T) (*model, *modelSource, *modelLog) {
	k := Key{"t", 0}
	s, l := &modelSource{
		key:    k,
		unsure: map[int]bool{},
	}, &modelLog{
		size:   1,
		states: map[int64]*modelState{},
	}
	w := &model{
		t:        t,
		keys:     []Key{k},
		sources:  map[Key]*modelSource{k: s},
		logs:     map[Key]*modelLog{k: l},
		failures: map[Key]bool{},
	}
	w.m = NewMachine(
		Config{
			Inflight:        5,
			RequestBytes:    1,
			DeliveryTimeout: time.Hour,
			BackoffMin:      1,
			BackoffMax:      1,
		},
		w,
	)
	w.m.SetLeader(k, 0)
	return w, s, l
}

// give adds records as one batch.
func (w *model) give(s *modelSource, recs ...int) {
	it := newModelItem(recs)
	s.out, s.next = append(s.out, it), s.next+len(recs)
	w.m.Add(s.key, it, w.now)
}

// The model must find a protocol that is broken on purpose.
func TestModelFindsFaults(t *testing.T) {
	for name, f := range map[string]Faults{
		"what may have been appended is given back": {GiveBack: true},
		"pipelining before the leader is proven":    {NoGate: true},
		"a lost answer taken for a refusal":         {ForgetUnsure: true},
		"a sequence error behind a failed batch":    {BumpEarly: true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 20; seed++ {
				if bad, _ := runModel(t, seed, 50_000, f); bad != "" {
					t.Logf("seed %d: %s", seed, bad)
					return
				}
			}
			t.Fatal("not found")
		})
	}
}

func (b *modelBatch) records() []int { return b.recs }

// Many agents that lose a broker at once do not come back at once.
func TestWaitsAreSpread(t *testing.T) {
	cfg := Config{
		BackoffMin: time.Millisecond,
		BackoffMax: 4 * time.Millisecond,
		Spread:     func(d time.Duration) time.Duration { return d + 1 },
	}
	first, late := attempts{}, attempts{failures: 10}
	first.failed(ErrTimeout, 0, &cfg)
	late.failed(ErrTimeout, 0, &cfg)
	if first.notBefore != 1e6+1 || late.notBefore != 4e6+1 {
		t.Error("waits of", first.notBefore, "and", late.notBefore)
	}
	txn := Txn{cfg: cfg, events: &txnClient{}}
	txn.delay(ErrTimeout, 0)
	if txn.notBefore != 1e6+1 {
		t.Error("a transaction waits", txn.notBefore)
	}
}
