package filter

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs/join"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/gjson"
)

// MultilineConfig is the config of the multiline filter.
type MultilineConfig struct {
	Field string     `hcl:"field,optional" doc:"The field of a JSON object whose text is a line; the whole value otherwise. Joined lines stand in this field of the first record, which keeps its other fields, time, key and headers. A record without such a text passes."`
	Key   Expression `hcl:"key,optional" doc:"Expression for what else tells apart lines that do not belong together: \"field.stream\", \"field.container_id + field.stream\", \"header.stream\". Lines of different origins or tags are never joined. A record that it cannot be evaluated for passes, so write field.pod ?? '' where a field may be missing."`
	join.Patterns
	Partial   Expression    `hcl:"partial,optional" doc:"Expression for records that are a part of a line, which the next record of the same key continues with nothing between: \"field.partial == true\" behind parse, \"field.logtag == 'P'\", \"not (field.log endsWith '\\\\n')\". What stands in the patterns sees whole lines."`
	Separator string        `hcl:"separator,optional" doc:"What is put between two lines, unless the first one ends with a newline."`
	Timeout   time.Duration `hcl:"timeout,optional" doc:"How long nothing of a key must have come before what is there is taken as complete. More than the time between two chunks of whoever sends."`
	MaxLines  int           `hcl:"max_lines,optional" doc:"Lines of one record; the next line begins another one."`
	MaxSize   int64         `hcl:"max_size,optional" unit:"bytes" doc:"Longest text that is joined; the next line, or part of one, begins another record. The filter, and those that are written before it, work in front of the buffer, for each input by itself: what is held back lies in the buffer, stored with the input's position, so that a crash neither loses nor repeats anything, and outputs see joined records only. A stop of the agent delivers what is held. Several stand next to each other, and each record is joined by the first that has its if met and a line of it. It cannot be used for inputs that have no buffer, as kafka. At most 10000 records, or 16 MiB, are held of one input; others pass as they are."`
}

// DefaultMultiline returns the defaults.
func DefaultMultiline() MultilineConfig {
	return MultilineConfig{
		Separator: "\n", Timeout: 5 * time.Second, MaxLines: 1000, MaxSize: 1 << 20,
	}
}

// Validate checks the config.
func (c *MultilineConfig) Validate() error {
	var errs []error
	if c.Field != "" {
		if _, err := NewPath(c.Field); err != nil {
			errs = append(errs, errors.New("field: "+err.Error()))
		}
	}
	if c.Partial.IsZero() || c.hasPatterns() {
		errs = append(errs, c.Patterns.Validate())
	}
	if !c.Partial.IsZero() {
		if err := c.Partial.Bool(); err != nil {
			errs = append(errs, fmt.Errorf("partial: %w", err))
		}
	}
	if c.Timeout < time.Millisecond {
		errs = append(errs, errors.New("timeout: must be at least 1ms"))
	}
	if c.MaxLines < 1 {
		errs = append(errs, errors.New("max_lines: must be at least 1"))
	}
	if c.MaxSize < 16 || c.MaxSize > 8<<20 {
		errs = append(errs, errors.New("max_size: must be 16B to 8MiB"))
	}
	return errors.Join(errs...)
}

func (c *MultilineConfig) hasPatterns() bool {
	p := &c.Patterns
	return p.Start+p.Continue+p.End+p.ContinueAfter != "" || len(p.Presets) > 0
}

// Multiline joins records. It does that in front of the buffer (package joining); among the filters
// behind it, it does nothing.
type Multiline struct {
	base
	cfg     MultilineConfig
	name    string
	agent   string
	field   *Path // nil for the whole value
	partial condition
	only    *condition // nil for all records
	rules   *join.Rules
	joined  prometheus.Counter
	limits  prometheus.Counter
}

// NewMultiline returns the filter.
func NewMultiline(c MultilineConfig, env Env) (*Multiline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Multiline{base: newBase(env), cfg: c, name: env.Name, agent: env.Agent}
	f.partial = newCondition(c.Partial, env)
	if c.Field != "" {
		f.field, _ = NewPath(c.Field)
	}
	if c.hasPatterns() {
		f.rules = join.New(c.Patterns)
	}
	f.joined = env.counter(
		"penstock_filter_multiline_joined_total",
		"Records that have become part of the one before them.",
	)
	f.limits = env.counter(
		"penstock_filter_multiline_limits_total",
		"Records that were cut at max_lines or max_size, or not joined because too much is held.",
	)
	return f, nil
}

// Edit implements Filter.
func (f *Multiline) Edit(*View) Verdict { return Kept }

// MultilineOf returns the multiline filter that f is, with its condition; nil if it is another one.
func MultilineOf(f Filter) *Multiline {
	var only *condition
	if c, ok := f.(*conditional); ok {
		f, only = c.Filter, &c.only
	}
	m, ok := f.(*Multiline)
	if !ok {
		return nil
	}
	g := *m
	g.only = only
	return &g
}

// WhyNotInFront tells why a filter cannot stand before a multiline, where records have no position
// yet and come but once; "" if it can.
func WhyNotInFront(f Filter) string {
	if c, ok := f.(*conditional); ok {
		f = c.Filter
	}
	switch f := f.(type) {
	case *Sample:
		if f.source.whole() && !f.all {
			return "chooses by the records' places in the buffer"
		}
	case *UUID:
		return "makes ids of the records' places in the buffer"
	case Stateful:
		if f.ForLog("") != Filter(f) {
			return "remembers records by their places in the buffer"
		}
	}
	return ""
}

// Rules returns what tells which lines belong together; nil where only parts of lines are joined.
func (f *Multiline) Rules() *join.Rules { return f.rules }

// Name returns the filter's name.
func (f *Multiline) Name() string { return f.name }

// Config returns how the filter is configured.
func (f *Multiline) Config() MultilineConfig { return f.cfg }

// CountLimit counts a record that was cut, or not joined.
func (f *Multiline) CountLimit() { f.limits.Inc() }

// Line is what a multiline filter sees of a record, whose memory it shares.
type Line struct {
	Text      []byte
	IsPartial bool // the next record of the key goes on with it
}

// LineReader reads lines of records, and counts what becomes of them. Not safe for concurrent use.
type LineReader struct {
	f      *Multiline
	view   View
	arena  arena
	tally  tally
	joined int
}

// NewReader returns a reader.
func (f *Multiline) NewReader() *LineReader { return &LineReader{f: f} }

// Read reads the line of a record of b; ok is false if the record passes as it is.
func (r *LineReader) Read(b *record.Batch, rec *record.Record) (line Line, ok bool) {
	v := &r.view
	v.batch = b
	v.reset(rec, &r.arena)
	r.tally.in++
	r.tally.bytesIn += v.size()
	verdict := r.read(v, &line)
	r.tally.records[verdict]++
	if verdict != Kept {
		r.CountOut(rec)
	}
	return line, verdict == Kept
}

func (r *LineReader) read(v *View, line *Line) (verdict Verdict) {
	f := r.f
	defer func() {
		if cause := recover(); cause != nil {
			f.m.panics.happened(cause)
			verdict = Unhandled
		}
	}()
	if f.only != nil {
		switch yes, ok := f.only.holds(v); {
		case !ok:
			return Unhandled
		case !yes:
			return Skipped
		}
	}
	if f.field == nil {
		line.Text = v.Value()
	} else if got := v.Get(f.field); got.Type == gjson.String {
		line.Text = bytesOf(got.Str)
	} else {
		return Unhandled
	}
	if !f.cfg.Partial.IsZero() {
		line.IsPartial, _ = f.partial.holds(v)
	}
	return Kept
}

// Key returns the key of the record that was read last; ok is false if the record passes as it is,
// for nothing tells what it may be joined with.
func (r *LineReader) Key() (key string, ok bool) {
	if r.f.cfg.Key.IsZero() {
		return "", true
	}
	defer func() {
		if cause := recover(); cause != nil {
			r.f.m.panics.happened(cause)
			ok = false
		}
		if !ok {
			r.tally.records[Kept]--
			r.tally.records[Unhandled]++
		}
	}()
	x, err := r.f.cfg.Key.eval(&r.view, r.f.agent)
	if err != nil {
		r.f.partial.errors.Inc()
		return "", false
	}
	if x == nil {
		return "", true
	}
	return string(r.f.cfg.Key.keyText(&r.view, x)), true
}

// CanTake reports whether first can have another text in place of its line. What was read before
// has no key any more.
func (r *LineReader) CanTake(b *record.Batch, first *record.Record) bool {
	if r.f.field == nil {
		return true
	}
	r.view.batch = b
	r.view.reset(first, &r.arena)
	return r.view.Set(r.f.field, []byte(`""`))
}

// Joined returns first with another text in place of its line. It keeps text.
func (r *LineReader) Joined(b *record.Batch, first *record.Record, text []byte) record.Record {
	if r.f.field == nil {
		out := *first
		out.Value = text
		return out
	}
	v := &r.view
	v.batch = b
	v.reset(first, &r.arena)
	v.Set(r.f.field, v.String(text))
	return *v.Record()
}

// CountJoined notes that a record that was read has become part of another one.
func (r *LineReader) CountJoined() { r.joined++ }

// CountOut notes that a record leaves the filter.
func (r *LineReader) CountOut(rec *record.Record) {
	r.tally.out++
	r.tally.bytesOut += sizeOf(rec)
}

// Close counts what was noted. The reader can be used again.
func (r *LineReader) Close() {
	r.f.m.add(&r.tally)
	r.f.joined.Add(float64(r.joined))
	r.view.forget()
	r.tally, r.arena, r.joined = tally{}, arena{}, 0
}

// AppendLine appends a line to those before it.
func (f *Multiline) AppendLine(text, line []byte) []byte {
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, f.cfg.Separator...)
	}
	return append(text, line...)
}
