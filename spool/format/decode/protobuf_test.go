package decode

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"google.golang.org/protobuf/encoding/protowire"
)

// event is what Google's protobuf 7.36 for Python writes of testdata/event.proto, with a value in
// nearly every field, and eventJSON what is in it.
func event(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/event.hex")
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const eventJSON = `{"s":"a\"ü\n","i32":-1,"i64":-9223372036854775808,"u32":4294967295,` +
	`"u64":18446744073709551615,"s32":-2,"s64":-3,"f32":4,"f64":5,"sf32":-6,"sf64":-7,` +
	`"fl":1.5,"d":0.1,"b":true,"raw":"AP8=","level":"WARN","packed":[1,-1,300],"unpacked":[7,8],` +
	`"tags":["x",""],"counts":{"k":1},"parts":{"-4":{"name":"p"}},"flags":{"true":"ERR"},` +
	`"part":{"name":"one","n":[1,2]},"list":[{"name":"l1"},{"name":""}],"number":9,` +
	`"at":"2026-01-02T03:04:05.678Z","took":"-1.5s","wrapped":0,` +
	`"doc":{"a":1.5,"b":null,"c":["x",true],"d":{"e":"f"}},` +
	`"any":{"@type":"type.googleapis.com/acme.Other","x":"o"},"opt":0,"zero":0,` +
	`"point":{"x":1,"extra":{"z":"g"},"p":[1,2]},` +
	`"self":{"s":"inner","i32":0,"i64":0,"u32":0,"u64":0,"s32":0,"s64":0,"f32":0,"f64":0,` +
	`"sf32":0,"sf64":0,"fl":0,"d":0,"b":false,"raw":"","level":"UNKNOWN","zero":0,"nan":0,` +
	`"strange":"UNKNOWN"},"val":2,"lv":["q"],"nan":"NaN","late":"0001-01-01T00:00:00Z",` +
	`"odd":{"@type":"type.googleapis.com/no.Such","value":"CAE="},"strange":77}`

func descriptors(message, frame string) Config {
	c := Default()
	c.Type, c.Descriptors, c.Message = "protobuf", "testdata/event.desc", message
	c.Frame = frame
	return c
}

func mustDecoder(t testing.TB, c Config) Decoder {
	t.Helper()
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestProtobufToJSON(t *testing.T) {
	d := mustDecoder(t, descriptors("acme.Event", ""))
	value := event(t)
	got, err := d.AppendJSON([]byte("before "), value, nil)
	if err != nil || string(got) != "before "+eventJSON {
		t.Fatalf("%v\n%s\nwant\n%s", err, got, eventJSON)
	}
	for i := range value {
		if out, err := d.AppendJSON(nil, value[:i], nil); err == nil && !json.Valid(out) {
			t.Errorf("not JSON: %s", out)
		}
	}
}

// What a definition does not say is kept, and what it says is read however it comes.
func TestProtobufThatIsUnusual(t *testing.T) {
	part := mustDecoder(t, descriptors("acme.Event.Part", ""))
	point := mustDecoder(t, descriptors("Point", ""))
	text := func(num protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, num, protowire.BytesType), s)
	}
	number := func(num protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
	}
	join := func(parts ...[]byte) (out []byte) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	for _, c := range []struct {
		name  string
		d     Decoder
		value []byte
		want  string
	}{
		{"nothing", part, nil, `{"name":""}`},
		{"the last counts", part, join(text(1, "a"), number(2, 1), text(1, "b"), number(2, 2)), `{"name":"b","n":[1,2]}`},
		{"packed and not", part, join(text(2, "\x01\x02"), number(2, 3)), `{"name":"","n":[1,2,3]}`},
		{"unknown field", part, join(number(9, 5), text(1, "a")), `{"name":"a","_unknown":"SAU="}`},
		{"another type", part, number(1, 5), `{"name":"","_unknown":"CAU="}`},
		{"proto2 has no zeros", point, number(1, 5), `{"x":5}`},
		{"group in parts", point, join([]byte("\x1b\x0a\x01a\x1c"), number(1, 1), []byte("\x1b\x0a\x01b\x1c")), `{"x":1,"extra":{"z":"b"}}`},
	} {
		if got, err := c.d.AppendJSON(nil, c.value, nil); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
	ev := mustDecoder(t, descriptors("acme.Event", ""))
	got, err := ev.AppendJSON(nil, join(number(26, 9), text(25, "last")), nil)
	if err != nil || !strings.Contains(string(got), `"name":"last"`) || strings.Contains(string(got), "number") {
		t.Errorf("of a choice: %s, %v", got, err)
	}
	for want, value := range map[string][]byte{
		"s: string is not valid UTF-8":  text(1, "\xff"),
		"at: a timestamp that is none":  text(28, "\x10\xff\xff\xff\xff\x7f"),
		"too deeply":                    nested(200),
		"unexpected EOF":                {0x0a, 0x05, 'x'},
		"took: a duration that is none": text(29, "\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	} {
		got, err := ev.AppendJSON([]byte("x"), value, nil)
		if err == nil || !strings.Contains(err.Error(), want) || string(got) != "x" {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}

// nested is a message within a message, and so on.
func nested(depth int) []byte {
	var b []byte
	for range depth {
		b = protowire.AppendBytes(protowire.AppendTag(nil, 37, protowire.BytesType), b)
	}
	return b
}

// The frames are those of confluent-kafka 2.16 for Python, ProtobufSerializer.
func TestProtobufOfARegistry(t *testing.T) {
	set, err := os.ReadFile("testdata/event.desc")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	if err := each(set, func(_ protowire.Number, _ uint64, data []byte) error {
		files = append(files, base64.StdEncoding.EncodeToString(data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"schemaType": "PROTOBUF"}
		if r.URL.Query().Get("format") != "serialized" {
			t.Errorf("asked for %s", r.URL)
		}
		switch r.URL.Path {
		case "/schemas/ids/8", "/schemas/ids/10", "/schemas/ids/12":
			answer["schema"] = files[len(files)-1]
			answer["references"] = []map[string]any{{"name": "sub.proto", "subject": "sub.proto", "version": 1}}
		case "/subjects/sub.proto/versions/1":
			answer["schema"] = files[len(files)-2]
		case "/schemas/ids/9":
			answer["schema"] = `syntax = "proto3";`
		default:
			w.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"error_code": 40403, "message": "Schema not found"}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer srv.Close()
	reg := &Registry{}
	reg.SetDefaults()
	reg.URLs = []string{srv.URL}
	c := Default()
	c.Type, c.Registry = "protobuf", reg
	d := mustDecoder(t, c)
	for value, want := range map[string]string{
		"000000000802020a0178": `"s":"x","i32":0`, "000000000a0402000a0178": `{"name":"x"}`,
		"000000000c000a0178": `{"x":"x"}`, "000000000801020a0178": "", "": "", "000000000802": "",
		"00000000080206": "", "0000000007000a0178": "", "0000000009000a0178": "",
	} {
		b, err := hex.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.AppendJSON(nil, b, nil)
		if want == "" {
			if err == nil || errors.Is(err, ErrUnavailable) || len(got) > 0 {
				t.Errorf("%s: %s, %v; want an error that is for good", value, got, err)
			}
		} else if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %s, %v; want %s", value, got, err, want)
		}
	}
}

// Descriptors of a file with frames: what these say is used or stepped over.
func TestProtobufOfDescriptorsInFrames(t *testing.T) {
	for _, c := range []struct{ message, frame, value string }{
		{"acme.Other", "confluent", "\x00\x00\x00\x00\x07\x00\x0a\x01x"},
		{"acme.Other", "confluent", "\x00\x00\x00\x00\x07\x02\x02\x0a\x01x"},
		{"", "apicurio", "\x00\x00\x00\x00\x07\x07\x0a\x05Other\x0a\x01x"},
		{"", "apicurio_global", "\x00\x00\x00\x00\x00\x00\x00\x00\x07\x07\x0a\x05Other\x0a\x01x"},
		{"acme.Other", "apicurio", "\x00\x00\x00\x00\x07\x07\x0a\x05Event\x0a\x01x"},
		{"acme.Other", "", "\x0a\x01x"},
	} {
		d := mustDecoder(t, descriptors(c.message, c.frame))
		if got, err := d.AppendJSON(nil, []byte(c.value), nil); err != nil || string(got) != `{"x":"x"}` {
			t.Errorf("%s %s: %s, %v", c.message, c.frame, got, err)
		}
	}
	for want, c := range map[string]Config{
		"message: no message acme.No":           descriptors("acme.No", ""),
		"message: must be set":                  descriptors("", ""),
		"descriptors: testdata/event.proto":     {Type: "protobuf", Descriptors: "testdata/event.proto", Message: "x"},
		"registry: protobuf values need one":    {Type: "protobuf"},
		"message, descriptors: only for":        {Type: "json", Message: "x"},
		"frame: with a registry it names the s": {Type: "protobuf", Frame: "none", Registry: &Registry{URLs: []string{"http://x"}, Timeout: 1}},
	} {
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// With the id in a header Apicurio's serializers write the name there, too, and nothing before the
// message.
func TestProtobufNamedInAHeader(t *testing.T) {
	id := record.Header{Key: headerContentID, Value: []byte("\x00\x00\x00\x00\x00\x00\x00\x07")}
	name := record.Header{Key: "apicurio.protobuf.type", Value: []byte("Other")}
	d := mustDecoder(t, descriptors("", "apicurio_headers"))
	for value, headers := range map[string][]record.Header{
		"\x0a\x01x": {id, name}, "\x07\x0a\x05Other\x0a\x01x": {id},
	} {
		if got, err := d.AppendJSON(nil, []byte(value), headers); err != nil || string(got) != `{"x":"x"}` {
			t.Errorf("%q: %s, %v", value, got, err)
		}
		key, err := d.(Schemas).AppendSchemaKey(nil, []byte(value), headers)
		if err != nil || string(key) != "0 Other" {
			t.Errorf("%q: schema %s, %v", value, key, err)
		}
		if shape, err := d.(Schemas).Shape(string(key)); err != nil || len(shape.Fields) != 1 {
			t.Errorf("%v, %v", shape, err)
		}
	}
}

// The name has no package: a message of the schema's own file is meant, not one that it imports.
func TestProtobufOfTheSameNameInAnImport(t *testing.T) {
	p := newPool()
	err := errors.Join(
		p.addText("a.proto", `package a; message M {}`),
		p.addText("", `package b; import "a.proto"; message N { message M {} } message M {}`),
	)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"M": "b.M", "a.M": "a.M", "N.M": "b.N.M"} {
		if m, err := p.ofFile(name); err != nil || m.name != want {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

func FuzzProtobuf(f *testing.F) {
	f.Add(event(f))
	d := mustDecoder(f, descriptors("acme.Event", ""))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := d.AppendJSON([]byte("before"), b, nil)
		if !strings.HasPrefix(string(out), "before") {
			t.Fatalf("%q", out)
		}
		if err == nil && !json.Valid(out[len("before"):]) {
			t.Fatalf("not JSON: %q", out)
		}
	})
}

func FuzzDescriptors(f *testing.F) {
	set, err := os.ReadFile("testdata/event.desc")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(set, event(f))
	f.Fuzz(func(t *testing.T, set, b []byte) {
		p := newPool()
		if p.addSet(set) != nil || p.link() != nil {
			return
		}
		for _, m := range p.messages {
			r := protoReader{pool: p, most: maxText(len(b)), work: 64*len(b) + 1<<20}
			if err := r.message(m, b, 0); err == nil && m.name == "acme.Event" && !json.Valid(r.dst) {
				t.Fatalf("not JSON: %q", r.dst)
			}
		}
	})
}
