package local

import (
	"encoding/json"
	"testing"
)

func TestMetadataIsJSON(t *testing.T) {
	for _, m := range []map[string]string{
		{"a": "b"}, {"penstock-log": "app/0", "penstock-start": "12", "x": ""}, {"q": `say "a\b"`}, {"u": "grün <b>&\x00\x7f"}, {`"`: "key"},
	} {
		want, _ := json.Marshal(m)
		got, err := appendJSON(nil, m)
		if err != nil || string(got) != string(want) {
			t.Errorf("%v: %s %v, want %s", m, got, err, want)
		}
	}
}
