package spool

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compressor makes self-contained members: a file is a row of them. Safe for concurrent use.
type compressor struct {
	ext      string
	encoding string // HTTP content encoding, unused: objects stay compressed
	append   func(dst, src []byte) ([]byte, error)
}

func newCompressor(name string) (*compressor, error) {
	switch name {
	case "none", "":
		return &compressor{append: func(dst, src []byte) ([]byte, error) { return append(dst, src...), nil }}, nil
	case "gzip":
		pool := &sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
		return &compressor{ext: ".gz", append: func(dst, src []byte) ([]byte, error) {
			w := pool.Get().(*gzip.Writer)
			defer pool.Put(w)
			buf := bytes.NewBuffer(dst)
			w.Reset(buf)
			if _, err := w.Write(src); err != nil {
				return dst, err
			}
			err := w.Close()
			return buf.Bytes(), err
		}}, nil
	case "zstd":
		pool := &sync.Pool{New: func() any {
			w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(chunkSize))
			if err != nil {
				panic(err) // constant options
			}
			return w
		}}
		return &compressor{ext: ".zst", append: func(dst, src []byte) ([]byte, error) {
			w := pool.Get().(*zstd.Encoder)
			defer pool.Put(w)
			return w.EncodeAll(src, dst), nil
		}}, nil
	}
	return nil, fmt.Errorf("must be none, gzip or zstd, not %q", name)
}
