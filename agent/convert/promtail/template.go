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
func templated(src, value string, ref func(name string) string) string {
	stubs := map[string]any{"and": 1, "or": 1, "not": 1}
	for name := range functions {
		stubs[name] = 1
	}
	trees, err := parse.Parse("", src, "{{", "}}", stubs)
	if err != nil || trees[""] == nil {
		return ""
	}
	t := &tmpl{value: value, ref: ref}
	out := t.list(trees[""].Root)
	if t.failed {
		return ""
	}
	return out
}

type tmpl struct {
	value  string
	ref    func(name string) string
	failed bool
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
	e := t.pipe(p)
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
		return t.arg(c.Args[0])
	}
	f, known := functions[name.Ident]
	var args []string
	for _, a := range c.Args[1:] {
		args = append(args, t.arg(a))
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

func (t *tmpl) arg(n parse.Node) string {
	switch n := n.(type) {
	case *parse.FieldNode:
		switch {
		case len(n.Ident) != 1:
			return t.fail()
		case n.Ident[0] == "Value":
			return "string(" + t.value + " ?? '')"
		case n.Ident[0] == "Entry":
			return "value"
		}
		return "string(" + t.ref(n.Ident[0]) + " ?? '')"
	case *parse.StringNode:
		return kit.Quote(n.Text)
	case *parse.NumberNode:
		return n.Text
	case *parse.PipeNode:
		return "(" + t.pipe(n) + ")"
	}
	return t.fail()
}
