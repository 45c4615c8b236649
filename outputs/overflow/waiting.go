package overflow

import (
	"context"
	"iter"

	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// Waiting returns what waits in the store for a log that nobody drains for now. note is that of its
// commit. Oldest is when the first object was written, which its first record is older than.
func Waiting(
	ctx context.Context, to *Shared, cfg *outputs.Failover, log, note string,
) (s State, err error) {
	n, _ := ParseNote(note) // what cannot be read names no other base
	for o, err := range waiting(ctx, to.Store, baseOf(to, cfg, log, n)) {
		if err != nil {
			return State{}, err
		}
		if s.Objects == 0 {
			s.Oldest = o.Modified
		}
		s.Objects++
		s.Bytes += o.Size
		s.Records += recordsIn(o.Key)
	}
	return s, nil
}

// baseOf returns what the names of a log's objects begin with: while something is there, what its
// note says; see Note.Base.
func baseOf(to *Shared, cfg *outputs.Failover, log string, n Note) string {
	if n.Stored() && n.Base != "" && to.Store != nil && n.To == cfg.To {
		return n.Base
	}
	for _, p := range n.Left {
		if p.To == cfg.To && to.Store != nil {
			return p.Base
		}
	}
	return ownBase(to, cfg, log)
}

// ownBase returns what the names of today make.
func ownBase(to *Shared, cfg *outputs.Failover, log string) string {
	return recordline.OverflowBase(cfg.Prefix, to.Env.Agent, to.Env.Name, log)
}

// waiting lists the objects under base that wait to be replayed, the oldest first.
func waiting(ctx context.Context, store spool.Store, base string) iter.Seq2[spool.Object, error] {
	return func(yield func(spool.Object, error) bool) {
		for o, err := range store.List(ctx, base) {
			if err != nil {
				yield(o, err)
				return
			}
			ok, past := recordline.WaitingObject(o.Key, base)
			if past || ok && !yield(o, nil) {
				return
			}
		}
	}
}
