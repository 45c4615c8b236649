package record

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec is a compression of the record section, with Kafka's numbers.
type Codec uint8

const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

var codecNames = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

func (c Codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return fmt.Sprintf("codec %d", c)
}

// ParseCodec returns the codec named s: none, gzip, snappy, lz4 or zstd.
func ParseCodec(s string) (Codec, error) {
	for i, name := range codecNames {
		if s == name {
			return Codec(i), nil
		}
	}
	return 0, fmt.Errorf("unknown compression %q: use none, gzip, snappy, lz4 or zstd", s)
}

// Encoders and decoders are costly to make and safe to reuse; the pools hold no state between uses.
var (
	lz4Compressors = sync.Pool{New: func() any { return new(lz4.Compressor) }}
	lz4Readers     = sync.Pool{New: func() any { return lz4.NewReader(nil) }}
	gzipWriters    = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	zstdWriters    = sync.Pool{New: func() any {
		w, _ := zstd.NewWriter(
			nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false),
		)
		return w
	}}
	packScratch = sync.Pool{New: func() any { return new([]byte) }}
	zstdReaders = sync.Pool{New: func() any {
		r, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		return r
	}}
)

// compress appends body, compressed, to dst.
func compress(dst, body []byte, codec Codec) ([]byte, error) {
	switch codec {
	case Gzip:
		w := gzipWriters.Get().(*gzip.Writer)
		defer gzipWriters.Put(w)
		buf := bytes.NewBuffer(dst)
		w.Reset(buf)
		_, err := w.Write(body)
		err = errors.Join(err, w.Close())
		return buf.Bytes(), err
	case Snappy:
		return appendXerial(dst, body)
	case LZ4:
		return appendLZ4(dst, body), nil
	case Zstd:
		w := zstdWriters.Get().(*zstd.Encoder)
		defer zstdWriters.Put(w)
		return w.EncodeAll(body, dst), nil
	}
	return dst, fmt.Errorf("unknown %v", codec)
}

// lz4Header begins a frame of independent blocks of 64 KiB, as Kafka's own producer uses them,
// without sizes and checksums; the last byte is the header's:
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
var lz4Header = []byte{0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82}

const (
	lz4Block  = 64 << 10
	lz4Stored = 1 << 31 // in a block's length: it is not compressed
)

// appendLZ4 appends a frame that holds p: each block is compressed where it is to lie.
func appendLZ4(dst, p []byte) []byte {
	c := lz4Compressors.Get().(*lz4.Compressor)
	defer lz4Compressors.Put(c)
	dst = append(dst, lz4Header...)
	for len(p) > 0 {
		block := p[:min(len(p), lz4Block)]
		p = p[len(block):]
		dst = slices.Grow(dst, 4+len(block)+4)
		to := dst[len(dst)+4 : len(dst)+4+len(block)]
		n, _ := c.CompressBlock(block, to)
		size := uint32(n)
		if n == 0 { // it would be longer, which the library may tell by an error, too
			n = copy(to, block)
			size = uint32(n) | lz4Stored
		}
		dst = binary.LittleEndian.AppendUint32(dst, size)
		dst = dst[:len(dst)+n]
	}
	return append(dst, 0, 0, 0, 0)
}

// decompress inflates a record section of size bytes, into scratch if it has room.
func decompress(scratch, p []byte, codec Codec, size int) ([]byte, error) {
	out, err := inflate(scratch[:0], p, codec, size)
	if err == nil && len(out) != size {
		err = fmt.Errorf("%d bytes, want %d", len(out), size)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrCorrupt, codec, err)
	}
	return out, nil
}

func inflate(dst, p []byte, codec Codec, size int) ([]byte, error) {
	switch codec {
	case None:
		return p, nil
	case Gzip:
		r, err := gzip.NewReader(bytes.NewReader(p))
		if err != nil {
			return nil, err
		}
		return readSized(dst, r, size)
	case Snappy:
		if !bytes.HasPrefix(p, xerialMagic) {
			return appendUnsnapped(dst, p, size)
		}
		return inflateXerial(dst, p, size)
	case LZ4:
		if out, ok := inflateBlocks(dst, p, size); ok {
			return out, nil
		}
		r := lz4Readers.Get().(*lz4.Reader)
		defer lz4Readers.Put(r)
		r.Reset(bytes.NewReader(p))
		return readSized(dst, r, size)
	case Zstd:
		r := zstdReaders.Get().(*zstd.Decoder)
		defer zstdReaders.Put(r)
		if err := r.Reset(bytes.NewReader(p)); err != nil {
			return nil, err
		}
		return readSized(dst, r, size)
	}
	return nil, fmt.Errorf("unknown codec")
}

// inflateBlocks inflates one frame as appendLZ4 writes it, and reports whether p is one.
func inflateBlocks(dst, p []byte, size int) ([]byte, bool) {
	if !bytes.HasPrefix(p, lz4Header) {
		return nil, false
	}
	p = p[len(lz4Header):]
	for len(p) >= 4 {
		n := binary.LittleEndian.Uint32(p)
		p = p[4:]
		if n == 0 {
			return dst, len(p) == 0
		}
		stored := n&lz4Stored != 0
		if n &^= lz4Stored; uint64(n) > uint64(len(p)) {
			return nil, false
		}
		block := p[:n]
		p = p[n:]
		room := min(size-len(dst), lz4Block)
		if room <= 0 || stored && len(block) > room {
			return nil, false
		}
		dst = grow(dst, room, size)
		at := len(dst)
		m := 0
		if stored {
			m = copy(dst[at:at+room], block)
		} else {
			var err error
			if m, err = lz4.UncompressBlock(block, dst[at:at+room]); err != nil {
				return nil, false
			}
		}
		dst = dst[:at+m]
	}
	return nil, false
}

// grow returns dst with room for n more bytes, and for all of size unless that is much: a lying
// size must not make us allocate it.
func grow(dst []byte, n, size int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	return slices.Grow(dst, max(n, min(size, 4<<20)-len(dst)))
}

func readSized(dst []byte, r io.Reader, size int) ([]byte, error) {
	buf := bytes.NewBuffer(grow(dst, bytes.MinRead, size+bytes.MinRead))
	_, err := buf.ReadFrom(io.LimitReader(r, int64(size)+1))
	return buf.Bytes(), err
}

// xerialMagic begins the framing that Java clients put around snappy blocks, each with its length
// before it. Readers take a single bare block as well, but for a few that only ever met those
// clients.
// https://github.com/xerial/snappy-java/blob/master/src/main/java/org/xerial/snappy/SnappyCodec.java
var xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

// xerialHeader is the magic with the framing's version, and the least that a reader must know.
var xerialHeader = append(xerialMagic[:len(xerialMagic):len(xerialMagic)], 0, 0, 0, 1, 0, 0, 0, 1)

// appendXerial appends a frame that holds p as one block.
func appendXerial(dst, p []byte) ([]byte, error) {
	room := s2.MaxEncodedLen(len(p))
	if room < 0 {
		return dst, s2.ErrTooLarge
	}
	dst = slices.Grow(dst, len(xerialHeader)+4+room)
	dst = append(append(dst, xerialHeader...), 0, 0, 0, 0)
	start := len(dst)
	n := len(s2.EncodeSnappy(dst[start:start+room], p))
	binary.BigEndian.PutUint32(dst[start-4:], uint32(n))
	return dst[:start+n], nil
}

func inflateXerial(dst, p []byte, size int) ([]byte, error) {
	if len(p) < len(xerialHeader) {
		return nil, errShort
	}
	for p = p[len(xerialHeader):]; len(p) > 0; {
		if len(p) < 4 {
			return nil, errShort
		}
		n := binary.BigEndian.Uint32(p)
		if p = p[4:]; uint64(n) > uint64(len(p)) {
			return nil, errShort
		}
		var err error
		if dst, err = appendUnsnapped(dst, p[:n], size-len(dst)); err != nil {
			return nil, err
		}
		p = p[n:]
	}
	return dst, nil
}

// appendUnsnapped appends what a block holds, at most size bytes.
func appendUnsnapped(dst, block []byte, size int) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	// three bytes stand for 64 at most: a lying length must not make us allocate it
	if err == nil && (n > size || n/22 > len(block)) {
		err = fmt.Errorf(
			"a block of %d bytes that holds %d, at most %d are expected", len(block), n, size,
		)
	}
	if err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, n)
	at := len(dst)
	// In place, as there is room for all of it.
	if _, err := s2.Decode(dst[at:at+n], block); err != nil {
		return nil, err
	}
	return dst[:at+n], nil
}
