package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
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
	h, err := readHead(b)
	if err != nil {
		return 0, false, nil, 0, err
	}
	if h.kind == kindArray {
		if h.n != 2 {
			return 0, false, nil, 0, errNotTime
		}
		ns, now, n, err := readInstant(b[h.size:])
		if err != nil {
			return 0, false, nil, 0, err
		}
		at := h.size + n
		if n, err = skip(b[at:]); err != nil {
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
	h, err := readHead(b)
	if err != nil || h.kind != kindArray || h.n != 2 {
		return 0, false, nil, nil, b, false
	}
	at := h.size
	ns, now, metadata, n, err := readTime(b[at:])
	if err != nil {
		return 0, false, nil, nil, b, false
	}
	at += n
	if metadata != nil {
		if m, _ := readHead(metadata); m.kind != kindMap && m.kind != kindNil {
			return 0, false, nil, nil, b, false
		}
		if isEmptyMap(metadata) {
			metadata = nil
		}
	}
	if m, err := readHead(b[at:]); err != nil || m.kind != kindMap {
		return 0, false, nil, nil, b, false
	}
	if n, err = skip(b[at:]); err != nil {
		return 0, false, nil, nil, b, false
	}
	return ns, now, metadata, b[at : at+n], b[at+n:], true
}

// ArrayLength returns how many elements the array has that b begins with, and what follows its
// head; ok is false when it begins with something else. The number is the sender's word: never
// allocate as much.
func ArrayLength(b []byte) (n uint64, rest []byte, ok bool) {
	h, err := readHead(b)
	if err != nil || h.kind != kindArray {
		return 0, b, false
	}
	return h.n, b[h.size:], true
}

func readInstant(b []byte) (ns int64, now bool, size int, err error) {
	h, err := readHead(b)
	if err != nil {
		return 0, false, 0, err
	}
	const maxSeconds = math.MaxInt64 / int64(time.Second)
	switch h.kind {
	case kindNil:
		return 0, true, h.size, nil
	case kindInt, kindUint:
		s := int64(h.n)
		if h.kind == kindUint && s < 0 || s > maxSeconds || s < -maxSeconds {
			return 0, false, 0, errNotTime
		}
		return s * int64(time.Second), s == 0, h.size, nil
	case kindFloat32, kindFloat64:
		f := math.Float64frombits(h.n)
		if h.kind == kindFloat32 {
			f = float64(math.Float32frombits(uint32(h.n)))
		}
		if !(math.Abs(f) < float64(maxSeconds)) {
			return 0, false, 0, errNotTime
		}
		whole, frac := math.Modf(f)
		return int64(whole)*int64(time.Second) + int64(math.Round(frac*1e9)), f == 0, h.size, nil
	case kindExt:
		if h.ext != 0 || h.n != 8 {
			return 0, false, 0, errNotTime
		}
		if len(b) < h.size+8 {
			return 0, false, 0, errShort
		}
		ns := eventTime(b[h.size:])
		return ns, ns == 0, h.size + 8, nil
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
