package record

import (
	"fmt"
	"math"
	"slices"

	"github.com/penstock/penstock/buffer/record/msgpack"
)

// Form is what the values of a batch are where it is kept. Whoever reads the batch sees the same
// values whatever their form, but for EachAsKept.
type Form uint8

const (
	// AsSeen is the form of all values that nobody has to make anything of.
	AsSeen Form = iota
	// Msgpack is maps in msgpack, as a sender of events wrote them, of which readers see the JSON
	// text.
	Msgpack
)

// Form returns the form in which the values of b are kept.
func (b *Batch) Form() Form { return b.form }

// SetForm tells the form of the values that are appended. It comes after Reset.
func (b *Builder) SetForm(f Form) { b.form = f }

// Seen returns a batch of the records of b whose values are kept as they are seen: b itself if its
// own are. The error tells of a batch that does not decompress or parse.
func (b *Batch) Seen() (*Batch, error) {
	if b.form == AsSeen {
		return b, nil
	}
	b.mu.Lock()
	seen := b.seen
	b.mu.Unlock()
	if seen != nil && seen.First == b.First {
		return seen, nil
	}
	seen, err := b.make()
	if err != nil {
		return nil, err
	}
	seen.Topic, seen.First, seen.End, seen.Input = b.Topic, b.First, b.End, b.Input
	seen.Places = b.Places
	b.mu.Lock()
	b.seen = seen
	b.mu.Unlock()
	return seen, nil
}

func (b *Batch) make() (*Batch, error) {
	if b.recs != nil {
		recs := slices.Clone(b.recs)
		for i := range recs {
			var err error
			if recs[i].Value, err = b.form.appendSeen(nil, recs[i].Value); err != nil {
				return nil, err
			}
		}
		return FromRecords(b.Tag, b.Origin, recs), nil
	}
	var builder Builder
	builder.Reset(b.Tag, b.Origin, b.bodySize+b.bodySize/2)
	var s Scratch
	err := b.Each(&s, func(r *Record) error {
		builder.Append(r.Time, r.Key, r.Value, r.Headers)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return builder.Build(), nil
}

// AsKept returns a batch of the same records and bytes whose readers see the values in the form in
// which b keeps them.
func (b *Batch) AsKept() *Batch {
	if b.form == AsSeen {
		return b
	}
	kept := b.Retag(b.Tag)
	kept.form = AsSeen
	return kept
}

// Part returns a batch of the records of b that want says, by their positions, in the form of b: b
// itself if that is all of them, nil if it is none.
func (b *Batch) Part(want func(pos int64) bool) (*Batch, error) {
	recs, err := b.AsKept().Records()
	if err != nil {
		return nil, err
	}
	var out []Record
	for r := range recs {
		if want(r.Offset) {
			out = append(out, *r)
		}
	}
	switch len(out) {
	case b.Len():
		return b, nil
	case 0:
		return nil, nil
	}
	p := FromRecords(b.Tag, b.Origin, slices.Clip(out))
	p.Topic, p.form, p.Places = b.Topic, b.form, b.Places
	return p, nil
}

// EachAsKept is Each, with the values in the form in which they are kept.
func (b *Batch) EachAsKept(s *Scratch, do func(*Record) error) error { return b.each(s, do) }

// appendSeen appends what readers see of a value in a form. What is kept was looked through before:
// there is no depth to be wary of.
func (f Form) appendSeen(dst, value []byte) ([]byte, error) {
	out, rest, err := msgpack.AppendJSON(dst, value, math.MaxInt)
	if err != nil || len(rest) > 0 {
		return dst, fmt.Errorf("%w: a value is not one map in msgpack", ErrCorrupt)
	}
	return out, nil
}
