package filter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// viewOf returns a view of one record.
func viewOf(value string) *View {
	v := &View{batch: &record.Batch{Tag: "app.web.access", Origin: "/var/log/web.log"}}
	v.reset(&record.Record{
		Value: []byte(
			value,
		),
		Key:  []byte("k"),
		Time: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC).UnixNano(),
		Headers: []record.Header{
			{Key: "file", Value: []byte("f0")},
			{Key: "x-y", Value: []byte("z")},
		},
	}, &arena{})
	return v
}

func TestExpressions(t *testing.T) {
	value := `{"status":503,"level":"error","user":{"name":"bob","tags":["a","b"]},"ratio":0.5,"ok":true,"none":null,"big":9007199254740993,"a.b":1,"s":"200"}`
	for _, c := range []struct {
		expression string
		want       any
	}{
		{`field.status >= 500`, true}, {`500 > field.status`, false}, {`field.status == 503 and field.level == 'error'`, true},
		{`field.gone >= 500`, false}, {`field.gone == nil`, true}, {`field.none == nil`, true}, {`field.user.name`, "bob"},
		{`field["user"]["name"] startsWith "b"`, true}, {`field.user.tags[1]`, "b"}, {`"a" in field.user.tags`, true}, {`field.gone contains "x"`, false},
		{`field.level matches "^err"`, true}, {`field.gone matches "^err"`, false}, {`field["a.b"] + 1`, 2}, {`field.status contains "50"`, true},
		{`field.ratio * 2`, 1.0}, {`field.ok ? "yes" : "no"`, "yes"}, {`field.big == 9007199254740993`, true}, {`field.big`, 9007199254740993},
		{`tag`, "app.web.access"}, {`tag[1]`, "web"}, {`tag[-1]`, "access"}, {`tag[7]`, ""}, {`tag startsWith "app."`, true}, {`origin`, "/var/log/web.log"},
		{`header.file`, "f0"}, {`header["x-y"]`, "z"}, {`header.gone == nil`, true}, {`header.gone contains "x"`, false}, {`headers('x-').y`, "z"}, {`len(headers('no.'))`, 0}, {`key`, "k"}, {`agent`, "edge-1"},
		{`time.Year()`, 2026}, {`value contains '"level"'`, true}, {`len(value) > 10`, true}, {`int(field.s) >= 200`, true}, {`field.s >= 200`, false},
		{`field.level in ["error", "fatal"]`, true}, {`upper(field.level)`, "ERROR"}, {`field.user?.name`, "bob"}, {`field.gone?.name`, nil}, {`field.gone ?? "d"`, "d"},
		{`"level" in field`, true}, {`len(field.user.tags)`, 2}, {`any(field.user.tags, # == "b")`, true}, {`not (field.status < 500)`, true}, {`field.gone < 5 or field.ok`, true},
	} {
		e, err := NewExpression(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		if got, err := e.eval(viewOf(value), "edge-1"); err != nil || got != c.want {
			t.Errorf("%s = %v (%T), want %v; %v", c.expression, got, got, c.want, err)
		}
	}
	for _, text := range []string{"text", `[1]`, `{"a":`, ""} {
		for _, expression := range []string{"field.a.b == 1", "field.a >= 1", "len(field) > 1"} {
			e, err := NewExpression(expression)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := e.test(viewOf(text), ""); got || err != nil {
				t.Errorf("%s of %q: %v, %v", expression, text, got, err)
			}
		}
	}
}

func TestExpressionsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "empty",
		"field.a ==":                          "unexpected token",
		"fild.a == 1":                         "unknown name fild",
		"$env.a":                              "$env",
		"now()":                               "unknown name now",
		"field[field.x] == 1":                 `field["NAME"]`,
		"header == 1":                         "header.NAME",
		"headers(tag)":                        "headers('labels.')",
		`map(field.a, headers('x'))`:          "again and again",
		"tag + 1":                             "invalid operation",
		`field.a matches field.b`:             "text in quotes",
		`field.a matches "("`:                 "error parsing regexp",
		`any(field.a, any(#.b, # == 1))`:      "within one another",
		strings.Repeat("1+", 2000) + "1":      "nodes",
		"'" + strings.Repeat("x", 9000) + "'": "longer",
		`tag[field.a]`:                        "tag[0]",
		`any(field.a, # == field.b)`:          "let x = field.NAME",
		`map(field.a, # + value)`:             "again and again",
		`reduce(field.a, #acc)`:               "unknown name reduce",
		`repeat(field.a, 9)`:                  "unknown name repeat",
		`field[""]`:                           "empty",
	} {
		_, err := NewExpression(text)
		if err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40s: %v, want ...%s...", text, err, want)
		}
	}
}

// An expression takes time and memory in proportion to the record, whatever it says.
func TestExpressionsAreBounded(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 1<<20) + `","l":[` + strings.Repeat("1,", 50000) + `1]}`
	for _, text := range []string{
		`len(1..1000000000) > 1`, `len(repeat(field.a, 1000000)) > 1`, `len(map(1..10000000, # * 2)) > 1`, `field.a matches "(x+x+)+y"`, `sum(field.l) > 1`,
		`len(filter(field.l, # > 0)) > 1`, `reduce(1..90000, #acc + repeat("x", 1000), "") == ""`,
	} {
		e, err := NewExpression(text)
		if err != nil {
			continue
		}
		start := costtest.CPU()
		_, err = e.test(viewOf(long), "")
		if took := costtest.CPU() - start; took > 2*time.Second {
			t.Errorf("%s took %v: %v", text, took, err)
		}
	}
}

func TestExpressionsOfBatches(t *testing.T) {
	for text, want := range map[string]bool{`tag == "a"`: true, `origin contains "x" and agent != ""`: true, `tag[0] == "a"`: true, `key == ""`: false, `field.a == 1`: false, `len(field) == 0`: false} {
		e, err := NewExpression(text)
		if err != nil {
			t.Fatal(err)
		}
		if e.OfBatch() != want {
			t.Errorf("%s: %v", text, e.OfBatch())
		}
	}
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{`field.status >= 500`, `field["a"] contains "x" ? 1 : tag[0]`, `any(field.l, # == 1)`, `field.l[0:2]`, `{"a": field.b}`, `let x = field.a; x + 1`, `$env`, `field?.a?.b ?? 1`} {
		f.Add(s, `{"status":1,"l":[1,"2"],"a":{"b":"c"}}`)
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		e, err := NewExpression(text)
		if err != nil {
			return
		}
		v := viewOf(value)
		a, errA := e.eval(v, "x")
		b, errB := e.eval(viewOf(value), "x")
		if (errA == nil) != (errB == nil) {
			t.Fatalf("%s: %v, then %v", text, errA, errB)
		}
		if s := fmt.Sprint(a); len(s) < 1000 && !strings.Contains(s, "0x") && s != fmt.Sprint(b) {
			t.Fatalf("%s of %s: %v, then %v", text, value, a, b)
		}
	})
}

// Both count what could not be evaluated; it was a panic for such a configuration.
func TestWhereTakesIfAsWell(t *testing.T) {
	reg := prometheus.NewRegistry()
	env := Env{
		Name: "filter.where.w",
		Metrics: prometheus.WrapRegistererWith(
			prometheus.Labels{"component": "filter.where.w"}, reg,
		),
	}
	var c WhereConfig
	var common Common
	for to, text := range map[*Expression]string{&c.Condition: "field.n > 1", &common.If: "field.kind == 'a'"} {
		if err := to.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	w, err := NewWhere(c, env)
	if err != nil {
		t.Fatal(err)
	}
	f, err := With(w, common, env)
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]int{
		`{"kind":"a","n":2}`: 1, `{"kind":"a","n":1}`: 0, `{"kind":"b","n":1}`: 1,
	} {
		b := record.FromRecords("t", "o", []record.Record{{Value: []byte(value)}})
		if got := (Chain{f}).Apply(b).Batch.Len(); got != want {
			t.Errorf("%s: %d records pass, not %d", value, got, want)
		}
	}
}
