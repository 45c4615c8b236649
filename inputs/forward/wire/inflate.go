package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

var (
	errBomb    = errors.New("chunk inflates beyond the limit")
	errCorrupt = errors.New("chunk does not inflate")
)

// maxZstdWindow is what a zstd frame may make us hold; every sender's default is below.
const maxZstdWindow = 8 << 20

var (
	gunzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}
	unzstds    = sync.Pool{New: func() any {
		r, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		return r
	}}
)

// inflater reads a compressed chunk: gzip members or zstd frames, one after another.
type inflater struct {
	r    io.Reader
	gz   *gzip.Reader
	zs   *zstd.Decoder
	left int64
}

func newInflater(codec string, p []byte, limit int64) (*inflater, error) {
	f := &inflater{left: limit}
	if codec == "gzip" {
		f.gz = gunzippers.Get().(*gzip.Reader)
		if err := f.gz.Reset(bytes.NewReader(p)); err != nil {
			f.close()
			return nil, fmt.Errorf("%w: %w", errCorrupt, err)
		}
		f.r = f.gz
		return f, nil
	}
	f.zs = unzstds.Get().(*zstd.Decoder)
	if err := f.zs.Reset(bytes.NewReader(p)); err != nil {
		f.close()
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	f.r = f.zs
	return f, nil
}

// Read implements io.Reader; it fails with errBomb when there is more than the limit, and errCorrupt.
func (f *inflater) Read(p []byte) (int, error) {
	if f.left == 0 {
		var one [1]byte
		if n, err := io.ReadFull(f.r, one[:]); n == 0 {
			return 0, wrapCorrupt(err)
		}
		return 0, errBomb
	}
	n, err := f.r.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	return n, wrapCorrupt(err)
}

func wrapCorrupt(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("%w: %w", errCorrupt, err)
}

func (f *inflater) close() {
	if f.gz != nil {
		gunzippers.Put(f.gz)
	}
	if f.zs != nil {
		_ = f.zs.Reset(nil)
		unzstds.Put(f.zs)
	}
	f.gz, f.zs, f.r = nil, nil, nil
}
