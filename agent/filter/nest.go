package filter

import (
	"bytes"
	"errors"
)

// NestConfig is the config of the nest filter.
type NestConfig struct {
	Fields []string `hcl:"fields,optional" doc:"Fields at the top of a JSON object that are moved into another object."`
	Prefix string   `hcl:"prefix,optional" doc:"Fields whose name begins so are moved, too, and lose it: with \"http.\" and into \"http\", {\"http.path\":1} becomes {\"http\":{\"path\":1}}."`
	Into   string   `hcl:"into" doc:"The field of the object that they are moved into, which is made if it is not there."`
}

// DefaultNest returns the defaults.
func DefaultNest() NestConfig { return NestConfig{} }

// Validate checks the config.
func (c *NestConfig) Validate() error {
	var errs []error
	if len(c.Fields) == 0 && c.Prefix == "" {
		errs = append(
			errs, errors.New("fields: give fields or a prefix, or the filter does nothing"),
		)
	}
	if _, err := NewPath(c.Into); err != nil {
		errs = append(errs, errors.New("into: "+err.Error()))
	}
	return errors.Join(errs...)
}

// Nest moves fields into an object.
type Nest struct {
	base
	fields map[string]bool
	prefix string
	into   *Path
}

// NewNest returns the filter.
func NewNest(c NestConfig, env Env) (*Nest, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Nest{base: newBase(env), fields: map[string]bool{}, prefix: c.Prefix}
	for _, name := range c.Fields {
		f.fields[name] = true
	}
	f.into, _ = NewPath(c.Into)
	return f, nil
}

// Edit implements Filter.
func (f *Nest) Edit(v *View) Verdict {
	if !v.IsObject() {
		return Unhandled
	}
	var inner object
	if r := v.Get(f.into); r.IsObject() {
		inner.split(bytesOf(r.Raw))
	} else if r.Exists() && !f.moves(f.into.names[0]) {
		return Unhandled // something else has that name
	}
	var moved []member
	kept := v.members[:0]
	for _, m := range v.obj.members {
		name := m.name()
		short, ok := bytes.CutPrefix(bytesOf(name), []byte(f.prefix))
		switch {
		case f.prefix != "" && ok && len(short) > 0 && (f.into.rest != "" || name != f.into.names[0]):
			moved = append(moved, member{key: v.String(short), value: m.value})
		case f.fields[name]:
			moved = append(moved, m)
		default:
			kept = append(kept, m)
		}
	}
	v.members = kept
	if len(moved) == 0 {
		return Kept
	}
	inner.merge(moved)
	before := append([]member(nil), v.obj.members...)
	v.obj.members = append(v.obj.members[:0], kept...)
	if !v.Set(f.into, inner.append(v.arena.take(inner.size()))) {
		v.obj.members = before
		return Unhandled
	}
	return Changed
}

func (f *Nest) moves(name string) bool { return f.fields[name] }
