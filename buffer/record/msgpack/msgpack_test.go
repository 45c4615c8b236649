package msgpack

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

func TestAppendJSON(t *testing.T) {
	ext := func(typ int8, p ...byte) []byte { return append([]byte{0xc7, byte(len(p)), byte(typ)}, p...) }
	for _, c := range []struct {
		in   []byte
		want string
	}{
		{msgp.AppendUint64(nil, math.MaxUint64), "18446744073709551615"},
		{msgp.AppendInt64(nil, math.MinInt64), "-9223372036854775808"},
		{msgp.AppendInt(nil, -1), "-1"},
		{msgp.AppendInt(nil, -33), "-33"},
		{msgp.AppendFloat32(nil, 0.1), "0.1"},
		{msgp.AppendFloat64(nil, 3), "3.0"},
		{msgp.AppendFloat64(nil, 1e300), "1e+300"},
		{msgp.AppendFloat64(nil, math.NaN()), `"NaN"`},
		{msgp.AppendFloat64(nil, math.Inf(-1)), `"-Infinity"`},
		{msgp.AppendString(nil, "a\"\\\n\t\x00\x1fé€😀\x7f"), `"a\"\\\n\t\u0000\u001fé€😀` + "\x7f" + `"`},
		{msgp.AppendString(nil, "0123456789\xff\xfe0123456789"), `"0123456789\\xff\\xfe0123456789"`},
		{msgp.AppendBytes(nil, []byte("text")), `"text"`},
		{msgp.AppendBytes(nil, []byte{0xe9, 't', 0xe9}), `"\\xe9t\\xe9"`},
		{[]byte{0x82, 1, 2, 0xc0, 3}, `{"1":2,"null":3}`},
		{[]byte{0x81, 0x81, 0xa1, 'a', 1, 2}, `{"{\"a\":1}":2}`},
		{[]byte{0x82, 0xa1, 'a', 1, 0xa1, 'a', 2}, `{"a":1,"a":2}`},
		{ext(0, 0, 0, 0, 1, 0, 0, 0, 5), "1.000000005"},
		{ext(-1, 0, 0, 0, 9), "9.000000000"},
		{ext(-1, 0x1d, 0xcd, 0x65, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "-0.500000000"},
		{ext(5, 1, 2), `{"ext":5,"data":"AQI="}`},
		{[]byte{0x93, 0xc0, 0xc2, 0xc3}, "[null,false,true]"},
	} {
		out, rest, err := AppendJSON(nil, append(c.in, 'r'), 8)
		if err != nil || string(out) != c.want || string(rest) != "r" {
			t.Errorf("%x: %s, %v; want %s", c.in, out, err, c.want)
		}
		if !json.Valid(out) {
			t.Errorf("%s is not JSON", out)
		}
	}
	if _, _, err := AppendJSON(nil, bytes.Repeat([]byte{0x91}, 9), 8); !errors.Is(err, ErrDepth) {
		t.Errorf("depth: %v", err)
	}
}

func TestAppendJSONWithin(t *testing.T) {
	src := []byte("\x92\xa3a\x01b\x81\xa1k\xc0")
	whole := `["a\u0001b",{"k":null}]`
	for most := 1; most < 2*len(whole); most++ {
		out, rest, err := AppendJSONWithin([]byte("x"), src, 9, most)
		if most > len(whole) {
			if err != nil || string(out) != "x"+whole || len(rest) > 0 {
				t.Fatalf("%d: %s %v", most, out, err)
			}
		} else if err != ErrLong || string(out) != "x" {
			t.Fatalf("%d: %s %v", most, out, err)
		}
	}
	for _, s := range []string{"", "abc", "\"\\\n\r\t\x00", "é\xff\u2028", strings.Repeat("long", 9) + "\x7f"} {
		if n := jsonLength([]byte(s)); n != len(AppendString(nil, []byte(s))) {
			t.Errorf("%q: %d", s, n)
		}
	}
}

func FuzzAppendJSON(f *testing.F) {
	b, _ := msgp.AppendIntf(
		nil, map[string]any{"a": []any{1, "x", nil, 1.5, true}, "b": []byte{0xff}},
	)
	f.Add(b)
	f.Add([]byte{0x81, 0x81, 1, 2, 0xd7, 0, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		out, rest, err := AppendJSON(nil, b, 16)
		if err != nil {
			return
		}
		if !json.Valid(out) {
			t.Fatalf("%x gave %q", b, out)
		}
		if n, err := Skip(b); err != nil || n != len(b)-len(rest) {
			t.Fatalf("skip %d, %v; read %d", n, err, len(b)-len(rest))
		}
	})
}
