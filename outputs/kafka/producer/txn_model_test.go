package producer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/twmb/franz-go/pkg/kerr"
)

// txnCluster is what brokers and coordinators hold of one transactional id.
type txnCluster struct {
	logs map[Key]*txnLog
	keys []Key

	epoch   int16 // of the coordinator; the producer id is always 1
	ongoing bool
	none    bool // there was no transaction since the last Init
	commit  bool // how the last transaction ended
	holds   bool // that stored a position
	// the group's coordinator has not heard of that end, and takes the position for one of an open
	// transaction; see Txn.endAgain
	hung        bool
	endedAgain  int
	endingAgain int16 // the epoch of who ends it once more
	parts       map[Key]bool
	group       bool

	stored  Stored
	pending *Stored
	pendAt  int16 // epoch of pending
	fence   int16 // epoch below which the group takes nothing

	barred      map[Key]bool // may not be written to, for a while
	deadRecords map[int]bool // records that were refused for that
	refused     int          // so many, and so often
	// of deadRecords, those that no transaction held when the position passed them
	dead int

	// leaders ask the coordinator whether the partition is in the transaction, as brokers do since
	// 3.6
	verify bool
	bad    string
}

type txnLog struct {
	modelLog
	open   []int // records of the transaction that is open
	last   int   // last record that readers have seen
	seen   int
	fenced int16
}

func newTxnCluster(rng *rand.Rand) *txnCluster {
	c := &txnCluster{
		logs:        map[Key]*txnLog{},
		parts:       map[Key]bool{},
		barred:      map[Key]bool{},
		deadRecords: map[int]bool{},
		epoch:       -1,
		verify:      rng.IntN(2) == 0,
	}
	for i := range 1 + rng.IntN(3) {
		k := Key{fmt.Sprint("t", i), int32(i)}
		c.keys = append(c.keys, k)
		c.logs[k] = &txnLog{
			modelLog: modelLog{
				leader: int32(rng.IntN(3)),
				size:   6,
				states: map[int64]*modelState{},
			},
			last: -1,
		}
	}
	return c
}

func (c *txnCluster) fail(format string, args ...any) {
	if c.bad == "" {
		c.bad = fmt.Sprintf(format, args...)
	}
}

func (c *txnCluster) produce(broker int32, b *RequestBatch) int16 {
	l := c.logs[b.Key]
	if l.leader != broker {
		return kerr.NotLeaderForPartition.Code
	}
	if b.Epoch < l.fenced {
		return kerr.InvalidProducerEpoch.Code
	}
	if c.verify && (!c.ongoing || !c.parts[b.Key] || b.Epoch != c.epoch) {
		return kerr.InvalidTxnState.Code
	}
	n := len(l.records)
	code := l.append(broker, b)
	l.open = append(l.open, l.records[n:]...)
	return code
}

// end writes the markers that end a transaction.
func (c *txnCluster) end(commit bool, epoch int16) {
	var seen []int
	for k := range c.parts {
		l := c.logs[k]
		if commit {
			for _, r := range l.open {
				if r <= l.last {
					c.fail("%v: record %d comes after %d", k, r, l.last)
				}
				l.last = r
			}
			l.seen += len(l.open)
			seen = append(seen, l.open...)
		}
		l.open = nil
		if epoch > l.fenced {
			l.fenced = epoch
		}
		if s := l.states[1]; s != nil && s.epoch < epoch {
			s.epoch, s.last, s.cache = epoch, -1, nil
		}
	}
	from, to := c.stored.Position, c.stored.Position
	if c.hung && c.group && c.pending == nil && len(c.parts) == 0 {
		// Whoever is killed in between has a committed position taken back: nobody can help that.
		if epoch == c.endingAgain && commit != c.commit {
			c.fail("a position ends as %v whose transaction ended as %v", commit, c.commit)
		}
		c.hung = false
		c.endedAgain++
	}
	c.holds = c.group && c.pending != nil
	if c.group {
		if commit && c.pending != nil {
			c.stored = *c.pending
			to = c.stored.Position
		}
		c.pending = nil
		c.fence = max(c.fence, epoch)
	}
	// What readers see and the position always agree.
	slices.Sort(seen)
	next := from
	for _, r := range append(seen, int(to)) {
		for ; next < int64(r) && c.deadRecords[int(next)]; next++ {
			c.dead++
		}
		if int64(r) != next {
			c.fail("a transaction from %d to %d held %v, and not %d", from, to, seen, next)
			break
		}
		next++
	}
	c.ongoing, c.group, c.commit = false, false, commit
	clear(c.parts)
}

// call does what coordinators do:
// https://github.com/apache/kafka/blob/4.0/core/src/main/scala/kafka/coordinator/transaction/TransactionCoordinator.scala
func (c *txnCluster) call(k *Call, rng *rand.Rand) Answer {
	if rng.IntN(20) == 0 {
		return Answer{Code: kerr.NotCoordinator.Code} // it has moved
	}
	switch k.Kind {
	case CallPeek:
		return Answer{Stored: c.stored}
	case CallDescribe:
		switch {
		case !c.hung && rng.IntN(20) == 0:
			return Answer{Code: kerr.TransactionalIDAuthorizationFailed.Code}
		case c.ongoing:
			return Answer{State: TxnOngoing}
		case c.none:
			return Answer{State: TxnNone}
		case c.commit:
			return Answer{State: TxnCommitted}
		}
		return Answer{State: TxnAborted}
	case CallFetch:
		if c.pending != nil || c.hung {
			return Answer{Code: kerr.UnstableOffsetCommit.Code}
		}
		return Answer{Stored: c.stored}
	case CallInit:
		if c.ongoing {
			c.epoch++
			c.end(false, c.epoch)
			c.hang(rng)
			return Answer{Code: kerr.ConcurrentTransactions.Code}
		}
		c.epoch++
		c.none = true
		return Answer{ID: 1, Epoch: c.epoch}
	}
	if k.Kind == CallStore {
		switch {
		case k.Epoch < c.fence || c.verify && (k.Epoch != c.epoch || !c.ongoing):
			return Answer{Code: kerr.InvalidProducerEpoch.Code}
		case rng.IntN(50) == 0:
			return Answer{Code: kerr.CoordinatorLoadInProgress.Code}
		}
		c.pending, c.pendAt = &Stored{true, k.Position, k.Metadata}, k.Epoch
		return Answer{}
	}
	if k.Epoch != c.epoch {
		return Answer{Code: kerr.ProducerFenced.Code}
	}
	switch k.Kind {
	case CallJoin:
		if !c.ongoing && rng.IntN(3) == 0 {
			// the one before is not complete yet
			return Answer{Code: kerr.ConcurrentTransactions.Code}
		}
		var barred []KeyCode
		for _, key := range k.Keys {
			if c.barred[key] {
				barred = append(barred, KeyCode{key, kerr.TopicAuthorizationFailed.Code})
			}
		}
		if barred != nil {
			return Answer{Code: kerr.TopicAuthorizationFailed.Code, Barred: barred}
		}
		c.ongoing, c.none = true, false
		for _, key := range k.Keys {
			c.parts[key] = true
		}
	case CallGroup:
		c.ongoing, c.none, c.group = true, false, true
	case CallAbort:
		if !c.ongoing {
			return Answer{Code: kerr.InvalidTxnState.Code}
		}
		c.endingAgain = c.epoch
		c.end(false, c.epoch)
	case CallEnd:
		switch {
		case !c.ongoing && c.commit:
			return Answer{} // again
		case !c.ongoing:
			return Answer{Code: kerr.InvalidTxnState.Code}
		}
		c.endingAgain = c.epoch
		c.end(true, c.epoch)
	}
	return Answer{}
}

// callLate is a call whose maker has given it up. None comes between whoever asks how a transaction
// ended that the group has not heard of: only people could help then.
func (c *txnCluster) callLate(k *Call, rng *rand.Rand) {
	if was := c.hung; !was || k.Kind != CallInit {
		c.call(k, rng)
		c.hung = was && c.hung
	}
}

// hang makes the group's coordinator miss how the last transaction ended, as one may that was
// killed.
func (c *txnCluster) hang(rng *rand.Rand) {
	c.hung = c.hung || !c.ongoing && !c.none && c.holds && rng.IntN(4) == 0
}

// txnClient is one run of a producer and what drives it, until a crash.
type txnClient struct {
	w  *txnWorld
	m  *Machine
	t  *Txn
	at map[*Item]Key

	live     bool // Settled, and not broken
	claiming bool
	next     int64   // record to be added
	out      []*Item // in log order
	reached  int64
	cut      int64 // -1: none
	commits  bool  // Commit has been called
}

type txnWorld struct {
	rng    *rand.Rand
	c      *txnCluster
	now    int64
	local  int64 // what a restart finds on disk
	client *txnClient
	conns  [3][]*txnFlight
	late   []func() // requests of connections that are gone, still on their way
	call   *Call
	denied map[string]int64
	faults Faults
	cfg    Config
	lives  int
	breaks int
}

type txnFlight struct {
	c       *txnClient
	r       *Request
	applied bool
	results []Result
}

func newTxnWorld(rng *rand.Rand, faults Faults) *txnWorld {
	w := &txnWorld{rng: rng, c: newTxnCluster(rng), denied: map[string]int64{}, faults: faults}
	w.cfg = Config{
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
		UnstableTimeout: 50 * time.Millisecond,
		Transactional:   true,
		Faults:          faults,
	}
	w.start()
	return w
}

// start is a process that begins: all it knows is on disk.
func (w *txnWorld) start() {
	c := &txnClient{w: w, at: map[*Item]Key{}, cut: -1}
	c.m = NewMachine(w.cfg, c)
	c.t = NewTxn(c.m, w.cfg, c)
	w.client, w.call = c, nil
	w.lives++
	c.t.Resolve(w.now)
}

func (c *txnClient) Ours(Stored) error { return nil }

func (c *txnClient) Resolved(s Stored) {
	at := max(c.w.local, s.Position)
	c.live, c.claiming = true, true
	c.next, c.reached, c.cut, c.commits, c.out = at, at, -1, true, nil
}

func (c *txnClient) Committed() {
	if c.claiming {
		c.claiming, c.commits = false, false
		return
	}
	c.w.commitLocally(c.commitAt())
	c.cut, c.commits = -1, false
}

// commitAt is the position of the commit under way.
func (c *txnClient) commitAt() int64 {
	if c.w.faults.CommitEarly {
		return max(c.cut, 0)
	}
	return c.reached
}

// commitLocally may come too late for a crash.
func (w *txnWorld) commitLocally(at int64) {
	if w.rng.IntN(3) > 0 {
		w.local = max(w.local, at)
	}
}

func (c *txnClient) Broken(error)             { c.live = false; c.w.breaks++ }
func (c *txnClient) Delayed(error)            {}
func (c *txnClient) EndedAgain(bool)          {}
func (c *txnClient) Progressed()              {}
func (c *txnClient) AttemptFailed(Key, error) {}
func (c *txnClient) Recovered(Key)            {}
func (c *txnClient) Present(string)           {}

// Denied gives a topic up after a while.
func (c *txnClient) Denied(topic string, err error, missing bool) bool {
	if c.w.denied[topic] == 0 {
		c.w.denied[topic] = c.w.now
	}
	return c.w.now-c.w.denied[topic] > int64(30*time.Millisecond)
}

func (c *txnClient) Behind(*Item) bool   { return false }
func (c *txnClient) Unwanted(*Item) bool { return false }
func (c *txnClient) Overdue(Key, error)  { c.w.c.fail("a transaction holds what is overdue") }

func (c *txnClient) Renumbered(
	Key,
) {
	c.w.c.fail("a transactional producer renumbered by itself")
}

func (c *txnClient) Delivered(it *Item) {
	b := it.Owner.(*txnBatch)
	b.done = true
	for len(c.out) > 0 && c.out[0].Owner.(*txnBatch).done {
		recs := c.out[0].Owner.(*txnBatch).recs
		c.reached = int64(recs[len(recs)-1]) + 1
		c.out = c.out[1:]
	}
}

func (c *txnClient) Failed(it *Item, err error) {
	if !errors.Is(err, ErrAborted) {
		c.w.c.fail("failed with %v", err)
	}
}

func (c *txnClient) Rejected(k Key, it *Item, res Result) []*Item {
	b := it.Owner.(*txnBatch)
	if res.Code == kerr.TopicAuthorizationFailed.Code {
		for _, r := range b.recs {
			c.w.c.deadRecords[r] = true
		}
		c.w.c.refused += len(b.recs)
		c.Delivered(it)
		return nil
	}
	if res.Code != kerr.MessageTooLarge.Code || len(b.recs) < 2 {
		c.w.c.fail("rejected %v with %d", b.recs, res.Code)
		return nil
	}
	half := len(b.recs) / 2
	parts := []*Item{newTxnItem(b.recs[:half]), newTxnItem(b.recs[half:])}
	i := slices.Index(c.out, it)
	c.out = slices.Concat(c.out[:i], parts, c.out[i+1:])
	return parts
}

// txnBatch is consecutive records for one partition.
type txnBatch struct {
	recs []int
	done bool
}

func (b *txnBatch) records() []int { return b.recs }

func newTxnItem(recs []int) *Item {
	return &Item{Count: int32(len(recs)), Size: len(recs), Owner: &txnBatch{recs: recs}}
}

// partition is where a record goes: several in a row to the same.
func (w *txnWorld) partition(record int64) Key {
	return w.c.keys[int(record/7*2654435761>>3)%len(w.c.keys)]
}

func (w *txnWorld) step() {
	rng, c := w.rng, w.client
	w.now += int64(rng.IntN(int(time.Millisecond)))
	b := int32(rng.IntN(3))
	switch rng.IntN(24) {
	case 0, 1, 2, 3:
		w.add()
	case 4, 5, 6, 7, 8:
		if r := c.m.Next(b, w.now); r != nil {
			w.conns[b] = append(w.conns[b], &txnFlight{c: c, r: r})
		}
	case 9, 10, 11, 12:
		w.answer(b)
	case 13:
		if rng.IntN(6) == 0 {
			w.breakConn(b)
		}
	case 14: // something long given up arrives
		if len(w.late) > 0 && rng.IntN(4) == 0 {
			i := rng.IntN(len(w.late))
			late := w.late[i]
			w.late = slices.Delete(w.late, i, i+1)
			if rng.IntN(2) == 0 {
				late()
			}
		}
	case 15:
		if rng.IntN(10) == 0 {
			w.c.logs[w.c.keys[rng.IntN(len(w.c.keys))]].leader = int32(rng.IntN(3))
		}
		if rng.IntN(20) == 0 {
			k := w.c.keys[rng.IntN(len(w.c.keys))]
			w.c.barred[k] = rng.IntN(8) == 0
			delete(w.denied, k.Topic)
		}
		if rng.IntN(200) == 0 {
			w.now += int64(300 * time.Millisecond)
		}
	case 16:
		w.leaders()
		if rng.IntN(60) == 0 {
			c.m.SetLeader(w.c.keys[0], -1)
		}
		c.m.Expire(w.now)
	case 17, 18, 19:
		w.coordinate()
	case 20, 21:
		w.drive()
	case 22:
		switch {
		case rng.IntN(100) == 0 && w.c.ongoing: // the transaction times out
			w.c.epoch++
			w.c.end(false, w.c.epoch)
		case rng.IntN(60) == 0 && !w.c.hung: // the process is killed; what it has sent may still arrive
			for i := range w.conns {
				w.breakConn(int32(i))
			}
			if w.call != nil {
				call := w.call
				w.late = append(w.late, func() { w.c.callLate(call, rng) })
			}
			w.c.hang(rng)
			w.start()
		case rng.IntN(200) == 0:
			c.t.Break(errors.New("on purpose"))
		}
	case 23:
		if !c.live && c.t.phase == txnIdle {
			c.t.Resolve(w.now)
		}
	}
}

func (w *txnWorld) add() {
	c := w.client
	if !c.live || c.claiming || len(c.out) > 8 {
		return
	}
	n := 1 + w.rng.IntN(4)
	k := w.partition(c.next)
	recs := []int{}
	for range n {
		if w.partition(c.next) != k {
			break
		}
		recs = append(recs, int(c.next))
		c.next++
	}
	if len(recs) == 3 && w.rng.IntN(10) == 0 {
		w.c.logs[k].size = 1 + w.rng.IntN(3)
	}
	it := newTxnItem(recs)
	c.out = append(c.out, it)
	c.m.Add(k, it, w.now)
}

// drive is the loop that cuts and commits.
func (w *txnWorld) drive() {
	c := w.client
	if !c.live {
		return
	}
	if c.claiming {
		c.t.Commit(c.reached, "claim", w.now)
		return
	}
	if c.cut < 0 && c.next > w.c.stored.Position {
		c.cut = c.next
		c.m.Cut()
		return
	}
	if c.cut >= 0 && !c.commits && (c.reached >= c.cut || w.faults.CommitEarly) {
		c.commits = true
		c.t.Commit(c.commitAt(), "", w.now)
	}
}

// coordinate makes a call, or answers the one that is out.
func (w *txnWorld) coordinate() {
	c := w.client
	if w.call == nil {
		w.call = c.t.Next(w.now)
		return
	}
	call := w.call
	w.call = nil
	luck := w.rng.IntN(25)
	if w.c.hung && call.Kind == CallDescribe {
		luck = 3 // whoever asks in vain goes on without knowing
	}
	switch luck {
	case 0: // never arrives
	case 1: // arrives late
		w.late = append(w.late, func() { w.c.callLate(call, w.rng) })
	case 2: // the answer is lost
		w.c.call(call, w.rng)
	default:
		c.t.Answer(call, w.c.call(call, w.rng), w.now)
		return
	}
	c.t.Answer(call, Answer{Err: errors.New("connection lost")}, w.now)
}

func (w *txnWorld) leaders() {
	for _, k := range w.c.keys {
		if w.rng.IntN(2) == 0 {
			w.client.m.SetLeader(k, w.c.logs[k].leader)
		}
	}
}

func (w *txnWorld) apply(f *txnFlight) {
	if f.applied {
		return
	}
	f.applied = true
	for i := range f.r.Batches {
		b := &f.r.Batches[i]
		code := w.c.produce(f.r.Broker, b)
		if code == 0 && w.rng.IntN(50) == 0 {
			code = kerr.RequestTimedOut.Code
		}
		f.results = append(f.results, Result{Code: code})
	}
}

func (w *txnWorld) answer(b int32) {
	if len(w.conns[b]) == 0 {
		return
	}
	f := w.conns[b][0]
	w.apply(f)
	if w.rng.IntN(30) == 0 {
		w.breakConn(b)
		return
	}
	w.conns[b] = w.conns[b][1:]
	f.c.m.Done(f.r, f.results, w.now)
}

func (w *txnWorld) breakConn(b int32) {
	for _, f := range w.conns[b] {
		if !f.applied {
			w.late = append(w.late, func() { w.apply(f) })
		}
		results := make([]Result, len(f.r.Batches))
		for i := range results {
			results[i].Err = errors.New("connection lost")
		}
		f.c.m.Done(f.r, results, w.now)
	}
	w.conns[b] = nil
}

// settle ends all faults and waits until everything is committed: nothing may be stuck.
func (w *txnWorld) settle() {
	w.late = nil
	clear(w.c.barred)
	goal := w.client.next + 20
	for range 20_000 {
		c := w.client
		if w.c.bad != "" || w.c.stored.Position >= goal {
			return
		}
		w.now += int64(time.Millisecond)
		if !c.live && c.t.phase == txnIdle {
			c.t.Resolve(w.now)
		}
		if c.live && !c.claiming && c.next < goal {
			w.add()
		}
		for _, k := range w.c.keys {
			c.m.SetLeader(k, w.c.logs[k].leader)
		}
		c.m.Expire(w.now)
		w.drive()
		if w.call == nil {
			w.call = c.t.Next(w.now)
		}
		if call := w.call; call != nil {
			w.call = nil
			c.t.Answer(call, w.c.call(call, w.rng), w.now)
		}
		for b := range int32(3) {
			for r := c.m.Next(b, w.now); r != nil; r = c.m.Next(b, w.now) {
				w.conns[b] = append(w.conns[b], &txnFlight{c: c, r: r})
			}
			for len(w.conns[b]) > 0 {
				f := w.conns[b][0]
				w.conns[b] = w.conns[b][1:]
				w.apply(f)
				f.c.m.Done(f.r, f.results, w.now)
			}
		}
	}
	w.c.fail("stuck: not everything was committed after all faults had ended")
}

type txnModelSum struct{ committed, lives, breaks, refused, endedAgain int64 }

func runTxnModel(seed uint64, steps int, faults Faults) (bad string, sum txnModelSum) {
	rng := rand.New(rand.NewPCG(seed, 2))
	for steps > 0 {
		w := newTxnWorld(rng, faults)
		n := min(steps, 4000)
		for i := 0; i < n && w.c.bad == ""; i++ {
			w.step()
		}
		if w.c.bad == "" {
			w.settle()
		}
		sum.committed += w.c.stored.Position
		sum.refused += int64(w.c.refused)
		sum.endedAgain += int64(w.c.endedAgain)
		sum.lives += int64(w.lives)
		sum.breaks += int64(w.breaks)
		seen := int64(0)
		for _, l := range w.c.logs {
			seen += int64(l.seen)
		}
		if w.c.bad == "" && seen+int64(w.c.dead) != w.c.stored.Position {
			w.c.fail(
				"%d records seen, %d in the dead letter, %d committed", seen, w.c.dead,
				w.c.stored.Position,
			)
		}
		if w.c.bad != "" {
			return w.c.bad, sum
		}
		steps -= n
	}
	return "", sum
}

// Readers of committed records see each one once, in order, and the stored position agrees with
// them after every transaction, whatever is lost, late, moved, timed out or killed.
func TestTxnModel(t *testing.T) {
	seed := runtest.Seed(t)
	steps := modelSteps(t)
	bad, sum := runTxnModel(seed, steps, Faults{})
	if bad != "" {
		t.Fatalf("%s (PENSTOCK_SEED=%d)", bad, seed)
	}
	t.Logf("%d steps: %+v", steps, sum)
	if sum.committed < int64(steps)/100 || sum.breaks < int64(steps)/5000 ||
		sum.refused < int64(steps)/5000 || sum.endedAgain < int64(steps)/100_000 {
		t.Fatalf("the model hardly does anything: %+v", sum)
	}
}

// The model must find a protocol that is broken on purpose.
func TestTxnModelFindsFaults(t *testing.T) {
	for name, f := range map[string]Faults{
		"a commit of unknown outcome taken for one that failed": {NoFetch: true},
		"going on under the epoch of what was given up":         {NoInit: true},
		"sending to partitions outside of the transaction":      {NoJoin: true},
		"committing before all is acknowledged":                 {CommitEarly: true},
		"trying again what may fall into the next transaction":  {RetryStore: true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 20; seed++ {
				if bad, _ := runTxnModel(seed, 50_000, f); bad != "" {
					t.Logf("seed %d: %s", seed, bad)
					return
				}
			}
			t.Fatal("not found")
		})
	}
}
