package filter

import (
	"errors"
	"strconv"

	"github.com/tidwall/gjson"
)

// FlattenConfig is the config of the flatten filter.
type FlattenConfig struct {
	Field     string `hcl:"field,optional" doc:"The object to flatten, whose members come to the top under its name; all objects in a JSON value otherwise."`
	Separator string `hcl:"separator,optional" doc:"What stands between the names: {\"a\":{\"b\":1}} becomes {\"a.b\":1}."`
	Lists     bool   `hcl:"lists,optional" doc:"Whether lists are flattened, too, by the numbers of their elements, from 0."`
}

// DefaultFlatten returns the defaults.
func DefaultFlatten() FlattenConfig { return FlattenConfig{Separator: "."} }

// Validate checks the config.
func (c *FlattenConfig) Validate() error {
	if c.Field == "" {
		return nil
	}
	_, err := NewPath(c.Field)
	if err != nil {
		return errors.New("field: " + err.Error())
	}
	return nil
}

// Flatten makes one level of many.
type Flatten struct {
	base
	field     *Path
	separator string
	lists     bool
}

// maxFlat bounds how deep objects are flattened, and so how long names become.
const maxFlat = 32

// NewFlatten returns the filter.
func NewFlatten(c FlattenConfig, env Env) (*Flatten, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Flatten{base: newBase(env), separator: c.Separator, lists: c.Lists}
	if c.Field != "" {
		f.field, _ = NewPath(c.Field)
	}
	return f, nil
}

// Edit implements Filter.
func (f *Flatten) Edit(v *View) Verdict {
	if f.field != nil && !f.nested(bytesOf(v.Get(f.field).Raw)) {
		return Kept
	}
	if !v.IsObject() {
		return Unhandled
	}
	out := v.members[:0]
	if f.field != nil {
		raw := v.Get(f.field).Raw
		name := ""
		for i, n := range f.field.names {
			if i > 0 {
				name += f.separator
			}
			name += n
		}
		out = f.flatten(v, out, name, bytesOf(raw), 0)
		v.Remove(f.field)
	} else {
		found := false
		for i := range v.obj.members {
			m := &v.obj.members[i]
			if !f.nested(m.value) {
				out = append(out, *m)
				continue
			}
			found = true
			out = f.flatten(v, out, m.name(), m.value, 0)
		}
		v.members = out
		if !found {
			return Kept
		}
		v.obj.members = v.obj.members[:0]
	}
	v.members = out
	v.obj.merge(out)
	v.obj.state, v.changed = edited, true
	return Changed
}

// nested reports whether a value is to be flattened. An empty object stays.
func (f *Flatten) nested(raw []byte) bool {
	if len(raw) < 3 || raw[0] != '{' && (raw[0] != '[' || !f.lists) {
		return false
	}
	return hasElement(raw)
}

// hasElement reports whether an object or a list is not empty.
func hasElement(raw []byte) bool {
	for _, c := range raw[1:] {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c != '}' && c != ']'
	}
	return false
}

func (f *Flatten) flatten(v *View, out []member, prefix string, raw []byte, depth int) []member {
	add := func(name string, value []byte) {
		name = prefix + f.separator + name
		if depth+1 < maxFlat && f.nested(value) {
			out = f.flatten(v, out, name, value, depth+1)
			return
		}
		out = append(out, member{key: v.String(bytesOf(name)), value: value})
	}
	if raw[0] == '[' {
		i := 0
		gjson.Parse(alias(raw)).ForEach(func(_, value gjson.Result) bool {
			add(strconv.Itoa(i), bytesOf(value.Raw))
			i++
			return true
		})
		return out
	}
	var o object
	o.split(raw)
	for i := range o.members {
		add(o.members[i].name(), o.members[i].value)
	}
	return out
}
