package config

import (
	"reflect"
	"slices"
	"strings"

	"github.com/penstock/penstock/buffer/record/template"
)

// Kind is what a component is: an input, an output or a filter.
type Kind string

const (
	Input  Kind = "input"
	Output Kind = "output"
	Filter Kind = "filter"
)

// Component describes one type of component to the decoder.
type Component struct {
	Kind Kind
	Type string // the first label: "kafka"
	Doc  string // one sentence
	Cost string // of a filter, for a record of about 170 bytes, as "1 µs"; "" where none is told

	// Default returns a pointer to a fresh config struct with its defaults set.
	Default func() any
	// Common returns a pointer to a second struct decoded from the same body, or is nil.
	Common func() any
	// Source says that an input is a log already and is not buffered.
	Source bool
}

// has reports whether a component takes a block of that name.
func (c *Component) has(block string) bool {
	structs := []reflect.Value{reflect.ValueOf(c.Default()).Elem()}
	if c.Common != nil {
		structs = append(structs, reflect.ValueOf(c.Common()).Elem())
	}
	return slices.Contains(names(targetsOf(structs...), true), block)
}

// Catalogue is all that a configuration may name. Buffer and Settings return pointers to fresh
// defaults.
type Catalogue struct {
	Components []Component
	Buffer     func() any // of a pipeline's buffer block
	// Examples is a block of each kind and type, with empty lines between them.
	Examples string
	// Condition checks the expression of a route; nil for no check.
	Condition func(text string) error
	// Expression compiles the expressions in templates; nil where there are none.
	Expression template.Compiler
}

func (c *Catalogue) find(kind Kind, typ string) *Component {
	for i := range c.Components {
		if c.Components[i].Kind == kind && c.Components[i].Type == typ {
			return &c.Components[i]
		}
	}
	return nil
}

func (c *Catalogue) types(kind Kind) []string {
	var names []string
	for _, comp := range c.Components {
		if comp.Kind == kind {
			names = append(names, comp.Type)
		}
	}
	slices.Sort(names)
	return names
}

// validator is implemented by config structs that check what types cannot.
type validator interface{ Validate() error }

// warner is implemented by config structs that can tell what will not work on this machine as it is
// now. Texts are as those of Validate.
type warner interface{ Warnings() error }

// commonWarner is warner for what depends on what Component.Common returned, too.
type commonWarner interface{ WarningsWith(common any) error }

// defaulter is implemented by block structs that are used by pointer or repeated.
type defaulter interface{ SetDefaults() }

// has reports whether a component may have an attribute at a path.
func (c *Catalogue) has(owner string, parts []string) bool {
	kind, rest, _ := strings.Cut(owner, ".")
	typ, _, _ := strings.Cut(rest, ".")
	comp := c.find(Kind(kind), typ)
	if comp == nil {
		return true // or it is not known which
	}
	structs := []any{comp.Default()}
	if comp.Common != nil {
		structs = append(structs, comp.Common())
	}
	return slices.ContainsFunc(structs, func(s any) bool {
		t := reflect.TypeOf(s).Elem()
		for i, name := range parts {
			if t.Kind() != reflect.Struct {
				return t.Kind() == reflect.Map
			}
			fields := fieldsOf(t)
			at := slices.IndexFunc(fields, func(f field) bool { return f.name == name && !f.label })
			if at < 0 {
				return false
			}
			if i < len(parts)-1 {
				t, _ = blockStruct(fields[at].typ)
			}
		}
		return true
	})
}
