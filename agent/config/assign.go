package config

import (
	"encoding"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// scalarUnmarshaler is implemented by types that take numbers, true and false without quotes, too.
type scalarUnmarshaler interface{ UnmarshalScalar(text []byte) error }

// assignment is a value of the configuration on its way into a field.
type assignment struct {
	*decoder
	f    field
	v    reflect.Value // the field, or an element of it
	path string
	at   hcl.Range
}

// bad reports a value that does not fit.
func (a *assignment) bad(format string, args ...any) {
	a.report.errorf(
		a.at, "For example: "+a.f.name+" = "+example(a.f), "%s %s", a.f.name,
		fmt.Sprintf(format, args...),
	)
}

// assign stores a value, or reports why it does not fit. Null leaves the default; unknown has been
// reported before.
func (d *decoder) assign(val cty.Value, v reflect.Value, f field, path string, at hcl.Range) {
	if val.IsNull() || !val.IsKnown() {
		return
	}
	a := assignment{decoder: d, f: f, v: v, path: path, at: at}
	if a.unmarshal(val) {
		return
	}
	switch {
	case v.Type() == templateType:
		a.setTemplate(val)
	case v.Type() == durationType:
		a.setDuration(val)
	case v.Kind() == reflect.Slice:
		a.setList(val)
	case v.Kind() == reflect.Map:
		a.setMap(val)
	case v.Kind() == reflect.Bool:
		b, err := convert.Convert(val, cty.Bool)
		if err != nil {
			a.bad("must be true or false")
			return
		}
		v.SetBool(b.True())
	case v.Kind() == reflect.String:
		a.setString(val)
	case v.CanInt() || v.CanUint():
		a.setInteger(val)
	case v.CanFloat():
		n, err := convert.Convert(val, cty.Number)
		if err != nil {
			a.bad("must be a number")
			return
		}
		x, _ := n.AsBigFloat().Float64()
		v.SetFloat(x)
	default:
		panic(fmt.Sprintf(
			"attribute %q has a type that the decoder does not know: %v", f.name, v.Type(),
		))
	}
}

// unmarshal lets a type that reads text itself do so, and reports whether it is one.
func (a *assignment) unmarshal(val cty.Value) bool {
	typ := val.Type()
	if u, ok := a.v.Addr().Interface().(encoding.TextUnmarshaler); ok && typ == cty.String {
		if err := u.UnmarshalText([]byte(val.AsString())); err != nil {
			a.bad("%v", err)
		}
		return true
	}
	u, ok := a.v.Addr().Interface().(scalarUnmarshaler)
	if !ok || typ != cty.Number && typ != cty.Bool {
		return false
	}
	text, err := convert.Convert(val, cty.String)
	if err == nil {
		err = u.UnmarshalScalar([]byte(text.AsString()))
	}
	if err != nil {
		a.bad("%v", err)
	}
	return true
}

func (a *assignment) setTemplate(val cty.Value) {
	typ := val.Type()
	if s, err := convert.Convert(val, cty.String); err != nil || s.IsNull() {
		a.bad("must be a string")
	} else if text := s.AsString(); text != "" {
		a.v.Set(reflect.ValueOf(template.Template{Parts: []template.Part{{
			Literal: text, Typed: typ == cty.Number || typ == cty.Bool, Range: a.at,
		}}}))
	}
}

func (a *assignment) setDuration(val cty.Value) {
	if val.Type() != cty.String {
		a.bad("must be a duration in quotes")
		return
	}
	dur, err := ParseDuration(val.AsString())
	if err != nil {
		a.bad("is %s, which %v", show(val, a.f), err)
		return
	}
	a.v.SetInt(int64(dur))
}

func (a *assignment) setList(val cty.Value) {
	typ := val.Type()
	if !typ.IsListType() && !typ.IsTupleType() && !typ.IsSetType() {
		hint := "For example: " + a.f.name + " = " + example(a.f)
		if typ == cty.String && !a.f.secret {
			hint = fmt.Sprintf("Write [%s].", strings.Join(quoted(listed(val.AsString())), ", "))
			if g := hintForValue(a.owner, a.path, val.AsString()); g != "" {
				hint = g
			}
		}
		a.report.errorf(a.at, hint, "%s must be a list", a.f.name)
		return
	}
	out := reflect.MakeSlice(a.v.Type(), 0, val.LengthInt())
	for _, item := range val.AsValueSlice() {
		elem := reflect.New(a.v.Type().Elem()).Elem()
		a.assign(item, elem, a.f, a.path, a.at)
		out = reflect.Append(out, elem)
	}
	a.v.Set(out)
}

func (a *assignment) setMap(val cty.Value) {
	if typ := val.Type(); !typ.IsMapType() && !typ.IsObjectType() {
		a.bad("must be a map")
		return
	}
	out := reflect.MakeMap(a.v.Type())
	for key, item := range val.AsValueMap() {
		elem := reflect.New(a.v.Type().Elem()).Elem()
		a.assign(item, elem, a.f, a.path, a.at)
		out.SetMapIndex(reflect.ValueOf(key).Convert(a.v.Type().Key()), elem)
	}
	a.v.Set(out)
}

func (a *assignment) setString(val cty.Value) {
	s, err := convert.Convert(val, cty.String)
	if err != nil {
		if item, ok := single(val); ok && !a.f.secret {
			a.report.errorf(
				a.at, fmt.Sprintf("Write %q.", item), "%s must be a string, not a list", a.f.name,
			)
			return
		}
		a.bad("must be a string")
		return
	}
	text := s.AsString()
	if a.f.oneof != nil && !slices.Contains(a.f.oneof, text) {
		hint := choices(text, a.f.oneof)
		if g := hintForValue(a.owner, a.path, text); g != "" {
			hint = g
		}
		a.report.errorf(a.at, hint, "%s cannot be %s", a.f.name, show(val, a.f))
		return
	}
	a.v.SetString(text)
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

func (a *assignment) setInteger(val cty.Value) {
	if a.f.unit == "bytes" && val.Type() == cty.String {
		n, err := ParseSize(val.AsString())
		if err != nil {
			a.bad("is %s, which %v", show(val, a.f), err)
			return
		}
		if a.v.OverflowInt(n) {
			a.bad("is too large")
			return
		}
		a.v.SetInt(n)
		return
	}
	n, err := convert.Convert(val, cty.Number)
	if err != nil {
		if a.f.unit == "bytes" {
			a.bad("must be a size")
		} else {
			a.bad("must be a whole number")
		}
		return
	}
	big := n.AsBigFloat()
	if a.f.unit == "bytes" && big.Sign() < 0 {
		a.bad("must not be negative")
		return
	}
	if !isWhole(big) {
		a.bad("must be a whole number")
		return
	}
	if err := gocty.FromCtyValue(n, a.v.Addr().Interface()); err != nil {
		a.bad("is out of range")
	}
}

func isWhole(f *big.Float) bool {
	x, _ := f.Float64()
	return !math.IsInf(x, 0) && f.IsInt()
}

// listed takes apart a text that other tools take for a list: "a:1,b:2".
func listed(text string) []string {
	if !addressList.MatchString(text) {
		return []string{text}
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// addressList is a list of addresses, or of paths: what is otherwise written with commas may be
// meant so.
var addressList = regexp.MustCompile(`^(?:[\w.-]+:\d+|/[^,{}]*)(?: *, *(?:[\w.-]+:\d+|/[^,{}]*))+$`)
