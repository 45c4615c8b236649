package record

import "testing"

// lent returns a batch over one record, "x", and whether its memory was given back.
func lent() (b *Batch, free *bool) {
	free = new(bool)
	body := []byte{14, 0, 0, 0, 1, 2, 'x', 0}
	return Over("t", "o", body, 7, 0, 1, func() { *free = true }), free
}

// What is lent is given back by Recycle, once, and not after Keep.
func TestLentMemoryIsGivenBackUnlessKept(t *testing.T) {
	value := func(b *Batch) (values string) {
		recs, err := b.Records()
		if err != nil {
			t.Fatal(err)
		}
		for r := range recs {
			values += string(r.Value)
		}
		return values
	}
	b, free := lent()
	if value(b) != "x" || *free {
		t.Fatalf("%q, given back %v", value(b), *free)
	}
	b.Recycle()
	if !*free || b.Len() != 0 {
		t.Errorf("given back %v, with %d records", *free, b.Len())
	}
	*free = false
	if b.Recycle(); *free {
		t.Error("it is given back twice")
	}
	b, free = lent()
	b.Keep()
	b.Recycle()
	if *free || value(b) != "x" {
		t.Errorf("what is kept is given back %v, and holds %q", *free, value(b))
	}
}
