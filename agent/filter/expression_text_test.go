package filter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/prometheus/client_golang/prometheus"
)

// exprTemplate returns a template with an expression in it.
func exprTemplate(t testing.TB, text string) template.Template {
	t.Helper()
	tm, err := template.Parse(text, CompileText)
	if err != nil {
		t.Fatal(err)
	}
	return tm
}

func bound(t testing.TB, tm template.Template) *template.Bound[dialect.Subject] {
	t.Helper()
	b, err := dialect.Bind(tm, "edge-1")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func subjects(t testing.TB, b *record.Batch) []dialect.Subject {
	t.Helper()
	seq, err := b.Records()
	if err != nil {
		t.Fatal(err)
	}
	var out []dialect.Subject
	for r := range seq {
		r := *r
		out = append(out, dialect.Subject{Batch: b, Record: &r})
	}
	return out
}

func TestExpressionsInTemplates(t *testing.T) {
	t.Parallel()
	value := `{"level":"ERROR","n":7,"f":1.50,"ok":true,"list":[1],"o":{"a":1},"none":null,"nothing":"","team":"a/b"}`
	for text, want := range map[string]string{
		`app-${expr("lower(field.level)")}`:                       "app-error",
		`${expr("field.level == 'ERROR' ? 'alerts' : 'logs'")}`:   "alerts",
		`${tag[0]}/${expr("tag[1] + '-' + field.team")}/${agent}`: "app/web-a/b/edge-1",
		`${expr("field.n * 2")}`:                                  "14",
		`${expr("field.f")}`:                                      "1.50",
		`${expr("field.f + 1")}`:                                  "2.5",
		`${expr("field.ok and field.n > 5")}`:                     "true",
		`${expr("time.Year()")}`:                                  "1970",
		`${expr("time")}`:                                         "1970-01-01T00:00:00Z",
		`${expr("header.file + '.' + key + '.' + agent")}`:        "f0.k.edge-1",
		`${expr("field.gone ?? 'd'")}`:                            "d",
		`${expr("join(map(field.list, string(#)), ',')")}`:        "1",
		`${expr("tag == 'x' ? 1 : origin")}`:                      "/var/log/web.log",
		// What gives no text.
		`${expr("field.gone")}`: "", `${expr("field.none")}`: "", `${expr("field.nothing")}`: "", `a${expr("field.list")}`: "",
		`${expr("field.o")}`: "", `${expr("field.gone + 1")}`: "", `${expr("field.ok ? field.o : 1")}`: "", `${expr("field.n / 0")}`: "",
		`${expr("lower(field.gone)")}`: "", `${expr("field.level == 'ERROR' ? nil : 1")}`: "",
	} {
		got, err := bound(t, exprTemplate(t, text)).Append(nil, subjects(t, batch(value))[0])
		switch {
		case want != "" && (err != nil || string(got) != want):
			t.Errorf("%s: %q (%v), want %q", text, got, err, want)
		case want == "" && (!errors.Is(err, dialect.ErrMissing) || !strings.Contains(err.Error(), `expr("`)):
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// What can never be text is refused when it is read, with what to write instead.
func TestExpressionsThatAreNeverText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"split(tag, '.')": "join(", "[tag]": "join(", "{'a': tag}": "toJSON(", "field": "toJSON(", "nil": "single quotes",
		"fild.x": "unknown name fild", "lower(1)": "cannot use int", "": "empty",
	} {
		if _, err := CompileText(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want something about %q", text, err, want)
		}
	}
	for _, text := range []string{"${expr(\"tag\", \"x\")}", "${expr(1)}", "${expr()}"} {
		if _, err := template.Parse(text, CompileText); err == nil ||
			!strings.Contains(err.Error(), `expr("lower(field.level)")`) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := template.Parse(`${expr("tag")}`, nil); err == nil {
		t.Error("an expression where none can be compiled")
	}
}

// A template is the same for a whole batch exactly if its expression looks at nothing else.
func TestWhichExpressionsAreOfABatch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"tag": true, "upper(tag[0]) + agent": true, "origin matches 'x' ? 'a' : 'b'": true, "'x'": true,
		"key": false, "field.a": false, "header.a": false, "value": false, "len(field)": false, "time.Year()": false,
		"tag == 'x' ? field.a : 'b'": false, "let x = header.a; x": false,
	} {
		tm := exprTemplate(t, `${agent}${expr("`+text+`")}`)
		if got := dialect.OfBatch(tm); got != want {
			t.Errorf("%s: %v", text, got)
		}
		if !want {
			continue
		}
		if _, err := bound(t, tm).Append(nil, dialect.Subject{Batch: batch("x")}); err != nil {
			t.Errorf("%s without a record: %v", text, err)
		}
	}
}

// randomExpression makes an expression out of others.
func randomExpression(rng *rand.Rand, depth int) string {
	sub := func() string { return randomExpression(rng, depth-1) }
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	if depth == 0 {
		return pick(
			"field.a", "field.b", "field.b.c", "field['x y']", "field.gone", "header.file", "header.gone",
			"tag", "tag[1]", "tag[9]", "key", "origin", "agent", "'t'", "''", "7", "1.50", "true", "nil", "value", "time",
		)
	}
	switch rng.IntN(9) {
	case 0:
		return "lower(string(" + sub() + "))"
	case 1:
		return "(" + sub() + " ?? " + sub() + ")"
	case 2:
		return "(" + sub() + pick(" + ", " - ", " * ", " / ") + sub() + ")"
	case 3:
		return "(" + sub() + pick(" == ", " < ", " contains ", " and ") + sub() + ")"
	case 4:
		return "(" + sub() + " != nil ? " + sub() + " : " + sub() + ")"
	case 5:
		return "len(" + sub() + ")"
	case 6:
		return pick("int", "float", "toJSON", "trim") + "(" + sub() + ")"
	case 7:
		return "split(" + sub() + ", '.')" + pick("", "[0]")
	}
	return sub()
}

func randomValue(rng *rand.Rand) string {
	values := []string{
		`"text"`, `""`, `"é\n\"x\""`, "7", "1.50", "-0.0", "1e300", "12345678901234567890", "true", "null",
		"[1,2]", `{"c":"deep"}`, `{"c":3.10}`, `{}`,
	}
	one := func() string { return values[rng.IntN(len(values))] }
	return fmt.Sprintf(`{"a":%s,"b":%s,"x y":%s}`, one(), one(), one())
}

// An expression in a template is what set would make of it, and a template of that field.
func TestAnExpressionInATemplateIsWhatSetMakesOfIt(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	tried, withText := 0, 0
	for range 4000 {
		text := randomExpression(rng, rng.IntN(4))
		e, err := NewExpression(text)
		if err != nil {
			continue
		}
		compiled, err := CompileText(text)
		if err != nil {
			if e.isText() == nil {
				t.Fatalf("%s: %v", text, err)
			}
			continue
		}
		tried++
		in := batch(randomValue(rng), randomValue(rng))
		set, err := NewSet(
			SetConfig{Fields: map[string]Expression{"out": e}, Overwrite: true},
			Env{Agent: "edge-1", Metrics: prometheus.NewRegistry()},
		)
		if err != nil {
			t.Fatal(err)
		}
		before, after := subjects(t, in), subjects(t, apply(set, in))
		direct := bound(t, template.Template{Parts: []template.Part{
			{Name: "expr", Args: []string{text}, Call: true, Expression: compiled},
		}})
		field := bound(t, template.MustParse("${field.out}"))
		for i := range before {
			want, missing := field.Append(nil, after[i])
			got, err := direct.Append(nil, before[i])
			if err == nil && string(got) != string(want) || (err == nil) != (missing == nil) {
				t.Fatalf(
					"%s of %s: %q (%v), by way of set %q (%v)", text, before[i].Record.Value, got,
					err, want, missing,
				)
			}
			if err == nil {
				withText++
			}
		}
	}
	if tried < 500 || withText < 500 {
		t.Errorf("only %d expressions tried, %d gave text", tried, withText)
	}
}

// One compiled template serves all lanes of an output.
func TestAnExpressionInATemplateIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	b := bound(t, exprTemplate(t, `${expr("lower(field.level) + header.file")}`))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			level := fmt.Sprintf("L%d", i)
			s := subjects(t, batch(`{"level":"`+level+`"}`))[0]
			for range 200 {
				got, err := b.Append(nil, s)
				if want := strings.ToLower(level) + "f0"; err != nil || string(got) != want {
					t.Errorf("%q (%v), want %q", got, err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestExpressionsInTemplatesOfFilters(t *testing.T) {
	t.Parallel()
	check(t, func(e Env) (Filter, error) {
		return NewAddFields(AddFieldsConfig{Fields: map[string]template.Template{
			"twice": exprTemplate(t, `${expr("field.n * 2")}`),
			"big":   exprTemplate(t, `${expr("field.n > 5")}`),
			"text":  exprTemplate(t, `n=${expr("field.n * 2")}`),
			"gone":  exprTemplate(t, `${expr("field.gone")}`),
			"list":  exprTemplate(t, `x${expr("field.list")}`),
		}}, e)
	}, []string{`{"n":7,"list":[1]}`}, []string{
		`100:{"n":7,"list":[1],"big":true,"text":"n=14","twice":14}`,
	}, result{changed: 1})

	rename, err := NewRenameTag(
		RenameTagConfig{To: exprTemplate(t, `${expr("upper(tag[0])")}.${agent}`)},
		Env{Agent: "edge-1", Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	if got := rename.Tag("app.web"); got != "APP.edge-1" {
		t.Error(got)
	}
	for _, text := range []string{"origin", "field.a", "key"} {
		c := RenameTagConfig{To: exprTemplate(t, `${expr("`+text+`")}`)}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "tag and agent") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func BenchmarkTemplates(b *testing.B) {
	value := `{"time":"2026-11-28T12:00:00Z","level":"ERROR","service":"checkout","status":503,"msg":"upstream timed out after 3000 ms while reading the response header"}`
	s := subjects(b, batch(value))[0]
	for name, text := range map[string]string{
		"field": `${field.level}`, "expression": `${expr("lower(field.level) + '-' + field.service")}`,
		"expression-of-batch": `${expr("lower(tag[0])")}`,
	} {
		b.Run(name, func(b *testing.B) {
			tm := bound(b, exprTemplate(b, text))
			var dst []byte
			b.ReportAllocs()
			start := costtest.CPU()
			for b.Loop() {
				dst, _ = tm.Append(dst[:0], s)
			}
			b.ReportMetric(float64(b.N)/(costtest.CPU()-start).Seconds(), "records/cpu-s")
		})
	}
}
