package format

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"slices"
	"sync"

	bzip2w "github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compressions are the names that New takes.
var Compressions = []string{"none", "gzip", "zstd", "snappy", "lz4", "bzip2"}

// compressor makes self-contained members; a file is one or more of them, and so is a legal stream
// of its kind. Safe for concurrent use.
type compressor struct {
	name, ext string
	append    func(dst, src []byte) ([]byte, error)
}

// resetter is what the stream compressors have in common.
type resetter interface {
	io.WriteCloser
	Reset(io.Writer)
}

// newCompressor returns the compressor of a name. Levels are chosen for speed: logs compress well
// at any.
func newCompressor(name string) (*compressor, error) {
	switch name {
	case "none", "":
		return &compressor{
			name:   "none",
			append: func(dst, src []byte) ([]byte, error) { return append(dst, src...), nil },
		}, nil
	case "gzip":
		return streaming(name, ".gz", func() resetter {
			// a constant that is a level; the header's time stays zero
			w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed+1)
			return w
		}), nil
	case "zstd":
		pool := sync.Pool{New: func() any {
			w, err := zstd.NewWriter(
				nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
				zstd.WithWindowSize(1<<20),
			)
			if err != nil {
				panic(err) // constant options
			}
			return w
		}}
		return &compressor{name: name, ext: ".zst", append: func(dst, src []byte) ([]byte, error) {
			w := pool.Get().(*zstd.Encoder)
			defer pool.Put(w)
			return w.EncodeAll(src, dst), nil
		}}, nil
	case "snappy":
		return streaming(name, ".sz", func() resetter { return snappy.NewBufferedWriter(nil) }), nil
	case "lz4":
		return streaming(name, ".lz4", func() resetter {
			w := lz4.NewWriter(nil)
			if err := w.Apply(
				lz4.BlockSizeOption(lz4.Block1Mb), lz4.ChecksumOption(true),
				lz4.ConcurrencyOption(1),
			); err != nil {
				panic(err) // constant options
			}
			return w
		}), nil
	case "bzip2":
		pool := sync.Pool{New: func() any { return (*bzip2w.Writer)(nil) }}
		return &compressor{
			name: name,
			ext:  ".bz2",
			append: func(dst, src []byte) (_ []byte, err error) {
				buf := bytes.NewBuffer(dst)
				w := pool.Get().(*bzip2w.Writer)
				if w == nil {
					if w, err = bzip2w.NewWriter(buf, nil); err != nil {
						return dst, err
					}
				} else if err = w.Reset(buf); err != nil {
					return dst, err
				}
				if _, err := w.Write(src); err != nil {
					return dst, err
				}
				if err := w.Close(); err != nil {
					return dst, err
				}
				pool.Put(w)
				return buf.Bytes(), nil
			},
		}, nil
	}
	return nil, fmt.Errorf("must be one of %v, not %q", Compressions, name)
}

func streaming(name, ext string, make func() resetter) *compressor {
	pool := sync.Pool{New: func() any { return make() }}
	return &compressor{name: name, ext: ext, append: func(dst, src []byte) ([]byte, error) {
		w := pool.Get().(resetter)
		defer pool.Put(w)
		buf := bytes.NewBuffer(dst)
		w.Reset(buf)
		if _, err := w.Write(src); err != nil {
			return dst, err
		}
		err := w.Close()
		return buf.Bytes(), err
	}}
}

// Compressed file's first bytes.
var magics = []struct {
	name  string
	magic []byte
}{
	{"gzip", []byte{0x1f, 0x8b}},
	{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}},
	{"snappy", []byte("\xff\x06\x00\x00sNaPpY")},
	{"lz4", []byte{0x04, 0x22, 0x4d, 0x18}},
	{"bzip2", []byte("BZh")},
}

// Decompress returns what r holds, decompressed if its first bytes are those of a compression, and
// which. All members are read.
func Decompress(r io.Reader) (io.ReadCloser, string, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(10)
	if err != nil && err != io.EOF {
		return nil, "", err
	}
	i := slices.IndexFunc(magics[:], func(m struct {
		name  string
		magic []byte
	}) bool {
		return bytes.HasPrefix(head, m.magic)
	})
	if i < 0 {
		return io.NopCloser(br), "none", nil
	}
	name := magics[i].name
	switch name {
	case "gzip":
		zr, err := gzip.NewReader(br)
		return zr, name, err
	case "zstd":
		zr, err := zstd.NewReader(
			br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(128<<20),
		)
		if err != nil {
			return nil, name, err
		}
		return zr.IOReadCloser(), name, nil
	case "snappy":
		return io.NopCloser(s2.NewReader(br)), name, nil
	case "lz4":
		return io.NopCloser(&lz4Members{br: br, zr: lz4.NewReader(br)}), name, nil
	}
	return io.NopCloser(bzip2.NewReader(br)), name, nil
}

// lz4Members reads one frame after the other; the library's reader ends after the first.
type lz4Members struct {
	br *bufio.Reader
	zr *lz4.Reader
}

func (m *lz4Members) Read(p []byte) (int, error) {
	for {
		n, err := m.zr.Read(p)
		if n > 0 || err != io.EOF {
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
		if _, err := m.br.Peek(1); err != nil {
			return 0, err
		}
		m.zr.Reset(m.br)
	}
}
