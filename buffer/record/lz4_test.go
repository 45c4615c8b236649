package record

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/pierrec/lz4/v4"
)

// The frame is the one that the library makes of the same blocks.
func TestLZ4FrameIsTheLibrarys(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	text := bytes.Repeat(
		[]byte("2026-01-02T03:04:05Z INFO request served path=/api/v1/items status=200\n"), 5000,
	)
	for _, p := range [][]byte{nil, {1}, longer(), text[:100], text[:lz4Block], text[:lz4Block+1], text, noise, append(append([]byte{}, text...), noise...)} {
		var want bytes.Buffer
		w := lz4.NewWriter(&want)
		if err := w.Apply(
			lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false), lz4.ConcurrencyOption(1),
		); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got := appendLZ4([]byte("before"), p)[len("before"):]
		if len(p) > 0 && !bytes.Equal(got, want.Bytes()) {
			t.Errorf(
				"%d bytes: a frame of %d bytes, want the library's of %d", len(p), len(got),
				want.Len(),
			)
		}
		back, err := inflate(nil, got, LZ4, len(p))
		if err != nil || !bytes.Equal(back, p) {
			t.Errorf("%d bytes do not read back: %v", len(p), err)
		}
	}
}

// longer returns noise with repetitions so short that a block which refers to them is longer.
func longer() (p []byte) {
	rng := rand.New(rand.NewPCG(3727, 1))
	noise := func(n int) {
		for range n {
			p = append(p, byte(rng.Uint32()))
		}
	}
	for range 1 + rng.IntN(3) {
		noise(300 + rng.IntN(1200))
		at := rng.IntN(len(p) - 8)
		p = append(p, p[at:at+6+rng.IntN(2)]...)
	}
	noise(rng.IntN(300))
	return p
}

// Frames of our own are read without the library's reader, and as it would; others are left to it.
func TestInflateBlocks(t *testing.T) {
	seed := runtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		p := make([]byte, rng.IntN(4*lz4Block))
		for i := range p {
			if p[i] = byte(rng.IntN(4)); len(p)%2 == 0 {
				p[i] = byte(rng.Uint32())
			}
		}
		frame := appendLZ4(nil, p)
		got, ok := inflateBlocks(make([]byte, 0, rng.IntN(2*lz4Block)), frame, len(p))
		if !bytes.Equal(got, p) || !ok {
			t.Fatalf("%d bytes: %d bytes, %v", len(p), len(got), ok)
		}
		if len(p) == 0 {
			continue
		}
		if _, ok := inflateBlocks(nil, frame, len(p)-1); ok {
			t.Error("more than was announced is taken")
		}
		if _, ok := inflateBlocks(nil, append(frame[:len(frame):len(frame)], 0), len(p)); ok {
			t.Error("what follows the frame is not seen")
		}
		frame[len(lz4Header)+rng.IntN(len(frame)-len(lz4Header))] ^= byte(1 + rng.IntN(255))
		if got, ok := inflateBlocks(nil, frame, len(p)); ok && len(got) > len(p) {
			t.Errorf("%d bytes of a damaged frame, at most %d are allowed", len(got), len(p))
		}
	}
}
