package spool

import (
	"bytes"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// Rows come out as they went in, however they lay, and the pool knows of all that they hold.
func TestRows(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	p := &bufferPool{max: 64 << 20}
	for range 200 {
		var r rows
		var want []byte
		longest := 1 << (1 + rng.IntN(12))
		for len(want) < rng.IntN(2*blocksMax) {
			row := bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, 1+rng.IntN(longest))
			r.makeRoom(p, len(row), rng.IntN(2)*blockSize)
			r.buf = append(r.buf, row...)
			want = append(want, row...)
			if r.size() != len(want) || r.held() < len(want) || r.held() != p.total-p.kept {
				t.Fatalf(
					"%d bytes: size %d, held %d, of the pool %d",
					len(want), r.size(), r.held(), p.total-p.kept,
				)
			}
			if n := len(r.blocks); n > blocksMax/blockSize*2 || n > 0 && r.full < n*(blockSize-blockRow) {
				t.Fatalf("%d bytes in %d blocks", r.full, n)
			}
		}
		if !bytes.Equal(r.appendTo(nil), want) {
			t.Fatalf("%d rows' bytes came out otherwise", len(want))
		}
		if r.giveBack(p); r.held() != 0 || r.size() != 0 || p.total != p.kept {
			t.Fatalf("given back, %d bytes are held, and %d lent", r.held(), p.total-p.kept)
		}
	}
}
