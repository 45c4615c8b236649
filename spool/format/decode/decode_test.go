package decode

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/tinylib/msgp/msgp"
)

const schemaText = `{"type":"record","name":"r","fields":[
	{"name":"s","type":"string"},{"name":"u","type":["null","long"]},{"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"b","type":"bytes"},
	{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"day","type":{"type":"int","logicalType":"date"}},
	{"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
	{"name":"e","type":{"type":"enum","name":"e","symbols":["A","B"]}},{"name":"m","type":{"type":"map","values":"int"}},
	{"name":"a","type":{"type":"array","items":["null","string"]}},{"name":"fx","type":{"type":"fixed","name":"fx","size":2}},{"name":"o","type":"boolean"}]}`

type sample struct {
	S   string         `avro:"s"`
	U   *int64         `avro:"u"`
	F   float32        `avro:"f"`
	D   float64        `avro:"d"`
	B   []byte         `avro:"b"`
	T   time.Time      `avro:"t"`
	Day time.Time      `avro:"day"`
	Dec *big.Rat       `avro:"dec"`
	E   string         `avro:"e"`
	M   map[string]int `avro:"m"`
	A   []*string      `avro:"a"`
	Fx  [2]byte        `avro:"fx"`
	O   bool           `avro:"o"`
}

func encoded(t testing.TB) (avro.Schema, []byte) {
	t.Helper()
	schema, err := avro.Parse(schemaText)
	if err != nil {
		t.Fatal(err)
	}
	x := "x"
	b, err := avro.Marshal(schema, sample{
		S:   "a\"ü\n",
		F:   1.5,
		D:   math.Inf(1),
		B:   []byte{0, 255},
		T:   time.UnixMilli(1767323045678),
		Day: time.Unix(-86400, 0).UTC(),
		Dec: big.NewRat(-12345, 100),
		E:   "B",
		M:   map[string]int{"k": 1},
		A:   []*string{nil, &x},
		Fx:  [2]byte{1, 2},
		O:   true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return schema, b
}

const wantJSON = `{"s":"a\"ü\n","u":null,"f":1.5,"d":"+Inf","b":"AP8=","t":"2026-01-02T03:04:05.678Z","day":"1969-12-31","dec":"-123.45","e":"B","m":{"k":1},"a":[null,"x"],"fx":"AQI=","o":true}`

func TestAvroToJSON(t *testing.T) {
	schema, b := encoded(t)
	got, rest, err := AppendAvro([]byte("before "), append(b, "rest"...), schema)
	if err != nil || string(got) != "before "+wantJSON || string(rest) != "rest" {
		t.Fatalf("%s, %q, %v", got, rest, err)
	}
	for i := range b {
		if _, _, err := AppendAvro(nil, b[:i], schema); err == nil {
			t.Errorf("no error for %d of %d bytes", i, len(b))
		}
	}
}

// A time of day that no day has, such as PostgreSQL's 24:00, is the number that it is.
func TestAvroTimesOfDay(t *testing.T) {
	for kind, c := range map[string][3]int64{
		`{"type":"int","logicalType":"time-millis"}`:  {86_399_999, 86_400_000, 1},
		`{"type":"long","logicalType":"time-micros"}`: {86_399_999_000, 86_400_000_000, 1000},
	} {
		schema, err := avro.Parse(kind)
		if err != nil {
			t.Fatal(err)
		}
		for n, want := range map[int64]string{
			0: `"00:00:00"`, c[0]: `"23:59:59.999"`, c[1]: fmt.Sprint(c[1]), -c[2]: fmt.Sprint(-c[2]),
		} {
			got, _, err := AppendAvro(nil, binary.AppendVarint(nil, n), schema)
			if err != nil || string(got) != want {
				t.Errorf("%s: %d is %s, %v, want %s", kind, n, got, err, want)
			}
		}
	}
}

// registry answers as a Confluent schema registry does; down makes it fail.
type registry struct {
	down     atomic.Bool
	requests atomic.Int64
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.requests.Add(1)
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	user, password, _ := req.BasicAuth()
	switch {
	case r.down.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
	case user != "me" || password != "pass":
		w.WriteHeader(http.StatusUnauthorized)
	case strings.HasPrefix(req.URL.Path, "/schemas/ids/7"):
		_ = json.NewEncoder(w).Encode(map[string]string{"schema": schemaText})
	default:
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).
			Encode(map[string]any{"error_code": 40403, "message": "Schema not found"})
	}
}

func TestSchemaRegistry(t *testing.T) {
	reg := &registry{}
	srv := httptest.NewServer(reg)
	defer srv.Close()
	c := Config{
		Type: "avro",
		Registry: &Registry{
			URLs:     []string{srv.URL},
			Username: "me",
			Password: "pass",
			Timeout:  5 * time.Second,
		},
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	_, body := encoded(t)
	value := append(binary.BigEndian.AppendUint32([]byte{0}, 7), body...)
	for range 3 {
		got, err := d.AppendJSON(nil, value, nil)
		if err != nil || string(got) != wantJSON {
			t.Fatalf("%s, %v", got, err)
		}
	}
	if n := reg.requests.Load(); n != 1 {
		t.Errorf("%d requests for one schema, want 1", n)
	}
	for _, bad := range [][]byte{nil, {0, 0, 0}, append([]byte{1}, value[1:]...), value[:len(value)-1], append(value[:len(value):len(value)], 0), binary.BigEndian.AppendUint32([]byte{0}, 8), binary.BigEndian.AppendUint32([]byte{0}, 1<<31)} {
		if got, err := d.AppendJSON(
			[]byte("x"), bad, nil,
		); err == nil || errors.Is(err, ErrUnavailable) ||
			string(got) != "x" {
			t.Errorf("%x gives %s, %v; want an error that is for good", bad, got, err)
		}
	}
	// A registry that is down makes no dead letters, and what is known already needs none.
	reg.down.Store(true)
	if _, err := d.AppendJSON(nil, value, nil); err != nil {
		t.Error(err)
	}
	if _, err := d.AppendJSON(nil, binary.BigEndian.AppendUint32([]byte{0}, 9), nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("registry down: %v, want ErrUnavailable", err)
	}
}

// What a schema refers to may have been deleted. That is so for good: who waited for it held up its
// partition.
func TestSchemaThatRefersToNothing(t *testing.T) {
	var code, status atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		if id, ok := strings.CutPrefix(req.URL.Path, "/schemas/ids/"); ok {
			kind, text := "AVRO", schemaText
			if id == "8" {
				kind, text = "PROTOBUF", `syntax = "proto3"; message M { int32 n = 1; }`
			}
			_ = json.NewEncoder(w).Encode(map[string]any{
				"schemaType": kind, "schema": text, "references": []any{
					map[string]any{"name": "acme.Level", "subject": "level", "version": 3},
				},
			})
			return
		}
		w.WriteHeader(int(status.Load()))
		_ = json.NewEncoder(w).Encode(map[string]any{"error_code": code.Load(), "message": "no"})
	}))
	defer srv.Close()
	for i, kind := range []string{"avro", "protobuf"} {
		value := binary.BigEndian.AppendUint32([]byte{0}, uint32(7+i))
		for _, c := range []struct {
			status, code int64
			good         bool // for good
		}{
			{404, 40401, true}, {404, 40402, true}, {404, 404, false}, {500, 50001, false},
		} {
			status.Store(c.status)
			code.Store(c.code)
			d, err := New(Config{Type: kind, Registry: &Registry{
				URLs: []string{srv.URL}, Timeout: 5 * time.Second,
			}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.AppendJSON(nil, value, nil)
			if err == nil || errors.Is(err, ErrUnavailable) == c.good {
				t.Errorf("%s, code %d: %v; for good: %t", kind, c.code, err, c.good)
			}
			if c.good && !strings.Contains(fmt.Sprint(err), "no version 3 of subject level") {
				t.Errorf("%s, code %d: %v", kind, c.code, err)
			}
		}
	}
}

func TestMessagePackToJSON(t *testing.T) {
	value := msgp.AppendMapHeader(nil, 5)
	value = msgp.AppendInt64(msgp.AppendString(value, "i"), -5)
	value = msgp.AppendFloat64(msgp.AppendString(value, "f"), 1.5)
	value = msgp.AppendBytes(msgp.AppendString(value, "b"), []byte{0, 255})
	value = msgp.AppendUint64(msgp.AppendString(value, "u"), math.MaxUint64)
	value = msgp.AppendNil(msgp.AppendString(value, "n"))
	got, err := msgpack{}.AppendJSON(nil, value, nil)
	if want := `{"i":-5,"f":1.5,"b":"AP8=","u":18446744073709551615,"n":null}`; err != nil ||
		string(got) != want {
		t.Fatalf("%s, %v; want %s", got, err, want)
	}
	times := "\x83\xa1e\xd7\x00\x00\x00\x00\x01\x00\x00\x00\x02\x07\xd6\xff\x00\x00\x00\x03\xa1x\xc7\x01\x05z"
	if got, err := (msgpack{}).AppendJSON(nil, []byte(times), nil); err != nil ||
		string(
			got,
		) != `{"e":"1970-01-01T00:00:01.000000002Z","7":"1970-01-01T00:00:03Z","x":{"type":5,"data":"eg=="}}` {
		t.Errorf("%s, %v", got, err)
	}
	for i := range value {
		if _, err := (msgpack{}).AppendJSON(nil, value[:i], nil); err == nil {
			t.Errorf("no error for %d of %d bytes", i, len(value))
		}
	}
}

func FuzzMessagePack(f *testing.F) {
	f.Add([]byte("\x82\xa1a\x01\xa1b\x93\xc0\xc3\xa1x"))
	f.Add([]byte("\xd7\x00\x00\x00\x00\x01\x00\x00\x00\x02"))
	f.Add([]byte("\x81\xa1\xff\xa1\xfe"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := msgpack{}.AppendJSON([]byte("before"), b, nil)
		if !strings.HasPrefix(string(out), "before") {
			t.Fatalf("%q", out)
		}
		if err == nil && !json.Valid(out[len("before"):]) {
			t.Fatalf("not JSON: %q", out)
		}
	})
}

func FuzzAvro(f *testing.F) {
	schema, b := encoded(f)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		out, _, err := AppendAvro(nil, b, schema)
		if err == nil && !json.Valid(out) {
			t.Fatalf("not JSON: %q", out)
		}
	})
}

func TestValidate(t *testing.T) {
	for want, c := range map[string]Config{
		"type: ": {Type: "xml"}, "registry: ": {Type: "avro"}, "registry.urls: ": {Type: "avro", Registry: &Registry{URLs: []string{"x"}, Timeout: 1}},
		"registry.timeout: ": {Type: "avro", Registry: &Registry{URLs: []string{"http://x"}}}, "field: ": {Type: "text"},
	} {
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
}

// What a module makes may nest deeper than there is stack for.
func TestModuleMakesTooDeepJSON(t *testing.T) {
	deep := strings.Repeat("[", 6<<20) + strings.Repeat("]", 6<<20)
	if _, err := new(moduleCall).append(nil, []byte(deep)); err == nil {
		t.Error("it is taken")
	}
}
