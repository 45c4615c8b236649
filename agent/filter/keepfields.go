package filter

import (
	"errors"
)

// KeepFieldsConfig is the config of the keep_fields filter.
type KeepFieldsConfig struct {
	Fields []string `hcl:"fields" doc:"The only fields that JSON objects keep, such as \"user.name\". Costs taking the object apart once."`
}

// DefaultKeepFields returns the defaults.
func DefaultKeepFields() KeepFieldsConfig { return KeepFieldsConfig{} }

// Validate checks the config.
func (c *KeepFieldsConfig) Validate() error {
	if len(c.Fields) == 0 {
		return errors.New("fields: names no field")
	}
	_, err := newPaths("fields", c.Fields)
	return err
}

// KeepFields removes all fields but some.
type KeepFields struct {
	base
	fields []*Path
}

// NewKeepFields returns the filter.
func NewKeepFields(c KeepFieldsConfig, env Env) (*KeepFields, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	fields, _ := newPaths("fields", c.Fields)
	return &KeepFields{newBase(env), fields}, nil
}

// Edit implements Filter.
func (f *KeepFields) Edit(v *View) Verdict {
	if !v.IsObject() {
		return Unhandled
	}
	before := len(v.obj.members)
	kept := object{state: edited, members: v.members[:0]}
	nested := false
	for _, m := range v.obj.members {
		for _, p := range f.fields {
			if m.named(p.names[0]) && p.rest == "" {
				kept.members = append(kept.members, m)
				break
			}
		}
	}
	for _, p := range f.fields {
		if p.rest == "" || kept.find(p.names[0]) >= 0 && !nestedIn(f.fields, p.names[0]) {
			continue
		}
		nested = true
		if r := v.Get(p); r.Exists() {
			kept.set(p.names, p.key, bytesOf(r.Raw))
		}
	}
	v.members = kept.members
	if len(kept.members) == before && !nested {
		return Kept
	}
	v.obj.members = append(v.obj.members[:0], kept.members...)
	v.obj.state, v.changed = edited, true
	return Changed
}

// nestedIn reports whether the fields name parts of that member, and not all of it.
func nestedIn(fields []*Path, name string) bool {
	for _, p := range fields {
		if p.names[0] == name && p.rest == "" {
			return false
		}
	}
	return true
}
