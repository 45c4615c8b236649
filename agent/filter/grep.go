package filter

import (
	"errors"
	"fmt"
	"regexp"
)

// GrepConfig is the config of the grep filter.
type GrepConfig struct {
	Field   string   `hcl:"field,optional" doc:"Look at this field of a JSON value, such as \"user.name\"; the whole value otherwise."`
	Header  string   `hcl:"header,optional" doc:"Look at this header."`
	Include []string `hcl:"include,optional" doc:"Regular expressions (RE2): only records that match one of them pass."`
	Exclude []string `hcl:"exclude,optional" doc:"Regular expressions (RE2): records that match one of them are discarded."`
}

// DefaultGrep returns the defaults.
func DefaultGrep() GrepConfig { return GrepConfig{} }

// Validate checks the config.
func (c *GrepConfig) Validate() error {
	var errs []error
	if _, err := newSource(c.Field, c.Header); err != nil {
		errs = append(errs, err)
	}
	if len(c.Include)+len(c.Exclude) == 0 {
		errs = append(
			errs, errors.New("include: give include or exclude, or the filter does nothing"),
		)
	}
	for name, list := range map[string][]string{"include": c.Include, "exclude": c.Exclude} {
		_, err := compileAll(name, list)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func compileAll(name string, list []string) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	var errs []error
	for i, text := range list {
		re, err := regexp.Compile(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s[%d]: %w", name, i, err))
			continue
		}
		out = append(out, re)
	}
	return out, errors.Join(errs...)
}

// Grep lets records pass by what they say.
type Grep struct {
	base
	source           source
	include, exclude []*regexp.Regexp
}

// NewGrep returns the filter.
func NewGrep(c GrepConfig, env Env) (*Grep, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Grep{base: newBase(env)}
	f.source, _ = newSource(c.Field, c.Header)
	f.include, _ = compileAll("include", c.Include)
	f.exclude, _ = compileAll("exclude", c.Exclude)
	return f, nil
}

// Edit implements Filter.
func (f *Grep) Edit(v *View) Verdict {
	text, ok := f.source.text(v)
	switch {
	case !ok:
		return Unhandled
	case len(f.include) > 0 && !matchAny(f.include, text), matchAny(f.exclude, text):
		return Discarded
	}
	return Kept
}

func matchAny(list []*regexp.Regexp, text []byte) bool {
	for _, re := range list {
		if re.Match(text) {
			return true
		}
	}
	return false
}
