package format

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// Reading an object of an archive back costs memory and time by what is in it, whoever wrote it.
func TestReadingCostsInProportion(t *testing.T) {
	const slack = 16 << 20 // of a decoder, and of a row group's columns
	line := `{"topic":"t","partition":0,"offset":1,"time":"2026-01-02T03:04:05Z",`
	lines := func(comp, head, unit, tail string) func(n int) []byte {
		return func(n int) []byte {
			c, err := newCompressor(comp)
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.append(nil, []byte(head+strings.Repeat(unit, n/len(unit))+tail))
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	container := func(comp, schema string, count func(n int) int) func(n int) []byte {
		return func(n int) []byte {
			c, err := newCompressor(comp)
			if err != nil {
				t.Fatal(err)
			}
			box := newContainer(schema, c)
			out, err := box.appendBlock(bytes.Clone(box.header), make([]byte, n), count(n))
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	each := func(n int) int { return n }
	records := values
	written := func(kind string, values func(n int) [][]byte) func(n int) []byte {
		return func(n int) []byte {
			f := newFormat(t, config(kind), "zstd", "json")
			var texts []string
			for _, v := range values(n) {
				texts = append(texts, string(v))
			}
			return build(t, f, records(texts...), 100)
		}
	}
	find := func(name string) func(n int) [][]byte {
		for _, c := range costly {
			if c.name == name {
				return c.values
			}
		}
		panic(name)
	}
	for _, c := range []struct {
		name, kind string
		file       func(n int) []byte
	}{
		{"lines", "ndjson", lines("gzip", "", "{}\n", "")},
		{"empty lines", "ndjson", lines("zstd", "", "\n", "")},
		{"a line", "ndjson", lines("lz4", line+`"value_text":"`, "abcdefgh", `"}`+"\n")},
		{"headers", "ndjson", lines("zstd", line+`"headers":[`, `{},`, `{}],"value":{}}`+"\n")},
		{"quotes", "delimited", lines("zstd", `"`, "\n", "")},
		{"avro nulls", "avro", container("gzip", `{"type":"array","items":"null"}`, each)},
		{"avro bytes", "avro", container("zstd", `"boolean"`, each)},
		{"avro without end", "avro", func(int) []byte {
			c, err := newCompressor("none")
			if err != nil {
				t.Fatal(err)
			}
			box := newContainer(`"null"`, c)
			out := binary.AppendVarint(binary.AppendVarint(bytes.Clone(box.header), 1<<60), 0)
			return append(out, box.sync[:]...)
		}},
		{"avro usual", "avro", written("avro", find("usual"))},
		{"parquet usual", "parquet", written("parquet", find("usual"))},
		{"parquet sparse", "parquet", written("parquet", find("sparse text"))},
		{"parquet lists", "parquet", written("parquet", find("short lists"))},
		{"parquet text", "parquet", written("parquet", find("text"))},
	} {
		if c.name == "parquet sparse" && !runtest.Long() {
			continue // it takes seconds to make
		}
		t.Run(c.name, func(t *testing.T) {
			costtest.Measure(t, slack, func(n int) func() {
				file := c.file(n)
				return func() {
					count := 0
					err := Read(
						bytes.NewReader(file), int64(len(file)), c.kind,
						func(*Entry) error { count++; return nil },
					)
					if n > 1<<20 {
						t.Log(count, "records", err)
					}
				}
			})
		})
	}
}
