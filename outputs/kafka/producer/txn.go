package producer

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Stored is a position that a group holds.
type Stored struct {
	Found    bool
	Position int64
	Metadata string
}

// TxnEvents is told how transactions go. It is called from within the Txn's methods and must not
// call them.
type TxnEvents interface {
	// Ours looks at the stored position before anything is taken from who else uses the
	// transactional id, and once more when nobody else can change it. The first may be of any time
	// before: it need not hold the last commit. An error ends the attempt.
	Ours(Stored) error

	// Resolved tells that no transaction is open and none of unknown outcome is left, and what is
	// committed. Items may be added.
	Resolved(Stored)

	// Committed tells that the transaction of the last Commit is complete.
	Committed()

	// Broken tells that the transaction is given up and all items have failed. If a commit was
	// under way, its outcome is not known until Resolved says.
	Broken(error)

	// Delayed tells of a failed attempt that will be repeated.
	Delayed(error)

	// Progressed tells that a coordinator has done a step towards a commit, of which one that many
	// share may take long for each; not after several transactions in a row that came to nothing.
	Progressed()

	// EndedAgain tells that the group took a position for part of an open transaction which its
	// coordinator had ended long before, and that this is over; see Txn.endAgain.
	EndedAgain(committed bool)
}

// CallKind is a kind of request to a coordinator.
type CallKind uint8

const (
	// OffsetFetch, whatever is under way: a transaction of ours that nobody but CallInit ends,
	// maybe
	CallPeek     CallKind = iota
	CallDescribe          // DescribeTransactions: how the last one ended, or what is under way
	CallInit              // InitProducerID: ends what is open, and fences who opened it
	CallFetch             // OffsetFetch, once it is stable
	CallJoin              // AddPartitionsToTxn
	CallGroup             // AddOffsetsToTxn
	CallStore             // TxnOffsetCommit
	CallEnd               // EndTxn: commit
	CallAbort             // EndTxn: abort
)

func (k CallKind) String() string {
	return [...]string{"OffsetFetch", "DescribeTransactions", "InitProducerID", "OffsetFetch", "AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn", "EndTxn"}[k]
}

// Call is one request, tried once.
type Call struct {
	Kind     CallKind
	ID       int64
	Epoch    int16
	Keys     []Key  // CallJoin
	Position int64  // CallStore
	Metadata string // CallStore

	round int
}

// Answer is what became of a Call.
type Answer struct {
	Err    error // the answer did not come: it may have been done or not
	Code   int16 // the broker's error code, of any part of it; 0 is success
	ID     int64 // CallInit
	Epoch  int16 // CallInit
	Stored Stored
	State  TxnState // CallDescribe
	// CallJoin: partitions whose topic does not exist or may not be written to; none was added for
	// them
	Barred []KeyCode
}

// TxnState is what a coordinator says of the last transaction.
type TxnState uint8

const (
	TxnUnknown   TxnState = iota // it does not say
	TxnNone                      // there was none since the last InitProducerID
	TxnOngoing                   // it may end in either way
	TxnCommitted                 // or is about to be, and nothing else
	TxnAborted                   // or is about to be, and nothing else
)

// KeyCode is what a broker has against a partition.
type KeyCode struct {
	Key
	Code int16
}

// Txn is the state of a transactional producer: it resolves what came before, adds the Machine's
// partitions to the open transaction, and commits it together with a position. Like Machine it has
// no clock, input or output, and is not safe for concurrent use.
//
// Invariants: one call is out at a time. Nothing is sent between Broken and the Init that follows,
// and nothing that Init has not fenced can appear after the Fetch behind it. A TxnOffsetCommit or
// EndTxn whose answer is lost is never tried again under its epoch: a late one could fall into the
// next transaction.
type Txn struct {
	cfg    Config
	m      *Machine
	events TxnEvents

	phase     txnPhase
	round     int // counts the resolvings
	calling   bool
	failures  int
	notBefore int64
	since     int64 // when the step that is under way began

	outcome    TxnState // of the last transaction before the last Init
	unanswered int      // attempts to learn it, in a row
	breaks     int      // transactions given up since the last commit
	open       bool     // brokers may know of a transaction that is not complete
	id         int64
	epoch      int16
	position   int64
	metadata   string
	committed  Stored // the last, as far as known; for Faults
}

type txnPhase uint8

const (
	txnIdle txnPhase = iota
	txnPeek
	txnDescribe
	txnInit
	txnFetch
	txnGroupAgain // of endAgain: the group is added to a transaction that holds nothing else
	txnEndAgain   // of endAgain: that ends as the last one did
	txnOpen
	txnGroup
	txnStore
	txnEnd
)

// NewTxn returns the transactions of a transactional machine. Resolve comes first.
func NewTxn(m *Machine, cfg Config, events TxnEvents) *Txn {
	return &Txn{cfg: cfg, m: m, events: events, id: -1}
}

// Resolve begins anew, at first and after Broken. What is under way is given up.
func (t *Txn) Resolve(now int64) {
	if t.phase != txnIdle {
		t.phase = txnIdle
		t.m.Break(errNotBegun)
	}
	t.round++
	t.enter(txnPeek, now)
}

func (t *Txn) enter(p txnPhase, now int64) {
	t.phase, t.failures, t.notBefore, t.since = p, 0, 0, now
}

// Commit ends the transaction, in which everything is acknowledged, with a position. Cut has been
// called; what was added since goes into the next.
func (t *Txn) Commit(position int64, metadata string, now int64) {
	switch {
	case t.phase != txnOpen:
		return // broken meanwhile
	case t.m.pending() && !t.cfg.Faults.CommitEarly:
		t.breakUp(errors.New("a transaction was to be committed of which not all is acknowledged"))
		return
	}
	t.position, t.metadata = position, metadata
	t.enter(txnGroup, now)
}

// Break gives the transaction up.
func (t *Txn) Break(err error) { t.breakUp(err) }

func (t *Txn) breakUp(err error) {
	if t.phase == txnIdle {
		return
	}
	t.phase = txnIdle
	t.breaks++
	t.m.Break(err)
	t.events.Broken(err)
}

// Next returns the next call to make, or nil.
func (t *Txn) Next(now int64) *Call {
	if t.phase >= txnOpen {
		switch {
		case t.m.broken != nil:
			t.breakUp(t.m.broken)
		case t.phase > txnOpen && now-t.since > int64(t.cfg.DeliveryTimeout):
			t.breakUp(
				fmt.Errorf(
					"%w: the transaction could not be committed within %v", ErrTimeout,
					t.cfg.DeliveryTimeout,
				),
			)
		}
	}
	if t.calling || now < t.notBefore {
		return nil
	}
	c := &Call{ID: t.id, Epoch: t.epoch, round: t.round}
	switch t.phase {
	case txnIdle:
		return nil
	case txnPeek:
		c.Kind = CallPeek
	case txnDescribe:
		c.Kind = CallDescribe
	case txnInit:
		c.Kind = CallInit
	case txnFetch:
		c.Kind = CallFetch
	case txnOpen:
		if c.Keys = t.m.joins(now); len(c.Keys) == 0 {
			return nil
		}
		c.Kind, t.open = CallJoin, true
	case txnEndAgain:
		if c.Kind = CallAbort; t.outcome == TxnCommitted {
			c.Kind = CallEnd
		}
	case txnGroup, txnGroupAgain:
		c.Kind, t.open = CallGroup, true
	case txnStore:
		c.Kind, c.Position, c.Metadata = CallStore, t.position, t.metadata
	case txnEnd:
		c.Kind = CallEnd
	}
	t.calling = true
	return c
}

// Answer takes the outcome of the call that is out.
func (t *Txn) Answer(c *Call, a Answer, now int64) {
	t.calling = false
	if c.round != t.round || t.phase == txnIdle {
		return
	}
	if c.Kind == CallJoin && a.Err == nil && len(a.Barred) > 0 {
		for _, k := range a.Barred {
			t.m.bar(k, now)
		}
		return
	}
	if c.Kind == CallDescribe {
		t.described(a, now)
		return
	}
	class := classifyCall(c.Kind, a)
	if t.cfg.Faults.RetryStore && c.Kind == CallStore && a.Err != nil {
		class = callAgain
	}
	switch class {
	case callAgain:
		t.delay(fmt.Errorf("%v: %w", c.Kind, a.failure()), now)
		switch {
		case c.Kind == CallInit:
			t.phase = txnDescribe // it may have begun to end one, in a way that the next forgets
		case c.Kind == CallFetch && a.Code == kerr.UnstableOffsetCommit.Code:
			t.endAgain(now)
		}
		return
	case callBreak:
		t.breakUp(fmt.Errorf("%v: %w", c.Kind, a.failure()))
		return
	}
	t.failures, t.notBefore = 0, 0
	t.proceed(c, a, now)
}

// hopefulBreaks is how many transactions in a row may come to nothing before steps towards another
// count for nothing.
const hopefulBreaks = 5

// proceed takes the answer of a call that was done to the next phase.
func (t *Txn) proceed(c *Call, a Answer, now int64) {
	if again := t.phase == txnGroupAgain || t.phase == txnEndAgain; !again &&
		t.breaks < hopefulBreaks {
		t.events.Progressed()
	}
	switch c.Kind {
	case CallPeek:
		if err := t.events.Ours(a.Stored); err != nil {
			t.open = false // who has taken over has ended it
			t.breakUp(err)
			return
		}
		t.unanswered = 0
		t.enter(txnDescribe, now)
		if t.cfg.Faults.NoInit && t.id >= 0 {
			t.enter(txnFetch, now)
		}
	case CallInit:
		if t.outcome == TxnOngoing { // it ended before this call, in one way or the other
			t.outcome = TxnUnknown
		}
		t.id, t.epoch, t.open = a.ID, a.Epoch, false
		t.enter(txnFetch, now)
	case CallFetch:
		if err := t.events.Ours(a.Stored); err != nil {
			t.breakUp(err)
			return
		}
		if t.cfg.Faults.NoFetch && t.committed.Found {
			a.Stored = t.committed
		}
		t.enter(txnOpen, now)
		t.m.Begin(t.id, t.epoch)
		t.events.Resolved(a.Stored)
	case CallJoin:
		t.m.join(c.Keys)
	case CallGroup:
		if t.phase == txnGroupAgain {
			t.enter(txnEndAgain, now)
			return
		}
		t.enter(txnStore, now)
	case CallStore:
		t.enter(txnEnd, now)
	case CallAbort:
		t.endedAgain(now)
	case CallEnd:
		if t.phase == txnEndAgain {
			t.endedAgain(now)
			return
		}
		t.committed, t.open = Stored{true, t.position, t.metadata}, false
		t.breaks = 0
		t.enter(txnOpen, now)
		t.m.advance(now)
		t.events.Committed()
	}
}

// describeTries is after how many failures it is gone on without knowing how a transaction ended:
// what is in front of the brokers, or in their place, may not know the request.
const describeTries = 5

// described takes how the last transaction ended, as far as the coordinator says. It comes before
// each CallInit, whose waits between attempts stay as they are.
func (t *Txn) described(a Answer, now int64) {
	t.unanswered++
	if a.Err == nil {
		t.unanswered = 0
	}
	switch {
	case t.unanswered >= describeTries,
		a.Code == kerr.TransactionalIDNotFound.Code,
		a.Code == kerr.TransactionalIDAuthorizationFailed.Code,
		a.Code == kerr.UnsupportedVersion.Code:
		t.outcome = TxnUnknown
	case a.Err != nil || a.Code != 0:
		t.delay(fmt.Errorf("%v: %w", CallDescribe, a.failure()), now)
		return
	case a.State != TxnNone:
		t.outcome = a.State
	}
	t.phase = txnInit
}

// endAgain ends what has been unstable for too long. Group coordinators of Kafka (4.3.1 was seen
// to, after it was killed) may hold a position as one of an open transaction for good, though the
// transaction's coordinator has ended that and has nothing open. They forget it, or take it, when
// they are told of an end once more. So a transaction that holds nothing but the group ends in the
// way in which the last one did: what that stored is what they hold.
func (t *Txn) endAgain(now int64) {
	known := t.outcome == TxnCommitted || t.outcome == TxnAborted
	if !known || now-t.since < int64(t.cfg.UnstableTimeout) {
		return
	}
	t.enter(txnGroupAgain, now)
}

func (t *Txn) endedAgain(now int64) {
	t.open = false
	t.enter(txnFetch, now)
	t.events.EndedAgain(t.outcome == TxnCommitted)
}

// concurrentWait is the first wait while a coordinator still completes the transaction before: some
// milliseconds, as a rule. One that many agents keep busy takes seconds, and is not to be asked
// many times in each: the last wait is 256 times as long.
const concurrentWait = 4 * time.Millisecond

func (t *Txn) delay(err error, now int64) {
	first, failures := t.cfg.BackoffMin, t.failures
	if errors.Is(err, kerr.ConcurrentTransactions) || errors.Is(err, kerr.UnstableOffsetCommit) {
		first, failures = concurrentWait, min(t.failures, 8)
		if t.failures < 10 {
			err = nil // as it must be
		}
	}
	t.notBefore = now + int64(t.cfg.wait(first, failures))
	t.failures++
	if err != nil {
		t.events.Delayed(err)
	}
}

// Wake returns when something will be due without an event; math.MaxInt64 if nothing is.
func (t *Txn) Wake() int64 {
	switch {
	case t.phase == txnIdle:
		return math.MaxInt64
	case t.phase > txnOpen && t.calling:
		return t.since + int64(t.cfg.DeliveryTimeout) + 1
	case t.calling, t.notBefore == 0:
		return math.MaxInt64
	}
	return t.notBefore
}

type callClass uint8

const (
	callDone callClass = iota
	callAgain
	callBreak
)

func classifyCall(k CallKind, a Answer) callClass {
	resolving := k == CallPeek || k == CallInit || k == CallFetch
	ends := k == CallEnd || k == CallAbort
	switch {
	case a.Err != nil && (k == CallStore || ends):
		return callBreak
	case a.Err != nil:
		return callAgain
	case a.Code == 0:
		return callDone
	case resolving:
		return callAgain // whatever it is: nothing can go on before
	}
	switch a.Code {
	case kerr.ConcurrentTransactions.Code,
		kerr.CoordinatorLoadInProgress.Code,
		kerr.CoordinatorNotAvailable.Code,
		kerr.NotCoordinator.Code:
		return callAgain
	case kerr.UnknownTopicOrPartition.Code,
		kerr.LeaderNotAvailable.Code,
		kerr.OperationNotAttempted.Code,
		kerr.NotLeaderForPartition.Code:
		return callAgain
	case kerr.UnknownServerError.Code, kerr.RequestTimedOut.Code, kerr.NetworkException.Code:
		if k == CallStore || ends {
			return callBreak // it may have been done
		}
		return callAgain
	}
	return callBreak
}

func (a Answer) failure() error { return Result{Err: a.Err, Code: a.Code}.failure() }
