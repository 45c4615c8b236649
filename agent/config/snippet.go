package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// sourceOf returns an expression as it is written, if it is short.
func (r *Report) sourceOf(e hclsyntax.Expression) string {
	if e == nil {
		return ""
	}
	at := e.Range()
	src := r.sources[at.Filename]
	if at.End.Byte > len(src) || at.Start.Byte > at.End.Byte {
		return ""
	}
	text := string(src[at.Start.Byte:at.End.Byte])
	if len(text) > 80 || strings.Contains(text, "\n") {
		return ""
	}
	return text
}

// home returns the kind of block, agent or pipeline, that an attribute belongs into, and such a
// block that can be pasted; "" for one of neither.
func (r *Report) home(name string, expr hclsyntax.Expression) (of, block string) {
	for _, in := range []struct {
		kind, header string
		t            reflect.Type
	}{
		{"agent", "agent", reflect.TypeFor[Agent]()},
		{"pipeline", `pipeline "app"`, reflect.TypeFor[Pipeline]()},
	} {
		for _, f := range fieldsOf(in.t) {
			if f.name != name || f.label || f.block {
				continue
			}
			value := r.sourceOf(expr)
			if value == "" {
				value = example(f)
			}
			return in.kind, braced(in.header, []string{name + " = " + value})
		}
	}
	return "", ""
}

// blockOf writes a block that can be pasted: with what was written, an object's items, or else with
// what it needs, or has first.
func (r *Report) blockOf(header string, t reflect.Type, expr hclsyntax.Expression) string {
	var lines []string
	if object, ok := expr.(*hclsyntax.ObjectConsExpr); ok {
		for _, item := range object.Items {
			key := hclsyntax.Expression(item.KeyExpr)
			name, value := r.sourceOf(key), r.sourceOf(item.ValueExpr)
			if secretIn(t, name) && !namesItsSource(item.ValueExpr) {
				value = fmt.Sprintf("env(%q)", strings.ToUpper(name))
			}
			if value != "" {
				lines = append(lines, name+" = "+value)
			}
		}
	}
	if lines == nil && t.Kind() == reflect.Struct {
		lines = needed(t)
		if ref := refTextOf(expr); ref != "" {
			for i := range lines {
				lines[i] = strings.Replace(lines[i], string(Output)+".TYPE.NAME", ref, 1)
			}
		}
	}
	return braced(header, lines)
}

// refTextOf returns the component that an expression names, in quotes or without, or "".
func refTextOf(e hclsyntax.Expression) string {
	text := literalText(e)
	if t, diags := hcl.AbsTraversalForExpr(e); e != nil && !diags.HasErrors() {
		text = traversalText(t)
	}
	if !isReferenceText(text) || !strings.HasPrefix(text, string(Output)+".") {
		return ""
	}
	return text
}

// needed returns the attributes that a block has to have, or else its first one, with examples.
func needed(t reflect.Type) []string {
	var lines []string
	for _, f := range fieldsOf(t) {
		if !f.block && !f.label && !f.optional {
			lines = append(lines, f.name+" = "+example(f))
		}
	}
	if lines != nil {
		return lines
	}
	for _, f := range fieldsOf(t) {
		if !f.block && !f.label {
			return []string{f.name + " = " + example(f)}
		}
	}
	return nil
}

func secretIn(t reflect.Type, name string) bool {
	return t.Kind() == reflect.Struct && slices.ContainsFunc(
		fieldsOf(t), func(f field) bool { return f.name == name && f.secret },
	)
}

// braced writes a block, on one line if it has one attribute.
func braced(header string, lines []string) string {
	switch len(lines) {
	case 0:
		return header + " {}"
	case 1:
		return header + " { " + lines[0] + " }"
	}
	return header + " {\n  " + strings.Join(lines, "\n  ") + "\n}"
}

// headerOf returns a block's type with its labels, as they may be called.
func headerOf(name string, t reflect.Type) string {
	if t.Kind() != reflect.Struct {
		return name
	}
	for _, f := range fieldsOf(t) {
		if !f.label {
			continue
		}
		label := strings.ToUpper(f.name)
		if f.oneof != nil {
			label = f.oneof[0]
		}
		name += fmt.Sprintf(" %q", label)
	}
	return name
}
