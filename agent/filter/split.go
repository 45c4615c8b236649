package filter

import (
	"bytes"
	"errors"

	"github.com/tidwall/gjson"
)

// SplitConfig is the config of the split filter.
type SplitConfig struct {
	Field     string `hcl:"field" doc:"The text field of a JSON value that becomes a list of texts."`
	Separator string `hcl:"separator,optional" doc:"What stands between the parts."`
	Trim      bool   `hcl:"trim,optional" doc:"Whether blanks around the parts, and parts that are empty, are left out."`
	Into      string `hcl:"into,optional" doc:"The field for the list; the text's own otherwise."`
}

// DefaultSplit returns the defaults.
func DefaultSplit() SplitConfig { return SplitConfig{Separator: ","} }

// Validate checks the config.
func (c *SplitConfig) Validate() error {
	var errs []error
	if _, err := NewPath(c.Field); err != nil {
		errs = append(errs, errors.New("field: "+err.Error()))
	}
	if c.Into != "" {
		if _, err := NewPath(c.Into); err != nil {
			errs = append(errs, errors.New("into: "+err.Error()))
		}
	}
	if c.Separator == "" {
		errs = append(errs, errors.New("separator: must not be empty"))
	}
	return errors.Join(errs...)
}

// SplitText makes lists of texts. A record stays one: explode makes several of it.
type SplitText struct {
	base
	field, into *Path
	separator   []byte
	trim        bool
}

// NewSplit returns the filter.
func NewSplit(c SplitConfig, env Env) (*SplitText, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &SplitText{base: newBase(env), separator: []byte(c.Separator), trim: c.Trim}
	f.field, _ = NewPath(c.Field)
	if f.into = f.field; c.Into != "" {
		f.into, _ = NewPath(c.Into)
	}
	return f, nil
}

// Edit implements Filter.
func (f *SplitText) Edit(v *View) Verdict {
	r := v.Get(f.field)
	if r.Type != gjson.String {
		return Unhandled
	}
	out := append(make([]byte, 0, len(r.Str)+16), '[')
	rest := bytesOf(r.Str)
	for more := true; more; {
		var part []byte
		part, rest, more = bytes.Cut(rest, f.separator)
		if f.trim {
			if part = bytes.TrimSpace(part); len(part) == 0 {
				continue
			}
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendText(out, part)
	}
	if !v.Set(f.into, append(out, ']')) {
		return Unhandled
	}
	return Changed
}
