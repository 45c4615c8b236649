package record

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/penstock/penstock/buffer/record/msgpack"
	"github.com/penstock/penstock/buffer/record/msgpack/msgpacktest"
	"github.com/penstock/penstock/buffer/record/runtest"
)

func built(form Form, recs []Record) *Batch {
	var b Builder
	b.Reset("app", "host", 0)
	b.SetForm(form)
	for i := range recs {
		b.Append(recs[i].Time, recs[i].Key, recs[i].Value, recs[i].Headers)
	}
	return b.Build()
}

func wantRecords(t *testing.T, what string, b *Batch, want []Record) {
	t.Helper()
	seq, err := b.Records()
	if err != nil {
		t.Fatal(what, err)
	}
	var all, each []Record
	for r := range seq {
		all = append(all, *r)
	}
	var s Scratch
	var values [][]byte // are valid until the next Each
	err = b.Each(&s, func(r *Record) error {
		each = append(each, r.Clone())
		values = append(values, r.Value)
		return nil
	})
	if err != nil {
		t.Fatal(what, err)
	}
	for i := range each {
		if !bytes.Equal(each[i].Value, values[i]) {
			t.Fatalf("%s: Each has written over a value", what)
		}
	}
	size := len(s.seen)
	if err := b.Each(&s, func(*Record) error { return nil }); err != nil || len(s.seen) != size {
		t.Fatalf("%s: a scratch of %d bytes has become one of %d, %v", what, size, len(s.seen), err)
	}
	if !slices.EqualFunc(all, want, func(a, b Record) bool { return equal(&a, &b) }) ||
		!slices.EqualFunc(each, want, func(a, b Record) bool { return equal(&a, &b) }) {
		t.Fatalf("%s:\n%v\n%v, want\n%v", what, all, each, want)
	}
}

// A batch that keeps maps as they came is, to whoever reads it, the same as one of their JSON; and
// whoever asks for them gets the same bytes.
func TestMapsAreSeenAsJSON(t *testing.T) {
	rng := runtest.Rand(t)
	for range 200 {
		maps := randomRecords(rng, 1+rng.IntN(20))
		seen := slices.Clone(maps)
		for i := range maps {
			maps[i].Value = msgpacktest.Map(rng, 3)
			seen[i].Value, _, _ = msgpack.AppendJSON(nil, maps[i].Value, 99)
		}
		b := built(Msgpack, maps)
		b.At(maps[0].Offset)
		b.Input = 7
		want := built(AsSeen, seen)
		want.At(maps[0].Offset)
		p, err := b.AppendEncoded(nil, LZ4)
		if err != nil {
			t.Fatal(err)
		}
		stored, rest, err := Decode(p, maps[0].Offset)
		if err != nil || len(rest) > 0 || stored.Form() != Msgpack || stored.Input != 7 {
			t.Fatalf("%+v, %v", stored, err)
		}
		cut := maps[0].Offset + rng.Int64N(int64(len(maps)))
		part, err := stored.Part(func(pos int64) bool { return pos >= cut })
		if err != nil || part.Form() != Msgpack {
			t.Fatal(part, err)
		}
		at := int(cut - maps[0].Offset)
		again, err := part.AppendEncoded(nil, None)
		if err != nil {
			t.Fatal(err)
		}
		storedPart, _, err := Decode(again, cut)
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct {
			b    *Batch
			from int
		}{
			"built": {b, 0}, "stored": {stored, 0}, "a part": {part, at},
			"a part, stored": {storedPart, at}, "under another tag": {stored.Retag("x"), 0},
			"not packed": {Unpacked(b), 0},
		} {
			for range 2 { // what was made for the first is there for the second
				wantRecords(t, what, c.b, seen[c.from:])
			}
			i := c.from
			var s Scratch
			if err := c.b.EachAsKept(&s, func(r *Record) error {
				if !equal(r, &maps[i]) {
					return fmt.Errorf("%d is %v, was %v", i, r, maps[i])
				}
				i++
				return nil
			}); err != nil || i != len(maps) {
				t.Fatal(what, i, err)
			}
			as, err := c.b.Seen()
			if err != nil || as.Form() != AsSeen || as.First != c.b.First || as.End != c.b.End ||
				as.Tag != c.b.Tag || as.Input != c.b.Input {
				t.Fatalf("%s: %+v, %v", what, as, err)
			}
		}
		got, err := stored.Packed(None)
		if err != nil {
			t.Fatal(err)
		}
		want.Input = 7
		if plain, _ := want.Packed(None); !bytes.Equal(got, plain) {
			t.Fatalf("packed %x, want %x", got, plain)
		}
	}
}

// An earlier release knows flag 1 alone, and takes any other for damage: that is why the directory
// has another format.
func TestTheFormIsInTheEnvelope(t *testing.T) {
	b := built(Msgpack, []Record{{Time: 1e18, Value: []byte{0x80}}})
	p, err := b.AppendEncoded(nil, None)
	if err != nil || p[2] != flagMsgpack {
		t.Fatalf("flags %#x, %v", p[2], err)
	}
	p[2] |= 4
	if _, _, err := Decode(p, 0); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

// What is no map as it should be is an error, and not taken for something else.
func TestBrokenMapsAreCorrupt(t *testing.T) {
	for _, value := range [][]byte{nil, {}, {0x81}, {0x80, 0x80}, {0xc1}} {
		b := built(Msgpack, []Record{{Value: []byte{0x80}}, {Value: value}})
		if _, err := b.Records(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%x: %v", value, err)
		}
		if _, err := b.Packed(None); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%x: %v", value, err)
		}
		if _, err := b.PackedAsKept(None); err != nil {
			t.Errorf("%x: %v", value, err)
		}
		err := b.Each(&Scratch{}, func(*Record) error { return nil })
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%x: %v", value, err)
		}
	}
}
