package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/penstock/penstock/buffer/record/runtest"
)

func redact(c RedactConfig) func(Env) (Filter, error) {
	return func(e Env) (Filter, error) { return NewRedact(c, e) }
}

// rewrites checks what a filter makes of values, each by itself.
func rewrites(t *testing.T, build func(Env) (Filter, error), values ...[2]string) {
	t.Helper()
	f, err := build(Env{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		out := lines(t, f, near, v[0])
		if len(out) != 1 || string(out[0].Value) != v[1] {
			t.Errorf("%s\ngives %s\nwant  %s", v[0], out[0].Value, v[1])
		}
	}
}

func TestRedactedJSONStaysJSON(t *testing.T) {
	presets := []string{"email", "credit_card", "ipv4", "bearer_token"}
	rewrites(t, redact(RedactConfig{Presets: presets, Replace: "***"}), [][2]string{
		{`{"message":"failed for\njoe@example.com now"}`, `{"message":"failed for\n*** now"}`},
		{`{"card":4111111111111111,"n":-1.5e+3}`, `{"card":"***","n":-1.5e+3}`},
		{`{"m":"failed\n10.0.0.1 gone"}`, `{"m":"failed\n*** gone"}`},
		{`{"m":"at x\n4111 1111 1111 1111"}`, `{"m":"at x\n***"}`},
		{`{"m":"h\tBearer abc.def"}`, `{"m":"h\t***"}`},
		{`{"m":"joe\u0040example.com \u00fc"}`, `{"m":"*** ü"}`},
		{`{"m":"x\u000a10.0.0.1","same":"\u00fc\/"}`, `{"m":"x\n***","same":"\u00fc\/"}`},
		{` [ "joe@example.com" , 4111111111111111 , null ] `, ` [ "***" , "***" , null ] `},
		{`{"joe@example.com":true,"x\n10.0.0.1" : 1}`, `{"***":true,"x\n***" : 1}`},
		{
			`{"log":"{\"m\":\"a\\njoe@example.com\\n10.0.0.1\",\"c\":4111111111111111}\n"}`,
			`{"log":"{\"m\":\"a\\n***\\n***\",\"c\":\"***\"}\n"}`,
		},
		{`"a\njoe\u0040example.com"`, `"a\n***"`},
		{" 4111111111111111\r", " \"***\"\r"},
		{`joe@example.com "x`, `*** "x`},
		{`{"m":"joe@example.com cut o`, `{"m":"*** cut o`},
		{`{"m":"n10.0.0.1"}`, `{"m":"n10.0.0.1"}`},
	}...)
	rewrites(t, redact(RedactConfig{Presets: presets, Method: "hash", Key: "k"}), [][2]string{
		{`{"n":4111111111111111}`, `{"n":"` + hmacOf("k", "4111111111111111")[:16] + `"}`},
	}...)
	rewrites(t, redact(RedactConfig{Presets: presets, Method: "last4"}), [][2]string{
		{`{"n":4111111111111111}`, `{"n":"****1111"}`},
	}...)
	rewrites(t, redact(RedactConfig{Presets: presets, Replace: "\"\\\n"}), [][2]string{
		{`{"m":"joe@example.com"}`, `{"m":"\"\\\n"}`},
	}...)
}

// Texts with escapes that are no JSON: of logfmt, and what is cut off.
func TestRedactKnowsEscapesInTexts(t *testing.T) {
	rewrites(
		t,
		redact(
			RedactConfig{
				Presets: []string{"ipv4", "email", "bearer_token", "credit_card"},
				Replace: "***",
			},
		),
		[][2]string{
			{`msg="failed\n10.0.0.1 gone" n=1`, `msg="failed\n*** gone" n=1`},
			{`{"m":"h\tBearer abc","o":`, `{"m":"h\t***","o":`},
			{`{"m":"a\\n10.0.0.1"}`, `{"m":"a\\n***"}`},
			{`x\x0a10.0.0.1 \u000a4111111111111111\`, `x\x0a*** \u000a***\`},
			{`10.0.0.1\r\n10.0.0.2`, `***\r\n***`},
			{`{"log":"{\"m\":\"a\\n10.0.0.1\`, `{"log":"{\"m\":\"a\\n***\`},
			{`C:\joe@example.com`, `C:\***`},
			{`\\n1\.2.3.4`, `\\n1\.2.3.4`},
		}...)
}

func TestRedactByOwnPatterns(t *testing.T) {
	for _, c := range []struct{ pattern, replace, value, want string }{
		{`\bsecret-\d+`, "***", `{"m":"a\nsecret-1"}`, `{"m":"a\n***"}`},
		{`^secret$`, "***", `{"m":"secret","n":"no secret"}`, `{"m":"***","n":"no secret"}`},
		{`\d{4}$`, "0000", `{"n":12345678,"m":"1234"}`, `{"n":12340000,"m":"0000"}`},
		{`true|null`, "***", `{"a":true,"b":[null,false]}`, `{"a":"***","b":["***",false]}`},
		{`\d+`, "[]", `{"a":1}`, `{"a":"[]"}`},
		// A text that is found in by itself is left behind by what goes on after it.
		{`(token=)\S+`, "$1#", `{"m":"token=a","b":"x y"}`, `{"m":"token=#","b":"x y"}`},
		{`\S+@\S+`, "***", `{"n":1,"m":"a@b"}`, `{"n":1,"m":"***"}`},
		// JSON as it stands.
		{`"pw":"[^"]*"`, `"pw":""`, `{"a":1,"pw":"x","b":2}`, `{"a":1,"pw":"","b":2}`},
		{`,"pw":"[^"]*"`, "", `{"a":1,"pw":"x"}`, `{"a":1}`},
		{`\\"pw\\":\\"\w+`, "***", `{"log":"\"pw\":\"x\""}`, `{"log":"***\""}`},
		{
			`"pw":"\w+|\bkey-\d`, `"pw":"***`, `{"pw":"x\nkey-1","m":"key-2"}`,
			`{"pw":"***\n\"pw\":\"***","m":"\"pw\":\"***"}`,
		},
		// Where that would leave no JSON.
		{`pw["=: ]+\S+`, "***", `{"pw":"x","n":1,"pw2":2}`, `{"pw":"***","n":1,"pw2":2}`},
		{`(pw)\W+(\w+)`, "$1=", `{"pw" : 12,"o":{"pw":["x y"]}}`, `{"pw" : "=","o":{"pw":["="]}}`},
	} {
		rewrites(
			t, redact(RedactConfig{Patterns: []string{c.pattern}, Replace: c.replace}),
			[2]string{c.value, c.want},
		)
	}
}

// What stands next to a secret, or before it, hides it as little as another one does.
func TestRedactFindsNeighbours(t *testing.T) {
	presets := []string{"credit_card", "iban", "ipv6", "bearer_token"}
	rewrites(t, redact(RedactConfig{Presets: presets, Replace: "*"}), [][2]string{
		{`4111111111111111 123`, `* 123`},
		{`{"m":"no 17 4111111111111111"}`, `{"m":"no 17 *"}`},
		{`4111 1111 1111 1111 12/27 4111-1111-1111-1111 4111-1111-1111-1111 9`, `* 12/27 * * 9`},
		{`100 200 300 4111 1111 1111 1111`, `100 200 300 *`},
		{`1234-5678 9012 3456`, `1234-5678 9012 3456`},
		{`BE68 5390 0754 7034 2024-01-01`, `* 2024-01-01`},
		{`AB12 CDEF BE68539007547034 TEXT DE89370400440532013000`, `AB12 CDEF * TEXT *`},
		{`dial 2001:db8::1: refused by 2001:db8::. fe80::: no`, `dial *: refused by *. *: no`},
		{`peer:2001:db8::2 (node:2001:db8:0:0:0:0:0:1%eth0)`, `peer:* (node:*%eth0)`},
		{`std::cout core::fmt a::b::c 12:30:45.5`, `std::cout core::fmt a::b::c 12:30:45.5`},
		{`Authorization: Bearer  abc; Bearer Bearer abc`, `Authorization: *; *`},
	}...)
	for _, c := range []struct{ pattern, replace, value, want string }{
		{`(?:^|\s)pw-\w+(?:\s|$)`, "*", `pw-1 pw-2 pw-3 pw-4 x`, `****x`},
		{`(^|\s)pw-\w+(\s|$)`, "$1*$2", `{"m":"x pw-1 pw-2\tpw-3 y"}`, `{"m":"x * *\t* y"}`},
		{`(\W)pw-\w+(\W)`, "$1*$2", `a, pw-1, pw-2 ,pw-3,pw-4.`, `a, *, * ,*,*.`},
		{`\d{4}`, "*", `x123456789`, `x**9`},
	} {
		rewrites(
			t, redact(RedactConfig{Patterns: []string{c.pattern}, Replace: c.replace}),
			[2]string{c.value, c.want},
		)
	}
}

func TestRedactOfFieldsLooksInside(t *testing.T) {
	rewrites(
		t,
		redact(
			RedactConfig{
				Presets:  []string{"email", "credit_card"},
				Patterns: []string{`^(s)ecret$`},
				Fields:   []string{"user", "card", "log"},
				Replace:  "$1***",
			},
		),
		[][2]string{
			{
				`{"user":{"mail":"joe@example.com","n":4111111111111111},"m":"a@b.org"}`,
				`{"user":{"mail":"***","n":"***"},"m":"a@b.org"}`,
			},
			{`{"user":["a\njoe@example.com"]}`, `{"user":["a\n***"]}`},
			{`{"user":"secret","card":4111111111111111}`, `{"user":"s***","card":"***"}`},
			{`{"log":"{\"m\":\"\\na@b.org\"}"}`, `{"log":"{\"m\":\"\\n***\"}"}`},
			// What is no object is looked at as a whole.
			{`10.0.0.1 joe@example.com`, `10.0.0.1 ***`},
			{`[{"user":"joe@example.com"}]`, `[{"user":"***"}]`},
			{`{"user":"joe@example.com","m":"a@b.org`, `{"user":"***","m":"***`},
			{`secret`, `s***`},
		}...)
}

func TestReplaceKeepsJSON(t *testing.T) {
	for _, c := range []struct{ field, pattern, with, value, want string }{
		{"", `\w+@x\.com`, "X", `{"m":"a\njoe@x.com"}`, `{"m":"a\nX"}`},
		{"", `\w+@x\.com`, "next", `{"m":"a\njoe@x.com"}`, `{"m":"a\nnext"}`},
		{"", `x`, `"y"`, `{"x":"x","n":[1]}`, `{"\"y\"":"\"y\"","n":[1]}`},
		{"", `\d+`, "N", `{"n":12,"m":"1-2"}`, `{"n":"N","m":"N-N"}`},
		{"", `4(\d)`, "5$1", `{"n":42}`, `{"n":52}`},
		{"", `^`, "> ", `{"n":42}`, `{"n":42}`},
		{"", `^`, "> ", `n=42`, `> n=42`},
		{"", `"n":(\d+)`, `"m":$1`, `{"n":42}`, `{"m":42}`},
		{"", `\s+$`, "", "{\"n\":42}\r\n", `{"n":42}`},
		{"", `(token=)(?:\S+)`, "${1}***", `{"m":"token=a","n":"b c"}`, `{"m":"token=***","n":"b c"}`},
		{"", `o`, "0", `{"log":"{\"o\":\"a\\no\"}"}`, `{"l0g":"{\"0\":\"a\\n0\"}"}`},
		// A field is text, whatever stands in it.
		{"m", `^`, "> ", `{"m":"a"}`, `{"m":"> a"}`},
		{"log", `"`, "'", `{"log":"{\"m\":1}"}`, `{"log":"{'m':1}"}`},
	} {
		rewrites(
			t, with(ReplaceConfig{Field: c.field, Pattern: c.pattern, With: c.with}, NewReplace),
			[2]string{c.value, c.want},
		)
	}
}

// redactable makes JSON with secrets in it, and what it is without them.
type redactable struct {
	rng    *rand.Rand
	secret []string
}

// text returns a text and what it is redacted to.
func (g *redactable) text() (text, want string) {
	for range g.rng.IntN(4) {
		if g.rng.IntN(3) == 0 {
			text += g.secret[g.rng.IntN(len(g.secret))]
			want += "***"
		} else {
			plain := []string{"x", "é", "x7", "😀", "null", "{"}[g.rng.IntN(6)]
			text, want = text+plain, want+plain
		}
		between := []string{"; ", "\n", "\t", "\"", "\\ ", "\r\n", ", ", "}", "\x01", "\u2028"}
		s := between[g.rng.IntN(len(between))]
		text, want = text+s, want+s
	}
	return text, want
}

// quoted returns a text as one of its many forms in JSON.
func (g *redactable) quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch q, _ := json.Marshal(string(r)); {
		case g.rng.IntN(8) > 0:
			b.Write(q[1 : len(q)-1])
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04X`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String() + `"`
}

// value returns JSON and what is wanted of it, for encoding/json.
func (g *redactable) value(depth int) (text string, want any) {
	space := strings.Repeat(" ", g.rng.IntN(2))
	kind := g.rng.IntN(8)
	if depth == 0 {
		kind = 6 + g.rng.IntN(2)
	}
	switch {
	case kind == 0:
		return "4111111111111111", "***"
	case kind == 1:
		return "-1.25e-7", json.Number("-1.25e-7")
	case kind == 2:
		return "null", nil
	case kind == 3 && depth < 4: // JSON in a text
		inner, clean := g.value(0)
		return g.quoted(inner), within{clean}
	case kind < 6 || depth == 4:
		text, clean := g.text()
		return g.quoted(text), clean
	}
	var parts []string
	list, object := []any{}, map[string]any{}
	for i := range g.rng.IntN(4) {
		inner, clean := g.value(depth + 1)
		name, cleanName := g.text()
		if kind == 6 {
			parts, list = append(parts, inner+space), append(list, clean)
			continue
		}
		name, cleanName = fmt.Sprintf("k%d %s", i, name), fmt.Sprintf("k%d %s", i, cleanName)
		parts = append(parts, g.quoted(name)+space+":"+space+inner)
		object[cleanName] = clean
	}
	if kind == 6 {
		return "[" + space + strings.Join(parts, ",") + "]", list
	}
	return "{" + space + strings.Join(parts, ","+space) + "}", object
}

// within is JSON in a text.
type within struct{ value any }

// same compares what encoding/json makes of a value with what is wanted.
func same(got, want any) bool {
	switch w := want.(type) {
	case within:
		text, ok := got.(string)
		inner, err := decoded(text)
		return ok && err == nil && same(inner, w.value)
	case []any:
		g, ok := got.([]any)
		return ok && slices.EqualFunc(g, w, same)
	case map[string]any:
		g, ok := got.(map[string]any)
		return ok && maps.EqualFunc(g, w, same)
	}
	return got == want
}

func decoded(text string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err = d.Decode(&v); err == nil && d.More() {
		err = errors.New("more than one value")
	}
	return v, err
}

// Whatever JSON there is: it stays JSON, no secret is left in its texts, and all else is as it was.
func TestRedactLeavesAllElse(t *testing.T) {
	rng := runtest.Rand(t)
	for name, c := range map[string]struct {
		build  func(Env) (Filter, error)
		secret []string
	}{
		"presets": {
			redact(
				RedactConfig{
					Presets: []string{
						"email", "ipv6", "ipv4", "credit_card", "iban", "bearer_token",
						"aws_access_key",
					},
					Replace: "***",
				},
			),
			[]string{
				"joe@example.com", "10.0.0.1", "4111 1111 1111 1111", "2001:db8::1",
				"GB82 WEST 1234 5698 7654 32", "Bearer abc", "AKIAIOSFODNN7EXAMPLE",
			},
		},
		"own": {
			redact(RedactConfig{
				Patterns: []string{`\bsecret-\d+`, `\b4\d{15}\b`, `(?i)pass[^\w]\w+`},
				Replace:  "***",
			}),
			[]string{"secret-17", "4111111111111111", "Pass:abc", "pass\nabc", `pass"abc`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := c.build(Env{})
			if err != nil {
				t.Fatal(err)
			}
			g := redactable{rng, c.secret}
			for range 3000 {
				text, want := g.value(0)
				out := string(lines(t, f, near, text)[0].Value)
				got, err := decoded(out)
				if err != nil || !same(got, want) {
					t.Fatalf("%s\ngives %s\nwant  %v: %v", text, out, want, err)
				}
			}
		})
	}
}
