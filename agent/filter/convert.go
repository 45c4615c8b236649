package filter

import (
	"bytes"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// ConvertConfig is the config of the convert filter.
type ConvertConfig struct {
	Types map[string]string `hcl:"types" oneof:"int|float|bool|string|auto" doc:"Types that fields of JSON objects are to have: { status = \"int\", \"user.id\" = \"string\" }. What does not have the form of its type stays as it is, and is counted. A number keeps its digits. Costs taking the object apart once."`
}

// DefaultConvert returns the defaults.
func DefaultConvert() ConvertConfig { return ConvertConfig{} }

// Validate checks the config.
func (c *ConvertConfig) Validate() error {
	if len(c.Types) == 0 {
		return errors.New("types: names no field")
	}
	_, err := newTypes("types", c.Types)
	return err
}

// Convert gives fields types.
type Convert struct {
	base
	types   []typedPath
	untyped prometheus.Counter
}

// NewConvert returns the filter.
func NewConvert(c ConvertConfig, env Env) (*Convert, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Convert{base: newBase(env)}
	f.types, _ = newTypes("types", c.Types)
	f.untyped = env.counter(
		"penstock_filter_types_failed_total",
		"Fields that did not have the form of the type that they were to have, and stayed as they were.",
	)
	return f, nil
}

// Edit implements Filter.
func (f *Convert) Edit(v *View) Verdict {
	if !beginsObject(v.rec.Value) && v.obj.state != edited {
		return Unhandled
	}
	result := Kept
	for i := range f.types {
		t := &f.types[i]
		switch v.Each(t.path, func(raw []byte) []byte { return f.typed(v, t.as, raw) }) {
		case Unhandled:
			return Unhandled
		case Changed:
			result = Changed
		}
	}
	return result
}

// typed returns a JSON value with the type, or nil for one that stays as it is.
func (f *Convert) typed(v *View, as typing, raw []byte) []byte {
	if raw[0] == '{' || raw[0] == '[' || raw[0] == 'n' {
		return nil
	}
	text := textOf(raw)
	if as == asString {
		if raw[0] == '"' {
			return nil
		}
		return v.String(text)
	}
	out, ok := appendTyped(v.arena.open(len(text)+32), text, as)
	if !ok {
		if as != asAuto {
			f.untyped.Inc()
		}
		return nil
	}
	if out = v.arena.shut(out); bytes.Equal(out, raw) {
		return nil
	}
	return out
}
