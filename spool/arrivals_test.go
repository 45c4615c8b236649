package spool

import (
	"bytes"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// Rows of each file come out as they came, whatever was taken out or dropped meanwhile, and the
// pool knows of the memory that they lie in.
func TestArrivals(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	p := &bufferPool{max: 64 << 20}
	var a arrivals
	for range 100 {
		files := 1 + rng.IntN(20)
		want := make([][]byte, files)
		check := func(file int, got []byte) {
			t.Helper()
			if !bytes.Equal(got, want[file]) {
				t.Fatalf("file %d: %d bytes came out, %d went in", file, len(got), len(want[file]))
			}
		}
		longest := 1 << (1 + rng.IntN(18))
		for range rng.IntN(500) {
			file := rng.IntN(files)
			row := bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(longest))
			want[file] = append(want[file], row...)
			if b := a.behind(len(row)); b != nil && rng.IntN(2) == 0 {
				row = append(b, row...)[len(b):]
			}
			a.add(p, uint32(file), row)
			switch rng.IntN(100) {
			case 0:
				check(file, a.take(nil, uint32(file)))
				want[file] = nil
			case 1:
				a.drop(func(f uint32) bool { return f == uint32(file) })
				want[file] = nil
			}
		}
		held := 0
		for _, s := range a.segments {
			held += cap(s)
		}
		if lent := p.total - p.kept; held != lent || a.held() < held {
			t.Fatalf("%d bytes of segments, %d lent, %d are told", held, lent, a.held())
		}
		a.sort(files)
		for _, file := range rng.Perm(files) {
			a.fetch(uint32(file))
			check(file, a.appendOf(nil, uint32(file)))
		}
		all := a.held()
		if a.giveBack(p); a.held() > all/4 {
			t.Fatalf("given back, %d of %d bytes are held", a.held(), all)
		}
		if p.total != p.kept || len(a.rows) > 0 {
			t.Fatalf("given back, %d bytes are lent", p.total-p.kept)
		}
	}
}
