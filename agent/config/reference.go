package config

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/reference"
	"github.com/penstock/penstock/buffer/record/template"
)

// Subjects lists the names of all pages.
func (c *Catalogue) Subjects() []string {
	var out []string
	for _, p := range c.Pages() {
		out = append(out, p.Name)
	}
	slices.Sort(out)
	return out
}

// Pages returns the whole reference of the configuration, group by group.
func (c *Catalogue) Pages() []reference.Page {
	var out []reference.Page
	for _, kind := range []Kind{Input, Output, Filter} {
		for _, typ := range c.types(kind) {
			out = append(out, c.componentPage(c.find(kind, typ)))
		}
	}
	return append(
		out, c.agentPage(), c.pipelinePage(), c.bufferPage(), c.templatesPage(),
		c.expressionsPage(), functionsPage(),
	)
}

// Page returns the page of a subject, such as "output.kafka". The error says what there is.
func (c *Catalogue) Page(subject string) (*reference.Page, error) {
	if other, ok := alsoKnown[subject]; ok {
		subject = other
	}
	pages := c.Pages()
	var also []string
	for i := range pages {
		if pages[i].Name == subject {
			return &pages[i], nil
		}
		if strings.HasSuffix(pages[i].Name, "."+subject) {
			also = append(also, pages[i].Name)
		}
	}
	hint := didYouMean(subject, c.Subjects())
	if len(also) > 0 {
		hint = "Write " + listOr(also) + "."
	}
	return nil, fmt.Errorf("there is no help about %q. %s", subject, hint)
}

// alsoKnown are other names of pages.
var alsoKnown = map[string]string{
	"buffer": "pipeline.buffer", "template": templates, "expression": expressions,
	"function": functions,
}

// WriteReference prints every attribute of a subject, with type, default and meaning, in lines of
// at most so many columns.
func (c *Catalogue) WriteReference(w io.Writer, subject string, columns int) error {
	p, err := c.Page(subject)
	if err != nil {
		return err
	}
	p.WriteText(w, columns)
	return nil
}

// blocks is the group of the pages that are about no component.
const blocks = "Blocks"

func (c *Catalogue) componentPage(comp *Component) reference.Page {
	p := reference.Page{
		Name:  string(comp.Kind) + "." + comp.Type,
		Group: strings.ToUpper(string(comp.Kind[:1])) + string(comp.Kind[1:]) + "s",
		Brief: comp.Doc,
	}
	p.Blocks = []reference.Block{
		{Code: c.example(fmt.Sprintf("%s %q", comp.Kind, comp.Type))}, {Text: comp.Doc},
	}
	if comp.Cost != "" {
		p.Blocks = append(p.Blocks, reference.Block{Text: fmt.Sprintf(
			"Rough cost for a record of 170 bytes, on one core: %s.", comp.Cost,
		)})
	}
	structs := []reflect.Value{reflect.ValueOf(comp.Default()).Elem()}
	if comp.Common != nil {
		structs = append(structs, reflect.ValueOf(comp.Common()).Elem())
	}
	p.Blocks = append(p.Blocks, reference.Block{Entries: entries(structs...)})
	return p
}

func (c *Catalogue) agentPage() reference.Page {
	return c.blockPage("agent", "agent", "Settings of the whole agent.", DefaultAgent())
}

func (c *Catalogue) pipelinePage() reference.Page {
	return c.blockPage(
		"pipeline", "pipeline",
		"What goes from which inputs through which filters to which outputs.",
		Pipeline{Unrouted: UnroutedCount, LatencyBudget: DefaultLatencyBudget},
	)
}

func (c *Catalogue) bufferPage() reference.Page {
	return c.blockPage(
		"pipeline.buffer", "buffer", "The disk buffer of a pipeline.",
		reflect.ValueOf(c.Buffer()).Elem().Interface(),
	)
}

func (c *Catalogue) blockPage(name, head, brief string, defaults any) reference.Page {
	return reference.Page{Name: name, Group: blocks, Brief: brief, Blocks: []reference.Block{
		{Code: c.example(head)}, {Text: brief}, {Entries: entries(reflect.ValueOf(defaults))},
	}}
}

// example returns the block of Examples that begins so, or else an empty one.
func (c *Catalogue) example(head string) string {
	for block := range strings.SplitSeq(c.Examples, "\n\n") {
		if strings.HasPrefix(block, head+" ") {
			return strings.TrimSpace(block) + "\n"
		}
	}
	return head + " {\n}\n"
}

// entries lists the attributes of config structs, and then their blocks with what is in them.
func entries(structs ...reflect.Value) []reference.Entry {
	var out []reference.Entry
	targets := targetsOf(structs...)
	for _, t := range targets {
		if !t.block && !t.label {
			out = append(out, reference.Entry{
				Term: t.name, Traits: strings.Join(traits(t), "; "), Text: t.doc,
			})
		}
	}
	for _, t := range targets {
		if t.block {
			out = append(out, blockEntry(t))
		}
	}
	return out
}

func blockEntry(t target) reference.Entry {
	if t.typ.Kind() == reflect.Interface {
		return reference.Entry{
			Term: t.name + " { }", Text: t.doc + " See penstock help pipeline." + t.name + ".",
		}
	}
	elem, repeated := blockStruct(t.typ)
	e := reference.Entry{Text: t.doc}
	var inner reflect.Value
	if t.typ.Kind() == reflect.Struct {
		inner = t.value
	} else {
		inner = newBlock(elem).Elem()
		e.Traits = "optional"
	}
	if repeated {
		e.Traits = "any number"
	}
	labels := ""
	for _, f := range fieldsOf(elem) {
		switch {
		case f.label && f.oneof != nil:
			labels += " " + strings.Join(quoted(f.oneof), "|")
		case f.label:
			labels += fmt.Sprintf(" %q", strings.ToUpper(f.name))
		}
	}
	e.Term = t.name + labels + " { }"
	e.Inner = entries(inner)
	return e
}

// traits lists a field's type, default and other properties.
func traits(t target) []string {
	out := []string{typeName(t.field)}
	if t.oneof != nil {
		out[0] = listOr(quoted(t.oneof))
		switch t.typ.Kind() {
		case reflect.Slice:
			out[0] = "list of " + out[0]
		case reflect.Map:
			out[0] = "map of " + out[0]
		}
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
