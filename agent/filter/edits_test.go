package filter

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/prometheus/client_golang/prometheus"
)

// with returns a constructor for check.
func with[C any, F Filter](c C, build func(C, Env) (F, error)) func(Env) (Filter, error) {
	return func(e Env) (Filter, error) {
		f, err := build(c, e)
		return f, err
	}
}

func TestKeepFields(t *testing.T) {
	check(
		t,
		with(KeepFieldsConfig{Fields: []string{"a", "o.x", "o.y"}}, NewKeepFields),
		[]string{`{"b":1,"a":1.0,"o":{"x":[1],"z":2,"y":null}}`, `{"a":5}`, `text`, `{"c":1}`},
		[]string{
			`100:{"a":1.0,"o":{"x":[1],"y":null}}`,
			`101:{"a":5}`,
			`102:text`,
			`103:{}`,
		},
		result{changed: 3, unhandled: 1},
	)
	check(
		t, with(KeepFieldsConfig{Fields: []string{"a", "b"}}, NewKeepFields),
		[]string{`{"a":1,"b":2}`}, []string{`100:{"a":1,"b":2}`}, result{kept: 1},
	)
}

func TestRenameFieldsKeepsTypes(t *testing.T) {
	check(
		t,
		with(
			RenameFieldsConfig{
				Fields:    map[string]string{"a": "z", "o.n": "n", "s": "q.s"},
				Overwrite: true,
			},
			NewRenameFields,
		),
		[]string{
			`{"a":9007199254740993,"b":1,"o":{"n":1.50},"s":"t"}`,
			`{"b":2}`,
			`{"a":1,"z":2}`,
			`x`,
		},
		[]string{
			`100:{"z":9007199254740993,"b":1,"o":{},"n":1.50,"q":{"s":"t"}}`,
			`101:{"b":2}`,
			`102:{"z":1}`,
			`103:x`,
		},
		result{changed: 2, kept: 1, unhandled: 1},
	)
	check(
		t, with(RenameFieldsConfig{Fields: map[string]string{"a": "z"}}, NewRenameFields),
		[]string{`{"a":1,"z":2}`}, []string{`100:{"a":1,"z":2}`}, result{kept: 1},
	)
}

func TestConvert(t *testing.T) {
	check(
		t,
		with(
			ConvertConfig{
				Types: map[string]string{
					"a":   "int",
					"b":   "float",
					"c":   "bool",
					"d":   "string",
					"e":   "auto",
					"o.x": "int",
				},
			},
			NewConvert,
		),
		[]string{
			`{"a":"200","b":"1.50","c":"yes","d":1.0,"e":"12","o":{"x":"7"}}`,
			`{"a":1,"b":2.5,"c":true,"d":"s","e":"x"}`,
			`{"a":"x","b":null,"c":{}}`,
			`t`,
		},
		[]string{
			`100:{"a":200,"b":1.50,"c":true,"d":"1.0","e":12,"o":{"x":7}}`,
			`101:{"a":1,"b":2.5,"c":true,"d":"s","e":"x"}`,
			`102:{"a":"x","b":null,"c":{}}`,
			`103:t`,
		},
		result{changed: 1, kept: 2, unhandled: 1},
	)
}

func TestReplaceAndTruncate(t *testing.T) {
	check(
		t,
		with(ReplaceConfig{Field: "path", Pattern: `/\d+`, With: "/:id"}, NewReplace),
		[]string{`{"path":"/a/12/b/3"}`, `{"path":1}`, `{"path":"/x"}`},
		[]string{
			`100:{"path":"/a/:id/b/:id"}`,
			`101:{"path":1}`,
			`102:{"path":"/x"}`,
		},
		result{changed: 1, kept: 1, unhandled: 1},
	)
	check(
		t, with(ReplaceConfig{Pattern: `\s+$`}, NewReplace), []string{"a  ", "b"},
		[]string{"100:a", "101:b"}, result{changed: 1, kept: 1},
	)
	check(
		t, with(TruncateConfig{Fields: []string{"m", "n"}, Size: 4, Suffix: "…"}, NewTruncate),
		[]string{`{"m":"abécd","n":"abcd"}`, `{"m":12345}`},
		[]string{`100:{"m":"abé…","n":"abcd"}`, `101:{"m":12345}`}, result{changed: 1, kept: 1},
	)
	check(
		t, with(TruncateConfig{Size: 3}, NewTruncate), []string{"aé€", "abc"},
		[]string{"100:aé", "101:abc"}, result{changed: 1, kept: 1},
	)
}

func TestFlattenAndNest(t *testing.T) {
	check(
		t,
		with(FlattenConfig{Separator: "."}, NewFlatten),
		[]string{`{"a":{"b":1,"c":{"d":[1,{"e":2}]},"x":{}},"f":2}`, `{"a":1}`, `t`},
		[]string{
			`100:{"a.b":1,"a.c.d":[1,{"e":2}],"a.x":{},"f":2}`,
			`101:{"a":1}`,
			`102:t`,
		},
		result{changed: 1, kept: 1, unhandled: 1},
	)
	check(
		t, with(FlattenConfig{Separator: "_", Lists: true, Field: "a.c"}, NewFlatten),
		[]string{`{"a":{"c":{"d":[1,{"e":2}]},"g":3}}`},
		[]string{`100:{"a":{"g":3},"a_c_d_0":1,"a_c_d_1_e":2}`}, result{changed: 1},
	)
	check(
		t,
		with(NestConfig{Fields: []string{"x"}, Prefix: "http.", Into: "http"}, NewNest),
		[]string{`{"http.path":"/","x":1.0,"y":2}`, `{"http":{"a":1},"http.b":2}`, `{"y":1}`, `t`},
		[]string{
			`100:{"y":2,"http":{"path":"/","x":1.0}}`,
			`101:{"http":{"a":1,"b":2}}`,
			`102:{"y":1}`,
			`103:t`,
		},
		result{changed: 2, kept: 1, unhandled: 1},
	)
}

func TestHashAndUUID(t *testing.T) {
	check(
		t,
		with(
			HashConfig{Fields: []string{"u"}, Into: "u", Algorithm: "hmac_sha256", Key: "k"},
			NewHash,
		),
		[]string{`{"u":"bob"}`, `{"v":1}`},
		[]string{
			`100:{"u":"` + hmacOf("k", "bob") + `"}`,
			`101:{"v":1}`,
		},
		result{changed: 1, kept: 1},
	)
	f, err := NewUUID(
		UUIDConfig{Header: "id"}, Env{Agent: "edge", Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for range 2 { // the same when it comes again
		seq, _ := apply(f, batch("a", "a", "b")).Records()
		for r := range seq {
			id, _ := r.Header("id")
			ids[string(id)] = true
		}
	}
	if len(ids) != 3 {
		t.Errorf("%d ids of 3 records: %v", len(ids), ids)
	}
}

func TestSplit(t *testing.T) {
	check(
		t, with(SplitConfig{Field: "tags", Separator: ",", Trim: true}, NewSplit),
		[]string{`{"tags":"a, b,,\"c"}`, `{"tags":[1]}`},
		[]string{`100:{"tags":["a","b","\"c"]}`, `101:{"tags":[1]}`},
		result{changed: 1, unhandled: 1},
	)
}

func TestExplode(t *testing.T) {
	max := 100
	check(
		t,
		with(ExplodeConfig{Field: "l", MaxParts: max}, NewExplode),
		[]string{`{"h":"x","l":[1.0,{"a":2}]}`, `{"l":[]}`, `t`},
		[]string{
			`100:{"h":"x","l":1.0}`,
			`100:{"h":"x","l":{"a":2}}`,
			`101:{"l":[]}`,
			`102:t`,
		},
		result{split: 1, kept: 1, unhandled: 1},
	)
	check(
		t, with(ExplodeConfig{Field: "l", Flat: true, MaxParts: max}, NewExplode),
		[]string{`{"h":"x","a":1,"l":[{"a":2},{"b":3}]}`},
		[]string{`100:{"h":"x","a":2}`, `100:{"h":"x","a":1,"b":3}`}, result{split: 1},
	)
	check(
		t, with(ExplodeConfig{MaxParts: max}, NewExplode), []string{` [1, {"a":2},"t"]`, `[1`},
		[]string{`100:1`, `100:{"a":2}`, `100:t`, `101:[1`}, result{split: 1, unhandled: 1},
	)
	check(
		t, with(ExplodeConfig{Separator: "\n", MaxParts: 2}, NewExplode),
		[]string{"a\n\nb\n", "a\nb\nc"}, []string{"100:a", "100:b", "101:a\nb\nc"},
		result{split: 1, unhandled: 1},
	)
	check(
		t, with(ExplodeConfig{Field: "l", Alone: true, MaxParts: max}, NewExplode),
		[]string{`{"h":"x","l":["a\"",2]}`}, []string{`100:a"`, `100:2`}, result{split: 1},
	)
}

// What comes out of an explode goes through the filters that follow, and stays in order by its
// time, too.
func TestExplodeInAChain(t *testing.T) {
	e, err := NewExplode(
		ExplodeConfig{Field: "l", Alone: true, MaxParts: 9}, Env{Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWhere(WhereConfig{must(t, "field.n != 2")}, Env{Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	out := Chain{
		e,
		w,
	}.Apply(
		batch(`{"n":0}`, `{"l":[{"n":1},{"n":2},{"n":3}]}`, `{"n":2}`, `{"n":9}`),
	).Batch
	if got := strings.Join(
		values(t, out), " ",
	); got != `100:{"n":0} 101:{"n":1} 101:{"n":3} 103:{"n":9}` {
		t.Error(got)
	}
	if out.First != 100 || out.End != 104 {
		t.Errorf("[%d, %d)", out.First, out.End)
	}
	last := int64(-1)
	seq, _ := out.Records()
	for r := range seq {
		if r.Time <= last {
			t.Errorf("%d after %d", r.Time, last)
		}
		last = r.Time
	}
}

func TestTime(t *testing.T) {
	for _, c := range []struct {
		cfg          TimeConfig
		in, at, want string
	}{
		{TimeConfig{Field: "ts", Formats: []string{"auto"}}, `{"ts":"2026-10-25T02:30:00+02:00"}`, "2026-10-25T00:30:00Z", ""},
		{TimeConfig{Field: "ts", Formats: []string{"auto"}, Remove: true}, `{"ts":1700000000.5,"a":1}`, "2023-11-14T22:13:20.5Z", `{"a":1}`},
		{TimeConfig{Field: "t.ms", Formats: []string{"epoch_ms"}}, `{"t":{"ms":1700000000123}}`, "2023-11-14T22:13:20.123Z", ""},
		{TimeConfig{Field: "ts", Formats: []string{"iso8601", "%d/%b/%Y:%H:%M:%S %z"}}, `{"ts":"10/Oct/2000:13:55:36 -0700"}`, "2000-10-10T20:55:36Z", ""},
		{TimeConfig{Field: "ts", Formats: []string{"%b %e %H:%M:%S"}, Zone: "Europe/Berlin"}, `{"ts":"Dec 31 23:59:59"}`, "2025-12-31T22:59:59Z", ""},
		{TimeConfig{Field: "ts", Formats: []string{"%Y-%m-%d %H:%M:%S"}, Zone: "Europe/Berlin"}, `{"ts":"2026-03-29 03:30:00"}`, "2026-03-29T01:30:00Z", ""},
		{TimeConfig{Field: "ts", Formats: []string{"%Y-%m-%d %H:%M:%S"}, Zone: "Europe/Berlin"}, `{"ts":"2026-03-29 02:30:00"}`, "2026-03-29T01:30:00Z", ""},    // there is no such time
		{TimeConfig{Field: "ts", Formats: []string{"%Y-%m-%d %H:%M:%S"}, Zone: "Europe/Berlin"}, `{"ts":"2026-10-25 02:30:00"}`, "2026-10-25T01:30:00Z", ""},    // it comes twice
		{TimeConfig{Field: "ts", Formats: []string{"%Y-%m-%d %H:%M:%S"}, Zone: "America/New_York"}, `{"ts":"2026-11-01 01:30:00"}`, "2026-11-01T05:30:00Z", ""}, // so does this
		{TimeConfig{Field: "ts", Formats: []string{"%Y-%m-%d %H:%M:%S"}, Zone: "Europe/Berlin"}, `{"ts":"2026-10-25 03:30:00"}`, "2026-10-25T02:30:00Z", ""},
		{TimeConfig{Header: "file", Formats: []string{"auto"}}, `{}`, "2026-01-01T00:00:03Z", ""},
		{TimeConfig{Field: "ts", Formats: []string{"auto"}}, `{"ts":"never"}`, "2026-01-01T00:00:03Z", ""},
		{TimeConfig{Field: "ts", Formats: []string{"auto"}}, `text`, "2026-01-01T00:00:03Z", ""},
	} {
		f, err := NewTime(c.cfg, Env{Metrics: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		out := lines(t, f, time.Date(2026, 1, 1, 0, 0, 3, 0, time.UTC), c.in)[0]
		if got := out.When().Format(time.RFC3339Nano); got != c.at {
			t.Errorf("%s: %s, want %s", c.in, got, c.at)
		}
		if c.want == "" {
			c.want = c.in
		}
		if string(out.Value) != c.want {
			t.Errorf("%s became %s", c.in, out.Value)
		}
	}
}

// A typed value that goes in comes out as it was, through every filter that moves or copies it.
func TestValuesStayWhatTheyAre(t *testing.T) {
	rng := runtest.Rand(t)
	random := func() string {
		switch rng.IntN(6) {
		case 0:
			return fmt.Sprint(rng.Uint64())
		case 1:
			return fmt.Sprint(int64(rng.Uint64()))
		case 2:
			return []string{"1.50", "-0.0", "1e300", "0.1000000000000000055511151231257827", "123456789012345678901234567890"}[rng.IntN(5)]
		case 3:
			return []string{"true", "false", "null"}[rng.IntN(3)]
		case 4:
			return `"` + strings.Repeat(`é\n\u00e9`, rng.IntN(3)) + `"`
		}
		return fmt.Sprintf(`{"x":[%d,{"y":%d.0}]}`, rng.IntN(9), rng.IntN(9))
	}
	env := func() Env { return Env{Metrics: prometheus.NewRegistry()} }
	set, _ := NewSet(
		SetConfig{Fields: map[string]Expression{"c": must(t, "field.b")}, Overwrite: true}, env(),
	)
	rename, _ := NewRenameFields(
		RenameFieldsConfig{Fields: map[string]string{"b": "o.b"}, Overwrite: true}, env(),
	)
	nest, _ := NewNest(NestConfig{Fields: []string{"c"}, Into: "p.q"}, env())
	keep, _ := NewKeepFields(KeepFieldsConfig{Fields: []string{"a", "o.b", "p"}}, env())
	for range 500 {
		a, b := random(), random()
		out := Chain{
			set,
			rename,
			nest,
			keep,
		}.Apply(
			batch(`{"a":` + a + `,"b":` + b + `,"z":0}`),
		).Batch
		want := `100:{"a":` + a + `,"o":{"b":` + b + `},"p":{"q":{"c":` + b + `}}}`
		if got := values(t, out)[0]; got != want {
			// the order of objects made on the way may differ
			if strings.HasPrefix(got, `100:{"a":`+a+`,"p":`) {
				continue
			}
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// Whatever the value, an edit of JSON gives JSON, and a record is neither lost nor made unless a
// filter is told to.
func FuzzEdits(f *testing.F) {
	for _, s := range []string{`{"a":{"b":1},"l":[1,{"x":2}]}`, `{"a":"x\"\u00e9","a":2,"":{}}`, `[1,{"a":[]}]`, ` {"a" : { "b" : [ ] } , "l" : [ "x" ] } `, "text\nlines", `{"l":[[1],[2]]}`} {
		f.Add([]byte(s))
	}
	env := func() Env { return Env{Metrics: prometheus.NewRegistry()} }
	var filters []Filter
	add := func(x Filter, err error) {
		if err != nil {
			f.Fatal(err)
		}
		filters = append(filters, x)
	}
	add(NewKeepFields(KeepFieldsConfig{Fields: []string{"a.b", "l"}}, env()))
	add(
		NewRenameFields(
			RenameFieldsConfig{
				Fields:    map[string]string{"a": "z.y", "l": "a", "a.b": "l"},
				Overwrite: true,
			},
			env(),
		),
	)
	add(
		NewConvert(
			ConvertConfig{Types: map[string]string{"a": "auto", "a.b": "string", "l": "int"}},
			env(),
		),
	)
	add(NewFlatten(FlattenConfig{Separator: ".", Lists: true}, env()))
	add(NewNest(NestConfig{Prefix: "a", Fields: []string{"l", ""}, Into: "n.m"}, env()))
	add(NewSplit(SplitConfig{Field: "a", Separator: "x"}, env()))
	add(NewHash(HashConfig{Fields: []string{"a", "l"}, Into: "a.b"}, env()))
	add(NewTruncate(TruncateConfig{Fields: []string{"a", "a.b"}, Size: 1, Suffix: "\xff"}, env()))
	add(NewReplace(ReplaceConfig{Field: "a", Pattern: ".", With: `"`}, env()))
	add(NewReplace(ReplaceConfig{Pattern: `^.|[1n"]\W|\\`, With: `"`}, env()))
	add(
		NewRedact(
			RedactConfig{
				Patterns: []string{`[^a]l?`, `"a":\S+`, `^\pL*$`},
				Presets:  []string{"ipv4", "email"},
				Replace:  `\`,
			},
			env(),
		),
	)
	add(
		NewSet(
			SetConfig{
				Fields:    map[string]Expression{"a.b": must(f, "field.l"), "q": must(f, "1")},
				Overwrite: true,
			},
			env(),
		),
	)
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, x := range filters {
			out := lines(t, x, near, string(value))
			if len(out) != 1 || json.Valid(value) && !json.Valid(out[0].Value) {
				t.Errorf("%T: %q gives %d records, %v", x, value, len(out), out)
			}
		}
	})
}

func BenchmarkEdits(b *testing.B) {
	env := Env{}
	bench := func(name string, f Filter, err error) {
		if err != nil {
			b.Fatal(err)
		}
		benchFilter(b, name, f, benchLines["json"])
	}
	f1, err := NewKeepFields(KeepFieldsConfig{Fields: []string{"level", "user.id"}}, env)
	bench("keep_fields", f1, err)
	f2, err := NewRenameFields(
		RenameFieldsConfig{Fields: map[string]string{"msg": "message"}, Overwrite: true}, env,
	)
	bench("rename_fields", f2, err)
	f3, err := NewConvert(
		ConvertConfig{Types: map[string]string{"status": "int", "took": "float"}}, env,
	)
	bench("convert", f3, err)
	f4, err := NewFlatten(FlattenConfig{Separator: "."}, env)
	bench("flatten", f4, err)
	f5, err := NewNest(NestConfig{Fields: []string{"path", "status"}, Into: "http"}, env)
	bench("nest", f5, err)
	f6, err := NewHash(
		HashConfig{
			Fields:    []string{"user.name"},
			Into:      "user.name",
			Algorithm: "hmac_sha256",
			Key:       "k",
		},
		env,
	)
	bench("hash_hmac", f6, err)
	f7, err := NewUUID(UUIDConfig{Field: "id"}, env)
	bench("uuid", f7, err)
	f8, err := NewTime(TimeConfig{Field: "time", Formats: []string{"auto"}}, env)
	bench("time", f8, err)
	f9, err := NewReplace(ReplaceConfig{Field: "path", Pattern: `/v\d+/`, With: "/"}, env)
	bench("replace", f9, err)
	f10, err := NewTruncate(TruncateConfig{Fields: []string{"msg"}, Size: 8}, env)
	bench("truncate", f10, err)
	f11, err := NewRemoveFields(RemoveFieldsConfig{Fields: []string{"path"}}, env)
	bench("remove_fields", f11, err)
}

func hmacOf(key, text string) string {
	h := newHash("hmac_sha256", key)()
	h.Write([]byte(text))
	return fmt.Sprintf("%x", h.Sum(nil))
}

func BenchmarkOthers(b *testing.B) {
	env := Env{}
	bench := func(name, line string, f Filter, err error) {
		if err != nil {
			b.Fatal(err)
		}
		benchFilter(b, name, f, line)
	}
	add, err := NewAddFields(
		AddFieldsConfig{
			Overwrite: true,
			Fields:    map[string]template.Template{"app": tmpl("${tag[0]}"), "host": tmpl("web")},
		},
		env,
	)
	bench("add_fields", benchLines["json"], add, err)
	grep, err := NewGrep(GrepConfig{Field: "level", Exclude: []string{"^debug$"}}, env)
	bench("grep_field", benchLines["json"], grep, err)
	red, err := NewRedact(
		RedactConfig{Presets: []string{"email", "credit_card"}, Replace: "*"}, env,
	)
	bench("redact_two_presets", benchLines["json"], red, err)
	bench("redact_escaped", strings.ReplaceAll(benchLines["json"], "served", `\nserved`), red, err)
	bench("redact_found", strings.ReplaceAll(benchLines["json"], "served", "for a@b.org"), red, err)
	sam, err := NewSample(SampleConfig{Keep: 0.5, Field: "user.id"}, env)
	bench("sample_by_field", benchLines["json"], sam, err)
	split, err := NewSplit(SplitConfig{Field: "path", Separator: "/", Trim: true}, env)
	bench("split", benchLines["json"], split, err)
	exp, err := NewExplode(ExplodeConfig{Field: "l", MaxParts: 100}, env)
	bench(
		"explode_in_four", `{"host":"web-1","app":"x","l":[{"n":1},{"n":2},{"n":3},{"n":4}]}`, exp,
		err,
	)
	cnt, err := NewCount(
		CountConfig{
			Name:      "n",
			Labels:    map[string]Expression{"level": must(b, "field.level")},
			MaxSeries: 9,
		},
		env,
	)
	bench("count", benchLines["json"], cnt.ForLog("x"), err)
	csv, err := NewParse(
		ParseConfig{
			Format:    "csv",
			Delimiter: ",",
			Columns:   []string{"a", "b", "c", "d"},
			OnFailure: "pass",
		},
		env,
	)
	bench("parse_csv", `17,"some text, quoted",2026-11-28,0.125`, csv, err)
	grok, err := NewParse(
		ParseConfig{
			Format:    "grok",
			Pattern:   `^%{IP:client} %{WORD:method} %{NOTSPACE:path} %{INT:status:int}$`,
			OnFailure: "pass",
		},
		env,
	)
	bench("parse_grok", `203.0.113.7 GET /api/v1/things 200`, grok, err)
	route := NewRouter(
		[]Route{{If: must(b, "field.level == 'error'")}},
		[]Route{{If: must(b, "field.level == 'error'")}}, false, LeaveUnrouted, env,
	)
	bench("route_if", benchLines["json"], route, nil)
}
