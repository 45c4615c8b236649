package filter

import (
	"errors"
	"fmt"
	"regexp"
)

// ReplaceConfig is the config of the replace filter.
type ReplaceConfig struct {
	Field   string `hcl:"field,optional" doc:"The text field of a JSON value to work on; the whole value otherwise. A value that is JSON stays JSON: texts, numbers and names of fields are looked at by themselves, as by patterns of the filter redact."`
	Pattern string `hcl:"pattern" doc:"Regular expression (RE2) for what is replaced, wherever it matches."`
	With    string `hcl:"with,optional" doc:"What is put in place; $1 or $${name} stand for groups of the pattern, $$ for a dollar sign."`
}

// DefaultReplace returns the defaults.
func DefaultReplace() ReplaceConfig { return ReplaceConfig{} }

// Validate checks the config.
func (c *ReplaceConfig) Validate() error {
	_, err := newSource(c.Field, "")
	if c.Pattern == "" {
		err = errors.Join(err, errors.New("pattern: must not be empty"))
	} else if _, bad := regexp.Compile(c.Pattern); bad != nil {
		err = errors.Join(err, fmt.Errorf("pattern: %w", bad))
	}
	return err
}

// Replace replaces parts of texts.
type Replace struct {
	base
	field   *Path     // nil for the whole value
	pattern rewriters // one
}

// NewReplace returns the filter.
func NewReplace(c ReplaceConfig, env Env) (*Replace, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Replace{base: newBase(env)}
	source, _ := newSource(c.Field, "")
	f.field = source.field
	re, with := regexp.MustCompile(c.Pattern), []byte(c.With)
	r := newRewriter(re)
	r.empty = true
	r.put = func(out, text []byte, m []int) []byte { return re.Expand(out, with, text, m) }
	f.pattern = rewriters{r}
	return f, nil
}

// Edit implements Filter.
func (f *Replace) Edit(v *View) Verdict {
	if f.field == nil {
		value, some := f.pattern.value(v.Value())
		if !some {
			return Kept
		}
		v.SetValue(value)
		return Changed
	}
	isText := false
	verdict := v.Each(f.field, func(raw []byte) []byte {
		if raw[0] != '"' {
			return nil
		}
		isText = true
		text := textOf(raw)
		found := f.pattern[0].find(text, true)
		if found == nil {
			return nil
		}
		return v.String(f.pattern[0].replace(text, found))
	})
	if !isText {
		return Unhandled
	}
	return verdict
}
