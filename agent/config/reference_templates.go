package config

import (
	"reflect"
	"strings"

	"github.com/penstock/penstock/agent/reference"
	"github.com/penstock/penstock/buffer/record/dialect"
)

// templates is the page that explains templates.
const templates = "templates"

// templatesPage explains the one dialect of templates, and lists the attributes that are templates.
func (c *Catalogue) templatesPage() reference.Page {
	var names, attributes []reference.Entry
	for _, n := range dialect.Names() {
		names = append(names, reference.Entry{Term: "${" + n.Form + "}", Text: n.Meaning})
	}
	for _, comp := range c.Components {
		e := reference.Entry{Term: string(comp.Kind) + "." + comp.Type}
		var paths []string
		walkTemplates(reflect.TypeOf(comp.Default()).Elem(), "", func(path string) {
			if len(paths) == 0 || paths[len(paths)-1] != path {
				paths = append(paths, path)
			}
		})
		if e.Text = strings.Join(paths, ", "); paths != nil {
			attributes = append(attributes, e)
		}
	}
	return reference.Page{
		Name: templates, Group: blocks,
		Brief: `Text such as "app-${tag[1]}", and what stands in it.`,
		Blocks: []reference.Block{
			{Code: "topic = \"logs-${tag[1]}\"\n"},
			{Text: `A template is text in which ${...} stands for something of the record. It is compiled
once. What the configuration knows (env("NAME"), file("path"), local.NAME: penstock help functions) is
put in at the start; write $${ for a literal ${. A part that a record lacks, or that is empty, makes the
whole template missing: each attribute says what becomes of the record then.`},
			{Entries: names},
			{Heading: "Attributes that are templates"},
			{Text: "Some know other names instead, or further ones, as their documentation says."},
			{Entries: attributes},
		},
	}
}

// walkTemplates calls found with the path of each template in a config struct.
func walkTemplates(t reflect.Type, prefix string, found func(path string)) {
	for _, f := range fieldsOf(t) {
		elem := f.typ
		if elem.Kind() == reflect.Map {
			elem = elem.Elem()
		}
		if elem == templateType {
			found(prefix + f.name)
		}
		block, _ := blockStruct(f.typ)
		if f.block && block.Kind() == reflect.Struct && strings.Count(prefix, ".") < 4 {
			walkTemplates(block, prefix+f.name+".", found)
		}
	}
}
