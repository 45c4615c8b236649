package format

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// The parser takes what encoding/json takes, in valid UTF-8, and says the same of it.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,true,null,"x\u00e9\ud83d\ude00\n"],"b":{}}`, ` [ ] `, `"\ud800"`, `01`, `{"a":1,}`, `{"a":1}{`, "\"\x01\"", `-`, `1.`, `"\u12"`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := root(b)
		if quick := validJSON(b); quick != (err == nil) {
			t.Fatalf("validJSON says %v, parse %v", quick, err)
		}
		if want := json.Valid(b) && utf8.Valid(b); (err == nil) != want {
			if want && bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > maxDepth {
				return
			}
			t.Fatalf("parse: %v, encoding/json says %v", err, want)
		}
		if (mistake(b) == nil) != (err == nil) {
			t.Fatalf("root says %v, mistake %v", err, mistake(b))
		}
		if (valid(b) == nil) != (err == nil) {
			t.Fatalf("valid and parse disagree: %v", err)
		}
		if err != nil {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, b); err != nil {
			t.Fatal(err)
		}
		if got := appendCompact(nil, n); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("compact %s, want %s", got, want.Bytes())
		}
		if n.kind == text {
			var s string
			if err := json.Unmarshal(b, &s); err != nil {
				t.Fatal(err)
			}
			if got := string((&row{}).text(&n)); got != s {
				t.Fatalf("text %q, want %q", got, s)
			}
			var back string
			if err := json.Unmarshal(decode.AppendString(nil, []byte(s)), &back); err != nil || back != s {
				t.Fatalf("written back %q, %v", back, err)
			}
		}
	})
}

// Whatever the values, each record that a format takes can be read back, and what it refuses leaves
// no trace.
func FuzzRows(f *testing.F) {
	f.Add(
		[]byte(`{"a":1,"b":"x","c":{"d":[1,2]},"e":null}`),
		[]byte(`{"a":"text","B":1.5,"c":[],"f":{}}`),
	)
	f.Add([]byte(`{"":{"":[[]]}}`), []byte(`{"_extra":1,"_offset":2,"a.b":3}`))
	formats := allFormats(f)
	for name := range formats {
		switch name {
		case "ndjson-none", "envelope-none", "parquet-none", "avro-none", "avro-meta-none":
		default:
			delete(formats, name)
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for name, f := range formats {
			var recs []record.Record
			for i, v := range [][]byte{a, b, a} {
				r := record.Record{Offset: int64(i), Time: 1e18, Value: v}
				if _, err := f.AppendRow(
					nil, &partition.Input{Topic: "t", Record: &r},
				); err == nil {
					recs = append(recs, r)
				}
			}
			if got := read(t, f, build(t, f, recs, 2)); len(got) != len(recs) {
				t.Fatalf("%s: %d entries, want %d", name, len(got), len(recs))
			}
		}
	})
}

// No file, however damaged, makes a reader panic or run on.
func FuzzRead(f *testing.F) {
	for _, format := range allFormats(f) {
		ext, comp := format.Ext()
		f.Add(build(f, format, samples(5), 2), Kind("x"+ext+comp))
	}
	f.Fuzz(func(t *testing.T, file []byte, kind string) {
		n := 0
		_ = Read(bytes.NewReader(file), int64(len(file)), kind, func(*Entry) error {
			if n++; n > 1_000_000 {
				return errTest
			}
			return nil
		})
	})
}
