package format

import (
	"strings"
	"testing"
)

// A name that stands twice in an object: the path and the event time are those of the first, so the
// column is, too; the others are kept as what has no column. One that does not fit changes nothing.
func TestNamesThatStandTwice(t *testing.T) {
	for text, want := range map[string]string{
		`{"ts":"first","ts":"second"}`:       `"ts":"first" "ts":"second"`,
		`{"n":5,"n":"abc"}`:                  `"n":5 "n":"abc"`,
		`{"n":"abc","n":5}`:                  `"n":5 "n":"abc"`,
		`{"o":7,"o":{"x":1},"o":{"x":2}}`:    `"o":7 "x":1 "o.x":2`,
		`{"o":{"x":1},"o":7}`:                `"o":7 "x":1`,
		`{"ts":"a","ts":"b","ts":"c","n":1}`: `"ts":"a" "n":1 "ts":"b" "ts":"c"`,
	} {
		for _, kind := range []string{"parquet", "avro"} {
			c := config(kind)
			c.Columns = []Column{
				{Name: "ts", Type: "string"}, {Name: "n", Type: "int32"}, {Name: "o", Type: "int32"},
				{Name: "x", Field: "o.x", Type: "int32"},
			}
			f := newFormat(t, c, "none", "json")
			got := string(read(t, f, build(t, f, values(text), 5))[0].Value)
			rest := strings.ReplaceAll(got, `\`, "")
			for _, w := range strings.Fields(want) {
				_, after, found := strings.Cut(rest, w)
				if !found {
					t.Errorf("%s, %s: got %s, want %s", kind, text, got, want)
					break
				}
				rest = after
			}
		}
	}
	for _, kind := range []string{"parquet", "avro"} { // inferred
		f := newFormat(t, config(kind), "none", "json")
		got := string(read(t, f, build(t, f, values(`{"a":"first","a":"second"}`), 5))[0].Value)
		if !strings.Contains(got, `"a":"first"`) || !strings.Contains(strings.ReplaceAll(got, `\`, ""), `{"a":"second"}`) {
			t.Errorf("%s: %s", kind, got)
		}
	}

	// Where nothing takes the others the first counts.
	c := config("delimited")
	c.Header = false
	c.Columns = []Column{
		{Name: "a", Type: "string"}, {Name: "x", Field: "o.x", Type: "string"},
	}
	got, err := row1(
		t, newFormat(t, c, "none", "json"), `{"a":"first","a":2,"o":{"x":1},"o":{"x":2}}`,
	)
	if err != nil || got != "first,1\n" {
		t.Errorf("delimited: %q, %v", got, err)
	}
	c = config("avro")
	c.Schema = `{"type":"record","name":"r","fields":[{"name":"a","type":"string"}]}`
	f := newFormat(t, c, "none", "json")
	one := string(read(t, f, build(t, f, values(`{"a":"first","a":"second"}`), 5))[0].Value)
	if one != `{"a":"first"}` {
		t.Errorf("avro with a schema: %s", one)
	}
}
