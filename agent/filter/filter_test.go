package filter

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func batch(values ...string) *record.Batch {
	var b record.Builder
	b.Reset("app.web.access", "/var/log/web.log", 0)
	for i, v := range values {
		b.Append(
			int64(i)*1e9, []byte("k"), []byte(v),
			[]record.Header{{Key: "file", Value: []byte("f" + fmt.Sprint(i))}},
		)
	}
	out := b.Build()
	out.At(100)
	return out
}

// values returns the values of a batch with their offsets.
func values(t *testing.T, b *record.Batch) []string {
	t.Helper()
	seq, err := b.Records()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for r := range seq {
		out = append(out, fmt.Sprintf("%d:%s", r.Offset, r.Value))
	}
	return out
}

// apply runs a filter, or a chain.
func apply[F any](f F, b *record.Batch) *record.Batch {
	switch f := any(f).(type) {
	case Chain:
		return f.Apply(b).Batch
	case Filter:
		return Chain{f}.Apply(b).Batch
	}
	panic("no filter")
}

type result struct{ kept, changed, discarded, unhandled, refused, split, skipped int }

// check runs a filter over values, and checks what comes out, that positions stay, that twice gives
// the same, and the counts.
func check(t *testing.T, build func(Env) (Filter, error), in, want []string, counts result) {
	t.Helper()
	reg := prometheus.NewRegistry()
	f, err := build(Env{Name: "filter.x.y", Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	b := batch(in...)
	before := strings.Join(values(t, b), "\n")
	out := apply(f, b)
	if got := strings.Join(values(t, out), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if out.First != 100 || out.End != 100+int64(len(in)) || out.Origin != b.Origin {
		t.Errorf("positions [%d, %d), origin %q", out.First, out.End, out.Origin)
	}
	if counts.changed+counts.discarded+counts.refused+counts.split == 0 && out != b {
		t.Error("nothing changed, but the batch is another")
	}
	if after := strings.Join(values(t, b), "\n"); after != before {
		t.Errorf("the batch that went in was changed:\n%s", after)
	}
	expected := fmt.Sprintf(
		`# HELP penstock_filter_records_total Records seen by a filter, by what became of them; each output of a pipeline runs the filters for itself.
# TYPE penstock_filter_records_total counter
penstock_filter_records_total{result="changed"} %d
penstock_filter_records_total{result="discarded"} %d
penstock_filter_records_total{result="kept"} %d
penstock_filter_records_total{result="refused"} %d
penstock_filter_records_total{result="skipped"} %d
penstock_filter_records_total{result="split"} %d
penstock_filter_records_total{result="unhandled"} %d
`,
		counts.changed,
		counts.discarded,
		counts.kept,
		counts.refused,
		counts.skipped,
		counts.split,
		counts.unhandled,
	)
	if err := testutil.GatherAndCompare(
		reg, strings.NewReader(expected), "penstock_filter_records_total",
	); err != nil {
		t.Error(err)
	}
	again := apply(f, b)
	if strings.Join(values(t, again), "\n") != strings.Join(values(t, out), "\n") {
		t.Error("the second time it came out differently")
	}
}

func TestGrep(t *testing.T) {
	build := func(c GrepConfig) func(Env) (Filter, error) {
		return func(e Env) (Filter, error) { return NewGrep(c, e) }
	}
	check(
		t,
		build(GrepConfig{Include: []string{"^a", "z"}, Exclude: []string{"bad"}}),
		[]string{
			"a1",
			"b",
			"xz",
			"a bad",
			"a2",
		},
		[]string{"100:a1", "102:xz", "104:a2"},
		result{kept: 3, discarded: 2},
	)
	check(
		t,
		build(GrepConfig{Field: "level.name", Exclude: []string{"^debug$"}}),
		[]string{`{"level":{"name":"debug"}}`, `{"level":{"name":"info"}}`, `debug`, `{"level":1}`},
		[]string{
			`101:{"level":{"name":"info"}}`,
			`102:debug`,
			`103:{"level":1}`,
		},
		result{kept: 1, discarded: 1, unhandled: 2},
	)
	check(
		t, build(GrepConfig{Header: "file", Include: []string{"f1"}}), []string{"a", "b"},
		[]string{"101:b"}, result{kept: 1, discarded: 1},
	)
	check(
		t, build(GrepConfig{Exclude: []string{"."}}), []string{"a", "b"}, nil, result{discarded: 2},
	)
	check(
		t, build(GrepConfig{Exclude: []string{"nothing"}}), []string{"a", "b"},
		[]string{"100:a", "101:b"}, result{kept: 2},
	)
}

func TestAddAndRemoveFields(t *testing.T) {
	add := func(over bool, fields map[string]template.Template) func(Env) (Filter, error) {
		return func(e Env) (Filter, error) {
			return NewAddFields(AddFieldsConfig{Fields: fields, Overwrite: over}, e)
		}
	}
	check(
		t,
		add(
			true,
			map[string]template.Template{
				"a":   tmpl(`${tag[2]}-${header.file}`),
				"b.c": tmpl(`${field.n.m}"`),
			},
		),
		[]string{`{"n":{"m":7}}`, `{"a":1}`, "text", ` {"a":1,"n":{"m":"é"}}`},
		[]string{
			`100:{"n":{"m":7},"a":"access-f0","b":{"c":"7\""}}`,
			`101:{"a":"access-f1"}`,
			`102:text`,
			`103:{"a":"access-f3","n":{"m":"é"},"b":{"c":"é\""}}`,
		},
		result{changed: 3, unhandled: 1},
	)
	check(
		t, add(false, map[string]template.Template{"a": tmpl("x")}), []string{`{"a":1}`, `{}`},
		[]string{`100:{"a":1}`, `101:{"a":"x"}`}, result{kept: 1, changed: 1},
	)
	check(
		t, add(true, map[string]template.Template{`a\.b`: tmpl("${origin}")}), []string{`{}`},
		[]string{`100:{"a.b":"/var/log/web.log"}`}, result{changed: 1},
	)
	remove := func(e Env) (Filter, error) {
		return NewRemoveFields(RemoveFieldsConfig{Fields: []string{"user.password", "x"}}, e)
	}
	matching := func(e Env) (Filter, error) {
		return NewRemoveFields(
			RemoveFieldsConfig{Fields: []string{"x"}, Matching: []string{"^tmp_", "é$"}}, e,
		)
	}
	check(
		t, matching,
		[]string{
			`{"tmp_a":1,"a":{"tmp_b":2},"x":3,"Tmp_c":4,"tmp\u005fd":5,"caf\u00e9":6}`,
			`{"tmp_a":1}`, `{"y":"tmp_"}`, `"tmp_"`,
		},
		[]string{
			`100:{"a":{"tmp_b":2},"Tmp_c":4}`, `101:{}`, `102:{"y":"tmp_"}`, `103:"tmp_"`,
		},
		result{changed: 2, kept: 1, unhandled: 1},
	)
	check(
		t,
		remove,
		[]string{`{"user":{"password":"p","name":"n"},"x":1,"x":2}`, `{"y":1}`, `[1]`},
		[]string{
			`100:{"user":{"name":"n"}}`,
			`101:{"y":1}`,
			`102:[1]`,
		},
		result{kept: 1, changed: 1, unhandled: 1},
	)
}

// A member without a name is as good as any other.
func TestParseJSONWithAnyNames(t *testing.T) {
	check(
		t,
		func(e Env) (Filter, error) { return NewParse(ParseConfig{Format: "json", Field: "log"}, e) },
		[]string{
			`{"log":"{\"\":1,\"a.b\":2,\"x\":{\"\":3}}","x":0,"y":"z"}`,
			`{"":5,"log":"{\"\":6}"}`,
			`{"log":"{}"}`,
		},
		[]string{
			`100:{"x":{"":3},"y":"z","":1,"a.b":2}`,
			`101:{"":6}`,
			`102:{}`,
		},
		result{changed: 3},
	)
}

func TestParseLogfmtInBackticks(t *testing.T) {
	check(
		t,
		func(e Env) (Filter, error) { return NewParse(ParseConfig{Format: "logfmt"}, e) },
		[]string{"a=`x \"y\" \\n` b=1", "a=`` b=`z`", "a=`open b=1", "a=`x`y"},
		[]string{
			"100:{\"a\":\"x \\\"y\\\" \\\\n\",\"b\":\"1\"}",
			"101:{\"a\":\"\",\"b\":\"z\"}",
			"102:{\"a\":\"`open\",\"b\":\"1\"}",
			"103:{\"a\":\"`x`y\"}",
		},
		result{changed: 4},
	)
}

// What a record lacks leaves out the field that wants it, and no other.
func TestAddFieldsLeavesOutWhatIsMissing(t *testing.T) {
	reg := prometheus.NewRegistry()
	f, err := NewAddFields(AddFieldsConfig{Overwrite: true, Fields: map[string]template.Template{
		"a": template.MustParse(
			"${tag[9]}",
		),
		"b": template.MustParse("x-${header.none}"),
		"c": template.MustParse("${tag[0]}"),
		"d": template.MustParse("${field.none}"),
	}}, Env{Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	if got := values(t, apply(f, batch(`{"n":1}`, "text")))[0]; got != `100:{"n":1,"c":"app"}` {
		t.Error(got)
	}
	if n := testutil.ToFloat64(f.leftOut); n != 3 {
		t.Errorf("%v fields left out, want 3", n)
	}
}

// Numbers stay numbers, down to the last digit.
func TestAddFieldsKeepsTypes(t *testing.T) {
	fields := map[string]template.Template{}
	for name, src := range map[string]string{
		"a": `2`, "b": `true`, "c": `"2"`, "d": `"${field.n}"`, "e": `field.o`, "f": `"n=${field.n}"`, "g": `field["big"]`, "h": `"${2}"`, "i": `"v${2}"`, "j": `-1.50`,
	} {
		expr, diags := hclsyntax.ParseExpression([]byte(src), "", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if fields[name], diags = template.Compile(expr, template.Scope{}); diags.HasErrors() {
			t.Fatal(diags)
		}
	}
	in := `{"n":1.50,"o":{"x":[null]},"big":9007199254740993}`
	check(
		t,
		func(e Env) (Filter, error) { return NewAddFields(AddFieldsConfig{Fields: fields}, e) },
		[]string{in},
		[]string{`100:` + strings.TrimSuffix(in, "}") +
			`,"a":2,"b":true,"c":"2","d":1.50,"e":{"x":[null]},"f":"n=1.50","g":9007199254740993,"h":2,"i":"v2","j":-1.5}`},
		result{changed: 1},
	)
}

func TestParse(t *testing.T) {
	build := func(c ParseConfig) func(Env) (Filter, error) {
		return func(e Env) (Filter, error) { return NewParse(c, e) }
	}
	check(
		t,
		build(
			ParseConfig{
				Format:  "regex",
				Pattern: `^(?P<m>\w+) (?P<s>\d+)(?: (?P<o>.*))?$`,
				Keep:    "raw",
			},
		),
		[]string{"GET 200", `PUT 500 "x"`, "what"},
		[]string{
			`100:{"m":"GET","s":"200","raw":"GET 200"}`,
			`101:{"m":"PUT","s":"500","o":"\"x\"","raw":"PUT 500 \"x\""}`,
			"102:what",
		},
		result{changed: 2, unhandled: 1},
	)
	check(
		t,
		build(ParseConfig{Format: "json", Field: "log"}),
		[]string{`{"log":"{\"a\":1,\"b.c\":[2]}","t":0}`, `{"log":"plain"}`, `{"log":5}`},
		[]string{
			`100:{"t":0,"a":1,"b.c":[2]}`,
			`101:{"log":"plain"}`,
			`102:{"log":5}`,
		},
		result{changed: 1, unhandled: 2},
	)
	check(
		t,
		build(ParseConfig{Format: "logfmt", Into: "kv"}),
		[]string{`level=info msg="a \"b\"" ok n=`, `no pairs here`, `a="open`},
		[]string{
			`100:{"kv":{"level":"info","msg":"a \"b\"","ok":true,"n":""}}`,
			`101:no pairs here`,
			`102:a="open`,
		},
		result{changed: 1, unhandled: 2},
	)
}

func TestRenameTag(t *testing.T) {
	f, err := NewRenameTag(
		RenameTagConfig{
			Match: `^app\.(?P<which>\w+)`,
			To:    template.MustParse(`logs.${group.which}.${tag[2]}`),
		},
		Env{},
	)
	if err != nil {
		t.Fatal(err)
	}
	b := batch("a", "b")
	out := apply(f, b)
	if out.Tag != "logs.web.access" || b.Tag != "app.web.access" || out.First != 100 ||
		out.End != 102 {
		t.Errorf("%q, was %q, [%d, %d)", out.Tag, b.Tag, out.First, out.End)
	}
	if got := strings.Join(values(t, out), " "); got != "100:a 101:b" {
		t.Error(got)
	}
	if got := f.Tag("other.x"); got != "other.x" {
		t.Error(got)
	}
	if got := f.Tag("app.web"); got != "app.web" {
		t.Errorf("a tag without the part became %q", got)
	}
}

func TestSampleIsASteadyShare(t *testing.T) {
	var in []string
	for i := range 20000 {
		in = append(in, fmt.Sprintf(`{"trace":"t%d"}`, i/4))
	}
	in[0] = `ERROR`
	for _, field := range []string{"", "trace"} {
		f, err := NewSample(
			SampleConfig{Keep: 0.25, Field: field, Always: "ERROR"},
			Env{Metrics: prometheus.NewRegistry()},
		)
		if err != nil {
			t.Fatal(err)
		}
		out := apply(f, batch(in...))
		if share := float64(out.Len()) / float64(len(in)); math.Abs(share-0.25) > 0.02 {
			t.Errorf("field %q: %v pass", field, share)
		}
		if got := values(t, out); got[0] != "100:ERROR" {
			t.Errorf("field %q: first is %s", field, got[0])
		}
		if field != "" {
			n := map[string]int{}
			for _, v := range values(t, out)[1:] {
				_, trace, _ := strings.Cut(v, ":")
				n[trace]++
			}
			for trace, count := range n {
				if count != 4 && trace != `{"trace":"t0"}` {
					t.Fatalf("%s passes %d times of 4", trace, count)
				}
			}
		}
	}
}

func TestRedact(t *testing.T) {
	build := func(c RedactConfig) func(Env) (Filter, error) {
		return func(e Env) (Filter, error) { return NewRedact(c, e) }
	}
	check(
		t,
		build(
			RedactConfig{
				Presets:  []string{"email", "credit_card"},
				Patterns: []string{`(token=)\w+`},
				Replace:  "$1#",
			},
		),
		[]string{"from a.b@c.org card 4111 1111 1111 1111 token=abc", "clean"},
		[]string{"100:from # card # token=#", "101:clean"},
		result{changed: 1, kept: 1},
	)
	check(
		t,
		build(
			RedactConfig{Patterns: []string{`\d+`}, Fields: []string{"a", "list"}, Replace: `"n"`},
		),
		[]string{`{"a":"x1\"","b":"2","list":["3"]}`, `{"b":1}`, `1`},
		[]string{
			`100:{"a":"x\"n\"\"","b":"2","list":["\"n\""]}`,
			`101:{"b":1}`,
			`102:"n"`,
		},
		result{changed: 2, kept: 1},
	)
}

func TestRedactKnowsWhatItFinds(t *testing.T) {
	build := func(c RedactConfig) func(Env) (Filter, error) {
		return func(e Env) (Filter, error) { return NewRedact(c, e) }
	}
	all := []string{
		"email",
		"ipv6",
		"ipv4",
		"credit_card",
		"iban",
		"bearer_token",
		"jwt",
		"aws_access_key",
		"private_key",
	}
	check(t, build(RedactConfig{Presets: all, Replace: "#"}), []string{
		"card 4111111111111111 order 4111111111111112 id 1234567890123",
		"iban GB82 WEST 1234 5698 7654 32 and GB82 WEST 1234 5698 7654 33",
		"from 2001:db8::1 and ::ffff:10.0.0.1 at 10:20:30",
		"jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_",
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x",
	}, []string{
		"100:card # order 4111111111111112 id 1234567890123",
		"101:iban # and GB82 WEST 1234 5698 7654 33",
		"102:from # and # at 10:20:30",
		"103:jwt #",
		"104:# x",
	}, result{changed: 5})
	check(
		t,
		build(RedactConfig{Presets: []string{"email"}, Method: "hash", Key: "k"}),
		[]string{`{"m":"a@b.org"}`, "a@b.org c@b.org"},
		[]string{
			`100:{"m":"` + hmacOf("k", "a@b.org")[:16] + `"}`,
			"101:" + hmacOf("k", "a@b.org")[:16] + " " + hmacOf("k", "c@b.org")[:16],
		},
		result{changed: 2},
	)
	check(
		t, build(RedactConfig{Presets: []string{"credit_card"}, Method: "last4"}),
		[]string{"4111 1111 1111 1111"}, []string{"100:****1111"}, result{changed: 1},
	)
}

func TestChainRoutesByItsOwnTag(t *testing.T) {
	rename, err := NewRenameTag(RenameTagConfig{To: template.MustParse("new.${tag}")}, Env{})
	if err != nil {
		t.Fatal(err)
	}
	grep, err := NewGrep(GrepConfig{Include: []string{"a"}}, Env{Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	c := Chain{rename, grep}
	out := apply(c, batch("a", "b"))
	if out.Tag != c.Tag("app.web.access") || out.Tag != "new.app.web.access" || out.Len() != 1 {
		t.Errorf("%q, %d records", out.Tag, out.Len())
	}
}

func TestMistakesAreFound(t *testing.T) {
	for _, c := range []struct {
		cfg  interface{ Validate() error }
		want string
	}{
		{&GrepConfig{}, "include: "},
		{&GrepConfig{Include: []string{"a", "("}}, "include[1]: "},
		{&GrepConfig{Include: []string{"a"}, Field: "a..b"}, "field: "},
		{&GrepConfig{Include: []string{"a"}, Field: "a", Header: "b"}, "header: "},
		{&AddFieldsConfig{}, "fields: "},
		{&AddFieldsConfig{Fields: map[string]template.Template{"a": template.MustParse("${nope}")}}, "fields: a: ${nope}"},
		{&RemoveFieldsConfig{Fields: []string{"a", ""}}, "fields[1]: "},
		{&RemoveFieldsConfig{Matching: []string{"a", "("}}, "matching[1]: "},
		{&RemoveFieldsConfig{}, "fields: names no field"},
		{&ParseConfig{Format: "regex", Pattern: "x"}, "pattern: "},
		{&ParseConfig{Format: "json", Pattern: "x"}, "pattern: "},
		{&RenameTagConfig{Match: "a", To: template.MustParse("${group.b}")}, "to: "},
		{&RenameTagConfig{Match: "("}, "match: "},
		{&SampleConfig{Keep: math.NaN()}, "keep: "},
		{&RedactConfig{}, "patterns: "},
		{&RedactConfig{Presets: []string{"x"}}, "presets[0]: "},
	} {
		err := c.cfg.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%T: %v, want %s...", c.cfg, err, c.want)
		}
	}
}

// Whatever the field names and values are, editing JSON gives JSON.
func FuzzEditJSON(f *testing.F) {
	f.Add(`{"a":{"b":"c"}}`, "a.b", "x")
	f.Add(`{"":1}`, "*", "\xff\x00")
	f.Fuzz(func(t *testing.T, value, field, text string) {
		add := AddFieldsConfig{
			Overwrite: true,
			Fields: map[string]template.Template{
				field: {Parts: []template.Part{{Literal: text}}},
			},
		}
		if add.Validate() != nil {
			return
		}
		env := func() Env { return Env{Metrics: prometheus.NewRegistry()} }
		a, err := NewAddFields(add, env())
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewRemoveFields(RemoveFieldsConfig{Fields: []string{field}}, env())
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewParse(ParseConfig{Format: "json", Field: field}, env())
		if err != nil {
			t.Fatal(err)
		}
		out := apply(Chain{a, p, r}, batch(value))
		seq, err := out.Records()
		if err != nil {
			t.Fatal(err)
		}
		for rec := range seq {
			if json.Valid([]byte(value)) && !json.Valid(rec.Value) {
				t.Errorf("%q with %q=%q gives %q", value, field, text, rec.Value)
			}
		}
	})
}

func tmpl(s string) template.Template { return template.MustParse(s) }

// headersOf returns key and headers of a batch's first record.
func headersOf(t *testing.T, b *record.Batch) string {
	t.Helper()
	seq, err := b.Records()
	if err != nil {
		t.Fatal(err)
	}
	for r := range seq {
		var out []string
		for _, h := range r.Headers {
			out = append(out, h.Key+"="+string(h.Value))
		}
		return fmt.Sprintf("%s %v", r.Key, out)
	}
	return "no record"
}

// A record that nests without end is one that filters cannot handle: it takes no stack and no time.
func TestDeepNesting(t *testing.T) {
	nested := func(depth int) string {
		return `{"a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `,"b":1}`
	}
	same := func(build func(Env) (Filter, error), values ...string) {
		t.Helper()
		for _, value := range values {
			rewrites(t, build, [2]string{value, value})
		}
	}
	for _, build := range []func(Env) (Filter, error){
		with(ParseConfig{Format: "json", OnFailure: "pass"}, NewParse),
		with(ParseConfig{Format: "docker", OnFailure: "pass"}, NewParse),
		redact(RedactConfig{Presets: []string{"email"}}),
		with(DefaultExplode(), NewExplode),
		with(FlattenConfig{Separator: ".", Lists: true}, NewFlatten),
	} {
		same(build, strings.Repeat("[", 6<<20), nested(6<<20))
	}
	condition := must(t, "field.a == 1 or len(field) > 9")
	same(with(WhereConfig{Condition: condition}, NewWhere), nested(1<<20))
}
