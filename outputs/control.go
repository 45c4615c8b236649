package outputs

import (
	"context"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool"
	"github.com/prometheus/client_golang/prometheus"
)

// destination is where a replay sends what it reads.
type destination struct {
	send  *sender
	retry Retry // of requests to the store

	transactor Transactor         // nil unless delivery is exactly once
	every      time.Duration      // how often a transaction is committed
	lost       prometheus.Counter // positions that the destination no longer had; nil without transactor
}

// shared is what the failovers of all logs of an output share.
type shared struct {
	destination
	env     Env
	store   spool.Store // nil with a standby
	standby *sender     // nil with a store
	over    *overflowMetrics
}

// control is what a failover is given to control, for one log.
type control struct {
	log    record.Log
	ledger *ledger
	health *health // of the destination, as this log sees it
	cfg    *Failover
	to     *shared
	drain  flyer
	exact  transactions // nil unless delivery is exactly once
}

// flyer is the drain of a log, which delivers it when it is told to and knows what is under way.
type flyer interface {
	// Fly delivers the log from its committed position on through send, and commits as it goes. It returns io.EOF at the log's
	// end, errQuit once quit is closed, ctx's error, or what the log answers.
	Fly(ctx context.Context, send *sender, quit <-chan struct{}) error

	// Stray takes the done channel of a flight whose last writes may not have returned; AwaitStrays waits for all of them.
	Stray(done chan struct{})
	AwaitStrays(ctx context.Context) error

	// Moved takes note of an object that was made of the log, AheadIn returns what may be known to be delivered of one (nil if
	// nothing is), Replayed forgets it.
	Moved(key string)
	AheadIn(key string) *ahead
	Replayed(key string)
}

// transactions are those of a log that is delivered exactly once.
type transactions interface {
	// Doubt notes, before records go elsewhere, that the destination may have some of them; Doubtful reports whether that is so.
	Doubt(ctx context.Context) error
	Doubtful() bool
	// SettleOnly settles what is in doubt, however long that takes.
	SettleOnly(ctx, quit context.Context) error
	// Clean reports whether nothing was started that is not known to be committed.
	Clean() bool
}
