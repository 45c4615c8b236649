package format

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/penstock/penstock/spool/format/decode"
)

// parquetText writes rows as JSON: nulls left out of groups, timestamps and dates in ISO 8601,
// bytes that are no text in base64.
type parquetText struct {
	root parquet.Node
	dst  []byte
}

func (p *parquetText) row(row parquet.Row) error {
	a := assembler{dst: p.dst[:0]}
	for _, v := range row {
		for len(a.columns) <= v.Column() {
			a.columns = append(a.columns, nil)
		}
		a.columns[v.Column()] = append(a.columns[v.Column()], v)
	}
	err := a.group(p.root.Fields(), 0, 0)
	p.dst = a.dst
	return err
}

// assembler puts a row together again from its leaves. Each leaf's values are consumed from the
// front.
type assembler struct {
	columns [][]parquet.Value
	column  int // the next leaf, in schema order
	dst     []byte
}

var errParquet = errors.New("parquet: damaged row")

func leaves(n parquet.Node) int {
	if n.Leaf() {
		return 1
	}
	total := 0
	for _, f := range n.Fields() {
		total += leaves(f)
	}
	return total
}

// peek returns the first value of the leaf at column c.
func (a *assembler) peek(c int) (parquet.Value, bool) {
	if c >= len(a.columns) || len(a.columns[c]) == 0 {
		return parquet.Value{}, false
	}
	return a.columns[c][0], true
}

// drop consumes one value of each of n leaves from the current one on.
func (a *assembler) drop(n int) {
	for range n {
		if a.column < len(a.columns) && len(a.columns[a.column]) > 0 {
			a.columns[a.column] = a.columns[a.column][1:]
		}
		a.column++
	}
}

func (a *assembler) group(fields []parquet.Field, rep, def int) error {
	a.dst = append(a.dst, '{')
	first := true
	for _, f := range fields {
		mark := len(a.dst)
		if !first {
			a.dst = append(a.dst, ',')
		}
		a.dst = append(decode.AppendString(a.dst, []byte(f.Name())), ':')
		present, err := a.node(f, rep, def)
		if err != nil {
			return err
		}
		if !present {
			a.dst = a.dst[:mark]
			continue
		}
		first = false
	}
	a.dst = append(a.dst, '}')
	return nil
}

// node appends a value; it reports whether there was one.
func (a *assembler) node(n parquet.Node, rep, def int) (bool, error) {
	v, ok := a.peek(a.column)
	if !ok {
		return false, errParquet
	}
	if n.Optional() {
		def++
		if v.DefinitionLevel() < def {
			a.drop(leaves(n))
			return false, nil
		}
	}
	if n.Repeated() {
		return true, a.repeated(n, rep+1, def+1)
	}
	if n.Leaf() {
		a.drop(1)
		return true, a.leaf(n, v)
	}
	if lt := n.Type().
		LogicalType(); isList(lt) &&
		len(n.Fields()) == 1 && n.Fields()[0].Repeated() && !n.Fields()[0].Leaf() &&
		len(n.Fields()[0].Fields()) == 1 {
		return true, a.list(n.Fields()[0], rep+1, def+1)
	}
	return true, a.group(n.Fields(), rep, def)
}

func isList(lt *format.LogicalType) bool {
	if lt == nil {
		return false
	}
	_, ok := lt.Value.(*format.ListType)
	return ok
}

// list appends the elements of a LIST group, whose repeated child is n.
func (a *assembler) list(n parquet.Node, rep, def int) error {
	return a.items(n, rep, def, func() error {
		mark := len(a.dst)
		present, err := a.node(n.Fields()[0], rep, def)
		if err == nil && !present {
			a.dst = append(a.dst[:mark], "null"...)
		}
		return err
	})
}

func (a *assembler) repeated(n parquet.Node, rep, def int) error {
	return a.items(n, rep, def, func() error {
		if n.Leaf() {
			v, _ := a.peek(a.column)
			a.drop(1)
			return a.leaf(n, v)
		}
		return a.group(n.Fields(), rep, def)
	})
}

func (a *assembler) items(n parquet.Node, rep, def int, item func() error) error {
	start := a.column
	a.dst = append(a.dst, '[')
	v, ok := a.peek(start)
	if !ok {
		return errParquet
	}
	if v.DefinitionLevel() < def {
		a.drop(leaves(n))
		a.dst = append(a.dst, ']')
		return nil
	}
	for i := 0; ; i++ {
		if i > 0 {
			a.dst = append(a.dst, ',')
		}
		a.column = start
		if err := item(); err != nil {
			return err
		}
		if v, ok = a.peek(start); !ok || v.RepetitionLevel() < rep {
			break
		}
	}
	a.dst = append(a.dst, ']')
	return nil
}

func (a *assembler) leaf(n parquet.Node, v parquet.Value) error {
	if v.IsNull() {
		a.dst = append(a.dst, "null"...)
		return nil
	}
	var logical any
	if lt := n.Type().LogicalType(); lt != nil {
		logical = lt.Value
	}
	switch v.Kind() {
	case parquet.Boolean:
		a.dst = strconv.AppendBool(a.dst, v.Boolean())
	case parquet.Int32:
		a.int32(v.Int32(), logical)
	case parquet.Int64:
		a.int64(v.Int64(), logical)
	case parquet.Float:
		a.float(float64(v.Float()), 32)
	case parquet.Double:
		a.float(v.Double(), 64)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		a.bytes(v.ByteArray(), logical)
	default:
		return fmt.Errorf("parquet: cannot show %v", v.Kind())
	}
	return nil
}

func (a *assembler) int32(n int32, logical any) {
	switch l := logical.(type) {
	case *format.DateType:
		day := time.Unix(int64(n)*86400, 0).UTC()
		a.dst = append(day.AppendFormat(append(a.dst, '"'), time.DateOnly), '"')
		return
	case *format.TimeType:
		a.timeOfDay(time.Duration(n) * time.Millisecond)
		return
	case *format.DecimalType:
		if a.decimal(int64(n), l) {
			return
		}
	}
	a.dst = strconv.AppendInt(a.dst, int64(n), 10)
}

func (a *assembler) int64(n int64, logical any) {
	switch l := logical.(type) {
	case *format.TimestampType:
		when := time.UnixMilli(n)
		switch l.Unit.Value.(type) {
		case *format.MicroSeconds:
			when = time.UnixMicro(n)
		case *format.NanoSeconds:
			when = time.Unix(0, n)
		}
		if y := when.UTC().Year(); y >= 0 && y <= 9999 {
			a.dst = append(when.UTC().AppendFormat(append(a.dst, '"'), time.RFC3339Nano), '"')
			return
		}
	case *format.DecimalType:
		if a.decimal(n, l) {
			return
		}
	case *format.TimeType:
		unit := time.Microsecond
		if _, ok := l.Unit.Value.(*format.NanoSeconds); ok {
			unit = 1
		}
		a.timeOfDay(time.Duration(n) * unit)
		return
	}
	a.dst = strconv.AppendInt(a.dst, n, 10)
}

func (a *assembler) bytes(b []byte, logical any) {
	switch l := logical.(type) {
	case *format.DecimalType:
		if len(b) <= 64 && l.Scale >= 0 && l.Scale <= 155 {
			a.dst = decode.AppendDecimal(a.dst, b, int(l.Scale))
			return
		}
	case *format.UUIDType:
		a.dst = decode.AppendString(a.dst, uuidText(b))
		return
	case *format.JsonType:
		if n, err := root(b); err == nil {
			a.dst = appendCompact(a.dst, n)
			return
		}
	case *format.StringType, *format.EnumType:
		if utf8.Valid(b) {
			a.dst = decode.AppendString(a.dst, b)
			return
		}
	}
	a.dst = append(base64.StdEncoding.AppendEncode(append(a.dst, '"'), b), '"')
}

func (a *assembler) decimal(n int64, l *format.DecimalType) bool {
	if l.Scale < 0 || l.Scale > maxPrecision {
		return false
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(n))
	a.dst = decode.AppendDecimal(a.dst, b, int(l.Scale))
	return true
}

func (a *assembler) timeOfDay(d time.Duration) {
	a.dst = append(time.Unix(0, int64(d)).UTC().AppendFormat(append(a.dst, '"'), timeLayout), '"')
}

func (a *assembler) float(f float64, bits int) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		a.dst = decode.AppendString(a.dst, strconv.AppendFloat(nil, f, 'g', -1, bits))
		return
	}
	a.dst = strconv.AppendFloat(a.dst, f, 'g', -1, bits)
}
