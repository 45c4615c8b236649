package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func must(t testing.TB, text string) Expression {
	t.Helper()
	e, err := NewExpression(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestSetKeepsTypes(t *testing.T) {
	fields := map[string]Expression{}
	for name, text := range map[string]string{
		"a": "2", "b": "true", "c": "'x\"y'", "d": "field.big", "e": "field.n * 2", "f": "field.o.list", "g": "field.gone", "h": "field.s + 1",
		"i": "field.n > 1", "o.j": "tag[1]", "k": "1 / 0.0", "l": "[1, 'a']", "m": "int(field.s)", "n": "field.n + 1", "p": "field.frac",
	} {
		fields[name] = must(t, text)
	}
	in := `{"n":2,"s":"7","big":18446744073709551615,"frac":1.50,"o":{"list":[1.0]}}`
	want := `100:{"n":3,"s":"7","big":18446744073709551615,"frac":1.50,"o":{"list":[1.0],"j":"web"},` +
		`"a":2,"b":true,"c":"x\"y","d":18446744073709551615,"e":4,"f":[1.0],"i":true,"l":[1,"a"],"m":7,"p":1.50}`
	check(
		t,
		func(e Env) (Filter, error) { return NewSet(SetConfig{Fields: fields, Overwrite: true}, e) },
		[]string{in, "text"}, []string{want, "101:text"}, result{changed: 1, unhandled: 1},
	)
}

func TestSetHeadersAndKey(t *testing.T) {
	f, err := NewSet(SetConfig{
		Headers: map[string]Expression{
			"file": must(t, "field.f"),
			"new":  must(t, "field.n + 1"),
		},
		Key: must(t, "field.user"),
	}, Env{Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	keep := Chain{f}.Apply(batch(`{"f":"x","n":1,"user":"bob"}`)).Batch
	f.overwrite = true
	set := Chain{f}.Apply(batch(`{"f":"x","n":1,"user":"bob"}`)).Batch
	for b, want := range map[string]string{fmt.Sprint(headersOf(t, keep)): "k [file=f0 new=2]", fmt.Sprint(headersOf(t, set)): "bob [file=x new=2]"} {
		if b != want {
			t.Errorf("got %s, want %s", b, want)
		}
	}
}

func TestWhereAndDrop(t *testing.T) {
	where := func(e Env) (Filter, error) { return NewWhere(WhereConfig{must(t, "field.status >= 500")}, e) }
	check(
		t, where, []string{`{"status":503}`, `{"status":200}`, `text`, `{"status":"503"}`},
		[]string{`100:{"status":503}`}, result{kept: 1, discarded: 3},
	)
	check(
		t,
		func(e Env) (Filter, error) { return NewWhere(WhereConfig{must(t, "tag == 'app.web.access'")}, e) },
		[]string{"a", "b"}, []string{"100:a", "101:b"}, result{kept: 2},
	)
	check(
		t,
		func(e Env) (Filter, error) { return NewWhere(WhereConfig{must(t, "tag == 'other'")}, e) },
		[]string{"a", "b"}, nil, result{discarded: 2},
	)
	// What cannot be evaluated is not discarded.
	check(
		t,
		func(e Env) (Filter, error) { return NewWhere(WhereConfig{must(t, "int(field.a) > 5")}, e) },
		[]string{`{"a":"x"}`, `{"a":"9"}`}, []string{`100:{"a":"x"}`, `101:{"a":"9"}`},
		result{kept: 1, unhandled: 1},
	)
	drop := func(condition string) func(Env) (Filter, error) {
		return func(e Env) (Filter, error) {
			f, err := NewDrop(DropConfig{}, e)
			if err != nil {
				return nil, err
			}
			return With(f, Common{must(t, condition)}, e)
		}
	}
	check(
		t, drop("field.level == 'debug'"), []string{`{"level":"debug"}`, `{"level":"info"}`, "x"},
		[]string{`101:{"level":"info"}`, "102:x"}, result{discarded: 1, skipped: 2},
	)
	check(t, drop("tag startsWith 'app'"), []string{"a"}, nil, result{discarded: 1})
	check(t, drop("tag startsWith 'web'"), []string{"a"}, []string{"100:a"}, result{skipped: 1})
}

func TestRenameTagWithACondition(t *testing.T) {
	rename, err := NewRenameTag(RenameTagConfig{To: tmpl("new.${tag}")}, Env{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := With(rename, Common{must(t, "field.a == 1")}, Env{}); err == nil {
		t.Error("a tag cannot be chosen by a field")
	}
	f, err := With(rename, Common{must(t, "tag[0] == 'app'")}, Env{})
	if err != nil {
		t.Fatal(err)
	}
	c := Chain{f}
	if got := c.Apply(
		batch("a"),
	).Batch.Tag; got != "new.app.web.access" || c.Tag("app.x") != "new.app.x" ||
		c.Tag("web.x") != "web.x" {
		t.Error(got, c.Tag("app.x"), c.Tag("web.x"))
	}
}

// Conditions and edits of a chain see what the filters before them have made.
func TestChainSeesItsOwnEdits(t *testing.T) {
	env := Env{Metrics: prometheus.NewRegistry()}
	p := newParse(t, func(c *ParseConfig) { c.Format, c.AutoTypes = "logfmt", true })
	s, err := NewSet(
		SetConfig{Fields: map[string]Expression{"ms": must(t, "field.s * 1000")}, Overwrite: true},
		Env{Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWhere(WhereConfig{must(t, "field.ms > 1000 and value contains 'ms'")}, env)
	if err != nil {
		t.Fatal(err)
	}
	out := Chain{p, s, w}.Apply(batch("s=1", "s=2", "text", "s=3")).Batch
	if got := strings.Join(
		values(t, out), " ",
	); got != `101:{"s":2,"ms":2000} 103:{"s":3,"ms":3000}` {
		t.Error(got)
	}
	if n := testutil.ToFloat64(w.m.records[Discarded]); n != 2 {
		t.Errorf("%v discarded", n)
	}
}

func BenchmarkExpressions(b *testing.B) {
	where, err := NewWhere(WhereConfig{must(b, "field.level != 'debug'")}, Env{})
	if err != nil {
		b.Fatal(err)
	}
	benchFilter(b, "where_one_field", where, benchLines["json"])
	drop, err := NewDrop(DropConfig{}, Env{})
	if err != nil {
		b.Fatal(err)
	}
	f, err := With(drop, Common{must(b, "field.level == 'info'")}, Env{})
	if err != nil {
		b.Fatal(err)
	}
	benchFilter(b, "drop_by_one_field", f, benchLines["json"])
	f, err = With(drop, Common{must(b, "tag == 'none'")}, Env{})
	if err != nil {
		b.Fatal(err)
	}
	benchFilter(b, "untouched_by_tag", f, benchLines["json"])
	set, err := NewSet(
		SetConfig{
			Fields: map[string]Expression{
				"status": must(b, "int(field.status)"),
				"took":   must(b, "float(field.took)"),
			},
			Overwrite: true,
		},
		Env{},
	)
	if err != nil {
		b.Fatal(err)
	}
	benchFilter(b, "set_two_typed", set, benchLines["json"])
}
