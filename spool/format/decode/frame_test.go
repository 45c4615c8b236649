package decode

import (
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/buffer/record"
)

// What JSON Schema serializers write is the JSON behind the frame.
func TestJSONInAFrame(t *testing.T) {
	const body = ` {"a":1}`
	for frame, value := range map[string]string{
		"confluent":        "\x00\x00\x00\x00\x07" + body,
		"apicurio":         "\x00\x00\x00\x00\x07" + body,
		"apicurio_global":  "\x00\x00\x00\x00\x00\x00\x00\x00\x07" + body,
		"apicurio_headers": body,
		"none":             body,
	} {
		c := Default()
		c.Frame = frame
		d, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := d.(Texts); !ok {
			t.Errorf("%s: JSON is no text", frame)
		}
		if got, err := d.AppendJSON(nil, []byte(value), nil); err != nil || string(got) != body {
			t.Errorf("%s: %q, %v", frame, got, err)
		}
		if frame == "none" || frame == "apicurio_headers" {
			continue
		}
		for _, bad := range []string{"", body, value[:3]} {
			if _, err := d.AppendJSON(nil, []byte(bad), nil); err == nil || errors.Is(err, ErrUnavailable) {
				t.Errorf("%s: %v for %q", frame, err, bad)
			}
		}
	}
}

// A schema that is asked for by the id of its content does not have in it what it refers to.
func TestAvroOfApicurioWithReferences(t *testing.T) {
	const place = "/groups/default/artifacts/place/versions/1"
	answers := map[string]string{
		"/ids/contentIds/7/references": `[{"artifactId":"place","version":"1","name":"acme.Place"}]`,
		"/ids/contentIds/7": `{"type":"record","name":"acme.Order","fields":[
			{"name":"to","type":"acme.Place"}]}`,
		place + "/references": `[]`,
		place + "/content": `{"type":"record","name":"acme.Place","fields":[
			{"name":"city","type":"string"}]}`,
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers[r.URL.Path] == "" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		_, _ = w.Write([]byte(answers[r.URL.Path]))
	}))
	defer srv.Close()
	reg := &Registry{}
	reg.SetDefaults()
	reg.URLs = []string{srv.URL}
	d, err := New(Config{Type: "avro", Frame: "apicurio", Registry: reg})
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.AppendJSON(nil, []byte("\x00\x00\x00\x00\x07\x08Bern"), nil)
	if err != nil || string(got) != `{"to":{"city":"Bern"}}` {
		t.Errorf("%s, %v", got, err)
	}
	text, err := d.(AvroSchemas).AvroSchema("c7")
	if err != nil || !strings.Contains(text, `"city"`) {
		t.Errorf("%s, %v", text, err)
	}
}

// The answers are those of Apicurio Registry 2.6 and 3.0: without a schema a value is refused for
// good; where there is no such API, it waits for a URL that is right.
func TestSchemasThatApicurioLacks(t *testing.T) {
	answers := map[string]string{
		"2": `{"error_code":404,"message":"No content","name":"ContentNotFoundException"}`,
		"3": `{"title":"No version","status":404,"name":"VersionNotFoundException"}`,
		"4": `{"title":"Could not find resource","status":404,"name":"NotFoundException"}`,
		"5": `{"error_code":404,"message":"Could not find resource","name":"NotFoundException"}`,
		"6": `<html>not here</html>`,
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		path := strings.TrimSuffix(r.URL.Path, "/references")
		_, _ = w.Write([]byte(answers[path[strings.LastIndexByte(path, '/')+1:]]))
	}))
	defer srv.Close()
	reg := &Registry{}
	reg.SetDefaults()
	reg.URLs = []string{srv.URL}
	d, err := New(Config{Type: "avro", Frame: "apicurio_global", Registry: reg})
	if err != nil {
		t.Fatal(err)
	}
	for id, waits := range map[uint64]bool{2: false, 3: false, 4: true, 5: true, 6: true, 1 << 63: false} {
		_, err := d.AppendJSON(nil, binary.BigEndian.AppendUint64([]byte{0}, id), nil)
		if err == nil || errors.Is(err, ErrUnavailable) != waits {
			t.Errorf("%d: %v, which waits: %v", id, err, waits)
		}
	}
}

// Avro in each frame of Apicurio, with the schema from its own API.
func TestAvroInFramesOfApicurio(t *testing.T) {
	var asked atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.Path)
		_, schema, _ := strings.Cut(strings.TrimSuffix(r.URL.Path, "/references"), "Ids/")
		switch {
		case strings.HasSuffix(r.URL.Path, "Ids/7/references"):
			_, _ = w.Write([]byte(`[]`))
		case schema == "7":
			_, _ = w.Write([]byte(schemaText))
		case schema == "8":
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error_code":404,"name":"ArtifactNotFoundException"}`))
		default:
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer srv.Close()
	_, body := encoded(t)
	id := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	header := func(key string, value []byte) []record.Header {
		return []record.Header{
			{Key: "apicurio.value.encoding", Value: []byte("BINARY")}, {Key: key, Value: value},
		}
	}
	for _, c := range []struct {
		frame, path string
		value       func(n uint64) ([]byte, []record.Header)
	}{
		{"apicurio", "contentIds", func(n uint64) ([]byte, []record.Header) {
			return append(append([]byte{0}, id(n)[4:]...), body...), nil
		}},
		{"apicurio_global", "globalIds", func(n uint64) ([]byte, []record.Header) {
			return append(append([]byte{0}, id(n)...), body...), nil
		}},
		{"apicurio_headers", "contentIds", func(n uint64) ([]byte, []record.Header) {
			return body, header("apicurio.value.contentId", id(n))
		}},
		{"apicurio_headers", "globalIds", func(n uint64) ([]byte, []record.Header) {
			return body, header("apicurio.value.globalId", id(n))
		}},
	} {
		reg := &Registry{}
		reg.SetDefaults()
		reg.URLs = []string{srv.URL + "/apis/registry/v3"}
		d, err := New(Config{Type: "avro", Frame: c.frame, Registry: reg})
		if err != nil {
			t.Fatal(err)
		}
		value, headers := c.value(7)
		if got, err := d.AppendJSON(nil, value, headers); err != nil || string(got) != wantJSON {
			t.Errorf("%s: %s, %v", c.frame, got, err)
		}
		if want := "/apis/registry/v3/ids/" + c.path + "/7"; asked.Load() != want {
			t.Errorf("%s: asked for %v, want %s", c.frame, asked.Load(), want)
		}
		value, headers = c.value(8)
		if _, err := d.AppendJSON(nil, value, headers); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: no such schema: %v, want an error that is for good", c.frame, err)
		}
		value, headers = c.value(9)
		if _, err := d.AppendJSON(nil, value, headers); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: registry that fails: %v, want ErrUnavailable", c.frame, err)
		}
	}
	reg := &Registry{}
	reg.SetDefaults()
	reg.URLs = []string{srv.URL}
	d, err := New(Config{Type: "avro", Frame: "apicurio_headers", Registry: reg})
	if err != nil {
		t.Fatal(err)
	}
	for want, headers := range map[string][]record.Header{
		"no header apicurio.value.globalId": nil, "must hold 8 bytes": header("apicurio.value.globalId", []byte{1}),
		"only BINARY can be read": {{Key: "apicurio.value.encoding", Value: []byte("JSON")}},
	} {
		if _, err := d.AppendJSON(nil, body, headers); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
