package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

func decoder(t testing.TB, kind string) decode.Decoder {
	t.Helper()
	c := decode.Default()
	c.Type = kind
	d, err := decode.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newFormat(t testing.TB, c Config, compression, input string) Format {
	t.Helper()
	f, err := New(c, compression, decoder(t, input))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func config(kind string) Config {
	c := Default()
	c.Type = kind
	return c
}

// build makes a file of values, a member every perMember rows.
func build(t testing.TB, f Format, recs []record.Record, perMember int) []byte {
	t.Helper()
	file, err := f.AppendHeader(nil)
	if err != nil {
		t.Fatal(err)
	}
	var rows []byte
	for i := range recs {
		in := &partition.Input{Topic: "events", Partition: 3, Tag: "app", Record: &recs[i]}
		if rows, err = f.AppendRow(rows, in); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if (i+1)%perMember == 0 || i == len(recs)-1 {
			if file, err = f.AppendMember(file, rows); err != nil {
				t.Fatal(err)
			}
			rows = rows[:0]
		}
	}
	if fin, ok := f.(Finisher); ok {
		var out bytes.Buffer
		if err := fin.Finish(&out, bytes.NewReader(file)); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	return file
}

func read(t testing.TB, f Format, file []byte) []Entry {
	t.Helper()
	ext, comp := f.Ext()
	var out []Entry
	err := Read(bytes.NewReader(file), int64(len(file)), Kind("x"+ext+comp), func(e *Entry) error {
		c := *e
		c.Record = e.Clone()
		out = append(out, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// samples are records with all that JSON has.
func samples(n int) []record.Record {
	rng := rand.New(rand.NewPCG(7, 7))
	recs := make([]record.Record, n)
	for i := range recs {
		v := map[string]any{
			"ts":    fmt.Sprintf("2026-01-02T03:04:%02d.%03dZ", i/1000%60, i%1000),
			"n":     i,
			"level": []string{"info", "warn"}[i%2],
			"ok":    i%3 == 0,
			"ratio": rng.Float64(),
			"user": map[string]any{
				"id":   rng.IntN(1000),
				"name": "ünï\"\n" + strings.Repeat("x", i%7),
			},
			"tags": []string{"a", "b"}[:i%3%2+i%2%2],
			"big":  fmt.Sprint(rng.Int64()),
		}
		if i%5 == 0 {
			v["rare"] = map[string]any{"deep": []any{1, "two", nil}}
			delete(v, "ratio")
		}
		text, _ := json.Marshal(v)
		recs[i] = record.Record{
			Offset:  100 + int64(i),
			Time:    1767323045678000000 + int64(i)*1e6,
			Key:     []byte{byte(i), 0xff},
			Value:   text,
			Headers: []record.Header{{Key: "trace", Value: []byte("t" + fmt.Sprint(i))}},
		}
		if i%4 == 0 {
			recs[i].Key = nil
		}
	}
	return recs
}

// same reports whether two JSON texts say the same, nulls and empty things apart.
func same(t *testing.T, got, want []byte) bool {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal(want, &b); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(strip(a), strip(b))
}

func strip(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, x := range m {
		if x = strip(x); x != nil {
			out[k] = x
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// allFormats are all formats with all their compressions.
func allFormats(t testing.TB) map[string]Format {
	out := map[string]Format{}
	columns := []Column{
		{
			Name:     "ts",
			Type:     "timestamp_ms",
			Required: true,
		},
		{Name: "n", Type: "int32"},
		{Name: "level", Type: "string"},
		{Name: "ok", Type: "boolean"},
		{
			Name: "ratio",
			Type: "double",
		},
		{Name: "user_id", Field: "user.id", Type: "int64"},
		{Name: "user_name", Field: "user.name", Type: "string"},
		{Name: "tags", Type: "json"},
	}
	for _, comp := range Compressions {
		envelope, exact, table, meta, typed := config(
			"ndjson",
		), config(
			"ndjson",
		), config(
			"delimited",
		), config(
			"parquet",
		), config(
			"parquet",
		)
		envelope.Envelope, exact.Envelope, exact.EnvelopeValue = true, true, "text"
		table.Columns, typed.Columns, meta.Metadata = columns, columns, true
		for name, c := range map[string]Config{"raw": config("raw"), "ndjson": config("ndjson"), "envelope": envelope, "exact": exact, "delimited": table} {
			out[name+"-"+comp] = newFormat(t, c, comp, "json")
		}
		if comp != "bzip2" && comp != "lz4" {
			out["parquet-"+comp] = newFormat(t, config("parquet"), comp, "json")
			out["parquet-meta-"+comp] = newFormat(t, meta, comp, "json")
			out["parquet-typed-"+comp] = newFormat(t, typed, comp, "json")
		}
		if comp != "lz4" {
			typedAvro, metaAvro, given := typed, meta, config("avro")
			typedAvro.Type, metaAvro.Type = "avro", "avro"
			given.Schema = avroSchema
			out["avro-"+comp] = newFormat(t, config("avro"), comp, "json")
			out["avro-meta-"+comp] = newFormat(t, metaAvro, comp, "json")
			out["avro-typed-"+comp] = newFormat(t, typedAvro, comp, "json")
			out["avro-schema-"+comp] = newFormat(t, given, comp, "json")
		}
	}
	return out
}

const avroSchema = `{"type":"record","name":"event","namespace":"acme","fields":[
	{"name":"ts","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"n","type":"int"},
	{"name":"level","type":{"type":"enum","name":"level","symbols":["info","warn"]}},
	{"name":"ok","type":"boolean"},
	{"name":"ratio","type":["null","double"]},
	{"name":"user","type":{"type":"record","name":"user","fields":[{"name":"id","type":"long"},{"name":"name","type":"string"}]}},
	{"name":"tags","type":{"type":"array","items":"string"}},
	{"name":"big","type":["null","string"],"default":null},
	{"name":"added","type":"string","default":"later"}]}`

func TestRoundTrip(t *testing.T) {
	recs := samples(1000)
	for name, f := range allFormats(t) {
		t.Run(name, func(t *testing.T) {
			file := build(t, f, recs, 300)
			entries := read(t, f, file)
			header := 0
			if strings.HasPrefix(name, "delimited") {
				header = 1
				if got := string(
					entries[0].Value,
				); got != "ts,n,level,ok,ratio,user_id,user_name,tags" {
					t.Fatalf("header %q", got)
				}
			}
			if len(entries) != len(recs)+header {
				t.Fatalf("%d entries, want %d", len(entries), len(recs)+header)
			}
			for i := range recs {
				e := &entries[i+header]
				located := strings.HasPrefix(name, "e") || strings.Contains(name, "-meta-")
				if e.Located != located {
					t.Fatalf("entry %d: Located is %v", i, e.Located)
				}
				if located {
					wantTime := recs[i].Time
					if e.Offset != recs[i].Offset || e.Time != wantTime || e.Topic != "events" ||
						e.Partition != 3 ||
						!bytes.Equal(e.Key, recs[i].Key) ||
						(e.Key == nil) != (recs[i].Key == nil) {
						t.Fatalf("entry %d: %+v, want %+v", i, *e, recs[i])
					}
				}
				if strings.HasPrefix(name, "e") && !reflect.DeepEqual(e.Headers, recs[i].Headers) {
					t.Fatalf("entry %d: headers %v", i, e.Headers)
				}
				switch {
				case strings.HasPrefix(name, "raw"),
					strings.HasPrefix(name, "ndjson"),
					strings.HasPrefix(name, "e"):
					if !bytes.Equal(e.Value, recs[i].Value) {
						t.Fatalf("entry %d is %s, want %s", i, e.Value, recs[i].Value)
					}
				case name[0] == 'p' || name[0] == 'a':
					if !same(t, e.Value, expected(t, name, recs[i].Value)) && !located {
						t.Fatalf(
							"entry %d is %s, want %s", i, e.Value, expected(t, name, recs[i].Value),
						)
					}
				}
			}
		})
	}
}

// expected is what a table makes of a value.
func expected(t *testing.T, name string, value []byte) []byte {
	var v map[string]any
	if err := json.Unmarshal(value, &v); err != nil {
		t.Fatal(err)
	}
	switch {
	case strings.Contains(name, "-typed-"):
		extra := map[string]any{"big": v["big"]}
		if rare, ok := v["rare"]; ok {
			extra["rare"] = rare
			delete(v, "rare")
		}
		user := v["user"].(map[string]any)
		v["user_id"], v["user_name"], v["_extra"] = user["id"], user["name"], extra
		delete(v, "user")
		delete(v, "big")
		if strings.HasPrefix(name, "avro") { // JSON columns are strings there
			for _, k := range []string{"tags", "_extra"} {
				text, _ := json.Marshal(v[k])
				v[k] = string(text)
			}
		}
	case strings.Contains(name, "-schema-"):
		delete(v, "rare")
		v["added"] = "later"
	case strings.HasPrefix(name, "avro"):
		if rare, ok := v["rare"].(map[string]any); ok {
			text, _ := json.Marshal(rare["deep"])
			rare["deep"] = string(text)
		}
	}
	// Milliseconds that end with zeros are written shorter.
	ts := v["ts"].(string)
	if name[0] == 'a' &&
		(strings.Contains(name, "-typed-") || strings.Contains(name, "-schema-")) ||
		strings.Contains(name, "parquet-typed") {
		ts = strings.TrimSuffix(strings.TrimRight(strings.TrimSuffix(ts, "Z"), "0"), ".")
		if strings.Count(ts, ":") == 2 && len(ts) < len("2026-01-02T03:04:05") {
			ts = v["ts"].(string)[:19]
		}
		v["ts"] = ts + "Z"
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The same records make the same bytes, from whichever Format of the configuration, and after
// others have used it.
func TestSameRecordsSameBytes(t *testing.T) {
	recs := samples(700)
	first, second := allFormats(t), allFormats(t)
	for name, f := range first {
		want := build(t, f, recs, 200)
		build(t, f, recs[:50], 7)
		if !bytes.Equal(build(t, f, recs, 200), want) {
			t.Errorf("%s: other bytes the second time", name)
		}
		if !bytes.Equal(build(t, second[name], recs, 200), want) {
			t.Errorf("%s: other bytes from another Format", name)
		}
		if f.Fingerprint() != second[name].Fingerprint() {
			t.Errorf("%s: another fingerprint", name)
		}
	}
}

// golden.json holds a digest of each format's bytes. A change, as by a library's new version, means
// that a cut begun by the old program cannot be made again by the new. The format's version in its
// fingerprint must then be raised along with the digest.
func TestGoldenBytes(t *testing.T) {
	path := filepath.Join("testdata", "golden.json")
	got := map[string]string{}
	for name, f := range allFormats(t) {
		sum := sha256.Sum256(build(t, f, samples(700), 200))
		got[name] = hex.EncodeToString(sum[:8])
	}
	if runtest.Update() {
		text, _ := json.MarshalIndent(got, "", "\t")
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(got) {
		t.Errorf("%d formats, %d digests", len(got), len(want))
	}
	for name := range got {
		if got[name] != want[name] {
			t.Errorf("%s: digest %s, want %s", name, got[name], want[name])
		}
	}
}

// TestSampleFiles writes one file per format for other readers, to the directory
// PENSTOCK_SAMPLE_FILES.
func TestSampleFiles(t *testing.T) {
	dir := os.Getenv("PENSTOCK_SAMPLE_FILES")
	if dir == "" {
		t.Skip("PENSTOCK_SAMPLE_FILES is not set")
	}
	for name, f := range allFormats(t) {
		ext, comp := f.Ext()
		if err := os.WriteFile(
			filepath.Join(dir, name+ext+comp), build(t, f, samples(1000), 300), 0o644,
		); err != nil {
			t.Fatal(err)
		}
	}
}

func row1(t *testing.T, f Format, value string) (string, error) {
	t.Helper()
	out, err := f.AppendRow(
		[]byte("before|"),
		&partition.Input{Topic: "t", Record: &record.Record{Offset: 1, Value: []byte(value)}},
	)
	if !strings.HasPrefix(string(out), "before|") || err != nil && len(out) != len("before|") {
		t.Errorf("%q: what stood before is %q, error %v", value, out, err)
	}
	return strings.TrimPrefix(string(out), "before|"), err
}

func TestNDJSONLines(t *testing.T) {
	f := newFormat(t, config("ndjson"), "none", "json")
	for in, want := range map[string]string{
		`{"a":1}`: `{"a":1}`, " {\"a\": 1}\n": `{"a": 1}`, "{\n  \"a\": [1,\r\n 2],\t\"b\\n\": \"x\"\n}": `{"a":[1,2],"b\n":"x"}`, "17": "17",
	} {
		if got, err := row1(t, f, in); err != nil || got != want+"\n" {
			t.Errorf("%q gives %q, %v; want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "not json", `{"a":1}{"b":2}`, `{"a":"` + "\xff" + `"}`, `{"a":01}`, "{\"a\":1", strings.Repeat("[", 5000)} {
		if got, err := row1(t, f, bad); err == nil {
			t.Errorf("%q gives %q, want an error", bad, got)
		}
	}
	text := newFormat(t, config("ndjson"), "none", "text")
	if got, err := row1(t, text, "a \"line\"\n"); err != nil ||
		got != "{\"message\":\"a \\\"line\\\"\\n\"}\n" {
		t.Errorf("text gives %q, %v", got, err)
	}
	pack := newFormat(t, config("ndjson"), "none", "msgpack")
	if got, err := row1(t, pack, "\x82\xa1a\x01\xa1b\x93\xc0\xc3\xa1x"); err != nil ||
		got != "{\"a\":1,\"b\":[null,true,\"x\"]}\n" {
		t.Errorf("msgpack gives %q, %v", got, err)
	}
}

// JSON in a frame is held to what JSON without one is: on one line, and valid.
func TestNDJSONOfFramedJSON(t *testing.T) {
	dc := decode.Default()
	dc.Frame = "confluent"
	dec, err := decode.New(dc)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(config("ndjson"), "none", dec)
	if err != nil {
		t.Fatal(err)
	}
	// 7b2261223a317d is of confluent-kafka 2.16 for Python, JSONSerializer
	for in, want := range map[string]string{
		"\x00\x00\x00\x00\x07{\"a\":1}": `{"a":1}`, "\x00\x00\x00\x00\x07{\n\"a\": 1}": `{"a":1}`,
	} {
		if got, err := row1(t, f, in); err != nil || got != want+"\n" {
			t.Errorf("%q gives %q, %v; want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{`{"a":1}`, "\x00\x00\x00\x00\x07", "\x00\x00\x00\x00\x07{"} {
		if got, err := row1(t, f, bad); err == nil {
			t.Errorf("%q gives %q, want an error", bad, got)
		}
	}
}

func TestRawNewlines(t *testing.T) {
	for choice, want := range map[string]string{"keep": "a\nb\n", "escape": "a\\nb\n", "dead_letter": ""} {
		c := config("raw")
		c.OnNewline = choice
		got, err := row1(t, newFormat(t, c, "none", "json"), "a\nb")
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v; want %q", choice, got, err, want)
		}
	}
}

func TestDelimitedQuoting(t *testing.T) {
	value := `{"a":"x,y","b":"say \"hi\"","c":null,"d":{"e":[1, 2]},"f":""," g":"two\nlines"}`
	for quote, want := range map[string]string{
		"minimal": `"x,y","say ""hi""",NULL,"{""e"":[1,2]}",,NULL,"two` + "\nlines\"\n",
		"all":     `"x,y","say ""hi""",NULL,"{""e"":[1,2]}","",NULL,"two` + "\nlines\"\n",
		"none":    "x y,say \"hi\",NULL,{\"e\":[1 2]},,NULL,two lines\n",
	} {
		c := config("delimited")
		c.Quote, c.Null = quote, "NULL"
		c.Columns = []Column{
			{Name: "a", Type: "string"},
			{Name: "b", Type: "string"},
			{Name: "c", Type: "string"},
			{Name: "d", Type: "string"},
			{Name: "f", Type: "string"},
			{Name: "none", Type: "string"},
			{Name: " g", Type: "string"},
		}
		got, err := row1(t, newFormat(t, c, "none", "json"), value)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", quote, got, err, want)
		}
	}
	c := config("delimited")
	c.Columns = []Column{{Name: "a", Type: "string", Required: true}}
	if _, err := row1(t, newFormat(t, c, "none", "json"), `{"b":1}`); err == nil {
		t.Error("no error for a required field that is missing")
	}
}

// An envelope gives back what went in, whatever the bytes.
func TestEnvelopeRestores(t *testing.T) {
	c := config("ndjson")
	c.Envelope, c.EnvelopeValue = true, "text"
	f := newFormat(t, c, "zstd", "json")
	recs := []record.Record{
		{
			Offset: 1,
			Time:   -1,
			Value:  []byte("plain \"text\"\r\n"),
		},
		{Offset: 2, Time: 1, Key: []byte{}, Value: []byte{}},
		{
			Offset: 5,
			Time:   1e18 + 1,
			Key:    []byte("\x00\xff"),
			Value:  []byte("\xfe\x00"),
		},
		{Offset: 9, Time: 0, Key: []byte("k")},
		{
			Offset: 10,
			Value:  []byte("{}"),
			Headers: []record.Header{
				{Key: "a", Value: nil},
				{Key: "a", Value: []byte{}},
				{Key: "\xff", Value: []byte("\xff")},
				{Key: "", Value: []byte("x")},
			},
		},
	}
	for i, e := range read(t, f, build(t, f, recs, 2)) {
		got, want := e.Record, recs[i].Clone()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("record %d is %+v, want %+v", i, got, want)
		}
	}
}

// A value that merely looks like an envelope is a value.
func TestValueThatLooksLikeAnEnvelope(t *testing.T) {
	f := newFormat(t, config("ndjson"), "none", "json")
	recs := []record.Record{
		{Value: []byte(`{"topic":"x","offset":"seven","time":"noon"}`)},
		{Value: []byte(`{"topic":"x","offset":7}`)},
	}
	for i, e := range read(t, f, build(t, f, recs, 1)) {
		if e.Located || !bytes.Equal(e.Value, recs[i].Value) {
			t.Errorf("entry %+v", e)
		}
	}
}

func TestValidate(t *testing.T) {
	c := Config{
		Type:          "orc",
		OnNewline:     "x",
		EnvelopeValue: "x",
		Quote:         "x",
		Nested:        "x",
		Delimiter:     "ab",
		Extra:         "a b",
		Schema:        "{",
		Columns:       []Column{{Name: "a", Type: "money"}, {Name: "a", Type: "string"}},
	}
	err := c.Validate()
	for _, attribute := range []string{"type", "on_newline", "envelope_value", "quote", "nested", "delimiter", "extra", "schema", "sample", "row_group", "column[0].type", "column[1].name"} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+attribute+": ") {
			t.Errorf("no complaint about %s in:\n%v", attribute, err)
		}
	}
	for format, compression := range map[string]string{"parquet": "lz4", "avro": "lz4", "ndjson": "zip"} {
		if _, err := New(config(format), compression, decoder(t, "json")); err == nil ||
			!strings.HasPrefix(err.Error(), "compression: ") {
			t.Errorf("%s with %s: %v", format, compression, err)
		}
	}
}

var errTest = errors.New("test")

func TestReadStopsOnError(t *testing.T) {
	f := newFormat(t, config("ndjson"), "gzip", "json")
	file := build(t, f, samples(10), 3)
	n := 0
	err := Read(
		bytes.NewReader(file), int64(len(file)), "ndjson",
		func(*Entry) error { n++; return errTest },
	)
	if !errors.Is(err, errTest) || n != 1 {
		t.Fatalf("%d entries, %v", n, err)
	}
	// A file that is cut short is an error, never fewer records.
	if err := Read(
		bytes.NewReader(file[:len(file)-3]), int64(len(file)-3), "ndjson",
		func(*Entry) error { return nil },
	); err == nil {
		t.Fatal("no error for half a file")
	}
}

// Strings are looked at eight bytes at a time: each byte value at each place must be seen as
// encoding/json sees it.
func TestEachByteAtEachPlaceOfAString(t *testing.T) {
	for at := range 20 {
		for c := range 256 {
			text := []byte(`{"k":"` + strings.Repeat("x", 20) + `"}`)
			text[6+at] = byte(c)
			want := json.Valid(text) && utf8.Valid(text)
			if _, err := root(text); (err == nil) != want {
				t.Fatalf("byte %#x at %d: %v, want %v", c, at, err, want)
			}
			if got := mistake(text) == nil; got != want {
				t.Fatalf("byte %#x at %d: parsed %v, want %v", c, at, got, want)
			}
			if got := valid(text) == nil; got != want {
				t.Fatalf("byte %#x at %d: valid %v, want %v", c, at, got, want)
			}
		}
	}
}
