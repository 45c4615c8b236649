package deliver

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// What is ahead is a set of positions.
func TestAheadIsASet(t *testing.T) {
	seed := runtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 3))
	for range 200 {
		var a Ahead
		want := map[int64]bool{}
		for range 60 {
			from := rng.Int64N(50)
			to := from + rng.Int64N(12)
			add := rng.IntN(3) > 0
			if add {
				a.add(from, to)
			} else {
				a.Forget(from, to)
			}
			for pos := from; pos < to; pos++ {
				want[pos] = add
			}
			recs := make([]record.Record, 64)
			left := ""
			for i := range recs {
				recs[i] = record.Record{Offset: int64(i), Value: []byte("v")}
				if !want[int64(i)] {
					left += fmt.Sprint(i, " ")
				}
			}
			got := ""
			for _, pos := range positions(a.without(record.FromRecords("t", "o", recs))) {
				got += fmt.Sprint(pos, " ")
			}
			if got != left {
				t.Fatalf("left are %s, want %s: %v", got, left, a.spans)
			}
			for i := 1; i < len(a.spans); i++ {
				if a.spans[i-1].to >= a.spans[i].from {
					t.Fatalf("spans touch: %v", a.spans)
				}
			}
		}
	}
}

// Records that share a position, as those that a filter makes of one: what is known of one says
// nothing of the others, so the position is not passed before all of them are there.
func TestAheadOfRecordsThatShareAPosition(t *testing.T) {
	at := func(positions ...int64) *record.Batch {
		var recs []record.Record
		for _, p := range positions {
			recs = append(recs, record.Record{Offset: p})
		}
		return record.FromRecords("t", "o", recs)
	}
	whole := at(4, 5, 5, 5, 6)
	for _, rest := range []*record.Batch{at(5), at(5, 5), at(5, 6)} {
		var a Ahead
		a.addBut(whole, rest)
		if a.Has(5) || !a.Has(4) || a.Has(6) == (rest.End == 7) {
			t.Errorf(
				"%v are left, and the destination has 4: %v, 5: %v, 6: %v", positions(rest),
				a.Has(4), a.Has(5), a.Has(6),
			)
		}
	}
}
