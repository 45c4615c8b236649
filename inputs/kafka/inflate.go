package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// inflater decompresses batches for the reading client, within bounds: a megabyte on the wire can
// be a gigabyte of zeros, and a fetch is many batches. A batch costs its bytes and those of the
// records that the client makes of it. One that costs more than max is too large, for good. One
// that does not fit beside those which are inflated already, and whose records were not copied yet,
// is refused for now (errCrowded): the client hands over what it has and fetches the rest again. Of
// the batches that are larger than the share of all, one at a time goes beyond it, so that each has
// its turn.
type inflater struct {
	max   int64
	share int64 // of all batches
	pools *fetchPools

	gzips, lz4s, zstds, bigZstds sync.Pool

	mu      sync.Mutex
	held    int64
	giant   bool      // somebody is beyond the share
	freed   time.Time // when something was given back last
	charges map[uintptr]*charge
}

// charge is what a batch costs until its memory is given back, or found to be nobody's any more:
// the client drops what it has fetched of partitions that were paused or lost.
type charge struct {
	size  int64
	giant bool
	// of the inflated bytes
	length, capacity int
	cleanup          runtime.Cleanup
}

var errCrowded = errors.New("too much is inflated already")

const (
	recordCost = 208     // of a kgo.Record, and the pointer to it
	atOnce     = 4 << 20 // what zstd may inflate to before it is charged
)

func newInflater(maxBatch, share int64, pools *fetchPools) *inflater {
	decoder := func(limit uint64) func() any {
		return func() any {
			d, err := zstd.NewReader(
				nil, zstd.WithDecoderLowmem(true), zstd.WithDecoderConcurrency(1),
				zstd.WithDecoderMaxMemory(limit),
			)
			if err != nil {
				panic(err) // constant options
			}
			return d
		}
	}
	return &inflater{
		max: maxBatch, share: share, pools: pools, charges: map[uintptr]*charge{},
		gzips:    sync.Pool{New: func() any { return new(gzip.Reader) }},
		lz4s:     sync.Pool{New: func() any { return lz4.NewReader(nil) }},
		zstds:    sync.Pool{New: decoder(atOnce)},
		bigZstds: sync.Pool{New: decoder(uint64(maxBatch))},
	}
}

// Decompress implements kgo.Decompressor.
func (f *inflater) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if codec == kgo.CodecNone {
		return src, nil
	}
	if !f.admit(time.Now()) {
		return nil, errCrowded
	}
	c := &charge{}
	dst := f.pools.GetDecompressBytes(src, codec)
	out, err := f.inflate(c, dst[:0], src, codec)
	if err == nil {
		err = f.grow(c, cost(out))
	}
	if err != nil {
		f.release(c)
		f.pools.PutDecompressBytes(dst[:0])
		return nil, err
	}
	f.pools.observe(len(src), len(out))
	f.charge(c, out)
	return out, nil
}

// admit reports whether one more batch may be inflated. What the client dropped is found by the
// garbage collector only, which has to run for that.
func (f *inflater) admit(now time.Time) bool {
	f.mu.Lock()
	ok := f.held < f.share
	stuck := !ok && now.Sub(f.freed) > time.Second
	if stuck {
		f.freed = now
	}
	f.mu.Unlock()
	if stuck {
		runtime.GC()
	}
	return ok
}

// grow makes c cost size, if that is more, and fits.
func (f *inflater) grow(c *charge, size int64) error {
	if size > f.max {
		return kgo.ErrMaxDecompress
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if size <= c.size {
		return nil
	}
	total := f.held - c.size + size
	if total > f.share && !c.giant {
		if f.giant {
			return errCrowded
		}
		f.giant, c.giant = true, true
	}
	c.size, f.held = size, total
	return nil
}

func (f *inflater) release(c *charge) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free(c)
}

// free takes the cost of c off. The caller holds the mutex.
func (f *inflater) free(c *charge) {
	f.freed = time.Now()
	f.held -= c.size
	if c.size = 0; c.giant {
		f.giant, c.giant = false, false
	}
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// charge remembers what b costs until it is given back, or collected.
func (f *inflater) charge(c *charge, b []byte) {
	if cap(b) == 0 {
		f.release(c)
		return
	}
	at := address(b)
	c.length, c.capacity = len(b), cap(b)
	c.cleanup = runtime.AddCleanup(unsafe.SliceData(b), func(c *charge) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.charges[at] == c {
			delete(f.charges, at)
		}
		f.free(c)
	}, c)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.charges[at] = c
}

// GetDecompressBytes implements kgo.PoolDecompressBytes. The client does not call it: Decompress
// does.
func (f *inflater) GetDecompressBytes(src []byte, codec kgo.CompressionCodecType) []byte {
	return f.pools.GetDecompressBytes(src, codec)
}

// PutDecompressBytes implements kgo.PoolDecompressBytes.
func (f *inflater) PutDecompressBytes(b []byte) {
	f.mu.Lock()
	at := address(b)
	if c := f.charges[at]; c != nil {
		delete(f.charges, at)
		c.cleanup.Stop()
		f.free(c)
	}
	f.mu.Unlock()
	f.pools.PutDecompressBytes(b)
}

// GetRecords implements kgo.PoolRecords.
func (f *inflater) GetRecords(n int) []kgo.Record { return f.pools.GetRecords(n) }

// PutRecords implements kgo.PoolRecords.
func (f *inflater) PutRecords(r []kgo.Record) { f.pools.PutRecords(r) }

var (
	_ kgo.Decompressor        = (*inflater)(nil)
	_ kgo.PoolDecompressBytes = (*inflater)(nil)
	_ kgo.PoolRecords         = (*inflater)(nil)
)

// cost is what a batch's records take in memory, inflated: the bytes, and what is made for each of
// them.
func cost(records []byte) int64 {
	n := int64(len(records))
	for len(records) > 0 {
		size, w := binary.Varint(records)
		if w <= 0 || size < 0 || size > int64(len(records)-w) {
			break // the client finds out what is wrong
		}
		records = records[w+int(size):]
		n += recordCost
	}
	return n
}

func (f *inflater) inflate(
	c *charge, dst, src []byte, codec kgo.CompressionCodecType,
) ([]byte, error) {
	switch codec {
	case kgo.CodecGzip:
		r := f.gzips.Get().(*gzip.Reader)
		defer f.gzips.Put(r)
		if err := r.Reset(bytes.NewReader(src)); err != nil {
			return nil, err
		}
		return f.read(c, dst, r)
	case kgo.CodecLz4:
		r := f.lz4s.Get().(*lz4.Reader)
		defer f.lz4s.Put(r)
		r.Reset(bytes.NewReader(src))
		return f.read(c, dst, r)
	case kgo.CodecZstd:
		return f.zstd(c, dst, src)
	case kgo.CodecSnappy:
		return f.snappy(c, dst, src)
	}
	return nil, fmt.Errorf("unknown compression codec %d", codec)
}

// read reads all of r, which is charged as it comes.
func (f *inflater) read(c *charge, dst []byte, r io.Reader) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			want := cap(dst) + max(cap(dst)/4, 16<<10)
			if int64(want) > f.max {
				want = max(int(f.max)+1, cap(dst)+1)
			}
			if err := f.grow(c, int64(min(want, int(f.max)))); err != nil {
				return nil, err
			}
			dst = slices.Grow(dst, want-len(dst))
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if int64(len(dst)) > f.max {
			return nil, kgo.ErrMaxDecompress
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// zstd inflates what says its size, or is small, at once.
func (f *inflater) zstd(c *charge, dst, src []byte) ([]byte, error) {
	var head zstd.Header
	pool := &f.zstds
	if err := head.Decode(src); err == nil && head.HasFCS && head.FrameContentSize > atOnce {
		if err := f.grow(c, int64(min(head.FrameContentSize, 1<<62))); err != nil {
			return nil, err
		}
		pool = &f.bigZstds
	}
	d := pool.Get().(*zstd.Decoder)
	out, err := d.DecodeAll(src, dst)
	pool.Put(d)
	switch {
	case !errors.Is(err, zstd.ErrDecoderSizeExceeded) &&
		!errors.Is(err, zstd.ErrWindowSizeExceeded):
		return out, err
	case pool == &f.bigZstds:
		return nil, kgo.ErrMaxDecompress
	}
	d = f.bigZstds.Get().(*zstd.Decoder)
	defer f.bigZstds.Put(d)
	if err := d.Reset(bytes.NewReader(src)); err != nil {
		return nil, err
	}
	defer func() { _ = d.Reset(nil) }()
	out, err = f.read(c, dst[:0], d)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = kgo.ErrMaxDecompress
	}
	return out, err
}

var errXerial = errors.New("malformed snappy framing")

// snappy inflates a block, or blocks in the framing of the Java library: 16 bytes, and before each
// block its length. Blocks say what they inflate to.
func (f *inflater) snappy(c *charge, dst, src []byte) ([]byte, error) {
	if len(src) <= 16 || !bytes.HasPrefix(src, []byte("\x82SNAPPY\x00")) {
		n, err := s2.DecodedLen(src)
		if err == nil {
			err = f.grow(c, int64(n))
		}
		if err != nil {
			return nil, err
		}
		return s2.Decode(dst, src)
	}
	var blocks [][]byte
	total := int64(0)
	for src = src[16:]; len(src) > 0; {
		if len(src) < 4 {
			return nil, errXerial
		}
		size := int64(binary.BigEndian.Uint32(src))
		if src = src[4:]; size > int64(len(src)) {
			return nil, errXerial
		}
		n, err := s2.DecodedLen(src[:size])
		if err != nil {
			return nil, err
		}
		if total += int64(n); total > f.max {
			return nil, kgo.ErrMaxDecompress
		}
		blocks, src = append(blocks, src[:size]), src[size:]
	}
	if err := f.grow(c, total); err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, int(total))
	for _, b := range blocks {
		n, err := s2.DecodedLen(b)
		if err != nil {
			return nil, err
		}
		if _, err := s2.Decode(dst[len(dst):len(dst)+n], b); err != nil {
			return nil, err
		}
		dst = dst[:len(dst)+n]
	}
	return dst, nil
}
