package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// value decodes an expression into v. Lists and maps written out are taken apart first, so that
// each element has its own position.
func (d *decoder) value(expr hcl.Expression, v reflect.Value, f field, path string) {
	switch {
	case v.Type() == templateType:
		d.template(expr, v)
		return
	case v.Kind() == reflect.Pointer:
		elem := reflect.New(v.Type().Elem())
		d.value(expr, elem.Elem(), f, path)
		v.Set(elem)
		return
	case f.ref != "" && v.Kind() == reflect.String:
		d.reference(expr, v, f, path)
		return
	case v.Kind() == reflect.Slice:
		if items, diags := hcl.ExprList(expr); !diags.HasErrors() {
			out := reflect.MakeSlice(v.Type(), len(items), len(items))
			ranges := make([]hcl.Range, len(items))
			for i, item := range items {
				ranges[i] = item.Range()
				d.value(item, out.Index(i), f, path)
			}
			d.lists[path] = ranges
			v.Set(out)
			return
		}
		if f.ref != "" {
			if t, diags := hcl.AbsTraversalForExpr(expr); !diags.HasErrors() {
				d.report.errorf(
					expr.Range(), fmt.Sprintf("Write [%s].", traversalText(t)),
					"must be a list of references",
				)
				return
			}
			d.report.errorf(expr.Range(), "Write "+example(f)+".", "must be a list of references")
			return
		}
	case v.Kind() == reflect.Map:
		if pairs, diags := hcl.ExprMap(expr); !diags.HasErrors() {
			out := reflect.MakeMapWithSize(v.Type(), len(pairs))
			for _, p := range pairs {
				key := d.eval(p.Key)
				if !key.IsKnown() || key.IsNull() || key.Type() != cty.String {
					continue
				}
				elem := reflect.New(v.Type().Elem()).Elem()
				d.value(p.Value, elem, f, path)
				out.SetMapIndex(reflect.ValueOf(key.AsString()).Convert(v.Type().Key()), elem)
			}
			v.Set(out)
			return
		}
	}
	if text := d.bareText(expr); text != "" && isExpression(v.Type()) {
		hint := fmt.Sprintf("A text has quotes of its own: \"'%s'\".", text)
		if !strings.ContainsAny(text, "-/:") {
			hint += fmt.Sprintf(" A field is \"field.%s\".", text)
		}
		d.report.errorf(expr.Range(), hint, "unknown name %q", text)
		return
	}
	d.assign(d.eval(expr), v, f, path, expr.Range())
}

func isExpression(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && strings.HasSuffix(t.Name(), "Expression")
}

// template compiles a template. Names of the scope are evaluated now; all others are the
// component's to bind.
func (d *decoder) template(expr hcl.Expression, v reflect.Value) {
	file := expr.Range().Filename
	if text := d.bareText(expr); text != "" && !isName(expr) {
		d.eval(expr) // which tells it
		return
	}
	t, diags := template.Compile(expr, template.Scope{
		Context: d.context(file), Expression: d.expression, Source: d.report.sources[file],
	})
	d.report.add(diags)
	if !diags.HasErrors() {
		v.Set(reflect.ValueOf(t))
	}
}

// show quotes a value for an error, unless it is a secret.
func show(val cty.Value, f field) string {
	if f.secret {
		return "a secret"
	}
	s, err := convert.Convert(val, cty.String)
	if err != nil || s.IsNull() || !s.IsKnown() {
		return "of the wrong type"
	}
	if text := s.AsString(); len(text) > 80 {
		return fmt.Sprintf("%q...", text[:80])
	}
	return fmt.Sprintf("%q", s.AsString())
}

// example writes a value that the field would take.
func example(f field) string {
	t := f.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	one := func(t reflect.Type) string {
		switch {
		case f.ref != "":
			return firstKind(f.ref) + ".TYPE.NAME"
		case f.oneof != nil:
			return fmt.Sprintf("%q", f.oneof[0])
		case t == durationType:
			return `"30s"`
		case t == templateType:
			return `"${tag}"`
		case f.unit == "bytes":
			return `"128MiB"`
		}
		switch t.Kind() {
		case reflect.Bool:
			return "true"
		case reflect.String:
			switch {
			case f.secret:
				return fmt.Sprintf("env(%q)", strings.ToUpper(f.name))
			case strings.HasSuffix(f.name, "_file"):
				return fmt.Sprintf(`"/etc/penstock/%s.pem"`, strings.TrimSuffix(f.name, "_file"))
			}
			return `"text"`
		case reflect.Float32, reflect.Float64:
			return "0.5"
		case reflect.Struct:
			if isExpression(t) {
				if f.name == "if" || f.name == "condition" {
					return `"field.level == 'error'"`
				}
				return `"field.name"`
			}
			return `"text"`
		}
		return "10"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "[" + one(t.Elem()) + "]"
	case reflect.Map:
		return "{ name = " + one(t.Elem()) + " }"
	}
	return one(t)
}

// reference decodes a traversal such as output.s3.overflow into its text.
func (d *decoder) reference(expr hcl.Expression, v reflect.Value, f field, path string) {
	kind := firstKind(f.ref)
	traversal, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() {
		hint := fmt.Sprintf("Write %s.TYPE.NAME, without quotes.", kind)
		if lit, ok := expr.(*hclsyntax.TemplateExpr); ok && lit.IsStringLiteral() {
			if s, _ := lit.Value(nil); isReferenceText(s.AsString()) {
				hint = fmt.Sprintf("Write %s, without quotes.", s.AsString())
			}
		}
		d.report.errorf(expr.Range(), hint, "must be a reference to an %s", kind)
		return
	}
	text := traversalText(traversal)
	v.SetString(text)
	d.refs = append(d.refs, Ref{From: d.owner, Path: path, Target: text, Range: expr.Range()})
	if !isReferenceText(text) {
		d.report.errorf(
			expr.Range(), fmt.Sprintf("Write %s.TYPE.NAME.", kind),
			"%s is not a reference to a component", text,
		)
		d.refs = d.refs[:len(d.refs)-1]
	} else if got := traversal.RootName(); !slices.Contains(kinds(f.ref), got) {
		d.report.errorf(
			expr.Range(), fmt.Sprintf("%s takes %s: %s.TYPE.NAME.", f.name, article(kind), kind),
			"%s is %s, not %s", text, article(got), article(kind),
		)
		d.refs = d.refs[:len(d.refs)-1]
	}
}
