package promtail

import (
	"regexp"
	"strings"
	"text/template/parse"

	"github.com/penstock/penstock/agent/convert/kit"
)

// functions of templates, and what they are in expressions, with the text in the place of %.
var functions = map[string]struct {
	args int  // beside the text
	last bool // the text is the last argument, as in Sprig
	is   string
}{
	"ToLower": {0, false, "lower(%)"}, "lower": {0, false, "lower(%)"},
	"ToUpper": {0, false, "upper(%)"}, "upper": {0, false, "upper(%)"},
	"TrimSpace": {0, false, "trim(%)"}, "trim": {0, false, "trim(%)"},
	"Trim":       {1, false, "trim(%, $1)"},
	"TrimPrefix": {1, false, "trimPrefix(%, $1)"}, "trimPrefix": {1, true, "trimPrefix(%, $1)"},
	"TrimSuffix": {1, false, "trimSuffix(%, $1)"}, "trimSuffix": {1, true, "trimSuffix(%, $1)"},
	"Replace": {3, false, "replace(%, $1, $2)"}, "replace": {2, true, "replace(%, $1, $2)"},
	"default": {1, true, "% == '' ? $1 : %"},
	"eq":      {1, false, "% == $1"}, "ne": {1, false, "% != $1"},
}

var placeholder = regexp.MustCompile(`\$[123]`)

// templated turns a template of Go into an expression; "" for one that has more than texts, fields,
// conditions and simple functions.
func templated(src, value string, of *converter) string {
	stubs := map[string]any{"and": 1, "or": 1, "not": 1}
	for name := range functions {
		stubs[name] = 1
	}
	trees, err := parse.Parse("", src, "{{", "}}", stubs)
	if err != nil || trees[""] == nil {
		return ""
	}
	t := &tmpl{value: value, of: of, missing: "<no value>"}
	out := t.list(trees[""].Root)
	if t.failed {
		return ""
	}
	return out
}

type tmpl struct {
	value   string // what is called .Value
	of      *converter
	missing string // what stands for a field that is not there
	failed  bool
}

func (t *tmpl) fail() string {
	t.failed = true
	return ""
}

func (t *tmpl) list(l *parse.ListNode) string {
	if l == nil {
		return "''"
	}
	var parts []string
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			if len(n.Text) > 0 {
				parts = append(parts, kit.Quote(string(n.Text)))
			}
		case *parse.ActionNode:
			parts = append(parts, t.pipe(n.Pipe))
		case *parse.IfNode:
			parts = append(
				parts, "("+t.condition(n.Pipe)+" ? "+t.list(n.List)+" : "+t.list(n.ElseList)+")",
			)
		default:
			return t.fail()
		}
	}
	switch len(parts) {
	case 0:
		return "''"
	case 1:
		return parts[0]
	}
	return strings.Join(parts, " + ")
}

// condition is a pipe of an if: a text holds unless it is empty.
func (t *tmpl) condition(p *parse.PipeNode) string {
	before := t.missing
	t.missing = ""
	e := t.pipe(p)
	t.missing = before
	if strings.Contains(e, " == ") || strings.Contains(e, " != ") {
		return e
	}
	return e + " != ''"
}

func (t *tmpl) pipe(p *parse.PipeNode) string {
	if len(p.Decl) > 0 {
		return t.fail()
	}
	before := ""
	for _, c := range p.Cmds {
		before = t.command(c, before)
	}
	return before
}

func (t *tmpl) command(c *parse.CommandNode, piped string) string {
	name, ok := c.Args[0].(*parse.IdentifierNode)
	if !ok {
		if len(c.Args) > 1 || piped != "" {
			return t.fail()
		}
		return t.arg(c.Args[0], t.missing)
	}
	f, known := functions[name.Ident]
	otherwise := "nil" // which these functions refuse, and then the stage does nothing
	if name.Ident == "default" || name.Ident == "eq" || name.Ident == "ne" {
		otherwise = ""
	}
	var args []string
	for _, a := range c.Args[1:] {
		args = append(args, t.arg(a, otherwise))
	}
	if piped != "" {
		args = append(args, piped)
	}
	if !known || len(args) != f.args+1 {
		return t.fail()
	}
	text, rest := args[0], args[1:]
	if f.last {
		text, rest = args[f.args], args[:f.args]
	}
	out := strings.ReplaceAll(f.is, "%", text)
	return placeholder.ReplaceAllStringFunc(out, func(n string) string { return rest[n[1]-'1'] })
}

// arg is an argument, and otherwise where it is missing.
func (t *tmpl) arg(n parse.Node, otherwise string) string {
	switch n := n.(type) {
	case *parse.FieldNode:
		if len(n.Ident) != 1 {
			return t.fail()
		}
		name := n.Ident[0]
		switch name {
		case "Entry":
			return t.of.lineExpr()
		case "Value":
			name = t.value
		}
		switch isText := t.of.isLabel(name) || t.of.texts[name]; {
		case otherwise == "nil":
			return t.of.asText(name)
		case isText:
			return "(" + t.of.ref(name) + " ?? " + kit.Quote(otherwise) + ")"
		}
		return "string(" + t.of.ref(name) + " ?? " + kit.Quote(otherwise) + ")"
	case *parse.StringNode:
		return kit.Quote(n.Text)
	case *parse.NumberNode:
		return n.Text
	case *parse.PipeNode:
		return "(" + t.pipe(n) + ")"
	}
	return t.fail()
}
