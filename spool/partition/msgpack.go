package partition

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/timefmt"
	"github.com/tinylib/msgp/msgp"
)

type msgpackFinder [][]string

// MessagePackFields finds fields in MessagePack maps, without decoding the rest. Timestamps of the
// MessagePack extension (-1) and of Fluentd's EventTime (0) are Instants.
func MessagePackFields(paths [][]string) (Finder, error) { return msgpackFinder(paths), nil }

func (f msgpackFinder) Find(r *record.Record, field int) (Value, error) {
	b := r.Value
next:
	for _, name := range f[field] {
		if msgp.NextType(b) != msgp.MapType {
			return Value{}, nil
		}
		n, rest, err := msgp.ReadMapHeaderBytes(b)
		if err != nil {
			return Value{}, err
		}
		b = rest
		for range n {
			hit := false
			if t := msgp.NextType(b); t == msgp.StrType || t == msgp.BinType {
				var key []byte
				if key, b, err = msgp.ReadMapKeyZC(b); err != nil {
					return Value{}, err
				}
				hit = string(key) == name
			} else if b, err = msgp.Skip(b); err != nil {
				return Value{}, err
			}
			if hit {
				continue next
			}
			if b, err = msgp.Skip(b); err != nil {
				return Value{}, err
			}
		}
		return Value{}, nil
	}
	return msgpackValue(b)
}

func msgpackValue(b []byte) (Value, error) {
	switch msgp.NextType(b) {
	case msgp.NilType:
		return Value{}, nil
	case msgp.StrType:
		s, _, err := msgp.ReadStringZC(b)
		return Value{Kind: Text, Text: s}, err
	case msgp.BinType:
		s, _, err := msgp.ReadBytesZC(b)
		if err == nil && !utf8.Valid(s) {
			return Value{Kind: Other}, nil
		}
		return Value{Kind: Text, Text: s}, err
	case msgp.IntType:
		i, _, err := msgp.ReadInt64Bytes(b)
		return Value{Kind: Integer, Int: i}, err
	case msgp.UintType:
		u, _, err := msgp.ReadUint64Bytes(b)
		if err == nil && u > 1<<63-1 {
			return Value{Kind: Float, Float: float64(u)}, nil
		}
		return Value{Kind: Integer, Int: int64(u)}, err
	case msgp.Float32Type, msgp.Float64Type:
		x, _, err := msgp.ReadFloat64Bytes(b)
		return Value{Kind: Float, Float: x}, err
	case msgp.BoolType:
		x, _, err := msgp.ReadBoolBytes(b)
		v := Value{Kind: Bool}
		if x {
			v.Int = 1
		}
		return v, err
	case msgp.TimeType:
		t, _, err := msgp.ReadTimeBytes(b)
		if err != nil {
			return Value{}, err
		}
		return instant(t.Unix(), int64(t.Nanosecond()))
	case msgp.ExtensionType:
		return msgpackExtension(b)
	}
	return Value{Kind: Other}, nil
}

func instant(s, nano int64) (Value, error) {
	t, err := timefmt.Nanos(s, nano)
	return Value{Kind: Instant, Int: t}, err
}

// msgpackExtension reads the two timestamp extensions. fixext and ext 8 headers only: no timestamp
// is longer than 12 bytes.
func msgpackExtension(b []byte) (Value, error) {
	var typ int8
	var data []byte
	switch {
	case len(b) >= 6 && b[0] == 0xd6:
		typ, data = int8(b[1]), b[2:6]
	case len(b) >= 10 && b[0] == 0xd7:
		typ, data = int8(b[1]), b[2:10]
	case len(b) >= 15 && b[0] == 0xc7 && b[1] == 12:
		typ, data = int8(b[2]), b[3:15]
	case len(b) >= 11 && b[0] == 0xc7 && b[1] == 8:
		typ, data = int8(b[2]), b[3:11]
	}
	switch {
	case typ == 0 && len(data) == 8: // Fluentd EventTime: seconds and nanoseconds
		return instant(
			int64(binary.BigEndian.Uint32(data)), int64(binary.BigEndian.Uint32(data[4:])),
		)
	case typ == -1 && len(data) == 4:
		return instant(int64(binary.BigEndian.Uint32(data)), 0)
	case typ == -1 && len(data) == 8:
		u := binary.BigEndian.Uint64(data)
		return instant(int64(u&(1<<34-1)), int64(u>>34))
	case typ == -1 && len(data) == 12:
		return instant(
			int64(binary.BigEndian.Uint64(data[4:])), int64(binary.BigEndian.Uint32(data)),
		)
	}
	return Value{Kind: Other}, nil
}
