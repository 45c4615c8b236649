package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestScanJSON(t *testing.T) {
	for _, in := range []string{`1`, ` {"a":[1,-2.5e+3,true,false,null,"\u00e9\n\"x"],"":{}} `, `[]`, `[ ]`, `{ }`, `"é"`, "\"\xff\"", `0`, `-0.1E1`,
		``, ` `, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{a:1}`, `01`, `1.`, `.5`, `-`, `1e`, `+1`, `tru`, `nulL`, `"`, `"\`, `"\x"`, `"\u12g4"`, `"\u12`, "\"\n\"",
		`[1`, `{"a":1`, `{"a":1,}`, `[1}`, `{"a":1]`, `'a'`, "\x00"} {
		end, err := ScanJSON([]byte(in), 100)
		whole := err == nil && strings.TrimSpace(in[end:]) == ""
		if whole != json.Valid([]byte(in)) {
			t.Errorf("%q: %d %v", in, end, err)
		}
		if err != nil && !errors.Is(err, ErrJSON) {
			t.Errorf("%q: %v", in, err)
		}
	}
	deep := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if _, err := ScanJSON(deep(9), 9); err != nil {
		t.Error(err)
	}
	if _, err := ScanJSON(deep(10), 9); err != ErrDepth {
		t.Error(err)
	}
}

func FuzzScanJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,true,"\u00e9"]} x`, `[[],{}]`, `"\ud800"`, "1 2"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		end, err := ScanJSON(b, 50)
		if errors.Is(err, ErrDepth) {
			return
		}
		if err != nil {
			if json.Valid(b) {
				t.Fatalf("%q: %v", b, err)
			}
			return
		}
		if !json.Valid(b[:end]) {
			t.Fatalf("%q of %q", b[:end], b)
		}
		var parts []string
		switch v := strings.TrimLeft(string(b[:end]), " \n\r\t"); v[0] {
		case '[':
			err = JSONElements(
				b[:end], func(v []byte) error { parts = append(parts, string(v)); return nil },
			)
			b = []byte("[" + strings.Join(parts, ",") + "]")
		case '{':
			err = JSONMembers(
				b[:end],
				func(k, v []byte) error { parts = append(parts, string(k)+":"+string(v)); return nil },
			)
			b = []byte("{" + strings.Join(parts, ",") + "}")
		}
		if err != nil || parts != nil && !json.Valid(b) {
			t.Fatalf("%q: %v", b, err)
		}
	})
}

func TestParseSeconds(t *testing.T) {
	for in, want := range map[string]int64{
		"1700000000.999999999": 1700000000_999999999, "1700000000.123456789": 1700000000_123456789, "-1.5": -1_500000000, "-0.000000001": -1,
		"1.0000000009": 1_000000000, "1e3": 1000_000000000, "1.5e1": 15_000000000, "7": 7_000000000, "0.1": 100000000, "null": 0,
	} {
		if got, ok := ParseSeconds(in); !ok || got != want {
			t.Errorf("%s: %d", in, got)
		}
	}
	for _, in := range []string{"", "x", "NaN", "Inf", "1e99", "1.x", "9223372036854775807"} {
		if got, ok := ParseSeconds(in); ok {
			t.Errorf("%s: %d", in, got)
		}
	}
}

// What an event is as JSON is measured by all of it, not by what has come so far.
func TestEventThatBeginsDensely(t *testing.T) {
	const nils, text = 600_000, 6 << 20
	long := func(msg []byte) []byte {
		msg = binary.BigEndian.AppendUint32(append(msg, "\xa1b\xdb"...), text)
		return append(msg, bytes.Repeat([]byte{'x'}, text)...)
	}
	msg := long([]byte("\x92\xa1t\x92\x92\x01\x81")) // so that much of the next is at hand at once
	msg = binary.BigEndian.AppendUint32(append(msg, "\x92\x01\x82\xa1a\xdd"...), nils)
	msg = long(append(msg, bytes.Repeat([]byte{0xc0}, nils)...))
	r := NewReader(
		bytes.NewReader(msg),
		Limits{Message: 64 << 20, Inflated: 64 << 20, Record: 16 << 20, Depth: 10},
	)
	m, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if ev, err := m.Event(); err != nil || ev.Bad != "" {
		t.Fatal(err, ev.Bad)
	}
	ev, err := m.Event()
	if err != nil || ev.Bad != "" ||
		len(ev.Record) != len(`{"a":[],"b":""}`)+nils*len("null,")-1+text {
		t.Fatal(err, ev.Bad, len(ev.Record))
	}
}
