package record

import (
	"math/rand/v2"
	"testing"
)

func TestPlaces(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 100 {
		var p Places
		want := map[int64]int64{}
		offset, place := int64(rng.IntN(3)), int64(rng.IntN(1000))
		for range rng.IntN(50) {
			want[offset] = place
			p.Add(offset, place)
			offset, place = offset+1, place+1
			if rng.IntN(4) == 0 {
				offset, place = offset+int64(rng.IntN(3)), place+int64(rng.IntN(3))
			}
		}
		for at, is := range want {
			if got := p.Of(at); got != is {
				t.Fatalf("%d is at %d, %v say %d", at, is, p, got)
			}
		}
	}
	if at := (Places)(nil).Of(7); at != 7 {
		t.Error(at)
	}
}
