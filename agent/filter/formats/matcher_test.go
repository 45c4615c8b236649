package formats

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// nginxRegex is a format of access logs, as fluent-bit has it, and nginxLine a line of it.
const (
	nginxRegex = `^(?P<remote>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]*)\] ` +
		`"(?P<method>\S+) (?P<path>[^"]*?)(?: \S+)?" (?P<code>\d+) (?P<size>\d+) ` +
		`"(?P<referer>[^"]*)" "(?P<agent>[^"]*)"$`
	nginxLine = `192.0.2.17 - - [28/Nov/2026:10:11:12 +0000] "GET /shop/cart?item=4711&n=2 HTTP/1.1" ` +
		`200 5316 "https://shop.example/" "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"`
)

// same compares what both find.
func same(t *testing.T, pattern, text string) (fast, found bool) {
	t.Helper()
	re, err := regexp.Compile(pattern)
	if err != nil {
		return false, false
	}
	m := newMatcher(pattern)
	if m == nil {
		return false, false
	}
	var s search
	got, sure := m.find([]byte(text), &s)
	if !sure {
		return false, false
	}
	if want := re.FindSubmatchIndex([]byte(text)); !slices.Equal(got, want) {
		t.Fatalf("%q in %q: found %v, and regexp %v", pattern, text, got, want)
	}
	return true, got != nil
}

func TestMatcherFindsWhatRegexpDoes(t *testing.T) {
	for _, c := range []struct{ pattern, text string }{
		{nginxRegex, nginxLine},
		{nginxRegex, strings.Replace(nginxLine, " HTTP/1.1", "", 1)},
		{nginxRegex, nginxLine[1:]},
		{nginxRegex, nginxLine + "x"},
		{`^(\S+) (.*)$`, "a b c"},
		{`(\d+)-(\d+)?`, "x 12- 3-4"},
		{`(?:(a)|(ab))(c)?$`, "abc"},
		{`(?:(a)|(b))(?:(c)|(d))x`, "acbdx"},
		{`(?i)warn(ing)?: (.*?)(;|$)`, "WARNING: x; y"},
		{`\b(\w{2,3}?)\b`, "abcd ab"},
		{`a??(a)`, "aa"},
		{`(|a)(a*)`, "aa"},
		{`(.{2})(.{0,2})`, "abc"},
		{`(?s)(.*)\n(.*)`, "a\nb\nc"},
		{`x*`, ""},
		{`(?:^|,)(\d)`, "a,1"},
		{`[^ü]+`, "abc"},
		{`ü|(b)`, "ab"},
	} {
		if fast, _ := same(t, c.pattern, c.text); !fast {
			t.Errorf("%q in %q is left to regexp", c.pattern, c.text)
		}
	}
	for _, pattern := range []string{
		`(a|b)*`, `(?:ab)+`, `(?m)^a`, strings.Repeat(`(a)`, 40), `(?:a{2}){2}`, `(`,
	} {
		if newMatcher(pattern) != nil {
			t.Errorf("%q has a matcher", pattern)
		}
	}
}

// A text that takes long, or that is no ASCII, is left to regexp: the parser finds the same.
func TestMatcherGivesUp(t *testing.T) {
	slow := strings.Repeat("a?", 25) + "(?P<end>" + strings.Repeat("a", 25) + ")"
	for pattern, text := range map[string]string{
		slow: strings.Repeat("a", 25), `(?P<end>\S+)$`: "x ü", `(?P<end>.)$`: "\xff",
		`(?P<end>a)b*c*d*e*f*g*h*i*z`: strings.Repeat("abbcd", 2000),
	} {
		m := newMatcher(pattern)
		if m == nil {
			t.Fatalf("%s has no matcher", pattern)
		}
		var s search
		if _, sure := m.find([]byte(text), &s); sure && pattern == slow {
			t.Error("the matcher takes time that grows with two to the power of the text")
		}
		p, err := NewRegex(pattern)
		if err != nil {
			t.Fatal(err)
		}
		var out Fields
		err = p.Parse([]byte(text), 0, &out)
		want := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if (err == nil) != (want != nil) || err == nil && string(out.List[0].Value) != want[1] {
			t.Errorf("%s: %v, %v, want %q", pattern, out.List, err, want)
		}
	}
}

// pattern writes an expression of what the matcher knows, or nearly so.
func pattern(rng *rand.Rand, depth int) string {
	chars := []string{"a", "b", "c", " ", "[ab]", "[^a]", ".", `\S`, `\d`, "(?i:a)", "[^ ]"}
	switch n := rng.IntN(12); {
	case depth <= 0 || n < 3:
		return chars[rng.IntN(len(chars))]
	case n < 6:
		ends := []string{"*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{1,}"}
		return chars[rng.IntN(len(chars))] + ends[rng.IntN(len(ends))]
	case n == 6:
		return "(" + pattern(rng, depth-1) + ")"
	case n == 7:
		return "(?:" + pattern(rng, depth-1) + "|" + pattern(rng, depth-1) + ")"
	case n == 8:
		return "(?:" + pattern(rng, depth-1) + ")" + []string{"?", "??"}[rng.IntN(2)]
	case n == 9:
		return []string{"^", "$", `\b`, `\B`, "(|b)", "()"}[rng.IntN(6)]
	}
	return pattern(rng, depth-1) + pattern(rng, depth-1)
}

// Random expressions find in random texts what they find with regexp.
func TestMatcherOfRandomExpressions(t *testing.T) {
	rng := runtest.Rand(t)
	fast, hits := 0, 0
	for range 20000 {
		p := pattern(rng, 6)
		for range 5 {
			text := make([]byte, rng.IntN(12))
			for i := range text {
				text[i] = "aab bcA1\n"[rng.IntN(9)]
			}
			ok, found := same(t, p, string(text))
			if ok {
				fast++
			}
			if found {
				hits++
			}
		}
	}
	if fast < 50000 || hits < 10000 {
		t.Errorf("%d of 100,000 were compared, %d found something: that is too few", fast, hits)
	}
}

func FuzzMatcher(f *testing.F) {
	f.Add(nginxRegex, nginxLine)
	f.Add(`(a|b)??(c{1,3})`, "abccc")
	f.Add(`(?i)k\b.*?$`, "K k")
	f.Fuzz(func(t *testing.T, pattern, text string) { same(t, pattern, text) })
}

func BenchmarkRegex(b *testing.B) {
	for _, fast := range []bool{true, false} {
		b.Run(fmt.Sprint("fast=", fast), func(b *testing.B) {
			p, err := NewRegex(nginxRegex)
			if err != nil {
				b.Fatal(err)
			}
			if !fast {
				p.(*regex).fast = nil
			}
			var out Fields
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				if err := p.Parse([]byte(nginxLine), 0, &out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
