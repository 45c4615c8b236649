package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/penstock/penstock/buffer/record/dialect"
)

// templates is the subject that WriteReference explains templates under.
const templates = "templates"

// writeTemplates explains the one dialect of templates, and lists the attributes that are
// templates.
func (c *Catalogue) writeTemplates(w io.Writer) {
	fmt.Fprint(w, `topic = "logs-${tag[1]}"

A template is text in which ${...} stands for something of the record. It is compiled once. What the
configuration knows (env("NAME"), file("path"), local.NAME) is put in at the start; write $${ for a
literal ${. A part that a record lacks, or that is empty, makes the whole template missing: each
attribute says what becomes of the record then.

`)
	for _, n := range dialect.Names() {
		fmt.Fprintf(w, "${%s}\n    %s\n", n.Form, n.Meaning)
	}
	fmt.Fprint(
		w,
		"\nAttributes that are templates; some know other names instead, or further ones, as their documentation says:\n\n",
	)
	seen := map[string]bool{}
	for _, comp := range c.Components {
		subject := string(comp.Kind) + "." + comp.Type
		walkTemplates(reflect.TypeOf(comp.Default()).Elem(), "", func(path string) {
			if line := subject + "  " + path; !seen[line] {
				seen[line] = true
				fmt.Fprintf(w, "  %s\n", line)
			}
		})
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
		if block, _ := blockStruct(
			f.typ,
		); f.block && block.Kind() == reflect.Struct &&
			strings.Count(prefix, ".") < 4 {
			walkTemplates(block, prefix+f.name+".", found)
		}
	}
}
