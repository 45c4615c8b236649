package format

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/hamba/avro/v2/ocf"
	"github.com/parquet-go/parquet-go"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/partition"
)

func values(texts ...string) []record.Record {
	recs := make([]record.Record, len(texts))
	for i, text := range texts {
		recs[i] = record.Record{Offset: int64(i), Value: []byte(text)}
	}
	return recs
}

// kafka-connect-storage-cloud#525: records of two schemas, one after the other, go into one file;
// what the first ones lack is in the extra column.
func TestMixedSchemasMakeOneFile(t *testing.T) {
	c := config("parquet")
	c.Sample = 2
	f := newFormat(t, c, "zstd", "json")
	recs := values(
		`{"id":1,"name":"a"}`, `{"id":2,"tags":["x"]}`,
		`{"id":"three","name":"c","new":{"deep":true}}`, `{"id":4,"Name":"other case"}`,
		`{"id":5,"tags":"no list"}`, `{}`,
	)
	want := []string{
		`{"id":1,"name":"a"}`,
		`{"id":2,"tags":["x"]}`,
		`{"name":"c","_extra":{"id":"three","new":{"deep":true}}}`,
		`{"id":4,"_extra":{"Name":"other case"}}`,
		`{"id":5,"_extra":{"tags":"no list"}}`,
		`{}`,
	}
	for i, e := range read(t, f, build(t, f, recs, 3)) {
		if string(e.Value) != want[i] {
			t.Errorf("record %d is %s, want %s", i, e.Value, want[i])
		}
	}
}

func TestInferredTypes(t *testing.T) {
	c := config("parquet")
	f := newFormat(t, c, "none", "json")
	file := build(t, f, values(
		`{"i":1,"f":1,"mixed":1,"obj":{"a":null,"b":{"c":1}},"list":[1,2],"objs":[{"x":1}],"nothing":null,"any":{"a":1},"empty":{},"none":[]}`,
		`{"i":2,"f":1.5,"mixed":"x","obj":{"b":{"c":2,"d":"e"}},"list":[null,3],"objs":[],"any":[1],"empty":{},"none":[],"I":7}`,
	), 10)
	pf, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	want := `message record {
	optional int64 i (INT(64,true));
	optional double f;
	optional binary mixed (STRING);
	optional group obj {
		optional group b {
			optional int64 c (INT(64,true));
			optional binary d (STRING);
		}
	}
	optional group list (LIST) {
		repeated group list {
			optional int64 element (INT(64,true));
		}
	}
	optional binary objs (JSON);
	optional binary any (JSON);
	optional binary empty (JSON);
	optional binary none (JSON);
	optional binary _extra (JSON);
}`
	if got := pf.Schema().String(); got != want {
		t.Errorf("schema\n%s\nwant\n%s", got, want)
	}
	if created := pf.Metadata().CreatedBy; !strings.HasPrefix(created, "penstock") {
		t.Errorf("created by %q", created)
	}
	entries := read(t, f, file)
	for i, want := range []string{
		`{"i":1,"f":1,"mixed":"1","obj":{"b":{"c":1}},"list":[1,2],"objs":[{"x":1}],"any":{"a":1},"empty":{},"none":[]}`,
		`{"i":2,"f":1.5,"mixed":"x","obj":{"b":{"c":2,"d":"e"}},"list":[null,3],"objs":[],"any":[1],"empty":{},"none":[],"_extra":{"I":7}}`,
	} {
		if got := string(entries[i].Value); got != want {
			t.Errorf("record %d is %s, want %s", i, got, want)
		}
	}
}

// Row groups bound the memory: a file larger than one has several, with all its rows.
func TestRowGroups(t *testing.T) {
	c := config("parquet")
	c.RowGroup = 1 << 20
	f := newFormat(t, c, "snappy", "json")
	recs := benchRecords(20_000)
	file := build(t, f, recs, 3000)
	pf, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(pf.RowGroups()); n != 4 {
		t.Errorf("%d row groups, want 4", n)
	}
	for i, e := range read(t, f, file) {
		if !same(t, e.Value, recs[i].Value) {
			t.Fatalf("record %d is %s, want %s", i, e.Value, recs[i].Value)
		}
	}
}

// A column that is declared and does not fit is found when the row is made, where it can be a dead
// letter still.
func TestDeclaredColumns(t *testing.T) {
	for _, kind := range []string{"parquet", "avro"} {
		c := config(kind)
		c.Extra = ""
		c.Columns = []Column{
			{
				Name:     "when",
				Field:    "meta.time",
				Type:     "timestamp_us",
				Required: true,
			},
			{Name: "day", Type: "date"},
			{Name: "small", Type: "int32"},
			{Name: "blob", Type: "binary"},
			{Name: "single", Type: "float"},
			{Name: "doc", Type: "json"},
		}
		f := newFormat(t, c, "none", "json")
		for _, bad := range []string{
			`{"day":"2026-01-02"}`, `{"meta":{"time":"noon"}}`, `{"meta":{"time":1},"small":3000000000}`, `{"meta":{"time":1},"other":1}`, `{"meta":{"time":1,"zone":"x"}}`,
			`{"meta":{"time":1},"day":"2026-13-01"}`, `{"meta":{"time":1},"blob":"*"}`, `[1]`, `{"meta":{"time":1.5}}`,
		} {
			if _, err := row1(t, f, bad); err == nil {
				t.Errorf("%s: %s: no error", kind, bad)
			}
		}
		file := build(
			t,
			f,
			values(
				`{"meta":{"time":"2026-01-02T03:04:05.678901Z"},"day":"1969-12-31","small":-5,"blob":"AP8=","single":1.5,"doc":[1, {"a": "b"}]}`,
				`{"meta":{"time":7}}`,
			),
			5,
		)
		entries := read(t, f, file)
		want := []string{
			`{"when":"2026-01-02T03:04:05.678901Z","day":"1969-12-31","small":-5,"blob":"AP8=","single":1.5,"doc":[1,{"a":"b"}]}`,
			`{"when":"1970-01-01T00:00:00.000007Z"}`,
		}
		if kind == "avro" {
			want = []string{
				`{"when":"2026-01-02T03:04:05.678901Z","day":"1969-12-31","small":-5,"blob":"AP8=","single":1.5,"doc":"[1,{\"a\":\"b\"}]"}`,
				`{"when":"1970-01-01T00:00:00.000007Z","day":null,"small":null,"blob":null,"single":null,"doc":null}`,
			}
		}
		for i := range want {
			if got := string(entries[i].Value); got != want[i] {
				t.Errorf("%s: record %d is %s, want %s", kind, i, got, want[i])
			}
		}
	}
}

// Another library reads the container files.
func TestAvroByItsLibrary(t *testing.T) {
	recs := samples(500)
	for name, f := range allFormats(t) {
		// a codec that library lacks
		if !strings.HasPrefix(name, "avro") || strings.HasSuffix(name, "bzip2") {
			continue
		}
		d, err := ocf.NewDecoder(bytes.NewReader(build(t, f, recs, 200)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n := 0
		for ; d.HasNext(); n++ {
			var v map[string]any
			if err := d.Decode(&v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := fmt.Sprint(plain(v["n"])); got != fmt.Sprint(n) {
				t.Fatalf("%s: n is %s, want %d", name, got, n)
			}
			if got := plain(v["level"]); got != []string{"info", "warn"}[n%2] {
				t.Fatalf("%s: level is %v", name, got)
			}
		}
		if err := d.Error(); err != nil && err != io.EOF || n != len(recs) {
			t.Fatalf("%s: %d records, %v", name, n, err)
		}
	}
}

// plain takes a value out of its union.
func plain(v any) any {
	if m, ok := v.(map[string]any); ok && len(m) == 1 {
		for _, x := range m {
			return x
		}
	}
	return v
}

func TestAvroSchemaRefuses(t *testing.T) {
	c := config("avro")
	c.Schema = avroSchema
	f := newFormat(t, c, "none", "json")
	good := `{"ts":1,"n":1,"level":"info","ok":true,"user":{"id":1,"name":"x"},"tags":[]}`
	if _, err := row1(t, f, good); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{`"info"`, `"fatal"`}, {`"n":1`, `"n":1.5`}, {`"n":1,`, ``}, {`"tags":[]`, `"tags":[1]`}, {`true`, `"true"`}, {`"user":{"id":1,`, `"user":{`}} {
		if _, err := row1(t, f, strings.Replace(good, change[0], change[1], 1)); err == nil {
			t.Errorf("%s for %s: no error", change[1], change[0])
		}
	}
}

// Memory that is asked of a Finisher follows the row group and not the file: the reader gives rows
// that are made as they are read.
func TestFinishReadsOnce(t *testing.T) {
	f := newFormat(t, config("parquet"), "zstd", "json").(Finisher)
	var rows []byte
	var err error
	recs := benchRecords(5000)
	for i := range recs {
		if rows, err = f.AppendRow(rows, &partition.Input{Record: &recs[i]}); err != nil {
			t.Fatal(err)
		}
	}
	member, err := f.AppendMember(nil, rows)
	if err != nil {
		t.Fatal(err)
	}
	// Half a working file is an error and not half an object.
	if err := f.Finish(io.Discard, bytes.NewReader(member[:len(member)/2])); err == nil {
		t.Error("no error for half a working file")
	}
	if err := f.Finish(
		io.Discard, io.MultiReader(bytes.NewReader(member), bytes.NewReader(member)),
	); err != nil {
		t.Error(err)
	}
	var empty bytes.Buffer
	if err := f.Finish(&empty, bytes.NewReader(nil)); err != nil {
		t.Errorf("no rows: %v", err)
	}
}

// A column of values that are all unlike is written plain, one of a few values with a dictionary.
func TestDictionariesWhereTheyHelp(t *testing.T) {
	c := config("parquet")
	c.Columns = []Column{{Name: "level", Type: "string"}, {Name: "trace", Type: "string"}}
	for _, columns := range [][]Column{nil, c.Columns} {
		c.Columns = columns
		f := newFormat(t, c, "none", "json")
		recs := make([]record.Record, 5000)
		for i := range recs {
			recs[i] = record.Record{
				Offset: int64(i),
				Value:  fmt.Appendf(nil, `{"level":"l%d","trace":"%016x"}`, i%5, i*77),
			}
		}
		file := build(t, f, recs, 500)
		pf, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		chunks := pf.Metadata().RowGroups[0].Columns
		if chunks[0].MetaData.DictionaryPageOffset == 0 {
			t.Error("no dictionary of five levels")
		}
		if chunks[1].MetaData.DictionaryPageOffset != 0 {
			t.Error("a dictionary of 5,000 traces")
		}
		for i, e := range read(t, f, file) {
			if !same(t, e.Value, recs[i].Value) {
				t.Fatalf("record %d is %s, want %s", i, e.Value, recs[i].Value)
			}
		}
	}
}
