package inputs

import (
	"context"
	"log/slog"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// Input reads from the outside and appends batches to a Sink.
type Input interface {
	// Run blocks until ctx ends or the input is exhausted, and returns only after all its
	// goroutines have. It returns nil when ctx ended. What happens to one file, connection or
	// message is handled, counted and logged inside; an error returned means that the input as a
	// whole cannot go on, and the agent goes on with a new Input, after some backoff: Run is called
	// once. What nobody can send again, and no Append has taken some seconds after ctx ended, is
	// lost; a log message tells how much.
	Run(ctx context.Context, sink Sink) error
}

// Sink is where an input's batches become durable: the pipeline's buffer.
type Sink interface {
	// Append places b at the end of the log and stores the positions with it, in one transaction. b
	// may be nil (positions only); b is read-only from the call on. Append returns when b has its
	// place in the order, which is the order of the calls; it blocks while the buffer is full or
	// behind: that is the back-pressure, there is no other queue.
	//
	// done, if not nil, is called exactly once if and only if Append returned nil: with nil once
	// batch and positions are on disk, or with the reason why they never will be. It is called from
	// another goroutine, in the order of the calls, and must not block. What a Replayer appends may
	// be in memory alone when done is called, which may then be before Append returns.
	//
	// An error means nothing was stored. After ctx's error the caller may not assume order any more
	// and stops. Safe for concurrent use.
	Append(ctx context.Context, b *record.Batch, positions []Position, done func(error)) error

	// Positions returns all positions of this input as of the last append whose done was called.
	Positions() map[string][]byte
}

// Replayer is implemented by inputs whose sources are durable themselves: whatever they append with
// a position can be read again from the position before it, until they call Spill. Such batches
// need not be on disk while the outputs take them at once; after a crash the input finds the
// positions up to which every output has them, or the disk does.
type Replayer interface{ Replayable() bool }

// Heir is implemented by inputs that can go on where others of their kind have stopped which are
// gone, as one has that was renamed.
type Heir interface {
	// Inherit returns those of the other's positions that hold for this one, too: what they tell of
	// is in the same buffer already.
	Inherit(positions map[string][]byte) []Position
}

// Spiller is implemented by sinks that keep in memory what a Replayer appends. Spill has all of it
// written to disk, because a source is about to vanish or has changed. It does not wait. reason is
// a word for metrics, of few.
type Spiller interface{ Spill(reason string) }

// Flusher is implemented by sinks that let what nobody waits for wait for company. Flush says that
// nothing more comes for now. It does not wait.
type Flusher interface{ Flush() }

// Acknowledger is implemented by sinks that know what outputs have, for inputs that remove what
// they have read.
type Acknowledger interface {
	// Placed returns a position after all that was appended with that tag and origin so far. ok is
	// false while some of it is held back, which is not known to be so for ever.
	Placed(tag, origin string) (pos int64, ok bool)
	// Acknowledged reports whether every output has, durably, all records before pos, or has put
	// them where its configuration says. An error tells why that cannot be known before the next
	// start.
	Acknowledged(pos int64) (bool, error)
}

// Packer is implemented by sinks whose Append would encode and compress in the caller's goroutine.
// An input that encodes several batches of one source at a time calls Pack on each, in any order
// and concurrently, before it calls Append in the source's order. What was read from the batch
// before is not valid any more: its memory may be used for others.
type Packer interface {
	Pack(b *record.Batch) error
}

// MapTaker is implemented by sinks that can tell whether maps in msgpack are best appended as they
// came, in batches of the form record.Msgpack, because outputs pass them on. Others append what
// readers of records see.
type MapTaker interface {
	TakesMaps() bool
}

// Position is what an input needs to go on after a restart, by a key of its own choosing (a file,
// say). A nil Value forgets the key.
type Position = record.Position

// Append appends b and waits until it is durable.
func Append(ctx context.Context, sink Sink, b *record.Batch, positions []Position) error {
	errc := make(chan error, 1)
	if err := sink.Append(ctx, b, positions, func(err error) { errc <- err }); err != nil {
		return err
	}
	// The outcome is known soon whatever becomes of ctx: the sink always calls done.
	return <-errc
}

// Source is an input that is a log already, or many: a Kafka topic's partitions. It is never copied
// into the buffer.
type Source interface {
	// Run joins the source and calls handle in a goroutine of its own for each log it is given,
	// with a ctx that ends when the log is lost or Run's ctx ends. It waits for all handles before
	// it returns. A handle that returns early has its log paused until it is lost.
	Run(ctx context.Context, handle func(ctx context.Context, log record.Log) error) error
}

// Env is what the agent lends to an input. All fields but Latency are set.
type Env struct {
	Name string // "input.tail.app"
	// this agent's name, unique in its fleet: the host name unless configured
	Agent string
	Log   *slog.Logger // carries the component's name
	// carries the component's labels; metric names begin with penstock_
	Metrics prometheus.Registerer
	Dir     string // a directory for this component alone; not created yet
	// how long what has arrived may wait for more, so that it travels together; 0: not at all
	Latency time.Duration
	// DeadLetter takes what can be neither kept nor passed on, with the reason; it returns once
	// that is durable.
	DeadLetter func(ctx context.Context, b *record.Batch, reason string) error
	// Descriptors is shared by all inputs of the process that hold many files; an input that is
	// given none makes its own.
	Descriptors *Descriptors
}
