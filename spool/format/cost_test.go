package format

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/spool/partition"
)

// What is in a record costs memory and time by its size, not by what its sender thought of: long
// lists, names without end, rows that have nothing in common.

// costly are values by what is in them, of about n bytes together.
var costly = []struct {
	name   string
	values func(n int) [][]byte
}{
	{"usual", func(n int) [][]byte {
		var out [][]byte
		for _, r := range benchRecords(n / 200) {
			out = append(out, r.Value)
		}
		return out
	}},
	{"names", func(n int) [][]byte { // each record has another one
		return each(n, func(i int) string { return fmt.Sprintf(`{"n%d":0}`, i) })
	}},
	{"names in one", func(n int) [][]byte {
		return one(`{`, n, func(i int) string { return fmt.Sprintf(`"n%d":0`, i) }, `}`)
	}},
	{"few names", func(n int) [][]byte { return each(n, func(i int) string { return `{"a":1}` }) }},
	{"sparse", func(n int) [][]byte { // as many columns as there may be, one in a row
		return each(n, func(i int) string { return fmt.Sprintf(`{"n%d":%d}`, i%1000, i) })
	}},
	{"sparse text", func(n int) [][]byte {
		return each(n, func(i int) string { return fmt.Sprintf(`{"n%d":"%d"}`, i%1000, i*7919) })
	}},
	{"nested names", func(n int) [][]byte {
		return one(`{`, n, func(i int) string {
			if i%1000 == 0 {
				return fmt.Sprintf(`"o%d":{"n":{}},"p%d":0`, i, i)
			}
			return fmt.Sprintf(`"o%d":{"n%d":0}`, i, i)
		}, `}`)
	}},
	{"nested objects", func(n int) [][]byte { // a thousand names of a thousand each
		return each(n, func(i int) string {
			var b strings.Builder
			fmt.Fprintf(&b, `{"o%d":{`, i%1000)
			for j := range 1000 {
				fmt.Fprintf(&b, `"n%d":0,`, j)
			}
			return b.String() + `"z":0}}`
		})
	}},
	{"long names", func(n int) [][]byte { // the names of records in them hold theirs
		long := strings.Repeat("x", n/2)
		return one(
			`{"`+long+`":{`, n/2, func(i int) string { return fmt.Sprintf(`"n%d":{"m":0}`, i) },
			`}}`,
		)
	}},
	{
		"empty names",
		func(n int) [][]byte { return one(`{`, n, func(int) string { return `"":0` }, `}`) },
	},
	{
		"numbers",
		func(n int) [][]byte { return one(`{"a":[`, n, func(int) string { return `1` }, `]}`) },
	},
	{"random numbers", func(n int) [][]byte {
		return one(
			`{"a":[`, n, func(i int) string { return fmt.Sprint(uint32(i) * 2654435761 % 10) },
			`]}`,
		)
	}},
	{"numbers by the MB", func(n int) [][]byte {
		return each(n, func(int) string { return `{"a":[` + strings.Repeat(`1,`, 128<<10) + `1]}` })
	}},
	{"short lists", func(n int) [][]byte {
		return each(n, func(int) string { return `{"a":[` + strings.Repeat(`7,`, 500) + `1]}` })
	}},
	{
		"empty texts",
		func(n int) [][]byte { return one(`{"a":[`, n, func(int) string { return `""` }, `]}`) },
	},
	{
		"lists",
		func(n int) [][]byte { return one(`{"a":[`, n, func(int) string { return `[]` }, `]}`) },
	},
	{
		"objects",
		func(n int) [][]byte { return one(`{"a":[`, n, func(int) string { return `{}` }, `]}`) },
	},
	{
		"spaces",
		func(n int) [][]byte { return one(`{"a":[`, n, func(int) string { return ` 1 ` }, `]}`) },
	},
	{"text", func(n int) [][]byte {
		return each(
			n, func(int) string { return `{"a":"` + strings.Repeat("abcdefgh", 100<<10) + `"}` },
		)
	}},
	{"random text", func(n int) [][]byte { // as large as Kafka takes it, unless it is told to
		x := uint64(1)
		return each(n, func(int) string {
			return string(
				one(`{"a":"`, min(n, 1<<20), func(int) string { x = x*6364136223846793005 + 1; return fmt.Sprintf("%x", x) }, `"}`)[0],
			)
		})
	}},
	{
		"escapes",
		func(n int) [][]byte { return one(`{"a":"`, n, func(i int) string { return `\u00e9` }, `"}`) },
	},
	{"texts", func(n int) [][]byte { // no two alike
		return each(
			n, func(i int) string { return fmt.Sprintf(`{"a":"%d"}`, uint32(i)*2654435761) },
		)
	}},
	{
		"one digit",
		func(n int) [][]byte { return one(`{"a":`, n, func(int) string { return "1" }, `}`) },
	},
	{"deep", func(n int) [][]byte {
		return each(
			n,
			func(int) string { return strings.Repeat(`{"a":`, 190) + "1" + strings.Repeat(`}`, 190) },
		)
	}},
	{
		"not JSON",
		func(n int) [][]byte { return one(`{"a":[`, n, func(int) string { return `1` }, `}`) },
	},
}

// each makes records until they are n bytes.
func each(n int, value func(i int) string) (out [][]byte) {
	for i, size := 0, 0; size < n; i++ {
		v := []byte(value(i))
		size += len(v)
		out = append(out, v)
	}
	return out
}

// one makes one record of members or elements.
func one(head string, n int, part func(i int) string, tail string) [][]byte {
	b := make([]byte, 0, n+64)
	b = append(b, head...)
	quoted := strings.HasSuffix(head, `"`) || tail == "}" && strings.HasSuffix(head, ":")
	for i := 0; len(b) < n; i++ {
		if i > 0 && !quoted {
			b = append(b, ',')
		}
		b = append(b, part(i)...)
	}
	return [][]byte{append(b, tail...)}
}

func TestRowsCostInProportion(t *testing.T) {
	const (
		slack = 8 << 20 // of a chunk of rows, a member, a block, their buffers
		// of Parquet: pages and dictionaries of all columns, an encoder and what they have grown
		// from
		pages = 32 << 20
	)
	formats := []struct {
		name, kind, comp string
		slack            int
	}{{"avro", "avro", "zstd", slack}, {"parquet", "parquet", "zstd", pages}}
	if runtest.Long() {
		formats = append(formats[:0], []struct {
			name, kind, comp string
			slack            int
		}{
			{
				"ndjson",
				"ndjson",
				"zstd",
				slack,
			},
			{"delimited", "delimited", "zstd", slack},
			{"avro", "avro", "zstd", slack},
			{
				"avro plain",
				"avro",
				"none",
				slack,
			},
			{"avro columns", "avro", "zstd", slack},
			{"avro schema", "avro", "zstd", slack},
			{
				"parquet",
				"parquet",
				"zstd",
				pages,
			},
			{"parquet plain", "parquet", "none", pages},
			{"parquet columns", "parquet", "zstd", pages},
		}...)
	}
	for _, f := range formats {
		for _, c := range costly {
			if len(formats) == 2 &&
				(c.name == "sparse" || c.name == "few names" || c.name == "texts") {
				continue // those like them are enough
			}
			t.Run(f.name+"/"+c.name, func(t *testing.T) {
				cfg := config(f.kind)
				if f.kind == "delimited" || strings.HasSuffix(f.name, "columns") {
					cfg.Columns = []Column{{Name: "a", Type: "json"}}
				}
				if strings.HasSuffix(f.name, "schema") {
					cfg.Schema = `{"type":"record","name":"r","fields":[{"name":"a","type":["null",
						{"type":"array","items":["null","long","string"]},"string"],"default":null}]}`
				}
				slack := f.slack
				if f.kind == "parquet" && len(c.values(1<<16)) == 1 {
					// What is one cell, the library has in a column, a page, that compressed, and a
					// chunk, all at the same time.
					slack += 4 * costtest.Large()
				}
				costtest.Measure(t, slack, func(n int) func() {
					values := c.values(n)
					ff := newFormat(t, cfg, f.comp, "json")
					return func() { pass(t, ff, values) }
				})
			})
		}
	}
}

// pass makes a file of values, as the archiver does.
func pass(t *testing.T, f Format, values [][]byte) {
	t.Helper()
	var file bytes.Buffer // holds what is compressed: it would lie on disk
	var rows, member []byte
	in := &partition.Input{Topic: "t"}
	flush := func() {
		var err error
		if member, err = f.AppendMember(member[:0], rows); err != nil {
			t.Fatal(err)
		}
		file.Write(member)
		if rows = rows[:0]; cap(rows) > 1<<20 {
			rows = nil
		}
	}
	for i, v := range values {
		in.Record = &record.Record{Offset: int64(i), Value: v}
		out, err := f.AppendRow(rows, in)
		if err != nil {
			continue // a dead letter
		}
		if rows = out; len(rows) >= 512<<10 {
			flush()
		}
	}
	flush()
	rows, member = nil, nil
	if fin, ok := f.(Finisher); ok {
		if err := fin.Finish(io.Discard, &file); err != nil {
			t.Fatal(err)
		}
	}
}
