package filter

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/tidwall/gjson"
)

// ReplaceConfig is the config of the replace filter.
type ReplaceConfig struct {
	Field   string `hcl:"field,optional" doc:"The text field of a JSON value to work on; the whole value otherwise."`
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
	source  source
	pattern *regexp.Regexp
	with    []byte
}

// NewReplace returns the filter.
func NewReplace(c ReplaceConfig, env Env) (*Replace, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Replace{base: newBase(env), pattern: regexp.MustCompile(c.Pattern), with: []byte(c.With)}
	f.source, _ = newSource(c.Field, "")
	return f, nil
}

// Edit implements Filter.
func (f *Replace) Edit(v *View) Verdict {
	if f.source.field != nil && v.Get(f.source.field).Type != gjson.String {
		return Unhandled
	}
	text, _ := f.source.text(v)
	if !f.pattern.Match(text) {
		return Kept
	}
	out := f.pattern.ReplaceAll(text, f.with)
	if f.source.field == nil {
		v.SetValue(out)
	} else if !v.Set(f.source.field, v.String(out)) {
		return Unhandled
	}
	return Changed
}
