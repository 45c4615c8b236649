package record

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klauspost/compress/s2"
)

func xerialFrame(blocks ...[]byte) []byte {
	p := bytes.Clone(xerialHeader)
	for _, b := range blocks {
		enc := s2.EncodeSnappy(nil, b)
		p = append(binary.BigEndian.AppendUint32(p, uint32(len(enc))), enc...)
	}
	return p
}

// Written with the framing of the Java clients, as one block; read with it, in any number of
// blocks, and without.
func TestSnappyFrames(t *testing.T) {
	text := bytes.Repeat(
		[]byte("2026-01-02T03:04:05Z INFO request served path=/api/v1/items status=200\n"), 5000,
	)
	got, err := compress([]byte("before"), text, Snappy)
	if err != nil || !bytes.Equal(got, append([]byte("before"), xerialFrame(text)...)) {
		t.Errorf("%v: %.40q", err, got)
	}
	if want := "\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"; string(got[6:22]) != want {
		t.Errorf("header %q, want %q", got[6:22], want)
	}
	for name, p := range map[string][]byte{
		"one block": xerialFrame(text), "many": xerialFrame(text[:100], nil, text[100:40_000], text[40_000:]), "bare": s2.EncodeSnappy(nil, text),
	} {
		for _, scratch := range [][]byte{nil, make([]byte, 0, 10), make([]byte, 0, 2*len(text))} {
			back, err := inflate(scratch, p, Snappy, len(text))
			if err != nil || !bytes.Equal(back, text) {
				t.Errorf("%s: %d bytes, %v", name, len(back), err)
			}
			if cap(scratch) > len(text) && &back[0] != &scratch[:1][0] {
				t.Errorf("%s: the scratch is not used", name)
			}
		}
		if _, err := inflate(nil, p, Snappy, len(text)-1); err == nil {
			t.Errorf("%s: more than was announced is taken", name)
		}
	}
}

func TestSnappyLyingLength(t *testing.T) {
	for _, p := range [][]byte{
		append(binary.AppendUvarint(nil, 1<<30), 0, 'x'),
		append(append(bytes.Clone(xerialHeader), 0, 0, 0, 7), append(binary.AppendUvarint(nil, 1<<30), 0, 'x')...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := inflate(nil, p, Snappy, 1<<30)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; err == nil || n > 1<<20 {
			t.Errorf("%q: %v, %d bytes were allocated", p, err, n)
		}
	}
	// The most that a block can hold is let pass.
	zeros := make([]byte, 1<<20)
	if back, err := inflate(nil, s2.EncodeSnappy(nil, zeros), Snappy, len(zeros)); err != nil ||
		!bytes.Equal(back, zeros) {
		t.Error(err)
	}
}

// A single huge batch does not leave its memory behind.
func TestPackScratchIsBounded(t *testing.T) {
	noise := make([]byte, 6*TargetSize)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	for _, codec := range []Codec{Gzip, Snappy, LZ4, Zstd} {
		if dst, used, err := packSection(noise, codec); err != nil || used != None ||
			!bytes.Equal(dst[batchHeaderSize:], noise) {
			t.Errorf("%v: %v, %v", codec, used, err)
		}
		if s := packScratch.Get().(*[]byte); cap(*s) > 4*TargetSize {
			t.Errorf("%v: %d bytes are kept", codec, cap(*s))
		}
	}
}
