package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/penstock/penstock/network/wire"
	"github.com/prometheus/client_golang/prometheus"
)

// SetConfig is the config of the set filter.
type SetConfig struct {
	Fields    map[string]Expression `hcl:"fields,optional" doc:"Fields to set in JSON objects, each to what an expression gives: { ms = \"field.seconds * 1000\", slow = \"field.seconds > 1\", version = 2, host = \"header.host\", name = \"'text'\" } (penstock help expressions; text stands in single quotes). Numbers, booleans, lists and objects stay what they are; a field alone keeps its digits. What gives nothing, or cannot be worked out, leaves the field as it was, and is counted. All see the record as it came. Costs taking the object apart once."`
	Headers   map[string]Expression `hcl:"headers,optional" doc:"Headers to set in the same way, as text."`
	Key       Expression            `hcl:"key,optional" doc:"Expression for the record's key, as text."`
	Overwrite bool                  `hcl:"overwrite,optional" doc:"Whether a field, header or key that is there already is replaced."`
}

// DefaultSet returns the defaults.
func DefaultSet() SetConfig { return SetConfig{Overwrite: true} }

// Validate checks the config.
func (c *SetConfig) Validate() error {
	_, err := c.compile()
	return err
}

// assignment is one thing to set.
type assignment struct {
	to     *Path
	header string
	value  Expression
	from   *Path // the field to copy, if value is one
}

func (c *SetConfig) compile() ([]assignment, error) {
	var out []assignment
	var errs []error
	if len(c.Fields)+len(c.Headers) == 0 && c.Key.IsZero() {
		errs = append(
			errs, errors.New("fields: give fields, headers or key, or the filter does nothing"),
		)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		p, err := NewPath(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("fields: %w", err))
			continue
		}
		if c.Fields[name].IsZero() {
			errs = append(errs, fmt.Errorf("fields: %s: must not be empty", name))
			continue
		}
		out = append(out, assignment{to: p, value: c.Fields[name], from: c.Fields[name].field()})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if name == "" || c.Headers[name].IsZero() {
			errs = append(errs, errors.New("headers: must have names and not be empty"))
			continue
		}
		out = append(out, assignment{header: name, value: c.Headers[name]})
	}
	return out, errors.Join(errs...)
}

// Set sets fields, headers and the key.
type Set struct {
	base
	assignments []assignment
	key         Expression
	overwrite   bool
	agent       string
	leftOut     prometheus.Counter
}

// NewSet returns the filter.
func NewSet(c SetConfig, env Env) (*Set, error) {
	assignments, err := c.compile()
	if err != nil {
		return nil, err
	}
	f := &Set{
		base:        newBase(env),
		assignments: assignments,
		key:         c.Key,
		overwrite:   c.Overwrite,
		agent:       env.Agent,
	}
	f.leftOut = env.counter(
		"penstock_filter_fields_left_out_total",
		"Fields that were left out because a record lacks what they are made of.",
	)
	return f, nil
}

// Edit implements Filter.
func (f *Set) Edit(v *View) Verdict {
	raws := append(v.raws[:0], make([][]byte, len(f.assignments))...)
	v.raws = raws
	for i := range f.assignments {
		a := &f.assignments[i]
		if !f.overwrite && a.exists(v) {
			continue
		}
		if raws[i] = f.value(v, a); raws[i] == nil {
			f.leftOut.Inc()
		}
	}
	result := Kept
	if !f.key.IsZero() && (f.overwrite || len(v.rec.Key) == 0) {
		if key := f.text(v, f.key); key != nil {
			v.SetKey(key)
			result = Changed
		} else {
			f.leftOut.Inc()
		}
	}
	for i, raw := range raws {
		a := &f.assignments[i]
		switch {
		case raw == nil:
			continue
		case a.to == nil:
			v.SetHeader(a.header, raw)
		case !v.Set(a.to, raw):
			f.leftOut.Inc()
			if result == Kept && !v.IsObject() {
				result = Unhandled
			}
			continue
		}
		result = Changed
	}
	return result
}

// exists reports whether what is to be set is there already.
func (a *assignment) exists(v *View) bool {
	if a.to != nil {
		return v.Get(a.to).Exists()
	}
	_, there := v.rec.Header(a.header)
	return there
}

// value returns what is to be set, or nil.
func (f *Set) value(v *View, a *assignment) []byte {
	if a.to == nil {
		return f.text(v, a.value)
	}
	return a.value.raw(v, a.from, f.agent)
}

// raw returns what an expression gives as JSON, or nil. from is the field, if it is one and nothing
// else.
func (e Expression) raw(v *View, from *Path, agent string) []byte {
	if from != nil {
		if r := v.Get(from); r.Exists() {
			return bytesOf(r.Raw)
		}
		return nil
	}
	x, err := e.eval(v, agent)
	if err != nil || x == nil {
		return nil
	}
	out, ok := appendValue(v.arena.open(64), x)
	if !ok {
		return nil
	}
	return v.arena.shut(out)
}

// text returns what an expression gives as text, or nil.
func (f *Set) text(v *View, e Expression) []byte {
	if p := e.field(); p != nil {
		text, ok := v.Text(p)
		if !ok {
			return nil
		}
		return text
	}
	x, err := e.eval(v, f.agent)
	if err != nil || x == nil {
		return nil
	}
	if s, ok := x.(string); ok {
		return []byte(s)
	}
	out, ok := appendValue(nil, x)
	if !ok {
		return nil
	}
	return textOf(out)
}

// appendValue appends what an expression gave as JSON.
func appendValue(dst []byte, x any) ([]byte, bool) {
	switch x := x.(type) {
	case string:
		return wire.AppendJSONString(dst, bytesOf(x)), true
	case int:
		return strconv.AppendInt(dst, int64(x), 10), true
	case bool:
		return strconv.AppendBool(dst, x), true
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return dst, false
		}
		return strconv.AppendFloat(dst, x, 'g', -1, 64), true
	case time.Time:
		return append(x.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"'), true
	case time.Duration:
		return strconv.AppendFloat(dst, x.Seconds(), 'g', -1, 64), true
	}
	out, err := json.Marshal(x)
	return append(dst, out...), err == nil
}
