package decode

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// wellKnown are types whose JSON is not that of their fields.
// https://protobuf.dev/programming-guides/json/
type wellKnown byte

const (
	knownTimestamp wellKnown = iota + 1
	knownDuration
	knownWrapper
	knownStruct
	knownValue
	knownList
	knownAny
	knownDecimal
	knownDate
)

var wellKnownTypes = map[string]wellKnown{
	"google.protobuf.Timestamp":   knownTimestamp,
	"google.protobuf.Duration":    knownDuration,
	"google.protobuf.DoubleValue": knownWrapper,
	"google.protobuf.FloatValue":  knownWrapper,
	"google.protobuf.Int64Value":  knownWrapper,
	"google.protobuf.UInt64Value": knownWrapper,
	"google.protobuf.Int32Value":  knownWrapper,
	"google.protobuf.UInt32Value": knownWrapper,
	"google.protobuf.BoolValue":   knownWrapper,
	"google.protobuf.StringValue": knownWrapper,
	"google.protobuf.BytesValue":  knownWrapper,
	"google.protobuf.Struct":      knownStruct,
	"google.protobuf.Value":       knownValue,
	"google.protobuf.ListValue":   knownList,
	"google.protobuf.Any":         knownAny,
	"confluent.type.Decimal":      knownDecimal,
	"google.type.Date":            knownDate,
}

// wellKnownMessages are those that a registry's answer refers to and does not hold. Of those that
// have no fields here, none is needed.
func wellKnownMessages() map[string]*protoMessage {
	out := map[string]*protoMessage{
		"google.protobuf.Empty": {},
		"google.protobuf.FieldMask": {fields: []*protoField{
			{name: "paths", number: 1, kind: protoString, repeated: true, oneof: -1},
		}},
	}
	for name, known := range wellKnownTypes {
		if strings.HasPrefix(name, "google.type.") {
			continue // registered like any other
		}
		out[name] = &protoMessage{known: known}
	}
	for name, kind := range map[string]protoKind{
		"Double": protoDouble, "Float": protoFloat, "Int64": protoInt64, "UInt64": protoUint64,
		"Int32": protoInt32, "UInt32": protoUint32, "Bool": protoBool, "String": protoString,
		"Bytes": protoBytes,
	} {
		out["google.protobuf."+name+"Value"].fields = []*protoField{
			{name: "value", number: 1, kind: kind, implicit: true, oneof: -1},
		}
	}
	for name, m := range out {
		m.name, m.byNumber = name, map[protowire.Number]int{}
		for i, f := range m.fields {
			m.byNumber[f.number] = i
		}
	}
	return out
}

// numbers reads the varints of the fields 1 to 3, and the bytes of field 1.
func numbers(p []byte) (v [4]int64, b []byte, err error) {
	err = each(p, func(num protowire.Number, n uint64, data []byte) error {
		if num >= 1 && num <= 3 {
			v[num] = int64(n)
		}
		if num == 1 {
			b = data
		}
		return nil
	})
	if err != nil {
		err = errShort
	}
	return v, b, err
}

// wellKnown appends a message of such a type.
func (r *protoReader) wellKnown(m *protoMessage, p []byte, depth int) error {
	switch m.known {
	case knownWrapper:
		return r.wrapper(m, p)
	case knownStruct:
		return r.object(p, depth)
	case knownValue:
		return r.anything(p, depth)
	case knownList:
		return r.elements(p, depth)
	case knownAny:
		return r.any(p, depth)
	}
	v, b, err := numbers(p)
	if err != nil {
		return err
	}
	switch m.known {
	case knownTimestamp:
		const year1, year10000 = -62135596800, 253402300800
		if v[1] < year1 || v[1] >= year10000 || v[2] < 0 || v[2] > 999_999_999 {
			return errors.New("a timestamp that is none")
		}
		when := time.Unix(v[1], v[2]).UTC()
		r.dst = append(when.AppendFormat(append(r.dst, '"'), time.RFC3339Nano), '"')
	case knownDuration:
		const most = 315_576_000_000
		if v[1] < -most || v[1] > most || v[2] <= -1e9 || v[2] >= 1e9 ||
			v[1] > 0 && v[2] < 0 || v[1] < 0 && v[2] > 0 {
			return errors.New("a duration that is none")
		}
		r.duration(v[1], v[2])
	case knownDecimal:
		if scale := int32(v[3]); scale < 0 || scale > 1000 || len(b) > 1024 {
			return fmt.Errorf("a decimal of %d bytes and scale %d", len(b), scale)
		}
		r.dst = AppendDecimal(r.dst, b, int(v[3]))
	case knownDate:
		if v[1] < 1 || v[1] > 9999 || v[2] < 1 || v[2] > 12 || v[3] < 1 || v[3] > 31 {
			return errors.New("a date that is none, or lacks a part")
		}
		r.dst = fmt.Appendf(r.dst, `"%04d-%02d-%02d"`, v[1], v[2], v[3])
	}
	return nil
}

func (r *protoReader) duration(seconds, nanos int64) {
	r.dst = append(r.dst, '"')
	if seconds < 0 || nanos < 0 {
		seconds, nanos, r.dst = -seconds, -nanos, append(r.dst, '-')
	}
	r.dst = strconv.AppendInt(r.dst, seconds, 10)
	if nanos != 0 {
		r.dst = append(r.dst, strings.TrimRight(fmt.Sprintf(".%09d", nanos), "0")...)
	}
	r.dst = append(r.dst, 's', '"')
}

// AppendDecimal appends a number in two's complement as a text of digits.
func AppendDecimal(dst, b []byte, scale int) []byte {
	v := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return appendString(dst, new(big.Rat).SetFrac(v, unit).FloatString(scale))
}

func (r *protoReader) wrapper(m *protoMessage, p []byte) error {
	if len(m.fields) != 1 {
		return errDescriptor
	}
	f := m.fields[0]
	var last []byte
	err := r.walk(p, func(num protowire.Number, typ protowire.Type, data []byte) error {
		if num == f.number && typ == f.wireType() {
			last = data
		}
		return nil
	})
	if err != nil {
		return err
	}
	if last == nil {
		r.zero(f)
		return nil
	}
	_, err = r.scalar(f, last)
	return err
}

// object appends a Struct: a map of texts to Values.
func (r *protoReader) object(p []byte, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	sep := byte('{')
	err := r.walk(p, func(num protowire.Number, typ protowire.Type, data []byte) error {
		if num != 1 || typ != protowire.BytesType {
			return nil
		}
		var key, value []byte
		entry, _ := protowire.ConsumeBytes(data)
		err := r.walk(entry, func(num protowire.Number, typ protowire.Type, data []byte) error {
			if b, n := protowire.ConsumeBytes(data); typ == protowire.BytesType && n >= 0 {
				switch num {
				case 1:
					key = b
				case 2:
					value = b
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		r.dst = append(r.dst, sep)
		if err := r.text(key); err != nil {
			return err
		}
		r.dst = append(r.dst, ':')
		sep = ','
		return r.anything(value, depth+1)
	})
	if err != nil {
		return err
	}
	if sep == '{' {
		r.dst = append(r.dst, '{')
	}
	r.dst = append(r.dst, '}')
	return nil
}

// elements appends a ListValue.
func (r *protoReader) elements(p []byte, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	sep := byte('[')
	err := r.walk(p, func(num protowire.Number, typ protowire.Type, data []byte) error {
		if num != 1 || typ != protowire.BytesType {
			return nil
		}
		b, _ := protowire.ConsumeBytes(data)
		r.dst = append(r.dst, sep)
		sep = ','
		return r.anything(b, depth+1)
	})
	if err != nil {
		return err
	}
	if sep == '[' {
		r.dst = append(r.dst, '[')
	}
	r.dst = append(r.dst, ']')
	return nil
}

// anything appends a Value. The last of its fields counts; without one it is null.
func (r *protoReader) anything(p []byte, depth int) error {
	var last protowire.Number
	var data []byte
	err := r.walk(p, func(num protowire.Number, typ protowire.Type, d []byte) error {
		want := protowire.BytesType
		switch num {
		case 1, 4:
			want = protowire.VarintType
		case 2:
			want = protowire.Fixed64Type
		}
		if num <= 6 && typ == want {
			last, data = num, d
		}
		return nil
	})
	if err != nil {
		return err
	}
	b, _ := protowire.ConsumeBytes(data)
	switch last {
	case 2:
		n, _ := protowire.ConsumeFixed64(data)
		r.dst = appendFloat(r.dst, math.Float64frombits(n), 64)
	case 3:
		return r.text(b)
	case 4:
		n, _ := protowire.ConsumeVarint(data)
		r.dst = strconv.AppendBool(r.dst, n != 0)
	case 5:
		return r.object(b, depth+1)
	case 6:
		return r.elements(b, depth+1)
	default:
		r.dst = append(r.dst, "null"...)
	}
	return nil
}

// any appends an Any: with the fields of its message where the descriptors have it.
func (r *protoReader) any(p []byte, depth int) error {
	var name, value []byte
	err := each(p, func(num protowire.Number, _ uint64, data []byte) error {
		switch num {
		case 1:
			name = data
		case 2:
			value = data
		}
		return nil
	})
	if err != nil {
		return errShort
	}
	r.dst = append(r.dst, `{"@type":`...)
	if err := r.text(name); err != nil {
		return err
	}
	m := r.pool.messages[string(name)[strings.LastIndexByte(string(name), '/')+1:]]
	switch {
	case m == nil:
		r.dst = append(appendBase64(append(r.dst, `,"value":`...), value), '}')
	case m.known != 0:
		r.dst = append(r.dst, `,"value":`...)
		if err := r.message(m, value, depth+1); err != nil {
			return err
		}
		r.dst = append(r.dst, '}')
	default:
		return r.members(m, value, depth+1, ',')
	}
	return nil
}
