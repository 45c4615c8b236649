package wire

import (
	"errors"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
)

// Keys of a record that is carried exactly; see the package comment.
const (
	keyMark    = "penstock"
	keyValue   = "message"
	keyOrigin  = "penstock_origin"
	keyKey     = "penstock_key"
	keyHeaders = "penstock_headers"
	keyTime    = "penstock_time"
	keyMaps    = "penstock_maps" // of the server's HELO
)

var (
	exactMark   = []byte("\xa8" + keyMark + "\x01")
	errNotExact = errors.New("not an exact record")
)

// exact reads the map at b, whose head is h and whose first entry is the mark. A map that only
// looks like one of ours gives errNotExact.
func (m *Message) exact(b []byte, h msgpack.Head) (int, error) {
	at := h.Size + len(exactMark)
	ev := Event{
		Time:    m.ev.Time,
		Now:     m.ev.Now,
		Meta:    m.ev.Meta,
		Exact:   true,
		Headers: m.headers[:0],
	}
	seen := false
	for range h.N - 1 {
		key, n, err := msgpack.ReadString(b[at:])
		if err != nil {
			return 0, notExact(err)
		}
		at += n
		switch string(key) {
		case keyValue:
			seen = true
			if value, herr := msgpack.ReadHead(b[at:]); herr == nil && value.Kind == msgpack.Map {
				n, err = m.record(&ev, b, at)
				n -= at
			} else {
				ev.Form = record.AsSeen
				ev.Record, n, err = readBytes(b[at:])
			}
		case keyKey:
			ev.Key, n, err = readBytes(b[at:])
		case keyOrigin:
			var s []byte
			s, n, err = msgpack.ReadString(b[at:])
			ev.Origin = string(s)
		case keyTime:
			var th msgpack.Head
			if th, err = msgpack.ReadHead(b[at:]); err == nil && th.Kind != msgpack.Int {
				err = errNotExact
			}
			ev.Time, ev.Now, n = int64(th.N), false, th.Size
		case keyHeaders:
			ev.Headers, n, err = readHeaders(ev.Headers, b[at:])
		default:
			err = errNotExact
		}
		if err != nil {
			return 0, notExact(err)
		}
		at += n
	}
	if !seen {
		return 0, errNotExact
	}
	m.headers = ev.Headers
	if ev.Now { // 1970 began exactly then: between penstocks 0 is a time like any other
		ev.Time, ev.Now = 0, false
	}
	m.ev = ev
	return at, nil
}

func notExact(err error) error {
	switch err {
	case msgpack.ErrShort, msgpack.ErrDepth, msgpack.ErrLong:
		return err
	}
	return errNotExact
}

// readBytes reads a str, bin or nil; the result aliases b and is nil for nil alone.
func readBytes(b []byte) ([]byte, int, error) {
	if len(b) > 0 && b[0] == 0xc0 {
		return nil, 1, nil
	}
	return msgpack.ReadString(b)
}

func readHeaders(dst []record.Header, b []byte) ([]record.Header, int, error) {
	h, err := msgpack.ReadHead(b)
	if err != nil {
		return dst, 0, err
	}
	if h.Kind != msgpack.Array {
		return dst, 0, errNotExact
	}
	at := h.Size
	for range h.N {
		pair, err := msgpack.ReadHead(b[at:])
		if err != nil {
			return dst, 0, err
		}
		if pair.Kind != msgpack.Array || pair.N != 2 {
			return dst, 0, errNotExact
		}
		at += pair.Size
		key, n, err := msgpack.ReadString(b[at:])
		if err != nil {
			return dst, 0, err
		}
		at += n
		value, n, err := readBytes(b[at:])
		if err != nil {
			return dst, 0, err
		}
		at += n
		dst = append(dst, record.Header{Key: string(key), Value: value})
	}
	return dst, at, nil
}
