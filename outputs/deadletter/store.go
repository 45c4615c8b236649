package deadletter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// Store keeps refused records in an object store: one object of the overflow's form per write,
// under dead-letter/<agent>/<component>/.
type Store struct {
	store   spool.Store
	base    string
	seq     atomic.Int64
	failing fault.FailureLog // of being asked; see Ask
}

// NewStore returns a dead letter for the component env.Name of the agent env.Agent.
func NewStore(store spool.Store, env outputs.Env) *Store {
	return &Store{
		store: store,
		base: recordline.AgentBase("dead-letter", env.Agent) + recordline.EscapeSegment(
			env.Name,
		) + "/",
		failing: fault.FailureLog{Log: env.Log, What: "the store of its dead letters"},
	}
}

// Ask asks the store, until ctx ends, whether it would take a dead letter: the first one is not the
// time to find out.
func (d *Store) Ask(ctx context.Context) {
	back := fault.Backoff{Min: 2 * time.Second, Max: 30 * time.Second, Half: true}
	for {
		wait := fault.Spread(spool.TryEvery)
		err := spool.TryUnder(ctx, d.store, d.base)
		switch {
		case ctx.Err() != nil || errors.Is(err, spool.ErrUntold):
			return
		case err == nil:
			back.Failures = 0
			d.failing.Worked()
		default:
			wait = back.Next()
			d.failing.Failed(err)
		}
		if fault.Sleep(ctx, wait) != nil {
			return
		}
	}
}

// Failing tells since when the store would take no dead letter, why, and what a person can do about
// it; since is zero if it would, or does not tell. Safe for concurrent use.
func (d *Store) Failing() (since time.Time, why, do string) { return d.failing.State() }

// Keep implements DeadLetter.
func (d *Store) Keep(ctx context.Context, dead []outputs.DeadRecord) error {
	w := recordline.NewObjectWriter()
	for i := range dead {
		if err := w.Write(&dead[i]); err != nil {
			return err
		}
	}
	data, digest, err := w.Finish()
	if err != nil {
		return err
	}
	// The name is new for each write and each run of the agent: nothing is overwritten.
	key := fmt.Sprintf(
		"%s%020d-%d%s", d.base, time.Now().UnixNano(), d.seq.Add(1), recordline.ObjectSuffix,
	)
	err = d.store.Put(
		ctx, key, bytes.NewReader(data), int64(len(data)),
		recordline.ObjectOptions(digest, w.Records),
	)
	if err != nil {
		return fmt.Errorf("dead letter %s: %w", key, err)
	}
	d.failing.Worked()
	return nil
}
