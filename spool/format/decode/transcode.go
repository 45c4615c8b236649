package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/hamba/avro/v2"
)

var errShort = errors.New("unexpected end")

// AppendAvro reads one value of schema in Avro's binary encoding from p and appends it as JSON.
// Records have their fields in order, unions do not name the branch, timestamps and dates are in
// ISO 8601. Decimals and floats that are no numbers are strings, bytes are in base64. It returns
// what follows.
func AppendAvro(dst, p []byte, schema avro.Schema) (out, rest []byte, err error) {
	t := transcoder{
		dst:    grown(dst, len(p)),
		p:      p,
		budget: 16*len(p) + 1<<16,
		most:   len(dst) + maxText(len(p)),
	}
	if err := t.value(schema, 0); err != nil {
		return dst, p, err
	}
	return t.dst, t.p, nil
}

type transcoder struct {
	dst, p []byte
	budget int // of values: some take no bytes, and a lying count must not keep us busy
	most   int // length of dst
}

func (t *transcoder) long() (int64, error) {
	v, n := binary.Varint(t.p)
	if n <= 0 {
		return 0, errShort
	}
	t.p = t.p[n:]
	return v, nil
}

func (t *transcoder) take(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(t.p)) {
		return nil, errShort
	}
	b := t.p[:n]
	t.p = t.p[n:]
	return b, nil
}

func (t *transcoder) bytes() ([]byte, error) {
	n, err := t.long()
	if err != nil {
		return nil, err
	}
	return t.take(n)
}

func (t *transcoder) value(schema avro.Schema, depth int) error {
	if t.budget--; depth > 200 || t.budget < 0 {
		return errors.New("avro: too many values or nested too deeply")
	}
	if len(t.dst) > t.most {
		return fmt.Errorf("avro: %w", errLong)
	}
	switch s := schema.(type) {
	case *avro.RefSchema:
		return t.value(s.Schema(), depth+1)
	case *avro.RecordSchema:
		t.dst = append(t.dst, '{')
		for i, f := range s.Fields() {
			if i > 0 {
				t.dst = append(t.dst, ',')
			}
			t.dst = append(appendString(t.dst, f.Name()), ':')
			if err := t.value(f.Type(), depth+1); err != nil {
				return err
			}
		}
		t.dst = append(t.dst, '}')
		return nil
	case *avro.UnionSchema:
		i, err := t.long()
		if err != nil {
			return err
		}
		if i < 0 || i >= int64(len(s.Types())) {
			return fmt.Errorf("avro: union has no branch %d", i)
		}
		return t.value(s.Types()[i], depth+1)
	case *avro.ArraySchema:
		return t.blocks('[', ']', func() error { return t.value(s.Items(), depth+1) })
	case *avro.MapSchema:
		return t.blocks('{', '}', func() error {
			key, err := t.bytes()
			if err != nil {
				return err
			}
			if err := t.text(key); err != nil {
				return err
			}
			t.dst = append(t.dst, ':')
			return t.value(s.Values(), depth+1)
		})
	case *avro.EnumSchema:
		i, err := t.long()
		if err != nil {
			return err
		}
		if i < 0 || i >= int64(len(s.Symbols())) {
			return fmt.Errorf("avro: enum has no symbol %d", i)
		}
		t.dst = appendString(t.dst, s.Symbols()[i])
		return nil
	case *avro.FixedSchema:
		b, err := t.take(int64(s.Size()))
		if err != nil {
			return err
		}
		return t.binary(b, s.Logical())
	case *avro.NullSchema:
		t.dst = append(t.dst, "null"...)
		return nil
	case *avro.PrimitiveSchema:
		return t.primitive(s)
	}
	return fmt.Errorf("avro: cannot read %T", schema)
}

func (t *transcoder) blocks(open, end byte, item func() error) error {
	t.dst = append(t.dst, open)
	first := true
	for {
		n, err := t.long()
		if err != nil {
			return err
		}
		if n == 0 {
			t.dst = append(t.dst, end)
			return nil
		}
		if n < 0 {
			if n == math.MinInt64 {
				return errShort
			}
			n = -n
			if _, err := t.long(); err != nil { // the block's size, for those who skip
				return err
			}
		}
		for range n {
			if !first {
				t.dst = append(t.dst, ',')
			}
			first = false
			if err := item(); err != nil {
				return err
			}
		}
	}
}

func (t *transcoder) primitive(s *avro.PrimitiveSchema) error {
	switch s.Type() {
	case avro.Null:
		t.dst = append(t.dst, "null"...)
	case avro.Boolean:
		b, err := t.take(1)
		if err != nil {
			return err
		}
		t.dst = strconv.AppendBool(t.dst, b[0] != 0)
	case avro.Int, avro.Long:
		n, err := t.long()
		if err != nil {
			return err
		}
		t.integer(n, s.Logical())
	case avro.Float:
		b, err := t.take(4)
		if err != nil {
			return err
		}
		t.dst = appendFloat(t.dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
	case avro.Double:
		b, err := t.take(8)
		if err != nil {
			return err
		}
		t.dst = appendFloat(t.dst, math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
	case avro.Bytes:
		b, err := t.bytes()
		if err != nil {
			return err
		}
		return t.binary(b, s.Logical())
	case avro.String:
		b, err := t.bytes()
		if err != nil {
			return err
		}
		return t.text(b)
	default:
		return fmt.Errorf("avro: cannot read %s", s.Type())
	}
	return nil
}

func (t *transcoder) integer(n int64, logical avro.LogicalSchema) {
	kind := avro.LogicalType("")
	if logical != nil {
		kind = logical.Type()
	}
	const clock, stamp = "15:04:05.999999999", "2006-01-02T15:04:05.999999999"
	var when time.Time
	layout := stamp + "Z07:00"
	switch kind {
	case avro.TimestampMillis:
		when = time.UnixMilli(n)
	case avro.TimestampMicros:
		when = time.UnixMicro(n)
	case avro.LocalTimestampMillis:
		when, layout = time.UnixMilli(n), stamp
	case avro.LocalTimestampMicros:
		when, layout = time.UnixMicro(n), stamp
	case avro.Date:
		when, layout = time.Unix(n*86400, 0), time.DateOnly
		if n > math.MaxInt32 || n < math.MinInt32 {
			layout = ""
		}
	case avro.TimeMillis:
		when, layout = time.UnixMilli(n), clock
	case avro.TimeMicros:
		when, layout = time.UnixMicro(n), clock
	default:
		layout = ""
	}
	if layout == clock && (n < 0 || when.Unix() >= 86400) { // no time of a day, as 24:00
		layout = ""
	}
	when = when.UTC()
	if y := when.Year(); layout == "" || y < 0 || y > 9999 {
		t.dst = strconv.AppendInt(t.dst, n, 10)
		return
	}
	t.dst = append(when.AppendFormat(append(t.dst, '"'), layout), '"')
}

// binary appends bytes: a decimal as a string of digits, anything else in base64.
func (t *transcoder) binary(b []byte, logical avro.LogicalSchema) (err error) {
	if d, ok := logical.(*avro.DecimalLogicalSchema); ok {
		t.dst = AppendDecimal(t.dst, b, d.Scale())
		return nil
	}
	if t.dst, err = appendBinary(t.dst, b, t.most); err != nil {
		return fmt.Errorf("avro: %w", err)
	}
	return nil
}

func (t *transcoder) text(b []byte) (err error) {
	if t.dst, err = appendText(t.dst, b, t.most); err != nil {
		return fmt.Errorf("avro: %w", err)
	}
	return nil
}
