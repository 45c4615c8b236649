package filter

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/prometheus/client_golang/prometheus"
)

// AddFieldsConfig is the config of the add_fields filter.
type AddFieldsConfig struct {
	Fields    map[string]template.Template `hcl:"fields" doc:"Fields to add to JSON objects: { host = \"web\", app = \"${tag[1]}\", version = 2, canary = true, user = field.ctx.user }. Templates (penstock help templates) make text; a number, true or false without quotes, a field alone and an expression alone keep their type. A field whose template needs what a record lacks is left out, and counted."`
	Overwrite bool                         `hcl:"overwrite,optional" doc:"Whether a field that is there already is replaced."`
}

// DefaultAddFields returns the defaults.
func DefaultAddFields() AddFieldsConfig { return AddFieldsConfig{Overwrite: true} }

// Validate checks the config.
func (c *AddFieldsConfig) Validate() error {
	_, err := c.compile("")
	return err
}

// addedField is one field to add. Exactly one of value, raw, from and expr is set.
type addedField struct {
	path  *Path
	value *template.Bound[dialect.Subject] // text
	raw   []byte                           // JSON
	from  *Path                            // the field to copy
	expr  *Text                            // what keeps the type that it gives
}

func (c *AddFieldsConfig) compile(agent string) ([]addedField, error) {
	var out []addedField
	var errs []error
	if len(c.Fields) == 0 {
		errs = append(errs, errors.New("fields: names no field"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		f, err := compileField(name, c.Fields[name], agent)
		if err != nil {
			errs = append(errs, fmt.Errorf("fields: %w", err))
		}
		out = append(out, f)
	}
	return out, errors.Join(errs...)
}

func compileField(name string, t template.Template, agent string) (f addedField, err error) {
	if f.path, err = NewPath(name); err != nil {
		return f, err
	}
	if raw, ok := t.JSON(); ok {
		f.raw = []byte(raw)
		return f, nil
	}
	if len(t.Parts) == 1 && t.Parts[0].Name == "field" {
		f.from = PathOf(dialect.Nested(t.Parts[0]))
		return f, nil
	}
	if len(t.Parts) == 1 {
		if e, ok := t.Parts[0].Expression.(*Text); ok {
			f.expr = e
			return f, nil
		}
	}
	if f.value, err = dialect.Bind(t, agent); err != nil {
		return f, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// AddFields adds fields to JSON objects.
type AddFields struct {
	base
	fields    []addedField
	overwrite bool
	agent     string
	leftOut   prometheus.Counter
}

// NewAddFields returns the filter.
func NewAddFields(c AddFieldsConfig, env Env) (*AddFields, error) {
	fields, err := c.compile(env.Agent)
	if err != nil {
		return nil, err
	}
	f := &AddFields{
		base: newBase(env), fields: fields, overwrite: c.Overwrite, agent: env.Agent,
	}
	f.leftOut = env.counter(
		"penstock_filter_fields_left_out_total",
		"Fields that were left out because a record lacks what they are made of.",
	)
	return f, nil
}

// Edit implements Filter.
func (f *AddFields) Edit(v *View) Verdict {
	if !v.IsObject() {
		return Unhandled
	}
	// What is added is taken from the record as it came: fields do not see each other.
	raws := append(v.raws[:0], make([][]byte, len(f.fields))...)
	v.raws = raws
	for i := range f.fields {
		field := &f.fields[i]
		if !f.overwrite && v.Get(field.path).Exists() {
			continue
		}
		switch {
		case field.raw != nil:
			raws[i] = field.raw
		case field.from != nil:
			if r := v.Get(field.from); r.Exists() {
				raws[i] = bytesOf(r.Raw)
			}
		case field.expr != nil:
			raws[i] = field.expr.raw(v, field.expr.from, f.agent)
		default:
			text, err := field.value.Append(v.scratch[:0], v.Subject())
			if err == nil {
				raws[i] = v.String(text)
			}
			v.scratch = text
		}
		if raws[i] == nil {
			f.leftOut.Inc()
		}
	}
	result := Kept
	for i, raw := range raws {
		switch {
		case raw == nil:
		case v.Set(f.fields[i].path, raw):
			result = Changed
		default:
			f.leftOut.Inc()
		}
	}
	return result
}

// RemoveFieldsConfig is the config of the remove_fields filter.
type RemoveFieldsConfig struct {
	Fields   []string `hcl:"fields,optional" doc:"Fields to remove from JSON objects, such as \"user.password\". fields or matching is needed."`
	Matching []string `hcl:"matching,optional" doc:"Regular expressions (RE2): fields at the top whose name one of them matches are removed, too."`
}

// DefaultRemoveFields returns the defaults.
func DefaultRemoveFields() RemoveFieldsConfig { return RemoveFieldsConfig{} }

// Validate checks the config.
func (c *RemoveFieldsConfig) Validate() error {
	_, _, err := c.compile()
	return err
}

func (c *RemoveFieldsConfig) compile() ([]*Path, []*regexp.Regexp, error) {
	if len(c.Fields) == 0 && len(c.Matching) == 0 {
		return nil, nil, errors.New("fields: names no field")
	}
	paths, err := newPaths("fields", c.Fields)
	errs := []error{err}
	var matching []*regexp.Regexp
	for i, text := range c.Matching {
		re, err := regexp.Compile(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("matching[%d]: %w", i, err))
		}
		matching = append(matching, re)
	}
	return paths, matching, errors.Join(errs...)
}

// RemoveFields removes fields from JSON objects.
type RemoveFields struct {
	base
	fields   []*Path
	matching []*regexp.Regexp
}

// NewRemoveFields returns the filter.
func NewRemoveFields(c RemoveFieldsConfig, env Env) (*RemoveFields, error) {
	fields, matching, err := c.compile()
	if err != nil {
		return nil, err
	}
	return &RemoveFields{newBase(env), fields, matching}, nil
}

// Edit implements Filter.
func (f *RemoveFields) Edit(v *View) Verdict {
	if !v.IsObject() {
		return Unhandled
	}
	result := Kept
	for _, field := range f.fields {
		if v.Remove(field) {
			result = Changed
		}
	}
	before := len(v.obj.members)
	for _, re := range f.matching {
		v.obj.members = slices.DeleteFunc(v.obj.members, func(m member) bool {
			return re.MatchString(m.name())
		})
	}
	if len(v.obj.members) < before {
		v.obj.state, v.changed = edited, true
		result = Changed
	}
	return result
}
