package filter

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/buffer/record/timefmt"
	"github.com/prometheus/client_golang/prometheus"
)

// TimeConfig is the config of the time filter.
type TimeConfig struct {
	Field   string   `hcl:"field,optional" doc:"Field of a JSON value that says when, such as \"@timestamp\"."`
	Header  string   `hcl:"header,optional" doc:"Header that says when, instead."`
	Formats []string `hcl:"formats,optional" doc:"How it is written, tried in this order: auto, iso8601, rfc1123, epoch, epoch_s, epoch_ms, epoch_us, epoch_ns or a pattern such as \"%Y-%m-%d %H:%M:%S\". What a pattern leaves out, such as the year, is filled in from the record's time."`
	Zone    string   `hcl:"zone,optional" doc:"IANA zone of times that name none; UTC otherwise."`
	Remove  bool     `hcl:"remove,optional" doc:"Whether the field, or header, is removed once it has been read."`
}

// DefaultTime returns the defaults.
func DefaultTime() TimeConfig { return TimeConfig{Formats: []string{"auto"}} }

// Validate checks the config.
func (c *TimeConfig) Validate() error {
	_, err := c.compile()
	return err
}

func (c *TimeConfig) compile() (*Time, error) {
	f := &Time{remove: c.Remove}
	var errs []error
	var err error
	if f.source, err = newSource(c.Field, c.Header); err != nil {
		errs = append(errs, err)
	} else if f.source.whole() {
		errs = append(errs, errors.New("field: name the field or header that says when"))
	}
	loc, err := time.LoadLocation(c.Zone)
	if err != nil {
		errs, loc = append(errs, fmt.Errorf("zone: %w", err)), time.UTC
	}
	if len(c.Formats) == 0 {
		errs = append(errs, errors.New("formats: names none"))
	}
	for i, name := range c.Formats {
		format, err := timefmt.New(name, loc)
		if err != nil {
			errs = append(errs, fmt.Errorf("formats[%d]: %w", i, err))
		}
		f.formats = append(f.formats, format)
	}
	return f, errors.Join(errs...)
}

// Time gives records the time that a field tells.
type Time struct {
	base
	source  source
	formats []*timefmt.Format
	remove  bool
	bad     prometheus.Counter
}

// NewTime returns the filter.
func NewTime(c TimeConfig, env Env) (*Time, error) {
	f, err := c.compile()
	if err != nil {
		return nil, err
	}
	f.base = newBase(env)
	f.bad = env.counter(
		"penstock_filter_bad_times_total",
		"Records whose time could not be read, and which kept the one they had.",
	)
	return f, nil
}

// Edit implements Filter.
func (f *Time) Edit(v *View) Verdict {
	text, ok := f.source.text(v)
	if !ok {
		return Unhandled
	}
	for _, format := range f.formats {
		if t, err := format.Text(text, v.rec.Time); err == nil {
			return f.set(v, t)
		}
	}
	f.bad.Inc()
	return Unhandled
}

func (f *Time) set(v *View, t int64) Verdict {
	result := Kept
	if t != v.rec.Time {
		v.SetTime(t)
		result = Changed
	}
	if f.remove &&
		(f.source.field != nil && v.Remove(f.source.field) ||
			f.source.header != "" && v.RemoveHeader(f.source.header)) {
		result = Changed
	}
	return result
}
