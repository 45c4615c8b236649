package tally

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

func randomRow(r *rand.Rand) (row Row) {
	for range r.IntN(12) {
		n := Count{r.Int64N(1 << 40), r.Int64N(1 << 50)}
		if r.IntN(2) == 0 {
			n = Count{5, 50} // as in the cell before
		}
		row.Add(uint32(r.IntN(4)), Stage(r.IntN(Stages)), n)
	}
	return row
}

func sum(rows ...Row) (out Row) {
	for _, r := range rows {
		out.Merge(r)
	}
	return out
}

func TestRowsMergeInAnyOrderAndReadBack(t *testing.T) {
	r := runtest.Rand(t)
	for range 500 {
		x, y, z := randomRow(r), randomRow(r), randomRow(r)
		want := sum(x, y, z).Append(nil)
		for _, other := range []Row{sum(sum(x, y), z), sum(x, sum(y, z)), sum(z, y, x)} {
			if got := other.Append(nil); !bytes.Equal(got, want) {
				t.Fatalf("merged otherwise: %v, want %v", other, sum(x, y, z))
			}
		}
		back, err := ParseRow(want)
		if err != nil {
			t.Fatal(err)
		}
		if again := back.Append(nil); !bytes.Equal(again, want) {
			t.Fatalf("read back %v, want %v", back, sum(x, y, z))
		}
	}
}

func TestARowThatIsCutShortIsAnError(t *testing.T) {
	n := Count{300, 70000}
	row := Row{{1, Delivered, n}}
	p := row.Append(nil)
	for n := 1; n < len(p); n++ {
		if got, err := ParseRow(p[:n]); err == nil {
			t.Errorf("%d of %d bytes: %v", n, len(p), got)
		}
	}
	// what a later release counts is passed over
	later := slices.Concat([]byte{1<<5 | 15<<1, 5, 5}, p)
	if got, err := ParseRow(later); err != nil || got.Get(1, Delivered).Records != 300 {
		t.Errorf("%v %v", got, err)
	}
}
