package filter

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/netip"
	"regexp"
	"unicode/utf8"
)

// RedactConfig is the config of the redact filter.
type RedactConfig struct {
	Patterns []string `hcl:"patterns,optional" doc:"Regular expressions (RE2) for what must go. In JSON each text, number and name of a field is looked at by itself, as it reads without escapes, and so is JSON in a text: ^ is where a text begins. They look at JSON as it stands, too: for a field's name and value, as in \"pin\\\\W+\\\\d+\". Where overwriting what is found there would leave no JSON, the value next to the name goes, or all of the text in which it begins."`
	Presets  []string `hcl:"presets,optional" oneof:"email|ipv4|ipv6|credit_card|iban|bearer_token|jwt|aws_access_key|private_key" doc:"Ready-made expressions. credit_card takes numbers of 13 to 19 digits whose check digit is right, iban those whose check digits are. In JSON they look at texts, numbers and names of fields as patterns do."`
	Method   string   `hcl:"method,optional" oneof:"replace|hash|last4" doc:"What is put in place: the text of replace; a hash by HMAC-SHA-256 with key, 16 hexadecimal digits that are the same for the same text, so that records can still be told apart; or stars and the last four characters."`
	Key      string   `hcl:"key,optional" secret:"true" doc:"Key of hash: without it nobody can find out a text by trying."`
	Replace  string   `hcl:"replace,optional" doc:"What is put in place; $1 or $${name} stand for groups. JSON stays JSON: a number becomes text, unless this makes another number of it; names of fields may become the same, which hash tells apart."`
	Fields   []string `hcl:"fields,optional" doc:"Look only at these fields of a JSON object, and at all that is in them. The whole value otherwise, also if it is no object, such as a line that could not be parsed."`
}

// preset is a ready-made expression, and what else must hold for what it finds: see rewriter.
type preset struct {
	pattern string
	sure    func(found []byte) (n int, is bool)
}

var presets = map[string]preset{
	"email": {pattern: `[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`},
	"ipv4": {
		pattern: `\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b`,
	},
	"ipv6": {
		pattern: `(?i)\b[0-9a-f]+:(?:[0-9a-f:.]*::\B|[0-9a-f:.]*:[0-9a-f:.]*[0-9a-f]\b|:\B)` +
			`|\B::(?:[0-9a-f:.]*[0-9a-f]\b|\B)`,
		sure: isIPv6,
	},
	"credit_card": {
		pattern: `\b(?:\d[ -]?){12,18}\d\b`,
		sure:    func(found []byte) (int, bool) { return beginning(found, isCard) },
	},
	"iban": {
		pattern: `\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b`,
		sure:    func(found []byte) (int, bool) { return beginning(found, isIBAN) },
	},
	"bearer_token":   {pattern: `(?i)\b(?:bearer +)+[A-Za-z0-9._~+/=-]+`},
	"jwt":            {pattern: `\beyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`},
	"aws_access_key": {pattern: `\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`},
	"private_key": {
		pattern: `-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?`,
	},
}

// beginning returns the longest beginning of whole words that is one: "4111 1111 1111 1111 12/27"
// goes on with what belongs to it no more. Groups are not that short, but at an end. Where there is
// none, another may begin at the second word.
func beginning(found []byte, is func([]byte) bool) (n int, ok bool) {
	const between = " -"
	if is(found) {
		return len(found), true
	}
	first := bytes.IndexAny(found, between)
	if first < 0 {
		return len(found), false
	}
	for n = len(found); first >= 4 && n >= first; {
		n = bytes.LastIndexAny(found[:n], between)
		if n < 0 {
			break
		}
		if n-bytes.LastIndexAny(found[:n], between) > 3 && is(found[:n]) {
			return n, true
		}
	}
	return first + 1, false
}

// isCard checks the check digit of ISO/IEC 7812 (Luhn).
func isCard(found []byte) bool {
	sum, n := 0, 0
	for i := len(found) - 1; i >= 0; i-- {
		if found[i] < '0' || found[i] > '9' {
			continue
		}
		d := int(found[i] - '0')
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	return n >= 13 && sum%10 == 0
}

// isIBAN checks the check digits of ISO 13616.
func isIBAN(found []byte) bool {
	text := bytes.ReplaceAll(found, []byte(" "), nil)
	if len(text) < 15 || len(text) > 34 {
		return false
	}
	rest := 0
	for _, c := range append(text[4:len(text):len(text)], text[:4]...) {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest == 1
}

func isIPv6(found []byte) (n int, is bool) {
	if n = len(found); bytes.HasSuffix(found, []byte(":::")) {
		n-- // "fe80::: unreachable"
	}
	addr, err := netip.ParseAddr(string(found[:n]))
	return n, err == nil && addr.Is6()
}

// DefaultRedact returns the defaults.
func DefaultRedact() RedactConfig { return RedactConfig{Replace: "***", Method: "replace"} }

// Validate checks the config.
func (c *RedactConfig) Validate() error {
	var errs []error
	if len(c.Patterns)+len(c.Presets) == 0 {
		errs = append(
			errs, errors.New("patterns: give patterns or presets, or the filter does nothing"),
		)
	}
	_, err := compileAll("patterns", c.Patterns)
	errs = append(errs, err)
	for i, p := range c.Presets {
		if _, ok := presets[p]; !ok {
			errs = append(errs, fmt.Errorf("presets[%d]: unknown preset %q", i, p))
		}
	}
	_, err = newPaths("fields", c.Fields)
	errs = append(errs, err)
	if (c.Method == "hash") != (c.Key != "") {
		errs = append(errs, errors.New("key: is for the method hash, and needed there"))
	}
	return errors.Join(errs...)
}

// Redact overwrites what must not be passed on.
type Redact struct {
	base
	patterns rewriters
	replace  []byte
	hash     func() hash.Hash // for hash
	last4    bool
	fields   []*Path
}

// NewRedact returns the filter.
func NewRedact(c RedactConfig, env Env) (*Redact, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Redact{base: newBase(env), replace: []byte(c.Replace), last4: c.Method == "last4"}
	if c.Method == "hash" {
		f.hash = newHash("hmac_sha256", c.Key)
	}
	add := func(re *regexp.Regexp, p preset) {
		r := newRewriter(re)
		r.put, r.sure, r.within = f.put(re), p.sure, r.within || p.pattern != ""
		r.apart, r.overlap = p.pattern != "", p.pattern == ""
		r.asText = f.hash != nil // or the type would go by which digits it has
		f.patterns = append(f.patterns, r)
	}
	own, _ := compileAll("patterns", c.Patterns)
	for _, re := range own {
		add(re, preset{})
	}
	for _, p := range c.Presets {
		add(regexp.MustCompile(presets[p].pattern), presets[p])
	}
	f.fields, _ = newPaths("fields", c.Fields)
	return f, nil
}

// Edit implements Filter.
func (f *Redact) Edit(v *View) Verdict {
	if len(f.fields) == 0 || !v.holdsObject() {
		value, found := f.patterns.value(v.Value())
		if !found {
			return Kept
		}
		v.SetValue(value)
		return Changed
	}
	result := Kept
	for _, field := range f.fields {
		if v.Each(field, f.redacted) == Changed {
			result = Changed
		}
	}
	return result
}

// redacted returns what a field becomes, or nil.
func (f *Redact) redacted(raw []byte) []byte {
	out, found := f.patterns.value(raw)
	if !found {
		return nil
	}
	return out
}

// put returns what appends that which takes the place of a match.
func (f *Redact) put(re *regexp.Regexp) func(out, text []byte, m []int) []byte {
	return func(out, text []byte, m []int) []byte {
		switch match := text[m[0]:m[1]]; {
		case f.hash != nil:
			h := f.hash()
			h.Write(match)
			return hex.AppendEncode(out, h.Sum(nil)[:8])
		case f.last4:
			out = append(out, "****"...)
			tail := match
			for i := 0; i < 4 && len(tail) > 0; i++ {
				_, n := utf8.DecodeLastRune(tail)
				tail = tail[:len(tail)-n]
			}
			if len(tail) >= 4 && !bytes.ContainsAny(match[len(tail):], "\"\\\n\r\t") {
				out = append(out, match[len(tail):]...)
			}
			return out
		}
		return re.Expand(out, f.replace, text, m)
	}
}
