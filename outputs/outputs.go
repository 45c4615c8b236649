package outputs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool"
	"github.com/prometheus/client_golang/prometheus"
)

// Output drains logs into a destination.
type Output interface {
	// Drain reads log, delivers it and commits what was delivered, in order. It returns nil when
	// the log ends (io.EOF), and ctx's error, an error wrapping record.ErrFenced, or one that needs
	// a person. It returns only after all its goroutines have. It may run for several logs at once.
	Drain(ctx context.Context, log record.Log) error

	// Close releases connections and files, after all Drains have returned.
	Close() error
}

// Writer is the simple way to be an Output: NewOutput wraps it with the shared drain loop.
type Writer interface {
	// Write delivers b and returns nil once the destination has it. It is called for several
	// batches at once, but never for two of one origin, and must not keep b. Errors are retryable
	// unless they are Permanent or Partial. The drain loop retries for ever: Write itself does not.
	Write(ctx context.Context, b *record.Batch) error
	Close() error
}

// AsyncWriter is for destinations that keep order with several batches of one origin in flight.
type AsyncWriter interface {
	// Start begins to deliver b and returns; it blocks only while too much is in flight. Starts
	// come in log order from one goroutine per log. done is called exactly once, from any goroutine
	// and in any order, and must not block.
	//
	// After a retryable error for a batch, or for some records of it, the drain loop starts nothing
	// more, waits for all that is in flight, and begins again with that batch. Everything from it
	// on that was not delivered is started again, in order, and nothing that was. So nothing may
	// overtake a record that failed where their order matters: once a record has failed, those
	// behind it in its partition fail too. A Start may cross with the failure of an earlier batch.
	// It then carries the same Round as that one (see RoundOf), whereas the new beginning has a new
	// one: a writer fails what comes in the round of something that failed and could overtake it.
	Start(ctx context.Context, b *record.Batch, done func(error))
	Close() error
}

// Flusher is implemented by AsyncWriters that let what was started wait for company. Flush, which
// comes from where Start does, says that there is no more for now. It does not wait.
type Flusher interface{ Flush() }

// Reporter is implemented by writers that keep a batch although the destination does not take it.
// Report is called once, before the first Start; tell is called, from any goroutine, whenever that
// is so for long.
type Reporter interface {
	Report(tell func(error))
}

// Holder is implemented by writers that can hold up a part of what they are given while the rest
// goes on.
type Holder interface {
	// Held names what is held up, and why; nil if nothing is.
	Held() []string
}

// Prober is implemented by writers that can tell whether the destination would take data now,
// without giving it any.
type Prober interface {
	Probe(ctx context.Context) error
}

// Storer is implemented by outputs that keep objects: their store can hold overflow and dead
// letters.
type Storer interface{ Store() spool.Store }

// Router is implemented by writers that choose a destination per record, such as a topic. The
// overflow keeps it with each record, and a batch that is replayed has it in Batch.Topic, which the
// writer then uses instead of rendering it anew.
type Router interface {
	Topic(b *record.Batch, r *record.Record) string
}

// Permanent marks err as a refusal for good: the batch goes to the dead letter and delivery goes
// on.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// IsPermanent reports whether err, or an error it wraps, was marked by Permanent.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// RecordError is the fate of one record of a batch.
type RecordError struct {
	Index int   // in the batch
	Err   error // Permanent: to the dead letter; otherwise the record is tried again
}

// PartialError tells that all records of a batch were delivered but those listed, in ascending
// order of Index.
type PartialError struct{ Records []RecordError }

// IsValid reports whether the list can be one of records of a batch of n.
func (e *PartialError) IsValid(n int) bool {
	last := -1
	for _, r := range e.Records {
		if r.Index <= last || r.Index >= n || r.Err == nil {
			return false
		}
		last = r.Index
	}
	return true
}

// Answered tells that the destination has answered.
func (e *PartialError) Answered() bool { return true }

func (e *PartialError) Error() string {
	if len(e.Records) == 0 {
		return "no record failed"
	}
	return fmt.Sprintf(
		"%d records failed, the first (index %d): %v", len(e.Records), e.Records[0].Index,
		e.Records[0].Err,
	)
}

// Env is what the agent lends to an output. All fields are set.
type Env struct {
	Name string // "output.kafka.events"
	// this agent's name, unique in its fleet: the host name unless configured
	Agent string
	Log   *slog.Logger // carries the component's name
	// carries the component's labels; metric names begin with penstock_
	Metrics prometheus.Registerer
	Dir     string // a directory for this component alone; not created yet

	// DeadLetter keeps the records of b, which an archive cannot hold, and returns nil once they
	// are durable; else ctx's error. It is nil unless a dead letter is configured: an archive keeps
	// them among its objects then. Other outputs have Targets.DeadLetter.
	DeadLetter func(ctx context.Context, b *record.Batch, reason string) error
}
