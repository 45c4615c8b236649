package config

import (
	"reflect"
	"strings"

	"github.com/penstock/penstock/agent/reference"
)

// expressions is the page that explains expressions.
const expressions = "expressions"

// expressionNames are what an expression sees.
var expressionNames = []reference.Entry{
	{Term: "field.NAME", Text: `A field of a JSON value: field.user.name, field["a.b"], field.list[0]. field alone is the whole object.`},
	{Term: "header.NAME", Text: `A header, or header["a-b"]. headers('labels.') is an object of all whose names begin so, without that.`},
	{Term: "tag, origin, agent", Text: "As in templates. tag[0] is the tag's first part, tag[-1] its last."},
	{Term: "key, value", Text: "The record's key and value as text."},
	{Term: "time", Text: `The record's time: time.Year(), time < date("2026-01-01").`},
}

// expressionOperators are grouped by what they are for.
var expressionOperators = []reference.Entry{
	{Term: "== != < <= > >=", Text: "Comparison. What a record lacks is nil: compared with < or > it is no. So is a text compared with a number, such as one of logfmt: write int(field.ms) > 1000, or give it a type with types or auto_types of filter parse."},
	{Term: "and or not", Text: "Also && || and !."},
	{Term: "+ - * / % **", Text: "Arithmetic; + joins texts, too."},
	{Term: "in", Text: "Whether a list holds a value, or an object a name: field.level in ['error', 'fatal']."},
	{Term: "contains startsWith endsWith", Text: "Of texts; what a record lacks is empty text here."},
	{Term: "matches", Text: "Whether a regular expression (RE2), in quotes, finds something in the text."},
	{Term: "x ? a : b", Text: "a if x holds, otherwise b."},
	{Term: "x ?? d", Text: "x, or d where x is nil."},
	{Term: "let x = ...; ...", Text: "Gives a name to a part of an expression."},
}

// ExpressionFunctions are the functions of expressions, by what they work on.
var ExpressionFunctions = []reference.Entry{
	{Term: "len, lower, upper, trim, trimPrefix, trimSuffix, split, splitAfter, replace, indexOf, lastIndexOf, hasPrefix, hasSuffix",
		Text: "Of texts; len of lists and objects as well."},
	{Term: "int, float, string, type, toJSON, fromJSON, toBase64, fromBase64", Text: "From one type to another."},
	{Term: "abs, ceil, floor, round, min, max, sum, mean, median, bitand, bitor, bitxor, bitnand, bitnot, bitshl, bitshr, bitushr",
		Text: "Of numbers, min to median also of a list of them."},
	{Term: "all, any, one, none, filter, map, count, find, findIndex, findLast, findLastIndex, groupBy, sortBy",
		Text: "Look at each element of a list, which is # there: any(field.tags, # startsWith 'a'). They do not stand within one another."},
	{Term: "first, last, get, take, reverse, uniq, concat, flatten, sort, join", Text: "Of lists."},
	{Term: "keys, values, toPairs, fromPairs", Text: "Of objects."},
	{Term: "date, duration, timezone", Text: `Of times: time - date("2026-01-01") > duration("1h").`},
}

// expressionsPage explains expressions, and lists the attributes that are some.
func (c *Catalogue) expressionsPage() reference.Page {
	return reference.Page{
		Name: expressions, Group: blocks,
		Brief: `Conditions and values such as "field.status >= 500".`,
		Blocks: []reference.Block{
			{Code: "if = \"field.status >= 500 and tag[0] == 'web'\"\n"},
			{Text: `An expression is a text that is compiled when the configuration is read. It looks at each
record. Numbers, text in single quotes, true, false, nil and lists [1, 2] stand for themselves. In the
configuration, write \" for a double quote, \\ for a backslash, and $${ for a literal ${.`},
			{Text: `An expression takes time in proportion to the record and gives the same for the same record,
always. Lists and objects that it looks at as such may have 1000 elements, 100 levels deep.`},
			{Heading: "What it sees"},
			{Entries: expressionNames},
			{Heading: "Operators"},
			{Entries: expressionOperators},
			{Heading: "Functions"},
			{Text: `https://expr-lang.org/docs/language-definition explains each. There are no others: now,
repeat and reduce of that language cannot be used, as they would give another result each time or make
much of little.`},
			{Entries: ExpressionFunctions},
			{Heading: "Attributes that are expressions"},
			{Entries: c.expressionAttributes()},
		},
	}
}

func (c *Catalogue) expressionAttributes() []reference.Entry {
	out := []reference.Entry{
		{Term: "pipeline", Text: "if of a route"},
		{Term: "templates", Text: `Parts such as ${expr("lower(field.level)")} (penstock help templates)`},
	}
	for _, comp := range c.Components {
		structs := []reflect.Type{reflect.TypeOf(comp.Default()).Elem()}
		if comp.Common != nil {
			structs = append(structs, reflect.TypeOf(comp.Common()).Elem())
		}
		var names []string
		for _, t := range structs {
			for _, f := range fieldsOf(t) {
				elem := f.typ
				if elem.Kind() == reflect.Map {
					elem = elem.Elem()
				}
				if elementName(field{}, elem) == "expression" {
					names = append(names, f.name)
				}
			}
		}
		if names != nil {
			out = append(out, reference.Entry{
				Term: string(comp.Kind) + "." + comp.Type, Text: strings.Join(names, ", "),
			})
		}
	}
	return out
}
