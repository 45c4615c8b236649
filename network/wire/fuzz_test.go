package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
)

func FuzzReader(f *testing.F) {
	good := event(1, map[string]any{"a": "x", "n": 1.5})
	f.Add(packed("t", good, true, map[string]any{"chunk": "c"}))
	f.Add(packed("t", gz(good), false, map[string]any{"compressed": "gzip"}))
	f.Add(packed("t", zst(good), false, nil))
	f.Add(append([]byte{0x93, 0xa1, 't'}, good[1:]...))
	f.Add(append([]byte{0x92, 0xa1, 't', 0x91}, good...))
	f.Add([]byte(`["t",1,{"a":1}]null["t",[[1,{}]]]`))
	p := Packer{Exact: true, Compression: "none"}
	p.Reset("t", "o")
	p.Append(
		&record.Record{
			Time:    -1,
			Key:     []byte("k"),
			Value:   []byte("v"),
			Headers: []record.Header{{Key: "h"}},
		},
	)
	exact, _ := p.Message("c")
	f.Add(exact)
	p.Reset("t", "o")
	p.Maps = true
	p.AppendMap(&record.Record{Value: []byte("\x82\xa1a\xc4\x01\xff\x01\xca\x00\x00\x00\x00")})
	exact, _ = p.Message("c")
	f.Add(exact)
	f.Add([]byte{0x93, 0xa1, 't', 0x92, 1, 0x80, 0x80})
	lim := Limits{Message: 1 << 12, Inflated: 1 << 12, Record: 1 << 10, Depth: 8}
	f.Fuzz(func(t *testing.T, b []byte) {
		one := readAll(bytes.NewReader(b), lim)
		two := readAll(iotest.OneByteReader(bytes.NewReader(b)), lim)
		for _, e := range one.events {
			if e.bad == "" && e.record != "" && !json.Valid([]byte(e.record)) &&
				!bytes.Contains(b, []byte(keyMark)) &&
				one.modes[0] != ModeCompressed {
				t.Fatalf("%q is not JSON", e.record)
			}
		}
		if one.err == nil || (one.err == io.EOF) != (two.err == io.EOF) ||
			fmt.Sprint(records(one)) != fmt.Sprint(records(two)) {
			t.Fatalf("at once:\n%+v\nby the byte:\n%+v", one, two)
		}
		kept := read(bytes.NewReader(b), lim, true)
		if one.err.Error() != kept.err.Error() ||
			fmt.Sprint(one.events, one.opts) != fmt.Sprint(kept.events, kept.opts) {
			t.Fatalf("as JSON:\n%+v\nas it came:\n%+v", one, kept)
		}
	})
}

// records leaves the parts of bad events aside: how they are cut depends on how they arrive.
func records(r result) (out []got) {
	for _, e := range r.events {
		if e.bad == "" {
			out = append(out, e)
		}
	}
	return out
}

func FuzzAppendRecord(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":"\ud83d\ude00","b":[1,{"c":-0.5e3}]}`, `{"a":01}`, "text", "\xff", `{"a":"\u12"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		b := AppendRecord(nil, v)
		out, rest, err := msgpack.AppendJSON(nil, b, maxJSONDepth+1)
		if err != nil || len(rest) != 0 || out[0] != '{' {
			t.Fatalf("%q gave %x: %v", v, b, err)
		}
		var before any
		wrapped := bytes.HasPrefix(b, []byte("\x81\xa7message"))
		if err := json.Unmarshal(v, &before); err == nil && !wrapped {
			if _, ok := before.(map[string]any); !ok {
				t.Fatalf("%q is no object, but became %s", v, out)
			}
		} else if err != nil && !wrapped {
			if _, isRange := err.(*json.UnmarshalTypeError); !isRange {
				t.Fatalf("%q is no JSON (%v), but became %s", v, err, out)
			}
		}
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add(AppendHello(nil, Hello{Nonce: []byte("n"), Keepalive: true}))
	f.Add(AppendPing(nil, Ping{Hostname: "h"}))
	f.Add(AppendPong(nil, Pong{OK: true}))
	f.Fuzz(func(t *testing.T, b []byte) {
		NewHandshake(bytes.NewReader(b)).Hello()
		NewHandshake(bytes.NewReader(b)).Ping()
		NewHandshake(bytes.NewReader(b)).Pong()
		NewAckReader(bytes.NewReader(b)).Next()
	})
}
