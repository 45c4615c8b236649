package msgpack

import (
	"bytes"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/penstock/penstock/buffer/record/msgpack/msgpacktest"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// checkAgrees holds Check against what it spares: the text itself.
func checkAgrees(t *testing.T, b []byte, depth, most int) {
	t.Helper()
	text, want, wantErr := Transcode(nil, b, 0, depth, most)
	_, end, err := Check(nil, b, 0, depth, most)
	same := err == wantErr || err == ErrShort && wantErr == ErrLong || err != nil && wantErr != nil && err.Error() == wantErr.Error()
	if !same || err == nil && end != want {
		t.Fatalf(
			"%x to depth %d in %d bytes: %d, %v; the text gives %d, %v", b, depth, most, end, err,
			want, wantErr,
		)
	}
	_, oddErr := walk(b, 0, min(depth, checkDepth))
	if wantErr == nil && oddErr == nil && most >= len(text) && len(text) > mostGrowth*want {
		t.Fatalf("%x is %d bytes of text", b, len(text))
	}
}

func TestCheckTakesWhatBecomesText(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	for range 3000 {
		b := msgpacktest.Map(rng, 4)
		for _, depth := range []int{1, 2, 3, 9, checkDepth, 2 * checkDepth} {
			checkAgrees(t, b, depth, 1<<20)
			checkAgrees(t, b, depth, 1+rng.IntN(2*len(b)))
			checkAgrees(t, b[:rng.IntN(len(b))], depth, 1<<20)
		}
		b[rng.IntN(len(b))] = byte(rng.Uint32())
		checkAgrees(t, b, checkDepth, 1<<20)
	}
	for depth := range 12 { // keys in keys: quotes of quotes
		b := append(bytes.Repeat([]byte{0x81}, depth+1), 0xa1, '"')
		checkAgrees(t, append(b, bytes.Repeat([]byte{0xc0}, depth+1)...), checkDepth, 1<<20)
	}
	for depth := range 3 * checkDepth {
		deep := append(bytes.Repeat([]byte{0x81, 0xa1, 'k'}, depth), 0x91, 0xc0)
		for limit := range 3 * checkDepth {
			checkAgrees(t, deep, limit, 1<<20)
		}
	}
}

func FuzzCheck(f *testing.F) {
	b, _ := msgp.AppendIntf(
		nil, map[string]any{"a": []any{1, "x", nil, 1.5, true}, "b": []byte{0xff}},
	)
	f.Add(b, uint8(3), uint16(200))
	f.Add([]byte{0x81, 0x81, 1, 2, 0xd7, 0, 1, 2, 3, 4, 5, 6, 7, 8}, uint8(9), uint16(9))
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff, 0xc4}, uint8(9), uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, depth uint8, most uint16) {
		checkAgrees(t, b, int(depth), int(most)+1)
		checkAgrees(t, b, int(depth), 1<<20)
	})
}
