package filter

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// AddFieldsConfig is the config of the add_fields filter.
type AddFieldsConfig struct {
	Fields    map[string]template.Template `hcl:"fields" doc:"Fields to add to JSON objects: { host = \"web\", app = \"${tag[1]}\", version = 2, canary = true, user = field.ctx.user }. Templates (penstock help templates) make text; a number, true or false without quotes and a field alone keep their type. A field whose template needs what a record lacks is left out, and counted."`
	Overwrite bool                         `hcl:"overwrite,optional" doc:"Whether a field that is there already is replaced."`
}

// DefaultAddFields returns the defaults.
func DefaultAddFields() AddFieldsConfig { return AddFieldsConfig{Overwrite: true} }

// Validate checks the config.
func (c *AddFieldsConfig) Validate() error {
	_, err := c.compile("")
	return err
}

// addedField is one field to add. Exactly one of value, raw and from is set.
type addedField struct {
	path  string
	value *template.Bound[dialect.Subject] // text
	raw   []byte                           // JSON
	from  string                           // path of the field to copy
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
	if f.path, err = path(name); err != nil {
		return f, err
	}
	if raw, ok := t.JSON(); ok {
		f.raw = []byte(raw)
		return f, nil
	}
	var alone bool
	if f.from, alone = dialect.FieldPath(t); alone {
		return f, nil
	}
	if f.value, err = dialect.Bind(t, agent); err != nil {
		return f, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// AddFields adds fields to JSON objects.
type AddFields struct {
	editor
	fields    []addedField
	overwrite bool
	leftOut   prometheus.Counter
}

// NewAddFields returns the filter.
func NewAddFields(c AddFieldsConfig, env Env) (*AddFields, error) {
	fields, err := c.compile(env.Agent)
	if err != nil {
		return nil, err
	}
	f := &AddFields{editor: newEditor(env), fields: fields, overwrite: c.Overwrite}
	f.leftOut = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "penstock_filter_fields_left_out_total",
		Help: "Fields that were not added because a record lacks what their template needs.",
	})
	env.Metrics.MustRegister(f.leftOut)
	return f, nil
}

// Apply implements Filter.
func (f *AddFields) Apply(b *record.Batch) *record.Batch {
	var text []byte
	return f.edit(b, func(r *record.Record) verdict {
		if !isObject(r.Value) {
			return unhandled
		}
		value, result := r.Value, kept
		for i := range f.fields {
			field := &f.fields[i]
			if !f.overwrite && gjson.GetBytes(value, field.path).Exists() {
				continue
			}
			var longer []byte
			var err error
			switch {
			case field.raw != nil:
				longer, err = sjson.SetRawBytes(value, field.path, field.raw)
			case field.from != "":
				// Of the record as it came: fields do not see each other.
				v := gjson.GetBytes(r.Value, field.from)
				if err = dialect.ErrMissing; v.Exists() {
					longer, err = sjson.SetRawBytes(value, field.path, []byte(v.Raw))
				}
			default:
				if text, err = field.value.Append(text[:0], dialect.Subject{Batch: b, Record: r}); err == nil {
					longer, err = sjson.SetBytes(value, field.path, string(text))
				}
			}
			if err != nil {
				f.leftOut.Inc()
				continue
			}
			value, result = longer, changed
		}
		r.Value = value
		return result
	})
}

// RemoveFieldsConfig is the config of the remove_fields filter.
type RemoveFieldsConfig struct {
	Fields []string `hcl:"fields" doc:"Fields to remove from JSON objects, such as \"user.password\"."`
}

// DefaultRemoveFields returns the defaults.
func DefaultRemoveFields() RemoveFieldsConfig { return RemoveFieldsConfig{} }

// Validate checks the config.
func (c *RemoveFieldsConfig) Validate() error {
	_, err := c.compile()
	return err
}

func (c *RemoveFieldsConfig) compile() ([]string, error) {
	if len(c.Fields) == 0 {
		return nil, errors.New("fields: names no field")
	}
	return paths(c.Fields)
}

func paths(names []string) ([]string, error) {
	var out []string
	var errs []error
	for i, name := range names {
		p, err := path(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("fields[%d]: %w", i, err))
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

// RemoveFields removes fields from JSON objects.
type RemoveFields struct {
	editor
	fields []string
}

// NewRemoveFields returns the filter.
func NewRemoveFields(c RemoveFieldsConfig, env Env) (*RemoveFields, error) {
	fields, err := c.compile()
	if err != nil {
		return nil, err
	}
	return &RemoveFields{editor: newEditor(env), fields: fields}, nil
}

// Apply implements Filter.
func (f *RemoveFields) Apply(b *record.Batch) *record.Batch {
	return f.edit(b, func(r *record.Record) verdict {
		if !isObject(r.Value) {
			return unhandled
		}
		value, result := r.Value, kept
		for _, field := range f.fields {
			// Names may repeat in JSON; each removal takes the first.
			for gjson.GetBytes(value, field).Exists() {
				shorter, err := sjson.DeleteBytes(value, field)
				if err != nil || len(shorter) >= len(value) {
					return unhandled
				}
				value, result = shorter, changed
			}
		}
		r.Value = value
		return result
	})
}
