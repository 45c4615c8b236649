package record

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// TargetSize is the uncompressed size, in bytes, at which inputs end a batch. One larger record
// makes a batch of its own.
const TargetSize = 1 << 20

const recordOverhead = 12

// Builder assembles a batch in the form it keeps to the topic: the record section of a Kafka record
// batch. The zero Builder is ready; Reset before each batch. Not safe for concurrent use.
type Builder struct {
	tag, origin string
	body        []byte
	sub         []uint32
	count       int
	base        int64
	maxTime     int64
	form        Form
}

// Reset begins a batch, with room for sizeHint bytes of records.
func (b *Builder) Reset(tag, origin string, sizeHint int) {
	*b = Builder{tag: tag, origin: origin, body: newBody(sizeHint), maxTime: math.MinInt64}
}

// bodies holds what Release and Shed gave back, which would otherwise keep the collector busy: the
// small ones by their size, which is a power of two, and then two pools of what has any.
var bodies [largeClass + 2]sync.Pool

const (
	smallestBits = 11 // of the size of the smallest
	largeBits    = 16
	largeClass   = largeBits - smallestBits
)

// bodyClass is where a body of a size belongs; -1 for what is not kept. The size of a small one is
// rounded up.
func bodyClass(size int) (class, rounded int) {
	switch {
	case size >= TargetSize/2:
		return largeClass + 1, size
	case size > 1<<(largeBits-1):
		return largeClass, size
	case size <= 1<<(smallestBits-1):
		return -1, size
	}
	n := max(bits.Len(uint(size-1)), smallestBits)
	return n - smallestBits, 1 << n
}

func newBody(size int) []byte {
	class, size := bodyClass(size)
	if class >= 0 {
		if p, _ := bodies[class].Get().(*[]byte); p != nil && cap(*p) >= size {
			return (*p)[:0]
		}
	}
	return make([]byte, 0, size)
}

func giveBody(body []byte) {
	class, rounded := bodyClass(cap(body))
	if rounded > cap(body) {
		class-- // it has grown to a size between two
	}
	if class >= 0 {
		bodies[class].Put(&body)
	}
}

// Release gives the batch's memory back for other batches. Only who holds the batch alone, together
// with everything that was read from it, may call it; the batch is empty afterwards. It is never
// necessary.
func (b *Batch) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	body := b.body
	b.body, b.sub, b.packed, b.recs, b.seen, b.count = nil, nil, nil, nil, nil, 0
	giveBody(body)
}

// Shed gives back the memory of the records as they were before b was packed, and does nothing to a
// batch that was not. It is for who has just packed the batch and holds it alone: what was read
// from it before is not valid any more. Records that are asked for later are decompressed.
func (b *Batch) Shed() { b.ShedFor(nil) }

// ShedFor is Shed, and has missed set when the records are asked for nevertheless.
func (b *Batch) ShedFor(missed *atomic.Bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	// body may be a part of packed, or lent
	if b.packed == nil || b.body == nil || b.recs != nil || b.codec == None || b.free != nil {
		return
	}
	body := b.body
	b.body, b.valid, b.missed = nil, false, missed
	giveBody(body)
}

// noteMiss notes that the records were asked for and are not there. b.mu is held.
func (b *Batch) noteMiss() {
	if b.missed != nil {
		b.missed.Store(true)
	}
}

// Len returns the number of records appended since Reset.
func (b *Builder) Len() int { return b.count }

// Size returns the size so far, in bytes.
func (b *Builder) Size() int { return len(b.body) }

// Held returns how much memory the builder holds, in bytes.
func (b *Builder) Held() int { return cap(b.body) + 4*cap(b.sub) }

// Append copies one record in. t is nanoseconds since the Unix epoch.
func (b *Builder) Append(t int64, key, value []byte, headers []Header) {
	ms, rest := floorMilli(t)
	if b.count == 0 {
		b.base = ms
	}
	if rest != 0 && b.sub == nil {
		more := (cap(b.body) - len(b.body)) / (len(value) + recordOverhead) // if all are as long
		b.sub = make([]uint32, b.count, b.count+more+1)
	}
	if b.sub != nil {
		b.sub = append(b.sub, rest)
	}
	b.maxTime = max(b.maxTime, t)
	if key == nil && value != nil && len(headers) == 0 {
		b.body = appendPlain(b.body, ms-b.base, b.count, value)
	} else {
		b.body = appendRecord(b.body, ms-b.base, b.count, key, value, headers)
	}
	b.count++
}

// Build returns the batch, or nil if nothing was appended. The builder needs a Reset before it is
// used again.
func (b *Builder) Build() *Batch {
	if b.count == 0 {
		return nil
	}
	out := &Batch{
		Tag: b.tag, Origin: b.origin, End: int64(b.count),
		count: b.count, bodySize: len(b.body), maxTime: b.maxTime, form: b.form,
		section: section{base: b.base, body: b.body, sub: b.sub, valid: true},
	}
	*b = Builder{}
	return out
}

func floorMilli(t int64) (ms int64, rest uint32) {
	ms = t / 1e6
	if t < ms*1e6 {
		ms--
	}
	return ms, uint32(t - ms*1e6)
}

// appendPlain is appendRecord without key and headers, which is what lines are.
func appendPlain(dst []byte, timeDelta int64, offsetDelta int, value []byte) []byte {
	const most = 5*binary.MaxVarintLen64 + 3
	at := len(dst)
	dst = slices.Grow(dst, len(value)+most)
	p := dst[at : at+len(value)+most]
	const length = 2 // bytes that the length takes, mostly
	p[length] = 0
	i := putVarint(p, length+1, timeDelta)
	i = putVarint(p, i, int64(offsetDelta))
	p[i] = 1 // a key of length -1
	i = putVarint(p, i+1, int64(len(value)))
	n := int64(i - length + len(value) + 1)
	if other := varintLen(n); other != length {
		i = other + copy(p[other:], p[length:i])
	}
	putVarint(p, 0, n)
	i += copy(p[i:], value)
	p[i] = 0
	return dst[:at+i+1]
}

// putVarint is binary.PutVarint to a place in p, and returns the next.
func putVarint(p []byte, at int, v int64) int {
	u := uint64(v)<<1 ^ uint64(v>>63)
	for u >= 0x80 {
		p[at] = byte(u) | 0x80
		u >>= 7
		at++
	}
	p[at] = byte(u)
	return at + 1
}

func appendRecord(
	dst []byte, timeDelta int64, offsetDelta int, key, value []byte, headers []Header,
) []byte {
	n := 1 + varintLen(timeDelta) + varintLen(int64(offsetDelta)) +
		bytesLen(key) + bytesLen(value) + varintLen(int64(len(headers)))
	for i := range headers {
		n += varintLen(
			int64(len(headers[i].Key)),
		) + len(
			headers[i].Key,
		) + bytesLen(
			headers[i].Value,
		)
	}
	dst = slices.Grow(dst, n+varintLen(int64(n)))
	dst = appendVarint(dst, int64(n))
	dst = append(dst, 0)
	dst = appendVarint(dst, timeDelta)
	dst = appendVarint(dst, int64(offsetDelta))
	dst = appendBytes(dst, key)
	dst = appendBytes(dst, value)
	dst = appendVarint(dst, int64(len(headers)))
	for i := range headers {
		dst = appendVarint(dst, int64(len(headers[i].Key)))
		dst = append(dst, headers[i].Key...)
		dst = appendBytes(dst, headers[i].Value)
	}
	return dst
}

func appendBytes(dst, v []byte) []byte {
	if v == nil {
		return appendVarint(dst, -1)
	}
	return append(appendVarint(dst, int64(len(v))), v...)
}

func bytesLen(v []byte) int {
	if v == nil {
		return 1
	}
	return varintLen(int64(len(v))) + len(v)
}
