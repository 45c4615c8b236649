package filter

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// AddFieldsConfig is the config of the add_fields filter.
type AddFieldsConfig struct {
	Fields    map[string]template.Template `hcl:"fields" doc:"Fields to add to JSON objects, as strings: { host = \"web\", dir = \"$${tag[1]}\" }. Templates know tag, tag[N], origin, key, time, header.NAME and field.NAME."`
	Overwrite bool                         `hcl:"overwrite,optional" doc:"Whether a field that is there already is replaced."`
}

// DefaultAddFields returns the defaults.
func DefaultAddFields() AddFieldsConfig { return AddFieldsConfig{Overwrite: true} }

// Validate checks the config.
func (c *AddFieldsConfig) Validate() error {
	_, err := c.compile()
	return err
}

type addedField struct {
	path  string
	value *template.Bound[subject]
}

func (c *AddFieldsConfig) compile() ([]addedField, error) {
	var out []addedField
	var errs []error
	if len(c.Fields) == 0 {
		errs = append(errs, errors.New("fields: names no field"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		p, err := path(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("fields: %w", err))
			continue
		}
		value, err := template.Bind(c.Fields[name], bind)
		if err != nil {
			errs = append(errs, fmt.Errorf("fields: %s: %w", name, err))
			continue
		}
		out = append(out, addedField{p, value})
	}
	return out, errors.Join(errs...)
}

// AddFields adds fields to JSON objects.
type AddFields struct {
	editor
	fields    []addedField
	overwrite bool
}

// NewAddFields returns the filter.
func NewAddFields(c AddFieldsConfig, env Env) (*AddFields, error) {
	fields, err := c.compile()
	if err != nil {
		return nil, err
	}
	return &AddFields{editor: newEditor(env), fields: fields, overwrite: c.Overwrite}, nil
}

// Apply implements Filter.
func (f *AddFields) Apply(b *record.Batch) *record.Batch {
	var text []byte
	return f.edit(b, func(r *record.Record) verdict {
		if !isObject(r.Value) {
			return unhandled
		}
		value, result := r.Value, kept
		for _, field := range f.fields {
			if !f.overwrite && gjson.GetBytes(value, field.path).Exists() {
				continue
			}
			var err error
			if text, err = field.value.Append(text[:0], subject{b, r}); err != nil {
				return unhandled
			}
			if value, err = sjson.SetBytes(value, field.path, string(text)); err != nil {
				return unhandled
			}
			result = changed
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
