package decode

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// dump tells all that a pool knows of the types whose names have a prefix.
func (o *protoPool) dump(prefix string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(o.messages)) {
		m := o.messages[name]
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		fmt.Fprintf(&out, "%s known %d oneofs %d entry %v\n", m.name, m.known, m.oneofs, m.mapEntry)
		for i, f := range m.fields {
			typ := ""
			switch {
			case f.message != nil:
				typ = f.message.name
			case f.enum != nil:
				typ = fmt.Sprint("enum ", f.typeName, f.enum.names, f.enum.first)
			}
			fmt.Fprintf(
				&out, " %s = %d %d kind %d repeated %v implicit %v oneof %d %s\n", f.name, f.number,
				m.byNumber[f.number]-i, f.kind, f.repeated, f.implicit, f.oneof, typ,
			)
		}
		// protoc has the entries of maps where the maps are.
		for _, entry := range []bool{false, true} {
			for _, n := range m.nested {
				if n.mapEntry == entry {
					fmt.Fprintf(&out, " nested %s\n", n.name)
				}
			}
		}
	}
	return out.String()
}

func mustPool(t testing.TB, add func(*protoPool) error) *protoPool {
	t.Helper()
	p := newPool()
	err := add(p)
	if err == nil {
		err = p.link()
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compiled(t testing.TB, file string) *protoPool {
	set, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return mustPool(t, func(p *protoPool) error { return p.addSet(set) })
}

func ofTexts(t testing.TB, dir string, names ...string) *protoPool {
	return mustPool(t, func(p *protoPool) error {
		for _, name := range names {
			text, err := os.ReadFile(dir + name)
			if err == nil {
				err = p.addText(name, string(text))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func samePools(t *testing.T, got, want *protoPool, prefix string) {
	t.Helper()
	g, w := strings.Split(got.dump(prefix), "\n"), strings.Split(want.dump(prefix), "\n")
	if len(w) < 3 {
		t.Fatalf("nothing in %s", prefix)
	}
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("line %d:\n%s\nwant\n%s", i, g[min(i, len(g)-1)], w[min(i, len(w)-1)])
		}
	}
}

// protoc 3.21 has made the descriptors of the same files.
func TestProtoTextIsWhatProtocMakesOfIt(t *testing.T) {
	samePools(t,
		ofTexts(t, "testdata/", "sub.proto", "event.proto"), compiled(t, "testdata/event.desc"), "acme.",
	)
	text, want := ofTexts(t, "testdata/text/", "shared.proto", "base.proto", "text.proto"), compiled(t, "testdata/text.desc")
	for _, prefix := range []string{"acme.base.", "acme.shared.", "acme.text.", "google.type.Money"} {
		samePools(t, text, want, prefix)
	}
	for i, name := range []string{"acme.text.Main", "acme.text.Last"} {
		if text.last[i].name != name || len(text.last) != 2 {
			t.Errorf("message %d of the file is %s, want %s", i, text.last[i].name, name)
		}
	}
	if n := text.last[0].nested; n[0].name != "acme.text.Main.Kind" || n[1].name != "acme.text.Main.After" {
		t.Errorf("%v: the entries of maps must be behind", n)
	}
}

func TestCommonTypesOfGoogleAreGooglesOwn(t *testing.T) {
	want := compiled(t, "testdata/google.desc")
	got := mustPool(t, func(p *protoPool) error {
		text := `syntax = "proto3";`
		for name := range googleTypes {
			text += `import "google/type/` + name + `.proto";`
		}
		return p.addText("all.proto", text)
	})
	samePools(t, got, want, "google.type.")
	for name, e := range want.enums {
		if g := got.enums[name]; strings.HasPrefix(name, "google.type.") && !maps.Equal(g.names, e.names) {
			t.Errorf("%s: %v, want %v", name, g.names, e.names)
		}
	}
}

// Presence in editions, by https://protobuf.dev/editions/features/#field_presence.
func TestProtoTextOfEditions(t *testing.T) {
	p := mustPool(t, func(p *protoPool) error {
		return p.addText("e.proto", `edition = "2023"; package e;
			option features.field_presence = IMPLICIT;
			message M { int32 a = 1; int32 b = 2 [features.field_presence = EXPLICIT];
				int32 c = 3 [features = { field_presence: LEGACY_REQUIRED }]; M m = 4; }`)
	})
	var implicit []bool
	for _, f := range p.messages["e.M"].fields {
		implicit = append(implicit, f.implicit)
	}
	if want := []bool{true, false, false, false}; !slices.Equal(implicit, want) {
		t.Errorf("%v, want %v", implicit, want)
	}
}

// Wire, with which Apicurio's serializers write the text of a schema, writes a map as its entries.
func TestProtoTextOfWire(t *testing.T) {
	ofText := func(fields string) *protoPool {
		p := mustPool(t, func(p *protoPool) error {
			return p.addText("w.proto", `syntax = "proto3"; package w; message M { `+fields+` }`)
		})
		if err := p.link(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := ofText(`repeated .w.M.CountsEntry counts = 1; message CountsEntry {
		option map_entry = true; string key = 1; int64 value = 2; }`)
	samePools(t, p, ofText(`map<string, int64> counts = 1;`), "w.")
	if f := p.messages["w.M"].fields[0]; !f.isMap() {
		t.Error("it is no map")
	}
}

func TestProtoTextThatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		`message M { N n = 1; }`:                                      `no type N`,
		`import "other.proto"; message M { o.N n = 1; }`:              `M.n: no type o.N: not among the schema's references are other.proto`,
		`message M { .N n = 1; } message O { message N {} }`:          `no type .N`,
		`message M { int32 = 1; }`:                                    `a name`,
		`message M { int32 a = 0; }`:                                  `line 1: `,
		`message M { int32 a = 536870912; }`:                          `line 1: `,
		`message M {`:                                                 `the end of a statement`,
		strings.Repeat(`message M {`, 300):                            ``,
		strings.Repeat(`message M {`, 300) + strings.Repeat(`}`, 300): `too deeply`,
		`{"type": "string"}`:                                          `a definition`,
		"/* no end":                                                   `line 1`,
		"message M { string s = 1 [default = \"x]; }":                 `line 1`,
		"message M { map<float, string> m = 1; }":                     `a map with a key`,
		"package a":                            `"`,
		`message M { map<string, No> m = 1; }`: `no type No`,
	} {
		err := newPool().addText("", text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v; want %s", text, err, want)
		}
	}
}

// textRegistry answers with the files of testdata/text: to Confluent's API, whatever format is
// asked for, and to both versions of Apicurio's.
func textRegistry(t *testing.T) string {
	file := func(name string) string {
		b, err := os.ReadFile("testdata/text/" + name)
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	refs := map[string][]string{"text.proto": {"base.proto"}, "base.proto": {"shared.proto"}}
	confluent := func(name string) any {
		answer := map[string]any{"schemaType": "PROTOBUF", "schema": file(name)}
		var list []map[string]any
		for _, r := range refs[name] {
			list = append(list, map[string]any{"name": r, "subject": r, "version": 1})
		}
		answer["references"] = list
		return answer
	}
	apicurio := func(name string) any {
		list := []map[string]any{}
		for _, r := range refs[name] {
			list = append(list, map[string]any{
				"groupId": nil, "artifactId": "art " + r, "version": "3", "name": r,
			})
		}
		return list
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, v2 := strings.CutPrefix(r.URL.Path, "/v2")
		switch {
		case path == "/schemas/ids/7":
			_ = json.NewEncoder(w).Encode(confluent("text.proto"))
		case strings.HasPrefix(path, "/subjects/"):
			name, _, _ := strings.Cut(strings.TrimPrefix(path, "/subjects/"), "/")
			_ = json.NewEncoder(w).Encode(confluent(name))
		case path == "/ids/contentIds/7", path == "/ids/globalIds/7":
			fmt.Fprint(w, file("text.proto"))
		case path == "/ids/contentIds/7/references", path == "/ids/globalIds/7/references":
			_ = json.NewEncoder(w).Encode(apicurio("text.proto"))
		case strings.HasPrefix(path, "/groups/default/artifacts/art "):
			name, rest, _ := strings.Cut(strings.TrimPrefix(path, "/groups/default/artifacts/art "), "/versions/3")
			switch {
			case rest == "/references":
				_ = json.NewEncoder(w).Encode(apicurio(name))
			case rest == "/content" && !v2, rest == "" && v2:
				fmt.Fprint(w, file(name))
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		default:
			w.WriteHeader(http.StatusNotFound)
			// The code is Confluent's; the name is Apicurio's.
			fmt.Fprint(w, `{"error_code":40403,"message":"not found","name":"ContentNotFoundException"}`)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// The frames are those of the serializers' documentation: indexes of messages with Confluent's, and
// the name of the message, as one of its own, with Apicurio's.
func TestProtobufOfRegistriesThatGiveText(t *testing.T) {
	url := textRegistry(t)
	const last, lastJSON = "\x08\x01", `{"top":"TOP_ONE"}`
	const after, afterJSON = "\x12\x03\x0a\x01x", `{"rooted":{"inner":"x"}}`
	for _, c := range []struct{ frame, url, value, want string }{
		{"", "", "\x00\x00\x00\x00\x07\x02\x02" + last, lastJSON},
		{"", "", "\x00\x00\x00\x00\x07\x04\x00\x02" + after, afterJSON},
		{"apicurio", "", "\x00\x00\x00\x00\x07\x06\x0a\x04Last" + last, lastJSON},
		{"apicurio", "/v2", "\x00\x00\x00\x00\x07\x06\x0a\x04Last" + last, lastJSON},
		{"apicurio_global", "", "\x00\x00\x00\x00\x00\x00\x00\x00\x07\x06\x0a\x04Last" + last, lastJSON},
		{"apicurio_global", "/v2", "\x00\x00\x00\x00\x00\x00\x00\x00\x07\x07\x0a\x05After" + after, afterJSON},
	} {
		reg := &Registry{}
		reg.SetDefaults()
		reg.URLs = []string{url + c.url}
		cfg := Default()
		cfg.Type, cfg.Registry, cfg.Frame = "protobuf", reg, c.frame
		got, err := mustDecoder(t, cfg).AppendJSON(nil, []byte(c.value), nil)
		if err != nil || string(got) != c.want {
			t.Errorf("%s %s: %s, %v; want %s", c.frame, c.url, got, err, c.want)
		}
		missing := strings.Replace(c.value, "\x07", "\x08", 1)
		if _, err := mustDecoder(t, cfg).AppendJSON(nil, []byte(missing), nil); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s %s: %v; want an error that is for good", c.frame, c.url, err)
		}
	}
}

// A registry may have descriptors of one file and the text of another.
func TestProtoTextThatImportsADescriptor(t *testing.T) {
	set, err := os.ReadFile("testdata/text.desc")
	if err != nil {
		t.Fatal(err)
	}
	p := newPool()
	if err := each(set, func(_ protowire.Number, _ uint64, file []byte) error {
		if !strings.Contains(base64.StdEncoding.EncodeToString(file), "dGV4dC5wcm90b") {
			return p.addFile(file)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := p.addText("", `package acme.mine; import "base.proto"; message M { optional base.Old old = 1; }`); err != nil {
		t.Fatal(err)
	}
	if err := p.link(); err != nil || p.last[0].fields[0].message.name != "acme.base.Old" {
		t.Fatal(err)
	}
}

func FuzzProtoText(f *testing.F) {
	for _, name := range []string{"event.proto", "sub.proto", "text/text.proto", "text/base.proto"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), event(f))
	}
	f.Fuzz(func(t *testing.T, text string, value []byte) {
		p := newPool()
		if len(text) > 1<<16 || p.addText("", text) != nil || p.link() != nil {
			return
		}
		for _, m := range p.messages {
			r := protoReader{pool: p, most: maxText(len(value)), work: 64*len(value) + 1<<20}
			_ = r.message(m, value, 0)
		}
	})
}
