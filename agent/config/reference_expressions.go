package config

import (
	"fmt"
	"io"
	"reflect"
)

// expressions is the subject that WriteReference explains expressions under.
const expressions = "expressions"

// writeExpressions explains expressions, and lists the attributes that are some.
func (c *Catalogue) writeExpressions(w io.Writer) {
	fmt.Fprint(w, `if = "field.status >= 500 and tag[0] == 'web'"

An expression is a text that is compiled when the configuration is read. It sees the record:

field.NAME
    A field of a JSON value: field.user.name, field["a.b"], field.list[0]. field alone is the whole object.
header.NAME
    A header, or header["a-b"].
tag, origin, agent
    As in templates. tag[0] is the tag's first part, tag[-1] its last.
key, value
    The record's key and value as text.
time
    The record's time: time.Year(), time < date("2026-01-01").

Numbers, text in single quotes, true, false, nil, lists [1, 2]. Operators: == != < <= > >=, and or not,
+ - * / % **, in, contains, startsWith, endsWith, matches (a regular expression in quotes), x ? a : b, x ?? d.
Functions: len, lower, upper, trim, split, join, int, float, string, abs, round, min, max, any, all, filter,
map, ... as https://expr-lang.org/docs/language-definition lists them, but for now, repeat and reduce.
let x = ...; before an expression gives a name to a part of it.

What a record lacks is nil: compared with < or > it is no, and contains and the like take it as empty text.
An expression takes time in proportion to the record and gives the same for the same record, always. Lists
and objects that it looks at as such may have 1000 elements.

Write \" for a double quote in the configuration, \\ for a backslash, and $${ for a literal ${.

Attributes that are expressions:

`)
	for _, comp := range c.Components {
		structs := []reflect.Type{reflect.TypeOf(comp.Default()).Elem()}
		if comp.Common != nil {
			structs = append(structs, reflect.TypeOf(comp.Common()).Elem())
		}
		for _, t := range structs {
			for _, f := range fieldsOf(t) {
				elem := f.typ
				if elem.Kind() == reflect.Map {
					elem = elem.Elem()
				}
				if elementName(field{}, elem) == "expression" {
					fmt.Fprintf(w, "  %s.%s  %s\n", comp.Kind, comp.Type, f.name)
				}
			}
		}
	}
}
