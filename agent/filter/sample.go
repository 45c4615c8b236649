package filter

import (
	"errors"
	"fmt"
	"math"
	"regexp"

	"github.com/cespare/xxhash/v2"
	"github.com/penstock/penstock/buffer/record"
)

// SampleConfig is the config of the sample filter.
type SampleConfig struct {
	Keep   float64 `hcl:"keep" doc:"Share of the records that pass, from 0 to 1."`
	Field  string  `hcl:"field,optional" doc:"Decide by this field of a JSON value, so that all records of one request, say, share their fate."`
	Header string  `hcl:"header,optional" doc:"Decide by this header."`
	Always string  `hcl:"always,optional" doc:"Regular expression (RE2): records whose value matches always pass."`
}

// DefaultSample returns the defaults.
func DefaultSample() SampleConfig { return SampleConfig{} }

// Validate checks the config.
func (c *SampleConfig) Validate() error {
	var errs []error
	if !(c.Keep >= 0 && c.Keep <= 1) {
		errs = append(errs, errors.New("keep: must be from 0 to 1"))
	}
	if _, err := newSource(c.Field, c.Header); err != nil {
		errs = append(errs, err)
	}
	if _, err := regexp.Compile(c.Always); err != nil {
		errs = append(errs, fmt.Errorf("always: %w", err))
	}
	return errors.Join(errs...)
}

// Sample lets a share of the records pass, chosen by what they are and not by chance: the same
// record has the same fate each time.
type Sample struct {
	base
	source source
	limit  uint64
	always *regexp.Regexp
	all    bool
}

// NewSample returns the filter.
func NewSample(c SampleConfig, env Env) (*Sample, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Sample{base: newBase(env), all: c.Keep == 1, limit: uint64(c.Keep * math.MaxUint32)}
	f.source, _ = newSource(c.Field, c.Header)
	if c.Always != "" {
		f.always = regexp.MustCompile(c.Always)
	}
	return f, nil
}

// BatchVerdict implements Filter.
func (f *Sample) BatchVerdict(*record.Batch) Verdict {
	if f.all {
		return Kept
	}
	return PerRecord
}

// Edit implements Filter.
func (f *Sample) Edit(v *View) Verdict {
	if f.always != nil && f.always.Match(v.Value()) {
		return Kept
	}
	var hash uint64
	if f.source.whole() {
		hash = mix(xxhash.Sum64String(v.batch.Origin) + uint64(v.rec.Offset))
	} else if text, ok := f.source.text(v); ok {
		hash = xxhash.Sum64(text)
	} else {
		return Unhandled
	}
	if hash>>32 < f.limit {
		return Kept
	}
	return Discarded
}

// mix is the finalizer of splitmix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
