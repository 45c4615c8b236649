package config

import (
	"encoding"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
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
	d.fromCty(d.eval(expr), v, f, path, expr.Range())
}

// template compiles a template. Names of the scope are evaluated now; all others are the
// component's to bind.
func (d *decoder) template(expr hcl.Expression, v reflect.Value) {
	t, diags := template.Compile(expr, d.context(expr.Range().Filename))
	d.report.add(diags)
	if !diags.HasErrors() {
		v.Set(reflect.ValueOf(t))
	}
}

// scalarUnmarshaler is implemented by types that take numbers, true and false without quotes, too.
type scalarUnmarshaler interface{ UnmarshalScalar(text []byte) error }

// fromCty stores a value, or reports why it does not fit. Null leaves the default; unknown has been
// reported before.
func (d *decoder) fromCty(val cty.Value, v reflect.Value, f field, path string, at hcl.Range) {
	if val.IsNull() || !val.IsKnown() {
		return
	}
	bad := func(format string, args ...any) {
		d.report.errorf(
			at, "For example: "+f.name+" = "+example(f), "%s %s", f.name,
			fmt.Sprintf(format, args...),
		)
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok && val.Type() == cty.String {
		if err := u.UnmarshalText([]byte(val.AsString())); err != nil {
			bad("%v", err)
		}
		return
	}
	typ := val.Type()
	if u, ok := v.Addr().Interface().(scalarUnmarshaler); ok &&
		(typ == cty.Number || typ == cty.Bool) {
		text, err := convert.Convert(val, cty.String)
		if err == nil {
			err = u.UnmarshalScalar([]byte(text.AsString()))
		}
		if err != nil {
			bad("%v", err)
		}
		return
	}
	switch {
	case v.Type() == templateType:
		if s, err := convert.Convert(val, cty.String); err != nil || s.IsNull() {
			bad("must be a string")
		} else if text := s.AsString(); text != "" {
			v.Set(reflect.ValueOf(template.Template{Parts: []template.Part{{
				Literal: text, Typed: typ == cty.Number || typ == cty.Bool, Range: at,
			}}}))
		}
	case v.Type() == durationType:
		if typ != cty.String {
			bad("must be a duration in quotes")
			return
		}
		dur, err := ParseDuration(val.AsString())
		if err != nil {
			bad("is %s, which %v", show(val, f), err)
			return
		}
		v.SetInt(int64(dur))
	case v.Kind() == reflect.Slice:
		if !typ.IsListType() && !typ.IsTupleType() && !typ.IsSetType() {
			hint := "For example: " + f.name + " = " + example(f)
			if typ == cty.String && !f.secret {
				hint = fmt.Sprintf("Write [%q].", val.AsString())
				if g := hintForValue(d.owner, path, val.AsString()); g != "" {
					hint = g
				}
			}
			d.report.errorf(at, hint, "%s must be a list", f.name)
			return
		}
		out := reflect.MakeSlice(v.Type(), 0, val.LengthInt())
		for _, item := range val.AsValueSlice() {
			elem := reflect.New(v.Type().Elem()).Elem()
			d.fromCty(item, elem, f, path, at)
			out = reflect.Append(out, elem)
		}
		v.Set(out)
	case v.Kind() == reflect.Map:
		if !typ.IsMapType() && !typ.IsObjectType() {
			bad("must be a map")
			return
		}
		out := reflect.MakeMap(v.Type())
		for key, item := range val.AsValueMap() {
			elem := reflect.New(v.Type().Elem()).Elem()
			d.fromCty(item, elem, f, path, at)
			out.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), elem)
		}
		v.Set(out)
	case v.Kind() == reflect.Bool:
		b, err := convert.Convert(val, cty.Bool)
		if err != nil {
			bad("must be true or false")
			return
		}
		v.SetBool(b.True())
	case v.Kind() == reflect.String:
		s, err := convert.Convert(val, cty.String)
		if err != nil {
			if items, ok := single(val); ok && !f.secret {
				d.report.errorf(
					at, "Write "+fmt.Sprintf("%q.", items), "%s must be a string, not a list",
					f.name,
				)
				return
			}
			bad("must be a string")
			return
		}
		text := s.AsString()
		if f.oneof != nil && !slices.Contains(f.oneof, text) {
			hint := choices(text, f.oneof)
			if g := hintForValue(d.owner, path, text); g != "" {
				hint = g
			}
			d.report.errorf(at, hint, "%s cannot be %s", f.name, show(val, f))
			return
		}
		v.SetString(text)
	case v.CanInt() || v.CanUint():
		d.integer(val, v, f, bad)
	case v.CanFloat():
		n, err := convert.Convert(val, cty.Number)
		if err != nil {
			bad("must be a number")
			return
		}
		x, _ := n.AsBigFloat().Float64()
		v.SetFloat(x)
	default:
		panic(
			fmt.Sprintf(
				"attribute %q has a type that the decoder does not know: %v", f.name, v.Type(),
			),
		)
	}
}

// single returns the one string of a list.
func single(val cty.Value) (string, bool) {
	if t := val.Type(); !t.IsListType() && !t.IsTupleType() || !val.IsKnown() ||
		val.LengthInt() != 1 {
		return "", false
	}
	item := val.AsValueSlice()[0]
	if item.Type() != cty.String || !item.IsKnown() || item.IsNull() {
		return "", false
	}
	return item.AsString(), true
}

func (d *decoder) integer(val cty.Value, v reflect.Value, f field, bad func(string, ...any)) {
	if f.unit == "bytes" && val.Type() == cty.String {
		n, err := ParseSize(val.AsString())
		if err != nil {
			bad("is %s, which %v", show(val, f), err)
			return
		}
		if v.OverflowInt(n) {
			bad("is too large")
			return
		}
		v.SetInt(n)
		return
	}
	n, err := convert.Convert(val, cty.Number)
	if err != nil {
		if f.unit == "bytes" {
			bad("must be a size")
		} else {
			bad("must be a whole number")
		}
		return
	}
	big := n.AsBigFloat()
	if f.unit == "bytes" && big.Sign() < 0 {
		bad("must not be negative")
		return
	}
	if !isWhole(big) {
		bad("must be a whole number")
		return
	}
	if err := gocty.FromCtyValue(n, v.Addr().Interface()); err != nil {
		bad("is out of range")
	}
}

func isWhole(f *big.Float) bool {
	x, _ := f.Float64()
	return !math.IsInf(x, 0) && f.IsInt()
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
			return `"..."`
		case f.unit == "bytes":
			return `"128MiB"`
		}
		switch t.Kind() {
		case reflect.Bool:
			return "true"
		case reflect.String:
			return `"..."`
		case reflect.Float32, reflect.Float64:
			return "0.5"
		case reflect.Struct:
			return `"..."`
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
