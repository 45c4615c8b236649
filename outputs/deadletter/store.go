package deadletter

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// Store keeps refused records in an object store: one object of the overflow's form per write,
// under dead-letter/<agent>/<component>/.
type Store struct {
	store spool.Store
	base  string
	seq   atomic.Int64
}

// NewStore returns a dead letter for the component env.Name of the agent env.Agent.
func NewStore(store spool.Store, env outputs.Env) *Store {
	return &Store{
		store: store,
		base: recordline.AgentBase("dead-letter", env.Agent) + recordline.EscapeSegment(
			env.Name,
		) + "/",
	}
}

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
	return nil
}
