package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Ref is a reference from a component or pipeline to a component.
type Ref struct {
	From   string // "output.kafka.events" or "pipeline.app"
	Path   string // "failover.to"
	Target string // "output.s3.overflow"
	Range  hcl.Range
}

// decoder decodes the bodies of one component and remembers where everything stood.
type decoder struct {
	*scope
	owner string
	refs  []Ref
	attrs map[string]*hclsyntax.Attribute // by path: "roll.size", "server[1].host"
	where map[string]hcl.Range            // of blocks, by path; "" is the component itself
	lists map[string][]hcl.Range          // of a list's elements, by path
	slots map[string]reflect.Value        // of attributes, by path

	secured map[string]secured // blocks, by path

	failed  map[string]bool // paths with a mistake that has been reported
	foreign []foreignNote   // texts that look like another tool's, until they are told
}

func newDecoder(s *scope, owner string, header hcl.Range) *decoder {
	return &decoder{
		scope: s,
		owner: owner,
		attrs: map[string]*hclsyntax.Attribute{},
		where: map[string]hcl.Range{"": header},
		lists: map[string][]hcl.Range{},
		slots: map[string]reflect.Value{},

		secured: map[string]secured{},
		failed:  map[string]bool{},
	}
}

type target struct {
	field
	value reflect.Value // the field itself, settable
}

// targetsOf lists the fields of all structs that share a body. Of two fields with one name the
// first struct's counts.
func targetsOf(structs ...reflect.Value) []target {
	var out []target
	for _, v := range structs {
		for _, f := range fieldsOf(v.Type()) {
			if slices.ContainsFunc(out, func(t target) bool { return t.name == f.name }) {
				continue
			}
			out = append(out, target{f, v.FieldByIndex(f.index)})
		}
	}
	return out
}

// body decodes b into the structs. header is where the block begins, title how errors call it.
func (d *decoder) body(
	b *hclsyntax.Body, header hcl.Range, title, path string, structs ...reflect.Value,
) {
	targets := targetsOf(structs...)
	for _, attr := range sortedAttributes(b) {
		d.attribute(attr, targets, title, path)
	}
	seen := map[string]hcl.Range{}
	counts := map[string]int{}
	for _, block := range b.Blocks {
		i := slices.IndexFunc(
			targets, func(t target) bool { return t.name == block.Type && !t.label },
		)
		if i < 0 {
			value := literalOf(block.Body, "type")
			d.unknown(block.TypeRange, block.Type, value, nil, nil, title, path, targets, true)
			continue
		}
		t := targets[i]
		if !t.block {
			value := example(t.field)
			if len(block.Labels) == 1 && strings.HasPrefix(value, `"`) && !t.secret {
				value = strconv.Quote(block.Labels[0])
			}
			d.report.errorf(
				block.TypeRange, fmt.Sprintf("Write %s = %s", t.name, value),
				"%q is an attribute, not a block", t.name,
			)
			continue
		}
		_, repeated := blockStruct(t.typ)
		if first, dup := seen[t.name]; dup && !repeated {
			d.failed[join(path, t.name)] = true
			d.report.errorf(
				block.DefRange(),
				fmt.Sprintf(
					"The first stands at %s:%d; write one.", first.Filename, first.Start.Line,
				),
				"a second %q block in %s",
				t.name,
				title,
			)
			continue
		}
		seen[t.name] = block.DefRange()
		name := t.name
		if repeated {
			name = fmt.Sprintf("%s[%d]", t.name, counts[t.name])
			counts[t.name]++
		}
		d.block(block, t, join(path, name))
	}
	for _, t := range targets {
		if t.optional || t.label {
			continue
		}
		if _, ok := d.attrs[join(path, t.name)]; !ok && !d.failed[join(path, t.name)] &&
			!slices.Contains(d.syntax, header.Filename) {
			d.failed[join(path, t.name)] = true
			value, doc := example(t.field), docHint(t.doc)
			if attr := b.Attributes["if"]; attr != nil && t.name == "condition" {
				if src := d.report.sourceOf(attr.Expr); src != "" {
					value, doc = src, "\nif says which records the filter looks at, condition which of those pass."
				}
			}
			d.report.errorf(
				header, fmt.Sprintf("Add %s = %s%s", t.name, value, doc),
				"%s lacks the attribute %q", title, t.name,
			)
		}
	}
}

func docHint(doc string) string {
	if doc == "" {
		return ""
	}
	return "\n" + doc
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (d *decoder) attribute(attr *hclsyntax.Attribute, targets []target, title, path string) {
	i := slices.IndexFunc(targets, func(t target) bool { return t.name == attr.Name && !t.label })
	if i < 0 {
		near := nearest(attr.Name, names(targets, false))
		if g, ok := foreignAttribute(d.owner, path, attr.Name, literalText(attr.Expr)); ok {
			near = g.attribute()
			if strings.Contains(g.Write, "env(") {
				d.report.hidden = append(d.report.hidden, attr.Expr.Range())
			}
		}
		if near != "" {
			for _, t := range targets {
				if t.name == near && t.secret {
					d.report.hidden = append(d.report.hidden, attr.Expr.Range())
				}
			}
			d.failed[join(path, near)] = true
		}
		d.unknown(
			attr.NameRange, attr.Name, literalText(attr.Expr), literalTexts(attr.Expr), attr.Expr,
			title, path, targets, false,
		)
		return
	}
	t := targets[i]
	d.attrs[join(path, t.name)] = attr
	d.slots[join(path, t.name)] = t.value
	if t.block {
		d.report.errorf(
			attr.NameRange, d.asBlock(t, attr.Expr, path), "%q is a block, not an attribute",
			t.name,
		)
		return
	}
	if t.secret && !namesItsSource(attr.Expr) {
		d.report.hidden = append(d.report.hidden, attr.Expr.Range())
	}
	before := len(d.report.problems)
	isKnown := d.isKnown(attr.Expr) && !d.report.isUnmeant(attr.Expr.Range())
	if isKnown {
		d.value(attr.Expr, t.value, t.field, join(path, t.name))
	}
	if !isKnown || len(d.report.problems) > before {
		d.failed[join(path, t.name)] = true
	} else {
		d.paths(t, join(path, t.name))
		d.noteForeignText(t, join(path, t.name), attr.Expr)
	}
	eachString(t.value, func(s string) {
		if t.secret {
			d.report.seal(s)
		}
		if t.secret || urlSecrets(s) != nil {
			d.report.secretExprs = append(d.report.secretExprs, attr.Expr)
		}
		for _, part := range embeddedSecrets(s) {
			d.report.seal(part)
		}
	})
}

// asBlock says how to write a block that was written as an attribute.
func (d *decoder) asBlock(t target, expr hclsyntax.Expression, path string) string {
	elem, _ := blockStruct(t.typ)
	asWritten := func() string {
		return "Write it without the equals sign: " +
			d.report.blockOf(headerOf(t.name, elem), elem, expr)
	}
	if elem.Kind() != reflect.Struct {
		return asWritten()
	}
	for _, f := range fieldsOf(elem) {
		if !f.label {
			continue
		}
		if f.oneof == nil {
			return asWritten()
		}
		lit, ok := expr.(*hclsyntax.TemplateExpr)
		if !ok || !lit.IsStringLiteral() {
			return fmt.Sprintf(
				"Write %s %q {}, without the equals sign; or, for %q, %s.", t.name, f.oneof[0],
				f.oneof[0], listOr(quoted(f.oneof[1:])),
			)
		}
		v, _ := lit.Value(nil)
		text := v.AsString()
		if !slices.Contains(f.oneof, text) {
			if g := hintForValue(d.owner, join(path, t.name), text); g != "" {
				return fmt.Sprintf(
					"%s\nIt is a block, with %s for its label.", g, listOr(quoted(f.oneof)),
				)
			}
			hint := choices(text, f.oneof)
			near := nearest(text, f.oneof)
			if near == "" {
				near = f.oneof[0]
			}
			return fmt.Sprintf(
				"%s\nIt is a block: write %s %q {}, without the equals sign.", hint, t.name, near,
			)
		}
		return fmt.Sprintf("Write %s %q {}, without the equals sign.", t.name, text)
	}
	return asWritten()
}

// eachString calls f with each string of an attribute's value.
func eachString(v reflect.Value, f func(string)) {
	switch v.Kind() {
	case reflect.String:
		f(v.String())
	case reflect.Pointer:
		if !v.IsNil() {
			eachString(v.Elem(), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachString(v.Index(i), f)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			eachString(v.MapIndex(key), f)
		}
	}
}

// namesItsSource tells expressions such as env("X") and local.x, which hold no secret themselves.
func namesItsSource(e hclsyntax.Expression) bool {
	switch e := e.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		return true
	case *hclsyntax.FunctionCallExpr:
		return e.Name == "env" && len(e.Args) == 1 || e.Name == "file"
	}
	return false
}

func names(targets []target, blocks bool) []string {
	var out []string
	for _, t := range targets {
		if !t.label && t.block == blocks {
			out = append(out, t.name)
		}
	}
	return out
}

// unknown reports a name that a body does not have, with the best guess of what was meant. value is
// its text where it has one, and values are its texts where it is a list.
func (d *decoder) unknown(
	at hcl.Range, name, value string, values []string, expr hclsyntax.Expression,
	title, path string, targets []target, block bool,
) {
	what := "attribute"
	if block {
		what = "block"
	}
	hint := ""
	if g, ok := foreignAttribute(d.owner, path, name, value); ok {
		hint = g.with(values).counting(name, expr).hint()
	} else if near := nearest(
		name, append(names(targets, block), names(targets, !block)...),
	); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
		of := targets[slices.IndexFunc(targets, func(t target) bool { return t.name == near })]
		if len(values) > 0 && of.typ.Kind() == reflect.Slice && value != "" && !of.secret {
			hint = fmt.Sprintf("Did you mean %s = [%s]?", near, strings.Join(quoted(listed(value)), ", "))
		}
		if slices.Contains(names(targets, !block), near) {
			if block {
				hint = fmt.Sprintf("Did you mean %s = %s? It is an attribute.", near, example(of.field))
			} else {
				elem, _ := blockStruct(of.typ)
				snippet := d.report.blockOf(headerOf(near, elem), elem, expr)
				hint = fmt.Sprintf("It is a block: did you mean %s", snippet)
			}
		}
	} else if inner := d.inside(name, expr, targets); inner != "" {
		hint = inner
	} else if other := d.elsewhere(name, expr); other != "" {
		hint = other
	} else if all := names(targets, block); len(all) == 0 {
		hint = fmt.Sprintf("There are no %ss here.", what)
	} else {
		hint = fmt.Sprintf("Known here: %s.", list(all))
	}
	d.report.errorf(at, hint, "unknown %s %q in %s", what, name, title)
}

// inside looks for an attribute one block further down.
func (d *decoder) inside(name string, expr hclsyntax.Expression, targets []target) string {
	for _, t := range targets {
		elem, _ := blockStruct(t.typ)
		if !t.block || elem.Kind() != reflect.Struct {
			continue
		}
		for _, f := range fieldsOf(elem) {
			if f.name == name && !f.label && !f.block {
				value := d.report.sourceOf(expr)
				if value == "" || f.secret {
					value = example(f)
				}
				return "It belongs into a block: " +
					braced(headerOf(t.name, elem), []string{name + " = " + value})
			}
		}
	}
	return ""
}

// elsewhere looks for an attribute among those of the agent and of pipelines. A name of one word
// means something else in each block.
func (d *decoder) elsewhere(name string, expr hclsyntax.Expression) string {
	if expr == nil || !strings.Contains(name, "_") {
		return ""
	}
	of, block := d.report.home(name, expr)
	own, _, _ := strings.Cut(d.owner, ".")
	switch {
	case block == "" || of == "pipeline" && strings.HasPrefix(d.owner, "input.kafka."):
		return "" // which is read in batches
	case of == own:
		return "It belongs further out: " + block
	}
	return "It belongs into another block: " + block
}

func (d *decoder) block(b *hclsyntax.Block, t target, path string) {
	d.where[path] = b.DefRange()
	slot := t.value
	if slot.Kind() == reflect.Interface { // a fresh default, put there by the caller
		slot = slot.Elem().Elem()
	}
	elem, repeated := blockStruct(slot.Type())
	var v reflect.Value
	switch {
	case repeated || slot.Kind() == reflect.Pointer:
		v = newBlock(elem).Elem()
	default:
		v = slot
	}
	if s, ok := v.Addr().Interface().(secured); ok {
		d.secured[path] = s
	}
	d.labels(b, v, path)
	d.body(b.Body, b.DefRange(), fmt.Sprintf("the %q block of %s", t.name, d.owner), path, v)
	switch {
	case repeated && slot.Type().Elem().Kind() == reflect.Pointer:
		slot.Set(reflect.Append(slot, v.Addr()))
	case repeated:
		slot.Set(reflect.Append(slot, v))
	case slot.Kind() == reflect.Pointer:
		slot.Set(v.Addr())
	}
}

func (d *decoder) labels(b *hclsyntax.Block, v reflect.Value, path string) {
	var labels []field
	for _, f := range fieldsOf(v.Type()) {
		if f.label {
			labels = append(labels, f)
		}
	}
	if len(b.Labels) != len(labels) {
		d.report.errorf(
			b.DefRange(), "Write "+braced(headerOf(b.Type, v.Type()), needed(v.Type())),
			"wrong number of labels",
		)
		return
	}
	for i, f := range labels {
		if f.oneof != nil && !slices.Contains(f.oneof, b.Labels[i]) {
			d.failed[join(path, f.name)] = true
			d.report.errorf(
				b.LabelRanges[i], choices(b.Labels[i], f.oneof), "unknown %s %q", f.name,
				b.Labels[i],
			)
		}
		v.FieldByIndex(f.index).SetString(b.Labels[i])
	}
}

func choices(got string, all []string) string {
	hint := "Write " + listOr(quoted(all)) + "."
	if s := nearest(got, all); s != "" {
		hint = fmt.Sprintf("Did you mean %q? ", s) + hint
	}
	return hint
}

func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	return out
}
