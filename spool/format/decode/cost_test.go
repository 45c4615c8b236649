package decode

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"

	"github.com/penstock/penstock/buffer/record/costtest"
)

// A value costs memory and time by its size, and no more than that of a text of 16 MiB beside.
func TestValuesCostInProportion(t *testing.T) {
	// the text, what it grew from, and what a key or string of it is made from
	const slack = 48 << 20
	schema := func(text string) avro.Schema {
		s, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	proto := mustDecoder(t, descriptors("acme.Event", ""))
	thrift := func(protocol string) Decoder {
		d, err := New(Config{Type: "thrift", Protocol: protocol})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	names := `{"type":"record","name":"r","fields":[{"name":"` + strings.Repeat(
		"n", 2000,
	) + `","type":"null"}]}`
	block := func(n int) []byte { return binary.AppendVarint(nil, int64(n)) }
	for _, c := range []struct {
		name   string
		schema any // nil: msgpack; else one of Avro, or a Decoder
		value  func(n int) []byte
	}{
		{"msgpack nils", nil, func(n int) []byte {
			return append(binary.BigEndian.AppendUint32([]byte{0xdd}, uint32(n)), bytes.Repeat([]byte{0xc0}, n)...)
		}},
		{"msgpack numbers", nil, func(n int) []byte {
			return append(binary.BigEndian.AppendUint32([]byte{0xdd}, uint32(n)), bytes.Repeat([]byte{0xe1}, n)...)
		}},
		{"msgpack text", nil, func(n int) []byte {
			return append(binary.BigEndian.AppendUint32([]byte{0xdb}, uint32(n)), bytes.Repeat([]byte{1}, n)...)
		}},
		{"msgpack lying", nil, func(n int) []byte { return bytes.Repeat([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, n/5) }},
		// A key that is a map stands as text, with the quotes in it written twice as long at each
		// depth.
		{"msgpack keys", nil, func(n int) []byte {
			return append(append(bytes.Repeat([]byte{0x81}, 100), 0xa1, 'k'), bytes.Repeat([]byte{0xa1, 'v'}, 100)...)
		}},
		{"avro nulls", schema(`{"type":"array","items":"null"}`), func(n int) []byte {
			return append(append(block(15*n), make([]byte, n)...), 0)
		}},
		{"avro names", schema(`{"type":"array","items":` + names + `}`), func(n int) []byte { return append(append(block(15*n), make([]byte, n)...), 0) }},
		{"avro numbers", schema(`{"type":"array","items":"int"}`), func(n int) []byte {
			return append(append(block(n), bytes.Repeat([]byte{1}, n)...), 0)
		}},
		{"avro text", schema(`"string"`), func(n int) []byte { return append(block(n), bytes.Repeat([]byte{1}, n)...) }},
		{"avro bytes", schema(`"bytes"`), func(n int) []byte { return append(block(n), bytes.Repeat([]byte{1}, n)...) }},
		{"avro lying", schema(`{"type":"array","items":"int"}`), func(n int) []byte { return append(block(1<<60), bytes.Repeat([]byte{1}, n)...) }},
		{"protobuf zeros", proto, func(n int) []byte { return bytes.Repeat([]byte{0xaa, 2, 0}, n/3) }},
		{"protobuf list of empty", proto, func(n int) []byte { return bytes.Repeat([]byte{0xc2, 1, 0}, n/3) }},
		{"protobuf numbers", proto, func(n int) []byte {
			return append(binary.AppendUvarint([]byte{0x8a, 1}, uint64(n)), bytes.Repeat([]byte{1}, n)...)
		}},
		{"protobuf unknown", proto, func(n int) []byte { return bytes.Repeat([]byte{0xf8, 7, 1}, n/3) }},
		{"protobuf disorder", proto, func(n int) []byte {
			return bytes.Repeat([]byte{0x8a, 1, 1, 7, 0x90, 1, 7, 0x9a, 1, 0, 0xc2, 1, 0}, n/13)
		}},
		{"protobuf parts", proto, func(n int) []byte { return bytes.Repeat([]byte{0xba, 1, 3, 0x0a, 1, 'a'}, n/6) }},
		{"protobuf depth", proto, func(n int) []byte {
			b := bytes.Repeat([]byte{0xaa, 2, 0}, n/3)
			for range 100 {
				b = append(binary.AppendUvarint([]byte{0xaa, 2}, uint64(len(b))), b...)
			}
			return b
		}},
		{"protobuf groups", mustDecoder(t, descriptors("Point", "")), func(n int) []byte {
			return append(bytes.Repeat([]byte{0x1b}, n/2), bytes.Repeat([]byte{0x1c}, n/2)...)
		}},
		{"thrift bools", thrift("compact"), func(n int) []byte { return append(bytes.Repeat([]byte{0x11}, n), 0) }},
		{"thrift empty", thrift("compact"), func(n int) []byte {
			return append(append(binary.AppendUvarint([]byte{0x19, 0xfc}, uint64(n)), make([]byte, n)...), 0)
		}},
		{"thrift text", thrift("binary"), func(n int) []byte {
			return append(append(binary.BigEndian.AppendUint32([]byte{11, 0, 1}, uint32(n)), bytes.Repeat([]byte{1}, n)...), 0)
		}},
		{"thrift lying", thrift("binary"), func(n int) []byte {
			return append([]byte{15, 0, 1, 2, 0x7f, 0xff, 0xff, 0xff}, make([]byte, n)...)
		}},
		{"thrift keys", thrift("compact"), func(n int) []byte {
			return append(append([]byte{0x1b}, bytes.Repeat([]byte{1, 0xbb}, 100)...), make([]byte, n)...)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			costtest.Measure(t, slack, func(n int) func() {
				value := c.value(n)
				return func() {
					var out []byte
					var err error
					switch s := c.schema.(type) {
					case avro.Schema:
						out, _, err = AppendAvro(nil, value, s)
					case Decoder:
						out, err = s.AppendJSON(nil, value, nil)
					default:
						out, err = msgpack{}.AppendJSON(nil, value, nil)
					}
					if len(out) > 2*maxText(len(value)) {
						t.Errorf("%d bytes of JSON for %d", len(out), len(value))
					}
					if n > 1<<20 {
						t.Logf("%d bytes of JSON, %v", len(out), err)
					}
				}
			})
		})
	}
}

// A registry that answers without end is one that does not answer.
func TestRegistryThatDoesNotEnd(t *testing.T) {
	sent := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"schema":"`)
		for sent = 0; sent < 256<<20; sent += 1 << 20 {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	d, err := newAvro(&Registry{URLs: []string{srv.URL}, Timeout: 10 * time.Second}, confluentFrame)
	if err != nil {
		t.Fatal(err)
	}
	used := costtest.Peak(func() {
		if _, err = d.AppendJSON(nil, []byte{0, 0, 0, 0, 7, 0}, nil); !errors.Is(err, ErrUnavailable) ||
			!strings.Contains(err.Error(), "an answer of more than") {
			t.Error(err)
		}
	})
	if used > 32<<20 {
		t.Errorf("%d bytes of memory", used)
	}
}

// Values that name schemas which do not exist are not remembered for ever.
func TestMissingSchemasAreForgotten(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Err() == context.Canceled {
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
	}))
	defer srv.Close()
	d, err := newAvro(&Registry{URLs: []string{srv.URL}, Timeout: 10 * time.Second}, confluentFrame)
	if err != nil {
		t.Fatal(err)
	}
	known := schemaID{id: 1 << 31}
	d.schemas[known] = &entry[*registeredAvro]{} // one that is known stays
	for id := range uint32(maxMissing + 100) {
		if _, err := d.AppendJSON(nil, binary.BigEndian.AppendUint32([]byte{0}, id), nil); err == nil {
			t.Fatal("no error")
		}
	}
	if n := len(d.schemas); n > maxMissing+1 || d.schemas[known] == nil {
		t.Errorf("%d schemas are remembered", n)
	}
}
