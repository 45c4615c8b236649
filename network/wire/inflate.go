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
		r, _ := zstd.NewReader(
			nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxZstdWindow),
		)
		return r
	}}
)

// A chunk that has become suspicious bytes, and suspiciousRatio times larger than it was, is looked
// at to its end before more of it is handed out.
const (
	suspicious      = 8 << 20
	suspiciousRatio = 20
)

// inflater reads a compressed chunk: gzip members or zstd frames, one after another.
type inflater struct {
	r     io.Reader
	gz    *gzip.Reader
	zs    *zstd.Decoder
	limit int64
	left  int64

	codec   string
	payload []byte
	src     *bytes.Reader // of payload
	cleared bool          // payload inflates to no more than limit, or nobody needs to know
}

func newInflater(codec string, p []byte, limit int64) (*inflater, error) {
	f := &inflater{
		limit:   limit,
		left:    limit,
		codec:   codec,
		payload: p,
		src:     bytes.NewReader(p),
		cleared: limit <= suspicious,
	}
	if codec == "gzip" {
		f.gz = gunzippers.Get().(*gzip.Reader)
		if err := f.gz.Reset(f.src); err != nil {
			f.close()
			return nil, fmt.Errorf("%w: %w", errCorrupt, err)
		}
		f.r = f.gz
		return f, nil
	}
	f.zs = unzstds.Get().(*zstd.Decoder)
	if err := f.zs.Reset(f.src); err != nil {
		f.close()
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	f.r = f.zs
	return f, nil
}

// Read implements io.Reader; it fails with errBomb when there is more than the limit, and
// errCorrupt.
func (f *inflater) Read(p []byte) (int, error) {
	if f.left == 0 {
		var one [1]byte
		if n, err := io.ReadFull(f.r, one[:]); n == 0 {
			return 0, wrapCorrupt(err)
		}
		return 0, errBomb
	}
	if got := f.limit - f.left; !f.cleared && got >= suspicious &&
		got > suspiciousRatio*(int64(len(f.payload))-int64(f.src.Len())) {
		f.cleared = true
		if f.bomb() {
			return 0, errBomb
		}
	}
	n, err := f.r.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	return n, wrapCorrupt(err)
}

// bomb reports whether the payload inflates beyond the limit.
func (f *inflater) bomb() bool {
	g, err := newInflater(f.codec, f.payload, f.limit)
	if err != nil {
		return false
	}
	defer g.close()
	g.cleared = true
	_, err = io.Copy(io.Discard, readerOnly{g})
	return errors.Is(err, errBomb)
}

type readerOnly struct{ io.Reader }

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
