package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/cespare/xxhash/v2"
)

// Layout of a Kafka record batch, magic 2:
// https://kafka.apache.org/documentation/#recordbatch
const (
	offLength      = 8
	offLeaderEpoch = 12
	offMagic       = 16
	offCRC         = 17
	offAttributes  = 21
	offLastDelta   = 23
	offBaseTime    = 27
	offMaxTime     = 35
	offProducerID  = 43
	offEpoch       = 51
	offSequence    = 53
	offCount       = 57

	batchHeaderSize = 61
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrCorrupt is wrapped by every decoding error.
var ErrCorrupt = errors.New("corrupt batch")

// InputID is a number that stands for the input called name, the same for ever. A batch that an
// input has appended has it in the place of the producer id, which whoever produces it to Kafka
// writes over.
func InputID(name string) int64 { return int64(max(xxhash.Sum64String(name)>>1, 1)) }

// Packed returns the batch as one Kafka record batch with base offset 0 and no producer, compressed
// with codec, with the values that readers see. The bytes are made once and shared: callers that
// write a header of their own copy first. A batch packed with another codec earlier, or read from
// disk, is returned as it is.
func (b *Batch) Packed(codec Codec) ([]byte, error) {
	seen, err := b.Seen()
	if err != nil {
		return nil, err
	}
	return seen.PackedAsKept(codec)
}

// PackedAsKept is Packed, with the values in the form in which they are kept.
func (b *Batch) PackedAsKept(codec Codec) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.packed != nil {
		return b.packed, nil
	}
	if b.recs != nil {
		var bb Builder
		bb.Reset(b.Tag, b.Origin, b.bodySize)
		for i := range b.recs {
			r := &b.recs[i]
			bb.Append(r.Time, r.Key, r.Value, r.Headers)
		}
		b.base, b.body, b.sub, b.bodySize = bb.base, bb.body, bb.sub, len(bb.body)
	}
	dst, used, err := packSection(b.body, codec)
	if err != nil {
		return nil, fmt.Errorf("compress batch: %w", err)
	}
	if len(dst)-batchHeaderSize > math.MaxInt32-batchHeaderSize {
		return nil, fmt.Errorf("batch of %d bytes is over 2 GiB", len(dst))
	}
	maxMilli, _ := floorMilli(b.maxTime)
	binary.BigEndian.PutUint32(dst[offLength:], uint32(len(dst)-offLeaderEpoch))
	binary.BigEndian.PutUint32(dst[offLeaderEpoch:], math.MaxUint32)
	dst[offMagic] = 2
	binary.BigEndian.PutUint16(dst[offAttributes:], uint16(used))
	binary.BigEndian.PutUint32(dst[offLastDelta:], uint32(b.count-1))
	binary.BigEndian.PutUint64(dst[offBaseTime:], uint64(b.base))
	binary.BigEndian.PutUint64(dst[offMaxTime:], uint64(maxMilli))
	binary.BigEndian.PutUint64(dst[offProducerID:], math.MaxUint64)
	if b.Input > 0 {
		binary.BigEndian.PutUint64(dst[offProducerID:], uint64(b.Input))
	}
	binary.BigEndian.PutUint16(dst[offEpoch:], math.MaxUint16)
	binary.BigEndian.PutUint32(dst[offSequence:], math.MaxUint32)
	binary.BigEndian.PutUint32(dst[offCount:], uint32(b.count))
	binary.BigEndian.PutUint32(dst[offCRC:], crc32.Checksum(dst[offAttributes:], castagnoli))
	b.packed, b.codec = dst, used
	return dst, nil
}

// packSection returns body behind room for a batch's header, and its codec: None when compression
// does not help. What is returned is as long as it has to be, not as compression might have needed.
func packSection(body []byte, codec Codec) ([]byte, Codec, error) {
	section, used := body, None
	if codec != None {
		scratch := packScratch.Get().(*[]byte)
		defer packScratch.Put(scratch)
		packed, err := compress((*scratch)[:0], body, codec)
		if err != nil {
			return nil, None, err
		}
		if cap(packed) <= 4*TargetSize {
			*scratch = packed
		}
		if len(packed) < len(body) {
			section, used = packed, codec
		}
	}
	var header [batchHeaderSize]byte
	return append(header[:], section...), used, nil // make would clear what append does not
}

// unpack reads the header of a Kafka record batch, checks its checksum, and returns a batch over
// its bytes. The records are decompressed when somebody asks for them.
func unpack(p []byte) (*Batch, error) {
	if len(p) < batchHeaderSize {
		return nil, fmt.Errorf("%w: %d bytes are too few for a record batch", ErrCorrupt, len(p))
	}
	if n := binary.BigEndian.Uint32(p[offLength:]); int64(n) != int64(len(p)-offLeaderEpoch) {
		return nil, fmt.Errorf("%w: length field %d, have %d", ErrCorrupt, n, len(p)-offLeaderEpoch)
	}
	if p[offMagic] != 2 {
		return nil, fmt.Errorf("%w: magic %d", ErrCorrupt, p[offMagic])
	}
	if want, got := binary.BigEndian.Uint32(
		p[offCRC:],
	), crc32.Checksum(p[offAttributes:], castagnoli); want != got {
		return nil, fmt.Errorf("%w: checksum %08x, want %08x", ErrCorrupt, got, want)
	}
	count := binary.BigEndian.Uint32(p[offCount:])
	attributes := binary.BigEndian.Uint16(p[offAttributes:])
	if count == 0 || count > math.MaxInt32 || binary.BigEndian.Uint32(p[offLastDelta:]) != count-1 {
		return nil, fmt.Errorf("%w: record count %d", ErrCorrupt, count)
	}
	if attributes&^7 != 0 || Codec(attributes) > Zstd {
		return nil, fmt.Errorf("%w: attributes %#x", ErrCorrupt, attributes)
	}
	return &Batch{
		End: int64(count), count: int(count),
		maxTime: int64(binary.BigEndian.Uint64(p[offMaxTime:])) * 1e6,
		Input:   max(int64(binary.BigEndian.Uint64(p[offProducerID:])), 0),
		section: section{
			base:   int64(binary.BigEndian.Uint64(p[offBaseTime:])),
			packed: p, codec: Codec(attributes & 7),
		},
	}, nil
}
