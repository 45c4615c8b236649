package partition

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/tidwall/gjson"
)

// What the quick way is sure of is what gjson says, of objects and of what is none.
func TestQuickFieldsAreThoseOfGJSON(t *testing.T) {
	rng := runtest.Rand(t)
	pieces := []string{
		`"ts"`, `"t"`, `"a b"`, `"t\u0073"`, `"2026"`, `""`, `"x\"y"`, `"ü"`, `"\\"`, `1`, `-1.5e3`,
		`true`, `null`, `{`, `}`, `[`, `]`, `:`, `,`, ` `, "\n", `{}`, `[1]`, `{"ts":"in"}`, `"`, `\`, `x`,
	}
	sure := 0
	check := func(text string) {
		for _, name := range []string{"ts", "t", "a b", "2026", "nil"} {
			v, ok := findText([]byte(text), name)
			if !ok {
				continue
			}
			sure++
			r := gjson.Get(text, gjson.Escape(name))
			if r.Exists() != (v != nil) || v != nil && (r.Type != gjson.String ||
				r.Str != string(v)) {
				t.Fatalf("%s in %q is %q, gjson: %q", name, text, v, r.Raw)
			}
		}
	}
	for range 100_000 {
		var b strings.Builder
		b.WriteString("{")
		for i := range rng.IntN(5) {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(pieces[rng.IntN(6)] + ":" + pieces[rng.IntN(len(pieces))])
		}
		b.WriteString("}")
		text := b.String()
		if rng.IntN(2) == 0 { // in disorder
			at := rng.IntN(len(text))
			text = text[:at] + pieces[rng.IntN(len(pieces))] + text[at+rng.IntN(len(text)-at):]
		}
		check(text)
		// of any length, with what ends it or not anywhere
		long := strings.Repeat("y", rng.IntN(80))
		at := rng.IntN(len(long) + 1)
		check(`{"l":"` + long[:at] + pieces[rng.IntN(len(pieces))] + long[at:] + `","ts":"2026"}`)
		check(`{"ts":"` + long[:at] + pieces[rng.IntN(len(pieces))] + long[at:] + `"}`)
	}
	if sure < 10_000 {
		t.Errorf("sure %d times", sure)
	}
}

// A name that JSON writes with escapes is not what stands there without them.
func TestNamesWithEscapes(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{`a\`, `{"a\":":"x"}`, ""},
		{`a\`, `{"a\\":"x"}`, "x"},
		{`a"`, `{"a\"":"x"}`, "x"},
	} {
		f, err := JSONFields([][]string{{c.name}})
		if err != nil {
			t.Fatal(err)
		}
		v, err := f.Find(&record.Record{Value: []byte(c.value)}, 0)
		if err != nil || string(v.Text) != c.want {
			t.Errorf("%s in %s: %q, %v, want %q", c.name, c.value, v.Text, err, c.want)
		}
	}
}

// The memory of a record may be that of the one before.
func TestFieldsOfARecordThatLiesWhereTheLastOneLay(t *testing.T) {
	dec, err := decode.New(decode.Default())
	if err != nil {
		t.Fatal(err)
	}
	p := mustNew(t, func(cfg *Config) {
		cfg.Path = template.MustParse("${field.a}")
	}, DecodedFields(dec))
	value := []byte(`{"a":"one"}`)
	for _, want := range []string{"one", "two"} {
		copy(value[6:], want)
		i := in("")
		i.Record.Value = value
		if got, _ := path(t, p, i); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
