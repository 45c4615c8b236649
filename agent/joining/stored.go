package joining

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/penstock/penstock/buffer/record"
)

// keyPrefix is how the keys begin under which parts are stored among an input's positions:
// multiline/<generation>-<slot>/<chunk>. A chunk is a batch of parts as they came, in its form on
// disk. Each Joiner stores under a generation of its own, so that it never writes over what it has
// not taken up yet.
const keyPrefix = "multiline/"

// slotID stands for a filter, a tag, an origin and a key. It is wide enough that two never meet.
type slotID [16]byte

func newSlotID(of ...string) (id slotID) {
	for i := range 2 {
		d := xxhash.NewWithSeed(uint64(i))
		for _, s := range of {
			_, _ = d.WriteString(strconv.Itoa(len(s)) + ":")
			_, _ = d.WriteString(s)
		}
		d.Sum(id[8*i : 8*i])
	}
	return id
}

func (id slotID) key(generation, chunk int) string {
	return fmt.Sprintf("%s%d-%s/%d", keyPrefix, generation, hex.EncodeToString(id[:]), chunk)
}

// WithoutHeld takes what Joiners have stored out of an input's positions.
func WithoutHeld(positions map[string][]byte) map[string][]byte {
	maps.DeleteFunc(positions, func(key string, _ []byte) bool {
		return strings.HasPrefix(key, keyPrefix)
	})
	return positions
}

// Holds reports whether an input's positions hold parts.
func Holds(positions map[string][]byte) bool {
	for key := range positions {
		if strings.HasPrefix(key, keyPrefix) {
			return true
		}
	}
	return false
}

// stored is the parts that are held of one key.
type stored struct {
	tag, origin string
	parts       []record.Record
	keys        []string // under which they are stored
}

// forget returns the positions that forget them.
func (s *stored) forget() map[string][]byte {
	out := make(map[string][]byte, len(s.keys))
	for _, key := range s.keys {
		out[key] = nil
	}
	return out
}

// readStored returns what is stored, in any order of keys, and its last generation. A chunk that
// cannot be read is returned as a record that holds it.
func readStored(positions map[string][]byte) (all []*stored, broken []record.Record, last int) {
	type chunk struct {
		n     int
		key   string
		value []byte
	}
	chunks := map[string][]chunk{}
	for key, value := range positions {
		rest, ours := strings.CutPrefix(key, keyPrefix)
		if !ours {
			continue
		}
		id, number, _ := strings.Cut(rest, "/")
		n, _ := strconv.Atoi(number)
		generation, _, _ := strings.Cut(id, "-")
		g, _ := strconv.Atoi(generation)
		last = max(last, g)
		chunks[id] = append(chunks[id], chunk{n, key, value})
	}
	for _, id := range slices.Sorted(maps.Keys(chunks)) {
		list := chunks[id]
		sort.Slice(list, func(i, j int) bool { return list[i].n < list[j].n })
		s := &stored{}
		for _, c := range list {
			s.keys = append(s.keys, c.key)
			b, _, err := record.Decode(c.value, 0)
			if err != nil {
				broken = append(broken, record.Record{Value: c.value})
				continue
			}
			s.tag, s.origin = b.Tag, b.Origin
			records, err := b.Records()
			if err != nil {
				broken = append(broken, record.Record{Value: c.value})
				continue
			}
			for r := range records {
				part := r.Clone()
				part.Offset = 0
				s.parts = append(s.parts, part)
			}
		}
		all = append(all, s)
	}
	return all, broken, last
}

// takeStored is readStored with what cannot be read in the dead letter.
func takeStored(ctx context.Context, store Store) (all []*stored, last int, err error) {
	all, broken, last := readStored(store.Positions())
	if len(broken) > 0 {
		err = store.DeadLetter(
			ctx, record.FromRecords("", "", broken),
			"multiline: what was held back cannot be read any more",
		)
	}
	return all, last, err
}

// Release appends what is stored as it came, and forgets it: the filter that held it is gone. It
// returns how many records that were.
func Release(ctx context.Context, store Store) (n int, err error) {
	all, _, err := takeStored(ctx, store)
	if err != nil {
		return 0, err
	}
	for _, s := range all {
		var b *record.Batch
		if len(s.parts) > 0 {
			b = built(record.FromRecords(s.tag, s.origin, nil), s.parts)
		}
		if err := store.Append(ctx, b, positionsOf(s.forget()), true, nil); err != nil {
			return n, err
		}
		n += len(s.parts)
	}
	return n, nil
}

func positionsOf(m map[string][]byte) []record.Position {
	out := make([]record.Position, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, record.Position{Key: key, Value: m[key]})
	}
	return out
}
