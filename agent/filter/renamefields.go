package filter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// RenameFieldsConfig is the config of the rename_fields filter.
type RenameFieldsConfig struct {
	Fields    map[string]string `hcl:"fields" doc:"New names of fields of JSON objects, by the old ones: { msg = \"message\", \"ctx.user\" = \"user.name\" }. A field keeps its type and its place, unless it moves into another object. Costs taking the object apart once."`
	Overwrite bool              `hcl:"overwrite,optional" doc:"Whether a field that has the new name already is replaced; otherwise the old one stays as it is."`
}

// DefaultRenameFields returns the defaults.
func DefaultRenameFields() RenameFieldsConfig { return RenameFieldsConfig{Overwrite: true} }

// Validate checks the config.
func (c *RenameFieldsConfig) Validate() error {
	_, err := c.compile()
	return err
}

type renaming struct{ from, to *Path }

func (c *RenameFieldsConfig) compile() ([]renaming, error) {
	var out []renaming
	var errs []error
	if len(c.Fields) == 0 {
		errs = append(errs, errors.New("fields: names no field"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		from, err := NewPath(name)
		to, err2 := NewPath(c.Fields[name])
		if err := errors.Join(err, err2); err != nil {
			errs = append(errs, fmt.Errorf("fields: %w", err))
			continue
		}
		if from.whole != to.whole {
			out = append(out, renaming{from, to})
		}
	}
	return out, errors.Join(errs...)
}

// RenameFields gives fields other names.
type RenameFields struct {
	base
	fields    []renaming
	overwrite bool
}

// NewRenameFields returns the filter.
func NewRenameFields(c RenameFieldsConfig, env Env) (*RenameFields, error) {
	fields, err := c.compile()
	if err != nil {
		return nil, err
	}
	return &RenameFields{newBase(env), fields, c.Overwrite}, nil
}

// Edit implements Filter.
func (f *RenameFields) Edit(v *View) Verdict {
	if !v.IsObject() {
		return Unhandled
	}
	result := Kept
	for _, r := range f.fields {
		value := v.Get(r.from)
		if !value.Exists() {
			continue
		}
		there := v.Get(r.to).Exists()
		if there && !f.overwrite {
			continue
		}
		if r.from.rest == "" && r.to.rest == "" {
			if there {
				v.Remove(r.to)
			}
			for i := range v.obj.members { // names may repeat
				if m := &v.obj.members[i]; m.named(r.from.names[0]) {
					m.key = r.to.key
				}
			}
			v.obj.state, v.changed = edited, true
			result = Changed
			continue
		}
		raw := bytesOf(value.Raw)
		obj, changed := v.obj, v.changed
		v.obj.members = slices.Clone(obj.members)
		v.Remove(r.from)
		if !v.Set(r.to, raw) {
			v.obj, v.changed = obj, changed
			continue
		}
		result = Changed
	}
	return result
}
