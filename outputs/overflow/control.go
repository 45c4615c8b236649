package overflow

import (
	"context"
	"sync/atomic"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/spool"
	"github.com/prometheus/client_golang/prometheus"
)

// Destination is where a replay sends what it reads.
type Destination struct {
	Send  *deliver.Sender
	Retry outputs.Retry // of requests to the store

	Transactor outputs.Transactor  // nil unless delivery is exactly once
	Pace       *deliver.CommitPace // of its transactions; nil without transactor
	// positions that the destination no longer had; nil without transactor
	Lost prometheus.Counter
}

// Shared is what the failovers of all logs of an output share.
type Shared struct {
	Destination
	Env     outputs.Env
	Store   spool.Store     // nil with a standby
	Standby *deliver.Sender // nil with a store
	Over    *overflowMetrics

	askAt atomic.Int64 // in nanoseconds: when one of the logs asks next; see asking.go
}

// Control is what a failover is given to control, for one log.
type Control struct {
	Log    record.Log
	Ledger *deliver.Ledger
	Health *deliver.Health // of the destination, as this log sees it
	Config *outputs.Failover
	To     *Shared
	Drain  Flyer
	Begun  *Begun       // what was left of replaying what waits of the log
	Txn    transactions // nil unless delivery is exactly once
}

// Flyer is the drain of a log, which delivers it when it is told to and knows what is under way.
type Flyer interface {
	// Fly delivers the log from its committed position on through send, and commits as it goes. It
	// returns io.EOF at the log's end, ErrQuit once quit is closed, ctx's error, or what the log
	// answers.
	Fly(ctx context.Context, send *deliver.Sender, quit <-chan struct{}) error

	// AddStraggler takes the done channel of a flight whose last writes may not have returned;
	// AwaitStragglers waits for all of them.
	AddStraggler(done chan struct{})
	AwaitStragglers(ctx context.Context) error

	// Moved takes note of an object that was made of the log, AheadIn returns what may be known to
	// be delivered of one (nil if nothing is), Replayed forgets it.
	Moved(key string)
	AheadIn(key string) *deliver.Ahead
	Replayed(key string)
}

// transactions are those of a log that is delivered exactly once.
type transactions interface {
	// NoteDoubt notes, before records go elsewhere, that the destination may have some of them;
	// IsDoubtful reports whether that is so.
	NoteDoubt(ctx context.Context) error
	IsDoubtful() bool
	// ResolveOnly resolves what is in doubt, however long that takes.
	ResolveOnly(ctx, quit context.Context) error
	// IsClean reports whether nothing was started that is not known to be committed.
	IsClean() bool
}
