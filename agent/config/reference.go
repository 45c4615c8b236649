package config

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/template"
)

// Subjects lists what WriteReference knows, apart from the list itself.
func (c *Catalogue) Subjects() []string {
	out := []string{"agent", "pipeline", "pipeline.buffer", templates, expressions}
	for _, comp := range c.Components {
		out = append(out, string(comp.Kind)+"."+comp.Type)
	}
	slices.Sort(out)
	return out
}

// WriteList prints the catalogue.
func (c *Catalogue) WriteList(w io.Writer) {
	width := 0
	for _, s := range c.Subjects() {
		width = max(width, len(s))
	}
	for _, kind := range []Kind{Input, Output, Filter} {
		fmt.Fprintf(w, "%s%ss:\n", strings.ToUpper(string(kind[:1])), kind[1:])
		for _, typ := range c.types(kind) {
			fmt.Fprintf(w, "  %-*s  %s\n", width, string(kind)+"."+typ, c.find(kind, typ).Doc)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "Blocks:\n")
	for _, s := range [][2]string{
		{"agent", "Settings of the whole agent."},
		{"pipeline", "What goes from which inputs through which filters to which outputs."},
		{"pipeline.buffer", "The disk buffer of a pipeline."},
		{templates, "Text such as \"app-${tag[1]}\", and what stands in it."},
		{expressions, "Conditions and values such as \"field.status >= 500\"."},
	} {
		fmt.Fprintf(w, "  %-*s  %s\n", width, s[0], s[1])
	}
}

// WriteReference prints every attribute of a subject, such as "output.kafka", with type, default
// and meaning.
func (c *Catalogue) WriteReference(w io.Writer, subject string) error {
	parts := strings.Split(subject, ".")
	switch {
	case subject == templates || subject == "template":
		c.writeTemplates(w)
	case subject == expressions || subject == "expression":
		c.writeExpressions(w)
	case subject == "agent":
		a := DefaultAgent()
		fmt.Fprint(w, "agent {\n}\n\nSettings of the whole agent.\n\n")
		writeFields(w, "", reflect.ValueOf(a))
	case subject == "pipeline":
		fmt.Fprint(
			w,
			"pipeline \"NAME\" {\n}\n\nWhat goes from which inputs through which filters to which outputs.\n\n",
		)
		writeFields(w, "", reflect.ValueOf(Pipeline{LatencyBudget: DefaultLatencyBudget}))
	case subject == "pipeline.buffer" || subject == "buffer":
		fmt.Fprint(w, "buffer {\n}\n\nThe disk buffer of a pipeline.\n\n")
		writeFields(w, "", reflect.ValueOf(c.Buffer()).Elem())
	case len(parts) == 2 && c.find(Kind(parts[0]), parts[1]) != nil:
		comp := c.find(Kind(parts[0]), parts[1])
		fmt.Fprintf(w, "%s %q \"NAME\" {\n}\n\n%s\n\n", comp.Kind, comp.Type, comp.Doc)
		if comp.Cost != "" {
			fmt.Fprintf(
				w, "Costs about %s, of one core, for a record of some 170 bytes.\n\n", comp.Cost,
			)
		}
		structs := []reflect.Value{reflect.ValueOf(comp.Default()).Elem()}
		if comp.Common != nil {
			structs = append(structs, reflect.ValueOf(comp.Common()).Elem())
		}
		writeFields(w, "", structs...)
	default:
		var also []string
		for _, s := range c.Subjects() {
			if strings.HasSuffix(s, "."+subject) {
				also = append(also, s)
			}
		}
		hint := didYouMean(subject, c.Subjects())
		if len(also) > 0 {
			hint = "Write " + listOr(also) + "."
		}
		return fmt.Errorf("there is no help about %q. %s", subject, hint)
	}
	return nil
}

func writeFields(w io.Writer, indent string, structs ...reflect.Value) {
	targets := targetsOf(structs...)
	for _, t := range targets {
		if t.block || t.label {
			continue
		}
		fmt.Fprintf(w, "%s%s  (%s)\n", indent, t.name, strings.Join(traits(t), "; "))
		fmt.Fprintf(w, "%s    %s\n", indent, t.doc)
	}
	for _, t := range targets {
		if !t.block {
			continue
		}
		elem, repeated := blockStruct(t.typ)
		var inner reflect.Value
		note := ""
		switch {
		case t.typ.Kind() == reflect.Interface:
			fmt.Fprintf(
				w, "%s%s { }\n%s    %s See penstock help pipeline.%s.\n", indent, t.name, indent,
				t.doc, t.name,
			)
			continue
		case t.typ.Kind() == reflect.Struct:
			inner = t.value
		default:
			inner = newBlock(elem).Elem()
			note = "  (optional)"
		}
		if repeated {
			note = "  (any number)"
		}
		labels := ""
		for _, f := range fieldsOf(elem) {
			if f.label {
				labels += fmt.Sprintf(" %q", strings.ToUpper(f.name))
				if f.oneof != nil {
					labels = strings.TrimSuffix(
						labels, fmt.Sprintf(" %q", strings.ToUpper(f.name)),
					) + " " + strings.Join(quoted(f.oneof), "|")
				}
			}
		}
		fmt.Fprintf(w, "%s%s%s { }%s\n%s    %s\n", indent, t.name, labels, note, indent, t.doc)
		writeFields(w, indent+"    ", inner)
	}
}

// traits lists a field's type, default and other properties.
func traits(t target) []string {
	out := []string{typeName(t.field)}
	if t.oneof != nil {
		out[0] = listOr(quoted(t.oneof))
	}
	switch def := formatDefault(t); {
	case !t.optional:
		out = append(out, "required")
	case def != "":
		out = append(out, "default "+def)
	default:
		out = append(out, "optional")
	}
	if t.secret {
		out = append(out, "secret")
	}
	return out
}

func typeName(f field) string {
	t := f.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + plural(elementName(f, t.Elem()))
	case reflect.Map:
		return "map of " + plural(elementName(f, t.Elem()))
	}
	return elementName(f, t)
}

func plural(name string) string {
	if strings.HasPrefix(name, "reference to ") {
		return "references" + strings.TrimPrefix(name, "reference")
	}
	return name + "s"
}

func elementName(f field, t reflect.Type) string {
	if named, ok := reflect.Zero(t).Interface().(interface{ ConfigType() string }); ok {
		return named.ConfigType()
	}
	switch {
	case f.ref != "":
		var names []string
		for _, k := range kinds(f.ref) {
			names = append(names, article(k))
		}
		return "reference to " + listOr(names)
	case t == durationType:
		return "duration"
	case t == templateType:
		return "template"
	case f.unit == "bytes":
		return "size"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "string"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Struct:
		return "string"
	}
	return "whole number"
}

func formatDefault(t target) string {
	v := t.value
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return fmt.Sprintf("%q", FormatDuration(x))
	case template.Template:
		if x.IsZero() {
			return ""
		}
		return `"` + x.String() + `"`
	case fmt.Stringer:
		if v.IsZero() {
			return ""
		}
		return fmt.Sprintf("%q", x)
	}
	switch v.Kind() {
	case reflect.String:
		if v.Len() == 0 {
			return ""
		}
		return fmt.Sprintf("%q", v)
	case reflect.Slice:
		if v.Len() == 0 {
			return ""
		}
		var items []string
		for i := range v.Len() {
			item := t
			item.value = v.Index(i)
			items = append(items, formatDefault(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Map, reflect.Struct:
		return ""
	}
	if t.unit == "bytes" {
		if n := v.Int(); n != 0 {
			return fmt.Sprintf("%q", FormatSize(n))
		}
		return "0"
	}
	return fmt.Sprint(v)
}

// MissingDocs names every field of the catalogue that has no doc tag, or one that is not a
// sentence.
func (c *Catalogue) MissingDocs() []string {
	var out []string
	seen := map[reflect.Type]bool{}
	var walk func(path string, t reflect.Type)
	walk = func(path string, t reflect.Type) {
		if seen[t] {
			return
		}
		seen[t] = true
		for _, f := range fieldsOf(t) {
			name := path + "." + f.name
			if f.doc == "" || !strings.HasSuffix(f.doc, ".") {
				out = append(out, fmt.Sprintf("%s (%v)", name, t))
			}
			if elem, _ := blockStruct(f.typ); f.block && elem.Kind() == reflect.Struct {
				walk(name, elem)
			}
		}
	}
	walk("agent", reflect.TypeFor[Agent]())
	walk("pipeline", reflect.TypeFor[Pipeline]())
	walk("pipeline.buffer", reflect.TypeOf(c.Buffer()).Elem())
	for _, comp := range c.Components {
		name := string(comp.Kind) + "." + comp.Type
		if !strings.HasSuffix(comp.Doc, ".") {
			out = append(out, name)
		}
		walk(name, reflect.TypeOf(comp.Default()).Elem())
		if comp.Common != nil {
			walk(name, reflect.TypeOf(comp.Common()).Elem())
		}
	}
	return out
}
