package filter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestLookup(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	open := func(c LookupConfig) *Lookup {
		f, err := NewLookup(c, Env{Metrics: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	table := write("t.csv", "id,name,\"team\"\n7,\"b\"\"ob\",x\n8,eve,\"two\nlines\"\n")
	c := LookupConfig{
		Table:  table,
		Key:    must(t, "field.user"),
		Into:   "who",
		Reload: time.Nanosecond,
	}
	f := open(c)
	get := func() string {
		return strings.Join(values(t, apply(f, batch(`{"user":7}`, `{"user":"9"}`, "text"))), " ")
	}
	if got := get(); got != `100:{"user":7,"who":{"name":"b\"ob","team":"x"}} 101:{"user":"9"} 102:text` {
		t.Error(got)
	}
	if n := testutil.ToFloat64(f.missed); n != 2 {
		t.Errorf("%v are told as missed", n)
	}
	write("t.csv", "id,name\n9,new one\n")
	if got := get(); got != `100:{"user":7} 101:{"user":"9","who":{"name":"new one"}} 102:text` {
		t.Error(got)
	}
	// a table with mistakes does not replace one that has none
	write("t.csv", "id,name\n9,\"broken, and longer\n")
	if got := get(); got != `100:{"user":7} 101:{"user":"9","who":{"name":"new one"}} 102:text` ||
		testutil.ToFloat64(f.failed) != 1 {
		t.Error(got)
	}
	f = open(
		LookupConfig{
			Table: write("o.json", `{"a":{"n":1.0,"m":2}}`),
			Key:   must(t, "field.k"),
			Take:  []string{"n"},
		},
	)
	if got := values(t, apply(f, batch(`{"k":"a","n":0}`)))[0]; got != `100:{"k":"a","n":1.0}` {
		t.Error(got)
	}
	f = open(
		LookupConfig{
			Table:  write("l.json", "\ufeff"+`[{"id":1,"n":true},{"id":"x","n":null}]`),
			Column: "id",
			Key:    must(t, "field.k"),
		},
	)
	if got := strings.Join(
		values(t, apply(f, batch(`{"k":1}`, `{"k":"x"}`))), " ",
	); got != `100:{"k":1,"n":true} 101:{"k":"x","n":null}` {
		t.Error(got)
	}
	f = open(
		LookupConfig{
			Table: write("m.csv", "\ufeffid,n\n1,x\n"), Column: "id", Key: must(t, "field.k"),
		},
	)
	if got := values(t, apply(f, batch(`{"k":1}`)))[0]; got != `100:{"k":1,"n":"x"}` {
		t.Error(got)
	}
	for name, text := range map[string]string{"a.csv": "", "b.csv": "a,b\n1\n", "c.json": "[1]", "d.json": "{", "e.json": "5", "f.csv": "a,a\n"} {
		if _, err := NewLookup(
			LookupConfig{Table: write(name, text), Key: must(t, "key"), Column: "a"}, Env{},
		); err == nil ||
			!strings.HasPrefix(err.Error(), "table: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
