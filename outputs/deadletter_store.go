package outputs

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/spool"
)

// DeadLetterStore keeps refused records in an object store: one object of the overflow's form per burial, under
// dead-letter/<agent>/<component>/.
type DeadLetterStore struct {
	store spool.Store
	base  string
	seq   atomic.Int64
}

// NewDeadLetterStore returns a dead letter for the component env.Name of the agent env.Agent.
func NewDeadLetterStore(store spool.Store, env Env) *DeadLetterStore {
	return &DeadLetterStore{store: store, base: agentBase("dead-letter", env.Agent) + escapeSegment(env.Name) + "/"}
}

// Bury implements DeadLetter.
func (d *DeadLetterStore) Bury(ctx context.Context, letters []Letter) error {
	w := newObjectWriter()
	for i := range letters {
		if err := w.write(&letters[i]); err != nil {
			return err
		}
	}
	data, digest, err := w.finish()
	if err != nil {
		return err
	}
	// The name is new for each burial and each run of the agent: nothing is overwritten.
	key := fmt.Sprintf("%s%020d-%d%s", d.base, time.Now().UnixNano(), d.seq.Add(1), objectSuffix)
	err = d.store.Put(ctx, key, bytes.NewReader(data), int64(len(data)), objectOptions(digest, w.records))
	if err != nil {
		return fmt.Errorf("dead letter %s: %w", key, err)
	}
	return nil
}
