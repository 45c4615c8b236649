package record

import (
	"context"
	"errors"
	"fmt"
)

// ErrFenced is returned by a Log whose owner has lost it to another: nothing was committed and
// nothing more will be read.
var ErrFenced = errors.New("log is no longer owned here")

// ErrReplaced is the cause of a ctx that ends because another configuration takes over: who has
// begun what only the present one can finish finishes it first, where that is soon.
var ErrReplaced = fmt.Errorf("another configuration takes over: %w", context.Canceled)

// Log is an ordered, replayable stream of batches with one durable cursor and a short note: a
// cursor of the disk buffer, or a Kafka partition. Positions only grow. One goroutine calls Next
// and SeekTo; Commit and Committed may be called from another.
type Log interface {
	// Name identifies the log in object names, logs and metrics: an agent's output, or
	// topic/partition.
	Name() string

	// Next returns the next batch, waiting for one if there is none. It returns io.EOF once the log
	// has been sealed and read to its end, ErrFenced (possibly wrapped) once the log is lost, and
	// ctx's error. Positions may jump forward over what retention, compaction, a drop policy or a
	// damaged segment has taken.
	//
	// A batch may hold no record at all: First and End then say that there is nothing to read
	// between them. A log returns one when it learns of a gap (control records, compaction,
	// retention) that no later batch shows yet. A reader that must get to a given position would
	// else wait for ever on a log that stays idle.
	//
	// When ctx ends because the log was lost, context.Cause(ctx) wraps ErrFenced.
	Next(ctx context.Context) (*Batch, error)

	// SeekTo makes the next Next return the batch holding pos, or the first one after it. The batch
	// may begin before pos: callers skip records with smaller offsets.
	SeekTo(pos int64) error

	// Committed returns the committed position, which is that of the next record to deliver, and
	// its note.
	Committed() (pos int64, note string)

	// Commit stores pos and note together, durably, and returns once they are. It is fenced: an
	// owner that has lost the log gets ErrFenced, never a silent success. Any other error leaves
	// the outcome unknown. pos may equal the committed position (a change of the note alone) but
	// never lies behind it. A note is at most MaxNote bytes.
	Commit(ctx context.Context, pos int64, note string) error
}

// As returns the ability T of a log: one of the interfaces below, or another. A log that wraps
// another has what it implements itself and, if it has a method Unwrap() Log, what that one can.
// It takes the place of a type assertion, which would miss the latter.
func As[T any](log any) (able T, ok bool) {
	for {
		if able, ok = log.(T); ok {
			return able, true
		}
		wrapper, wraps := log.(interface{ Unwrap() Log })
		if !wraps {
			return able, false
		}
		log = wrapper.Unwrap()
	}
}

// MaxNote bounds a commit's note, in bytes: brokers refuse metadata of more than 4,096 characters
// by default.
const MaxNote = 4000

// Filler is implemented by logs whose storage is bounded: Fill is the share in use, 0 to 1 and
// beyond.
type Filler interface{ Fill() float64 }

// Ender is implemented by logs that know their end: the position after the last record appended.
type Ender interface{ End() int64 }

// EndFinder is implemented by logs whose End is what they have last heard: FindEnd asks for it.
type EndFinder interface {
	FindEnd(ctx context.Context) (int64, error)
}

// Starter is implemented by logs that know their beginning: Start asks for the first position that
// was not taken by retention. What is missing behind it was taken by compaction, or was never a
// record.
type Starter interface {
	Start(ctx context.Context) (int64, error)
}

// Refresher is implemented by logs whose Commit can fail with its outcome unknown: Refresh reads
// back what is stored, or what Committed returned at first while nothing is. When it returns, no
// earlier Commit of this owner is still on its way to take effect unless a Commit made later would
// overrule it. Errors are retryable but for ErrFenced.
type Refresher interface {
	Refresh(ctx context.Context) (pos int64, note string, err error)
}

// Advancer is implemented by logs that can store a position in passing. Advance tells that
// everything before pos is delivered. It does not wait: the log stores pos, with the note that is
// there, with whatever it writes next, or within a second. It reports whether it does; if not,
// Commit is called for. A Commit made later with a position before one that was stored like this
// stands for that one.
type Advancer interface{ Advance(pos int64) bool }

// Partitioned is implemented by logs that are a partition of a topic.
type Partitioned interface {
	Partition() (topic string, partition int32)
}

// Noter is implemented by logs that have siblings, the other partitions of their topic: Notes reads
// the stored notes of all of them, whoever owns them, by partition. A partition that exists and has
// nothing committed is there with an empty note.
type Noter interface {
	Notes(ctx context.Context) (map[int32]string, error)
}

// Mortal is implemented by logs that can be deleted and made again under the same name. Positions
// of one life mean nothing in another.
type Mortal interface {
	// Life tells this life of the log from all others; "" where that cannot be told.
	Life() string
	// Former returns what was committed last in an earlier life, where that is still known: it was
	// not overruled by a commit of this life.
	Former() (life, note string)
}

// Fingerprinter is implemented by logs whose records are the work of settings, such as filters:
// while the fingerprint stays the same, the same positions hold the same records.
type Fingerprinter interface{ Fingerprint() string }

// Identifier is implemented by logs that are told from others of their name while the process
// lasts, though somebody else reads them. Identities are equal only where the same positions are
// the same records. They are comparable, and hold on to nothing.
type Identifier interface{ Identity() any }

// Refuser is implemented by logs whose filters may refuse records.
type Refuser interface {
	// KeepRefused says that the reader keeps those from the position on, which come as
	// Batch.Refused; others are brought to a dead letter by the log. It reports whether there may
	// be any. It is called before SeekTo.
	KeepRefused(from int64) bool
}

// Preparer is implemented by logs whose newest records may be in memory alone. Prepare stores,
// durably and conditionally, what a restart needs to go on at pos; it takes effect with
// Commit(pos), or with Resolve after a restart.
type Preparer interface {
	Prepare(ctx context.Context, pos int64) error
	// Unresolved returns the positions prepared and neither committed nor overtaken before the last
	// stop; Resolve tells what the destination has committed. Until it is called nothing is
	// appended to such a log.
	Unresolved() []int64
	Resolve(ctx context.Context, pos int64) error
}
