package filter

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
)

// RedactConfig is the config of the redact filter.
type RedactConfig struct {
	Patterns []string `hcl:"patterns,optional" doc:"Regular expressions (RE2) for what must go."`
	Presets  []string `hcl:"presets,optional" oneof:"email|ipv4|credit_card|bearer_token|aws_access_key" doc:"Ready-made expressions."`
	Replace  string   `hcl:"replace,optional" doc:"What is put in place; $1 or $${name} stand for groups. In a JSON value it must need no escaping, unless fields are named."`
	Fields   []string `hcl:"fields,optional" doc:"Look only at these fields of a JSON value; at the whole value otherwise."`
}

var presets = map[string]string{
	"email":          `[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`,
	"ipv4":           `\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b`,
	"credit_card":    `\b(?:\d[ -]?){12,18}\d\b`,
	"bearer_token":   `(?i)\bbearer [A-Za-z0-9._~+/=-]+`,
	"aws_access_key": `\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`,
}

// DefaultRedact returns the defaults.
func DefaultRedact() RedactConfig { return RedactConfig{Replace: "***"} }

// Validate checks the config.
func (c *RedactConfig) Validate() error {
	var errs []error
	if len(c.Patterns)+len(c.Presets) == 0 {
		errs = append(errs, errors.New("patterns: give patterns or presets, or the filter does nothing"))
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
	if len(c.Fields) == 0 && strings.ContainsAny(c.Replace, "\"\\\n\r\t") {
		errs = append(errs, errors.New("replace: has characters that would break JSON values; name fields, or leave them out"))
	}
	return errors.Join(errs...)
}

// Redact overwrites what must not be passed on.
type Redact struct {
	base
	patterns []*regexp.Regexp
	replace  []byte
	fields   []*Path
}

// NewRedact returns the filter.
func NewRedact(c RedactConfig, env Env) (*Redact, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Redact{base: newBase(env), replace: []byte(c.Replace)}
	f.patterns, _ = compileAll("patterns", c.Patterns)
	for _, p := range c.Presets {
		f.patterns = append(f.patterns, regexp.MustCompile(presets[p]))
	}
	f.fields, _ = newPaths("fields", c.Fields)
	return f, nil
}

// Edit implements Filter.
func (f *Redact) Edit(v *View) Verdict {
	if len(f.fields) == 0 {
		value, found := f.overwrite(v.Value())
		if !found {
			return Kept
		}
		v.SetValue(value)
		return Changed
	}
	if !beginsObject(v.Value()) {
		return Unhandled
	}
	result := Kept
	for _, field := range f.fields {
		r := v.Get(field)
		if !r.Exists() {
			continue
		}
		var raw []byte
		if r.IsObject() || r.IsArray() {
			inner, found := f.overwrite(bytesOf(r.Raw))
			if !found || !gjson.ValidBytes(inner) {
				continue
			}
			raw = inner
		} else {
			text, found := f.overwrite([]byte(r.String()))
			if !found {
				continue
			}
			raw = v.String(text)
		}
		if !v.Set(field, raw) {
			return Unhandled
		}
		result = Changed
	}
	return result
}

func (f *Redact) overwrite(text []byte) ([]byte, bool) {
	found := false
	for _, re := range f.patterns {
		if re.Match(text) {
			text, found = re.ReplaceAll(text, f.replace), true
		}
	}
	return text, found
}
