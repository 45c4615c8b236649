package template

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Part is a literal, or a reference to be bound: ${name}, ${name("arg", ...)}, ${name["arg"]} or
// ${name.arg.arg}.
type Part struct {
	Literal string
	Name    string // "" for a literal
	Args    []string
	Call    bool      // written as a function call
	Typed   bool      // a number, true or false written without quotes
	Range   hcl.Range // where it stands, for errors; zero for templates made from a plain string

	Expression Expression // of ${expr("...")}; nil where none can be compiled
}

// Template is a compiled template. The zero Template renders as "".
type Template struct {
	Parts []Part
}

// Compile compiles an HCL expression. Whatever in can evaluate becomes a literal; other references
// and calls become parts to bind.
func Compile(expr hcl.Expression, in Scope) (Template, hcl.Diagnostics) {
	var t Template
	var diags hcl.Diagnostics
	if syntax, ok := expr.(hclsyntax.Expression); ok {
		diags = t.add(syntax, in)
		if _, quoted := expr.(*hclsyntax.TemplateExpr); quoted {
			t.asText()
		}
	} else {
		v, d := expr.Value(in.Context)
		diags = d
		if !d.HasErrors() {
			diags = append(diags, t.literal(v, expr.Range())...)
		}
	}
	return t, diags
}

// Parse compiles s, the inside of a quoted HCL template, without any names. compile may be nil.
func Parse(s string, compile Compiler) (Template, error) {
	expr, diags := hclsyntax.ParseTemplate([]byte(s), "", hcl.InitialPos)
	if diags.HasErrors() {
		return Template{}, fmt.Errorf("template %q: %s", s, diags[0].Summary)
	}
	t, diags := Compile(expr, Scope{Expression: compile})
	if diags.HasErrors() {
		return Template{}, fmt.Errorf("template %q: %s: %s", s, diags[0].Summary, diags[0].Detail)
	}
	return t, nil
}

// MustParse is Parse for defaults that stand in the program.
func MustParse(s string) Template {
	t, err := Parse(s, nil)
	if err != nil {
		panic(err)
	}
	return t
}

func (t *Template) add(expr hclsyntax.Expression, in Scope) hcl.Diagnostics {
	switch e := expr.(type) {
	case *hclsyntax.TemplateExpr:
		var diags hcl.Diagnostics
		for _, part := range e.Parts {
			diags = append(diags, t.add(part, in)...)
		}
		return diags
	case *hclsyntax.TemplateWrapExpr:
		return t.add(e.Wrapped, in)
	case *hclsyntax.FunctionCallExpr:
		if e.Name == exprCall {
			return t.addExpression(e, in)
		}
	}
	if v, diags := expr.Value(in.Context); !diags.HasErrors() {
		return t.literal(v, expr.Range())
	} else if p, ok := reference(expr, in.Context); ok {
		t.Parts = append(t.Parts, p)
		return nil
	} else {
		return in.instead(expr, diags)
	}
}

func reference(expr hclsyntax.Expression, ctx *hcl.EvalContext) (Part, bool) {
	switch e := expr.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		if ctx != nil {
			if _, known := ctx.Variables[e.Traversal.RootName()]; known {
				return Part{}, false // a misspelt local or variable, not ours to bind
			}
		}
		p := Part{Name: e.Traversal.RootName(), Range: e.SrcRange}
		for _, step := range e.Traversal[1:] {
			switch s := step.(type) {
			case hcl.TraverseAttr:
				p.Args = append(p.Args, s.Name)
			case hcl.TraverseIndex:
				key, err := convert.Convert(s.Key, cty.String)
				if err != nil || key.IsNull() || !key.IsKnown() {
					return Part{}, false
				}
				p.Args = append(p.Args, key.AsString())
			default:
				return Part{}, false
			}
		}
		return p, true
	case *hclsyntax.IndexExpr: // an index that is no literal, such as tag[-1]
		p, ok := reference(e.Collection, ctx)
		if !ok || p.Call {
			return Part{}, false
		}
		key, diags := e.Key.Value(ctx)
		if diags.HasErrors() {
			return Part{}, false
		}
		key, err := convert.Convert(key, cty.String)
		if err != nil || key.IsNull() || !key.IsKnown() {
			return Part{}, false
		}
		p.Args, p.Range = append(p.Args, key.AsString()), e.SrcRange
		return p, true
	case *hclsyntax.FunctionCallExpr:
		if ctx != nil {
			if _, known := ctx.Functions[e.Name]; known {
				return Part{}, false
			}
		}
		p := Part{Name: e.Name, Call: true, Range: e.Range()}
		for _, arg := range e.Args {
			v, diags := arg.Value(ctx)
			if diags.HasErrors() {
				return Part{}, false
			}
			v, err := convert.Convert(v, cty.String)
			if err != nil || v.IsNull() || !v.IsKnown() {
				return Part{}, false
			}
			p.Args = append(p.Args, v.AsString())
		}
		return p, true
	}
	return Part{}, false
}

func (t *Template) literal(v cty.Value, at hcl.Range) hcl.Diagnostics {
	s, err := convert.Convert(v, cty.String)
	if err == nil && !s.IsKnown() {
		return nil // what could not be read, which has been told
	}
	if err != nil || s.IsNull() {
		return hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "Not a string",
			Detail: "This part of a template must be a string, a number or a bool.", Subject: &at,
		}}
	}
	if n := len(t.Parts); n > 0 && t.Parts[n-1].Name == "" {
		t.Parts[n-1].Literal += s.AsString()
		t.Parts[n-1].Typed = false
		return nil
	}
	if s.AsString() != "" {
		typed := len(t.Parts) == 0 && (v.Type() == cty.Number || v.Type() == cty.Bool)
		t.Parts = append(t.Parts, Part{Literal: s.AsString(), Typed: typed, Range: at})
	}
	return nil
}

// asText makes text of what may be a number.
func (t *Template) asText() {
	for i := range t.Parts {
		t.Parts[i].Typed = false
	}
}

// JSON returns the template as JSON if it is a number, true or false, written without quotes.
func (t Template) JSON() (string, bool) {
	if len(t.Parts) == 1 && t.Parts[0].Typed {
		return t.Parts[0].Literal, true
	}
	return "", false
}

// Constant returns the template's text if nothing in it needs binding.
func (t Template) Constant() (string, bool) {
	switch {
	case len(t.Parts) == 0:
		return "", true
	case len(t.Parts) == 1 && t.Parts[0].Name == "":
		return t.Parts[0].Literal, true
	}
	return "", false
}

// IsZero reports whether the template is empty.
func (t Template) IsZero() bool { return len(t.Parts) == 0 }

// String returns the template in the form it was written in, up to spacing.
func (t Template) String() string {
	var s strings.Builder
	for _, p := range t.Parts {
		s.WriteString(p.String())
	}
	return s.String()
}

// String returns the part as it is written: a literal, or ${...}.
func (p Part) String() string {
	if p.Name == "" {
		return strings.ReplaceAll(p.Literal, "${", "$${")
	}
	var args []string
	for _, a := range p.Args {
		args = append(args, fmt.Sprintf("%q", a))
	}
	switch {
	case p.Call:
		return "${" + p.Name + "(" + strings.Join(args, ", ") + ")}"
	case len(args) == 0:
		return "${" + p.Name + "}"
	}
	return "${" + p.Name + "[" + strings.Join(args, "][") + "]}"
}

// Appender renders one bound part: it appends to dst what the part means for v, or reports why it
// cannot.
type Appender[T any] func(dst []byte, v T) ([]byte, error)

// Bound is a template whose parts all have a meaning for values of type T.
type Bound[T any] struct{ appenders []Appender[T] }

// Bind gives each part that is not a literal the meaning that bind returns for it. All errors are
// returned, joined.
func Bind[T any](t Template, bind func(Part) (Appender[T], error)) (*Bound[T], error) {
	b := &Bound[T]{}
	var errs []string
	for _, p := range t.Parts {
		if p.Name == "" {
			lit := p.Literal
			b.appenders = append(
				b.appenders,
				func(dst []byte, _ T) ([]byte, error) { return append(dst, lit...), nil },
			)
			continue
		}
		a, err := bind(p)
		if err != nil {
			errs = append(errs, fmt.Sprintf("%s: %v", p, err))
			continue
		}
		b.appenders = append(b.appenders, a)
	}
	if errs != nil {
		return nil, fmt.Errorf("%s", strings.Join(errs, "; "))
	}
	return b, nil
}

// Append renders the template for v onto dst. On error dst's contents past its old length are
// unspecified.
func (b *Bound[T]) Append(dst []byte, v T) ([]byte, error) {
	var err error
	for _, a := range b.appenders {
		if dst, err = a(dst, v); err != nil {
			return dst, err
		}
	}
	return dst, nil
}
