package format

import (
	"slices"

	"github.com/parquet-go/parquet-go"
)

// ordered is a group whose fields stand in the order of the columns; the library's own sorts them.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

func (o *ordered) Fields() []parquet.Field { return o.fields }

func group(columns []*column, node func(*column) parquet.Node) parquet.Node {
	g := parquet.Group{}
	for _, c := range columns {
		g[c.name] = node(c)
	}
	byName := map[string]parquet.Field{}
	for _, f := range g.Fields() {
		byName[f.Name()] = f
	}
	o := &ordered{Group: g}
	for _, c := range columns {
		o.fields = append(o.fields, byName[c.name])
	}
	return o
}

// parquet gives the leaves their numbers and levels, and returns what makes the schema, with the
// encodings that all readers know. plain tells of the leaves which are to have no dictionary.
func (t *tableSchema) parquet() func(plain []bool) parquet.Node {
	leaf := 0
	var lists []int
	var number func(c *column, rep, def byte)
	number = func(c *column, rep, def byte) {
		if !c.required {
			def++
		}
		c.maxRep, c.defs = rep, def
		switch c.typ {
		case tGroup:
			for _, child := range c.children {
				number(child, rep, def)
			}
		case tList:
			number(c.elem, rep+1, def+1)
			lists = append(lists, c.elem.leaf)
		default:
			c.leaf = leaf
			leaf++
		}
	}
	for _, c := range t.columns {
		number(c, 0, 0)
	}
	if t.leaves = leaf; len(lists) > 0 {
		t.lists = lists
	}
	return t.parquetNode
}

func (t *tableSchema) parquetNode(plain []bool) parquet.Node {
	text := func(c *column, n parquet.Node) parquet.Node {
		if plain[c.leaf] {
			return parquet.Encoded(n, &parquet.Plain)
		}
		return parquet.Encoded(n, &parquet.RLEDictionary)
	}
	var node func(c *column) parquet.Node
	node = func(c *column) parquet.Node {
		var n parquet.Node
		switch c.typ {
		case tGroup:
			n = group(c.children, node)
		case tList:
			n = parquet.List(node(c.elem))
		case tString:
			n = text(c, parquet.String())
		case tInt32:
			n = parquet.Encoded(parquet.Int(32), &parquet.Plain)
		case tInt64:
			n = parquet.Encoded(parquet.Int(64), &parquet.Plain)
		case tFloat:
			n = parquet.Leaf(parquet.FloatType)
		case tDouble:
			n = parquet.Leaf(parquet.DoubleType)
		case tBoolean:
			n = parquet.Leaf(parquet.BooleanType)
		case tTimestampMS:
			n = parquet.Encoded(parquet.Timestamp(parquet.Millisecond), &parquet.Plain)
		case tTimestampUS:
			n = parquet.Encoded(parquet.Timestamp(parquet.Microsecond), &parquet.Plain)
		case tTimestampNS:
			n = parquet.Encoded(parquet.Timestamp(parquet.Nanosecond), &parquet.Plain)
		case tDate:
			n = parquet.Date()
		case tTimeMS:
			n = parquet.Encoded(parquet.Time(parquet.Millisecond), &parquet.Plain)
		case tTimeUS:
			n = parquet.Encoded(parquet.Time(parquet.Microsecond), &parquet.Plain)
		case tUUID:
			n = parquet.Encoded(parquet.UUID(), &parquet.Plain)
		case tDecimal:
			typ := parquet.Int64Type
			switch {
			case c.precision <= smallDecimal:
				typ = parquet.Int32Type
			case c.precision > narrowDecimal:
				typ = parquet.FixedLenByteArrayType(decimalBytes)
			}
			n = parquet.Encoded(parquet.Decimal(c.scale, c.precision, typ), &parquet.Plain)
		case tJSON:
			n = text(c, parquet.JSON())
		default:
			n = parquet.Encoded(parquet.Leaf(parquet.ByteArrayType), &parquet.Plain)
		}
		if c.required {
			return n
		}
		return parquet.Optional(n)
	}
	return group(t.columns, node)
}

// unbounded returns the paths of the columns that have no bounds in the heads of their pages, and
// of those that have none at all: nobody asks for the least of JSON or bytes.
func (t *tableSchema) unbounded() (heads, all [][]string) {
	var look func(c *column, path []string)
	look = func(c *column, path []string) {
		path = append(slices.Clip(path), c.name)
		switch c.typ {
		case tGroup:
			for _, child := range c.children {
				look(child, path)
			}
		case tList:
			look(c.elem, append(path, "list"))
		case tString:
			heads = append(heads, path)
		case tDecimal:
			// The library would compare the bytes without their sign.
			if c.precision > narrowDecimal {
				heads, all = append(heads, path), append(all, path)
			}
		case tJSON, tBinary:
			heads, all = append(heads, path), append(all, path)
		}
	}
	for _, c := range t.columns {
		look(c, nil)
	}
	return heads, all
}
