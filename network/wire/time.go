package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/penstock/penstock/buffer/record/msgpack"
)

// errNotTime tells of a time slot with something else in it; the event as a whole can still be
// skipped.
var errNotTime = errors.New("not a time")

// readTime reads the time slot of an event: seconds as a number, EventTime, or [time, metadata].
// now tells that the slot held 0 or nil, for which the reader's clock is to be taken. meta is the
// metadata map, raw.
func readTime(b []byte) (ns int64, now bool, meta []byte, size int, err error) {
	if len(b) >= 10 && b[0] == 0xd7 && b[1] == 0 { // EventTime, as most senders write it
		ns = eventTime(b[2:])
		return ns, ns == 0, nil, 10, nil
	}
	h, err := msgpack.ReadHead(b)
	if err != nil {
		return 0, false, nil, 0, err
	}
	if h.Kind == msgpack.Array {
		if h.N != 2 {
			return 0, false, nil, 0, errNotTime
		}
		ns, now, n, err := readInstant(b[h.Size:])
		if err != nil {
			return 0, false, nil, 0, err
		}
		at := h.Size + n
		if n, err = msgpack.Skip(b[at:]); err != nil {
			return 0, false, nil, 0, err
		}
		return ns, now, b[at : at+n], at + n, nil
	}
	ns, now, size, err = readInstant(b)
	return ns, now, nil, size, err
}

// SplitEvent takes [time, map] or [[time, metadata], map] apart, as fluent-bit writes records
// wherever it writes msgpack. ok is false when the value that b begins with is something else. now
// tells that the sender leaves the time open; metadata is nil when there is none. They alias b.
func SplitEvent(b []byte) (ns int64, now bool, metadata, record, rest []byte, ok bool) {
	h, err := msgpack.ReadHead(b)
	if err != nil || h.Kind != msgpack.Array || h.N != 2 {
		return 0, false, nil, nil, b, false
	}
	at := h.Size
	ns, now, metadata, n, err := readTime(b[at:])
	if err != nil {
		return 0, false, nil, nil, b, false
	}
	at += n
	if metadata != nil {
		if m, _ := msgpack.ReadHead(metadata); m.Kind != msgpack.Map && m.Kind != msgpack.Nil {
			return 0, false, nil, nil, b, false
		}
		if msgpack.IsEmptyMap(metadata) {
			metadata = nil
		}
	}
	if m, err := msgpack.ReadHead(b[at:]); err != nil || m.Kind != msgpack.Map {
		return 0, false, nil, nil, b, false
	}
	if n, err = msgpack.Skip(b[at:]); err != nil {
		return 0, false, nil, nil, b, false
	}
	return ns, now, metadata, b[at : at+n], b[at+n:], true
}

// ArrayLength returns how many elements the array has that b begins with, and what follows its
// head; ok is false when it begins with something else. The number is the sender's word: never
// allocate as much.
func ArrayLength(b []byte) (n uint64, rest []byte, ok bool) {
	h, err := msgpack.ReadHead(b)
	if err != nil || h.Kind != msgpack.Array {
		return 0, b, false
	}
	return h.N, b[h.Size:], true
}

func readInstant(b []byte) (ns int64, now bool, size int, err error) {
	h, err := msgpack.ReadHead(b)
	if err != nil {
		return 0, false, 0, err
	}
	const maxSeconds = math.MaxInt64 / int64(time.Second)
	switch h.Kind {
	case msgpack.Nil:
		return 0, true, h.Size, nil
	case msgpack.Int, msgpack.Uint:
		s := int64(h.N)
		if h.Kind == msgpack.Uint && s < 0 || s > maxSeconds || s < -maxSeconds {
			return 0, false, 0, errNotTime
		}
		return s * int64(time.Second), s == 0, h.Size, nil
	case msgpack.Float32, msgpack.Float64:
		f := math.Float64frombits(h.N)
		if h.Kind == msgpack.Float32 {
			f = float64(math.Float32frombits(uint32(h.N)))
		}
		if !(math.Abs(f) < float64(maxSeconds)) {
			return 0, false, 0, errNotTime
		}
		whole, frac := math.Modf(f)
		return int64(whole)*int64(time.Second) + int64(math.Round(frac*1e9)), f == 0, h.Size, nil
	case msgpack.Ext:
		if h.Ext != 0 || h.N != 8 {
			return 0, false, 0, errNotTime
		}
		if len(b) < h.Size+8 {
			return 0, false, 0, msgpack.ErrShort
		}
		ns := eventTime(b[h.Size:])
		return ns, ns == 0, h.Size + 8, nil
	}
	return 0, false, 0, errNotTime
}

func eventTime(b []byte) int64 {
	return int64(
		binary.BigEndian.Uint32(b),
	)*int64(
		time.Second,
	) + int64(
		binary.BigEndian.Uint32(b[4:]),
	)
}

// AppendEventTime appends ns, nanoseconds since the epoch, as an EventTime (fixext8). It holds the
// years 1970 to 2106; ok is false and 0 is appended for what lies outside.
func AppendEventTime(dst []byte, ns int64) (out []byte, ok bool) {
	s := ns / int64(time.Second)
	ok = ns >= 0 && s <= math.MaxUint32
	if !ok {
		ns, s = 0, 0
	}
	dst = append(dst, 0xd7, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(s))
	return binary.BigEndian.AppendUint32(dst, uint32(ns-s*int64(time.Second))), ok
}
