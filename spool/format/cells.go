package format

import (
	"encoding/binary"
	"errors"

	"github.com/parquet-go/parquet-go"
)

// Cells are a laid row of declared columns as it is kept until its file is made. For each column
// that is filled from the value, in order, there is a byte that is 0 if there is nothing, and then
// a varint, eight bytes of a float, or a length and bytes.

// appendCells appends the cells of a laid row.
func (t *tableSchema) appendCells(dst []byte, r *row) []byte {
	for _, c := range t.columns {
		var v scalar
		present := false
		switch c.meta {
		case noMeta:
			v, present = r.vals[c.id], r.has(c)
		case metaExtra:
			v.b = r.extras()
			present = v.b != nil
		default:
			continue
		}
		if !present {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, 1)
		switch c.typ {
		case tInt32, tInt64, tTimestampMS, tTimestampUS, tTimestampNS, tDate, tBoolean,
			tTimeMS, tTimeUS:
			dst = binary.AppendVarint(dst, v.n)
		case tFloat, tDouble:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v.n))
		default:
			dst = append(binary.AppendUvarint(dst, uint64(len(v.b))), v.b...)
		}
	}
	return dst
}

// cells appends the cells of a row to the columns of their leaves.
func (t *tableSchema) cells(dst [][]parquet.Value, s *stagedRow) error {
	q := cursor{p: s.Value}
	for _, c := range t.columns {
		if c.meta != noMeta && c.meta != metaExtra {
			v, ok := c.metaValue(nil, s)
			appendLeaf(dst, c, v, ok, 0, 0)
			continue
		}
		present := q.bytes(1)
		if q.bad {
			return errors.New("working file: damaged cells")
		}
		var v scalar
		if present[0] != 0 {
			switch c.typ {
			case tInt32, tInt64, tTimestampMS, tTimestampUS, tTimestampNS, tDate, tBoolean,
				tTimeMS, tTimeUS:
				v.n = q.varint()
			case tFloat, tDouble:
				if b := q.bytes(8); !q.bad {
					v.n = int64(binary.LittleEndian.Uint64(b))
				}
			default:
				v.b = q.bytes(q.uvarint())
			}
		}
		appendLeaf(dst, c, v, present[0] != 0, 0, 0)
	}
	if q.bad || len(q.p) > 0 {
		return errors.New("working file: damaged cells")
	}
	return nil
}
