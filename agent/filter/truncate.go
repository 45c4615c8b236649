package filter

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// TruncateConfig is the config of the truncate filter.
type TruncateConfig struct {
	Fields []string `hcl:"fields,optional" doc:"Text fields of JSON values to cut; the whole value otherwise, which is for values that are plain text."`
	Size   int64    `hcl:"size" unit:"bytes" doc:"The most that is left, without the suffix. Text is cut between characters."`
	Suffix string   `hcl:"suffix,optional" doc:"What is added where something was cut off."`
}

// DefaultTruncate returns the defaults.
func DefaultTruncate() TruncateConfig { return TruncateConfig{} }

// Validate checks the config.
func (c *TruncateConfig) Validate() error {
	_, err := newPaths("fields", c.Fields)
	if c.Size <= 0 {
		err = errors.Join(err, fmt.Errorf("size: must be more than 0"))
	}
	return err
}

// Truncate cuts texts that are too long.
type Truncate struct {
	base
	fields []*Path
	size   int
	suffix []byte
	cut    prometheus.Counter
}

// NewTruncate returns the filter.
func NewTruncate(c TruncateConfig, env Env) (*Truncate, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Truncate{base: newBase(env), size: int(c.Size), suffix: []byte(c.Suffix)}
	f.fields, _ = newPaths("fields", c.Fields)
	f.cut = env.counter("penstock_filter_truncated_bytes_total", "Bytes that were cut off texts.")
	return f, nil
}

// Edit implements Filter.
func (f *Truncate) Edit(v *View) Verdict {
	if len(f.fields) == 0 {
		text := v.Value()
		if len(text) <= f.size {
			return Kept
		}
		v.SetValue(f.short(text))
		return Changed
	}
	result := Kept
	for _, p := range f.fields {
		switch verdict := v.Each(p, func(raw []byte) []byte {
			if text := textOf(raw); raw[0] == '"' && len(text) > f.size {
				return v.String(f.short(text))
			}
			return nil
		}); verdict {
		case Unhandled:
			return Unhandled
		case Changed:
			result = Changed
		}
	}
	return result
}

// short returns the beginning of a text that is too long, with the suffix.
func (f *Truncate) short(text []byte) []byte {
	n := f.size
	for i := 0; i < utf8.UTFMax && n > 0 && !utf8.RuneStart(text[n]); i++ {
		n--
	}
	f.cut.Add(float64(len(text) - n))
	return append(append(make([]byte, 0, n+len(f.suffix)), text[:n]...), f.suffix...)
}
