package format

import (
	"encoding/json"
	"testing"

	"github.com/penstock/penstock/buffer/record"
)

func TestColumnCase(t *testing.T) {
	for field, want := range map[string]string{
		"userID": "user_id", "HTTPStatus": "http_status", "already_there": "already_there", "A": "a",
		"x-Forwarded-For": "x_forwarded_for", "ÄrgerÜber": "ärger_über", "aB1C": "a_b1_c", "": "",
	} {
		if got := columnName(field, "snake"); got != want {
			t.Errorf("%s becomes %s, want %s", field, got, want)
		}
	}
	for _, kind := range []string{"parquet", "avro"} {
		for how, want := range map[string]string{
			"":      `{"userID":1,"In":{"deepName":"x"},"user_id":2,"_extra":null}`,
			"lower": `{"userid":1,"in":{"deepname":"x"},"user_id":2,"_extra":null}`,
			"snake": `{"user_id":1,"in":{"deep_name":"x"},"_extra":{"user_id":2}}`,
		} {
			c := config(kind)
			c.ColumnCase = how
			f := newFormat(t, c, "none", "json")
			recs := []record.Record{{Value: []byte(`{"userID":1,"In":{"deepName":"x"},"user_id":2}`)}}
			got := read(t, f, build(t, f, recs, 1))
			if len(got) != 1 || canonical(t, got[0].Value) != canonical(t, []byte(want)) {
				t.Errorf("%s %s: %s, want %s", kind, how, got[0].Value, want)
			}
		}
	}
}

// What is left out is in no column and not in the extra one either, in each way to have columns.
func TestFieldsAreLeftOut(t *testing.T) {
	for _, kind := range []string{"parquet", "avro"} {
		for _, columns := range [][]Column{nil, {{Name: "a", Type: "int64"}, {Name: "in", Type: "json"}}} {
			c := config(kind)
			c.Omit, c.Columns = []string{"country", `in.x\.y`, "whole"}, columns
			f := newFormat(t, c, "none", "json")
			value := `{"country":"de","a":1,"in":{"x.y":"no","z":2},"whole":{"b":[1]}}`
			if columns != nil {
				value = `{"country":"de","a":1,"in":{"z":2},"whole":{"b":[1]}}`
			}
			got := read(t, f, build(t, f, []record.Record{{Value: []byte(value)}}, 1))
			want := `{"a":1,"in":{"z":2},"_extra":null}`
			if len(got) != 1 || canonical(t, got[0].Value) != canonical(t, []byte(want)) {
				t.Errorf("%s: %s, want %s", kind, got[0].Value, want)
			}
		}
	}
}

// A configuration that says nothing of these makes the files it has always made.
func TestNewChoicesKeepFingerprints(t *testing.T) {
	c := config("parquet")
	c.Columns = []Column{{Name: "a", Type: "string"}}
	const want = `{"Type":"parquet","OnNewline":"keep","Envelope":false,"EnvelopeValue":"json","Check":true,"Delimiter":",","Quote":"minimal","Header":true,"Null":"","Columns":[{"Name":"a","Field":"","Type":"string","Required":false}],"Schema":"","Sample":10000,"Nested":"group","Extra":"_extra","Metadata":false,"RowGroup":33554432}`
	if got := c.fingerprint(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// canonical is JSON with its members sorted.
func canonical(t *testing.T, text []byte) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if v["_extra"] == nil {
		delete(v, "_extra")
	}
	for name, m := range v {
		if s, ok := m.(string); ok && (name == "in" || name == "_extra") { // columns of type json
			var in any
			if json.Unmarshal([]byte(s), &in) == nil {
				v[name] = in
			}
		}
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
