package forward

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
	"github.com/penstock/penstock/buffer/record/msgpack/msgpacktest"
	"github.com/penstock/penstock/buffer/record/runtest"
	in "github.com/penstock/penstock/inputs/forward"
	"github.com/penstock/penstock/network/wire"
)

func mapsOf(tag, origin string, recs []record.Record) *record.Batch {
	var b record.Builder
	b.Reset(tag, origin, 0)
	b.SetForm(record.Msgpack)
	for _, r := range recs {
		b.Append(r.Time, r.Key, r.Value, r.Headers)
	}
	return b.Build()
}

// Maps in msgpack of all kinds are the same bytes in the next penstock's batches, with and without
// the handshake that lets it tell what it takes, and its readers see the same JSON.
func TestMapsPassAsTheyCame(t *testing.T) {
	rng := runtest.Rand(t)
	var recs []record.Record
	for i := range 300 {
		recs = append(recs, record.Record{Time: 1e18 + int64(i), Value: msgpacktest.Map(rng, 4)})
	}
	for _, c := range []struct {
		name   string
		key    string
		change func(*Config)
	}{
		{"as to anybody", "", func(*Config) {}},
		{"v1.5", "", func(c *Config) { c.TimeFormat = "v1.5" }},
		{"gzip", "", func(c *Config) { c.Compression = "gzip" }},
		{"to a penstock", "k", func(*Config) {}},
		{"to a penstock, zstd", "k", func(c *Config) { c.Compression, c.Peer = "zstd", "penstock" }},
		{"to a penstock as to a fluentd", "k", func(c *Config) { c.Peer = "fluentd" }},
	} {
		addr, sink, _ := peer(t, func(cfg *in.Config) {
			if c.key != "" {
				cfg.Security = &in.Security{SharedKey: c.key, AllowAnonymousSource: true}
			}
		})
		sink.TakeMaps()
		cfg := config(addr)
		cfg.SharedKey = c.key
		c.change(&cfg)
		want := append([]record.Record(nil), recs...)
		exact := c.key != "" && cfg.Peer != "fluentd"
		if exact {
			want = append(want, record.Record{
				Time: -5, Key: []byte("k\xff"), Value: msgpacktest.Map(rng, 2),
				Headers: []record.Header{{Key: "h", Value: []byte("v")}},
			})
		}
		if !cfg.TakesMaps() {
			t.Errorf("%s: takes no maps", c.name)
		}
		if err := open(t, cfg).Write(testCtx(t), mapsOf("app", "o", want)); err != nil {
			t.Fatal(c.name, err)
		}
		i := 0
		for _, b := range sink.Batches() {
			if b.Form() != record.Msgpack || exact && b.Origin != "edge-1/o" {
				t.Fatalf("%s: form %d, origin %s", c.name, b.Form(), b.Origin)
			}
			err := b.EachAsKept(&record.Scratch{}, func(r *record.Record) error {
				w := want[i]
				w.Offset = r.Offset
				if fmt.Sprintf("%#v", *r) != fmt.Sprintf("%#v", w) {
					return fmt.Errorf("%d is %#v, was %#v", i, *r, w)
				}
				i++
				return nil
			})
			if err != nil {
				t.Fatal(c.name, err)
			}
		}
		if i != len(want) {
			t.Errorf("%s: %d of %d", c.name, i, len(want))
		}
		for i, r := range sink.Records() {
			text, _, _ := msgpack.AppendJSON(nil, want[i].Value, 99)
			if string(r.Value) != string(text) {
				t.Fatalf("%s: %s, want %s", c.name, r.Value, text)
			}
		}
	}
}

// A penstock that does not say that it takes maps gets what readers see: it may be an earlier
// release, to which a map is no value of a record.
func TestMapsAreJSONToEarlierPenstocks(t *testing.T) {
	value := []byte("\x81\xa1f\xca\x3f\x80\x00\x00")
	for _, c := range []struct {
		peer, key string
		hello     wire.Hello
	}{
		{"auto", "k", wire.Hello{Nonce: nonce, Keepalive: true, Exact: true}},
		{"penstock", "k", wire.Hello{Nonce: nonce, Keepalive: true}},
	} {
		got := make(chan []string, 10)
		srv := greeter(t, c.hello, right, got)
		cfg := config(srv.ln.Addr().String())
		cfg.SharedKey, cfg.Peer = c.key, c.peer
		f := open(t, cfg)
		if err := f.Write(testCtx(t), mapsOf("t", "o", []record.Record{{Value: value}})); err != nil {
			t.Fatal(err)
		}
		if events := <-got; len(events) != 1 || events[0] != `{"f":1.0}` {
			t.Errorf("%+v: %q", c.hello, events)
		}
		srv.stop()
	}
	cfg := config("127.0.0.1:1")
	cfg.Peer = "penstock"
	if cfg.TakesMaps() {
		t.Error("a penstock that is not asked takes maps")
	}
}

// What the package comment says of maps that were JSON in between.
func TestWhatJSONKeepsOfMaps(t *testing.T) {
	for in, want := range map[string]string{
		"\xc4\x02ab":      "\xa2ab",
		"\xc7\x03\x05abc": "\x82\xa3ext\x05\xa4data\xa4YWJj",
		"\xd7\x00\x00\x00\x00\x01\x1d\xcd\x65\x00": "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00",
		"\xa2a\xff":                            "\xa5a\\xff",
		"\xca\x3d\xcc\xcc\xcd":                 "\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", // 0.1
		"\xca\x7f\xc0\x00\x00":                 "\xa3NaN",
		"\xd9\x01a":                            "\xa1a",
		"\xcf\xff\xff\xff\xff\xff\xff\xff\xff": "\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
		"\xd3\x80\x00\x00\x00\x00\x00\x00\x01": "\xd3\x80\x00\x00\x00\x00\x00\x00\x01",
		"\xcf\x00\x00\x00\x00\x00\x00\x00\x07": "\x07",
		"\x82\xa1z\x01\xa1a\x02":               "\x82\xa1z\x01\xa1a\x02",
		"\x82\xa1z\x01\xa1z\x02":               "\x82\xa1z\x01\xa1z\x02",
		"\x82\xc0\x01\x02\xc3":                 "\x82\xa4null\x01\xa12\xc3",
	} {
		b := mapsOf("t", "o", []record.Record{{Time: 1e18, Value: []byte("\x81\xa1k" + in)}})
		seen, err := b.Records()
		if err != nil {
			t.Fatal(err)
		}
		for r := range seen {
			if got := wire.AppendRecord(nil, r.Value); string(got) != "\x81\xa1k"+want {
				t.Errorf("%q, seen as %s, comes as %q", in, r.Value, got)
			}
		}
	}
}
