package kafka

import (
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network/wire"
)

// asMaps returns a batch of the records of b whose values are maps in msgpack: those that b keeps,
// or made of what they are. A null value stays one: it is a topic's way to delete. A batch that
// cannot be read is returned as it is, and is found out where it is read.
func asMaps(b *record.Batch) *record.Batch {
	if b.Form() == record.Msgpack {
		return b.AsKept()
	}
	seen, err := b.Records()
	if err != nil {
		return b
	}
	recs := make([]record.Record, 0, b.Len())
	arena := make([]byte, 0, b.Size())
	for r := range seen {
		out := *r
		if r.Value != nil {
			start := len(arena)
			arena = wire.AppendRecord(arena, r.Value)
			out.Value = arena[start:len(arena):len(arena)]
		}
		recs = append(recs, out)
	}
	maps := record.FromRecords(b.Tag, b.Origin, recs)
	maps.Topic, maps.First, maps.End, maps.Input = b.Topic, b.First, b.End, b.Input
	return maps
}
