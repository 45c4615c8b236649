package spool

import (
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// The pool never keeps what would make all of its buffers, lent and kept, more than max; what is
// lent is lent whatever that says.
func TestBufferPoolBound(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	p := &bufferPool{max: 1 << 20}
	var lent [][]byte
	made, size := 0, 0
	for range 20_000 {
		if n := len(lent); n > 0 && rng.IntN(5) < 2 {
			i := rng.IntN(n)
			size -= cap(lent[i])
			p.put(lent[i])
			lent[i] = lent[n-1]
			lent = lent[:n-1]
		} else if size < 2<<20 {
			n := 1 + rng.IntN(1<<rng.IntN(16))
			had := p.kept
			b := p.get(n)
			if cap(b) < n || len(b) != 0 {
				t.Fatalf("asked for %d, got %d of %d", n, len(b), cap(b))
			}
			if p.kept == had {
				made++
			}
			size += cap(b)
			lent = append(lent, b)
		}
		kept := 0
		for _, class := range p.free {
			for _, b := range class {
				kept += cap(b)
			}
		}
		if p.kept != kept || p.total != size+kept || kept > 0 && p.total > max(p.max, size) {
			t.Fatalf("%d bytes lent: total %d, kept %d, counted %d", size, p.total, p.kept, kept)
		}
	}
	if made > 10_000 {
		t.Errorf("%d buffers were made anew", made)
	}
}
