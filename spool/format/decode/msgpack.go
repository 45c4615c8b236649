package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/tinylib/msgp/msgp"
)

type msgpack struct{}

func (msgpack) Fingerprint() string { return "msgpack" }

// AppendJSON implements Decoder. Binary becomes base64, timestamps (MessagePack's own and Fluentd's
// event time) ISO 8601, keys that are no strings the text of their JSON, floats that are no numbers
// strings, and other extensions {"type": n, "data": base64}.
func (msgpack) AppendJSON(dst, value []byte, _ []record.Header) ([]byte, error) {
	out, rest, err := appendMessagePack(
		grown(dst, len(value)), value, 0, len(dst)+maxText(len(value)),
	)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes after the end", len(rest))
	}
	if err != nil {
		return dst, fmt.Errorf("msgpack: %w", err)
	}
	return out, nil
}

const maxDepth = 150 // with what is around it below the limit of the formats' own parser

var errText = errors.New("string is not valid UTF-8")

// appendMessagePack appends the value that b begins with; dst becomes no longer than most.
func appendMessagePack(dst, b []byte, depth, most int) (out, rest []byte, err error) {
	if depth > maxDepth {
		return dst, b, errors.New("nested too deeply")
	}
	if len(dst) > most {
		return dst, b, errLong
	}
	switch msgp.NextType(b) {
	case msgp.MapType:
		n, b, err := msgp.ReadMapHeaderBytes(b)
		if err != nil {
			return dst, b, err
		}
		dst = append(dst, '{')
		for i := range n {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, b, err = appendKey(dst, b, depth, most); err != nil {
				return dst, b, err
			}
			if dst, b, err = appendMessagePack(append(dst, ':'), b, depth+1, most); err != nil {
				return dst, b, err
			}
		}
		return append(dst, '}'), b, nil
	case msgp.ArrayType:
		n, b, err := msgp.ReadArrayHeaderBytes(b)
		if err != nil {
			return dst, b, err
		}
		dst = append(dst, '[')
		for i := range n {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, b, err = appendMessagePack(dst, b, depth+1, most); err != nil {
				return dst, b, err
			}
		}
		return append(dst, ']'), b, nil
	case msgp.StrType:
		s, b, err := msgp.ReadStringZC(b)
		if err != nil {
			return dst, b, err
		}
		dst, err = appendText(dst, s, most)
		return dst, b, err
	case msgp.BinType:
		s, b, err := msgp.ReadBytesZC(b)
		if err != nil {
			return dst, b, err
		}
		dst, err = appendBinary(dst, s, most)
		return dst, b, err
	case msgp.NilType:
		b, err := msgp.ReadNilBytes(b)
		return append(dst, "null"...), b, err
	case msgp.BoolType:
		v, b, err := msgp.ReadBoolBytes(b)
		return strconv.AppendBool(dst, v), b, err
	case msgp.IntType:
		v, b, err := msgp.ReadInt64Bytes(b)
		return strconv.AppendInt(dst, v, 10), b, err
	case msgp.UintType:
		v, b, err := msgp.ReadUint64Bytes(b)
		return strconv.AppendUint(dst, v, 10), b, err
	case msgp.Float32Type:
		v, b, err := msgp.ReadFloat32Bytes(b)
		return appendFloat(dst, float64(v), 32), b, err
	case msgp.Float64Type:
		v, b, err := msgp.ReadFloat64Bytes(b)
		return appendFloat(dst, v, 64), b, err
	case msgp.InvalidType:
		return dst, b, errors.New("unexpected end, or a byte that begins nothing")
	}
	return appendExtension(dst, b)
}

func appendKey(dst, b []byte, depth, most int) (out, rest []byte, err error) {
	if t := msgp.NextType(b); t == msgp.StrType {
		return appendMessagePack(dst, b, depth, most)
	}
	key, rest, err := appendMessagePack(nil, b, depth+1, most-len(dst))
	if err != nil {
		return dst, b, err
	}
	if len(key) > 1 && key[0] == '"' {
		return append(dst, key...), rest, nil
	}
	start := len(dst)
	if dst, err = appendText(dst, key, most); err != nil {
		return dst, b, err
	}
	// A map as a key within a key, and so on: its quotes take twice the room at each depth.
	if len(dst)-start > 8*(len(b)-len(rest))+64 {
		return dst, b, errors.New("nested too deeply in keys")
	}
	return dst, rest, nil
}

// appendExtension reads the header by hand: the type's number decides what the data are.
func appendExtension(dst, b []byte) (out, rest []byte, err error) {
	var n uint64
	head := 2
	switch c := b[0]; c {
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		n = 1 << (c - 0xd4)
	case 0xc7, 0xc8, 0xc9:
		size := 1 << (c - 0xc7)
		if len(b) < 1+size {
			return dst, b, errShort
		}
		for _, d := range b[1 : 1+size] {
			n = n<<8 | uint64(d)
		}
		head += size
	default:
		return dst, b, fmt.Errorf("byte %#x begins nothing", c)
	}
	if len(b) < head || uint64(len(b)-head) < n {
		return dst, b, errShort
	}
	kind, data := int8(b[head-1]), b[head:head+int(n)]
	rest = b[head+int(n):]
	if when, ok := extensionTime(kind, data); ok {
		return append(when.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"'), rest, nil
	}
	dst = strconv.AppendInt(append(dst, `{"type":`...), int64(kind), 10)
	return append(appendBase64(append(dst, `,"data":`...), data), '}'), rest, nil
}

// extensionTime reads a timestamp:
// https://github.com/msgpack/msgpack/blob/master/spec.md#timestamp-extension-type, and type 0,
// https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1#eventtime-ext-format
func extensionTime(kind int8, p []byte) (time.Time, bool) {
	var s, nano int64
	switch {
	case kind == 0 && len(p) == 8:
		s, nano = int64(binary.BigEndian.Uint32(p)), int64(binary.BigEndian.Uint32(p[4:]))
	case kind == -1 && len(p) == 4:
		s = int64(binary.BigEndian.Uint32(p))
	case kind == -1 && len(p) == 8:
		v := binary.BigEndian.Uint64(p)
		s, nano = int64(v&(1<<34-1)), int64(v>>34)
	case kind == -1 && len(p) == 12:
		nano, s = int64(binary.BigEndian.Uint32(p)), int64(binary.BigEndian.Uint64(p[4:]))
	default:
		return time.Time{}, false
	}
	const year0, year10000 = -62167219200, 253402300800
	return time.Unix(s, nano), nano < 1e9 && s >= year0 && s < year10000
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendString(dst, strconv.FormatFloat(f, 'g', -1, bits))
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}
