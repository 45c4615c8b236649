package outputs

import (
	"context"
	"errors"
	"time"
)

// Transactor is implemented by AsyncWriters that can deliver exactly once: in transactions that
// hold the position in the log beside its records.
type Transactor interface {
	AsyncWriter

	// Transactions reports whether they are wanted, and how often one is to be committed.
	Transactions() (every CommitInterval, wanted bool)

	// Session returns the transactions called name, a name that stays the same for a log. It does
	// no I/O. One process at a time can have a session; a second one takes it from the first.
	Session(name string) (Session, error)
}

// CommitInterval bounds how far apart transactions are committed.
type CommitInterval struct {
	Shortest time.Duration
	Longest  time.Duration // while commits take long; not below Shortest
}

// Session is a transactional producer. Start comes from one goroutine, the other methods from
// another.
type Session interface {
	// Start works like AsyncWriter.Start; done tells that the destination has the batch, in a
	// transaction that is open. After an error that is not Permanent (or partly so) the transaction
	// is broken.
	AsyncWriter

	// Resolve ends whatever is open or of unknown outcome, of this session and any before it, and
	// returns the committed position, if there is one. No Start is running. It tries until ctx
	// ends, or fails with an error that wraps ErrTaken.
	Resolve(ctx context.Context) (p Position, found bool, err error)

	// Broken is closed when the transactions since Resolve can not go on: what was not committed,
	// or may not have been, is started again after the next Resolve.
	Broken() <-chan struct{}

	// Cut makes batches started from now on belong to the next transaction, and returns where the
	// last one of this transaction ends. Once they are delivered, Commit is called. 0 says that
	// there was none. Unless empty ones are wanted, the transaction stays open then, batches
	// started from now on are in it, and nothing is to be committed.
	Cut(empty bool) int64

	// Commit commits the transaction that was cut together with p. After an error the session is
	// broken.
	Commit(ctx context.Context, p Position) error

	// Break gives up what is not committed.
	Break()
}

// Progresser is implemented by sessions whose commits take several steps.
type Progresser interface {
	// OnProgress has progressed called when the destination has done a step of a commit that is not
	// the last. It is called before the session is used.
	OnProgress(progressed func())
}

// Position is what a transaction commits beside its records.
type Position struct {
	At int64 // everything before it is delivered: a position in a log, or a line of an object
	// what the log is known by, other than its name: positions of another one mean nothing
	Log string

	Object  string // key of the overflow object, when one is replayed
	Digest  string // of its lines
	Ended   bool   // all of it is delivered
	Damaged bool   // some of it could not be read
}

// ErrTaken is wrapped by the errors of a Session that another process has taken over.
var ErrTaken = errors.New("another agent has taken over this output's transactional id")
