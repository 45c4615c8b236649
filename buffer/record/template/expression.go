package template

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/penstock/penstock/buffer/record"
	"github.com/zclconf/go-cty/cty"
)

// exprCall is the name of the part that is an expression: ${expr("lower(field.level)")}.
const exprCall = "expr"

// Expression is the compiled expression of a part. Safe for concurrent use.
type Expression interface {
	// Uses reports whether the expression looks at tag, origin, agent, key, time, value, header or
	// field.
	Uses(name string) bool
	// Append appends the text that the expression gives for a record. r may be nil if it uses tag,
	// origin and agent alone. The error says why it gives no text.
	Append(dst []byte, b *record.Batch, r *record.Record, agent string) ([]byte, error)
}

// Compiler compiles the text of an expression. It refuses those that never give text.
type Compiler func(text string) (Expression, error)

// Scope is what a template is compiled with. The zero Scope knows no names and no expressions.
type Scope struct {
	Context    *hcl.EvalContext
	Expression Compiler
	Source     []byte // of the file, so that errors can say what to write instead
}

// usesOfRecord are the names that records of one batch have each for itself.
var usesOfRecord = []string{"key", "time", "value", "header", "field"}

// OfBatch reports whether e is the same for all records of a batch.
func OfBatch(e Expression) bool { return !usesAny(e, usesOfRecord) }

func usesAny(e Expression, names []string) bool {
	for _, name := range names {
		if e.Uses(name) {
			return true
		}
	}
	return false
}

// Uses reports whether the part is the name, or an expression that looks at it.
func (p Part) Uses(name string) bool {
	if p.Expression != nil {
		return p.Expression.Uses(name)
	}
	return p.Name == name
}

func (t *Template) addExpression(e *hclsyntax.FunctionCallExpr, in Scope) hcl.Diagnostics {
	at := e.Range()
	wrong := func(summary, detail string) hcl.Diagnostics {
		return hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at,
		}}
	}
	if in.Expression == nil {
		return wrong("expr is not known here", "Write the template without it.")
	}
	if len(e.Args) != 1 {
		return wrong(
			"expr takes one text", `For example: ${expr("lower(field.level)")}.`,
		)
	}
	arg := e.Args[0]
	v, diags := arg.Value(in.Context)
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
		if call, ok := in.quoted(arg.Range()); ok {
			return wrong("the expression of expr stands in quotes", "Write "+call+".")
		}
		if diags.HasErrors() {
			return diags
		}
		return wrong(
			"expr takes a text", `For example: ${expr("lower(field.level)")}.`,
		)
	}
	compiled, err := in.Expression(v.AsString())
	if err != nil {
		at = arg.Range()
		return wrong("expr "+err.Error(), "")
	}
	t.Parts = append(t.Parts, Part{
		Name: exprCall, Args: []string{v.AsString()}, Call: true, Range: at, Expression: compiled,
	})
	return nil
}

// instead returns what is wrong with a part that is neither a value nor a reference. Where it would
// be an expression, it says how to write that.
func (in Scope) instead(expr hclsyntax.Expression, diags hcl.Diagnostics) hcl.Diagnostics {
	call, ok := in.quoted(expr.Range())
	if !ok {
		return diags
	}
	at := expr.Range()
	return hcl.Diagnostics{{
		Severity: hcl.DiagError, Summary: "What is worked out from a record is an expression",
		Detail: "Write ${" + call + "}, in quotes.", Subject: &at,
	}}
}

// quoted returns the call of expr for what stands at a place of the source, if it is an expression.
func (in Scope) quoted(at hcl.Range) (call string, ok bool) {
	if in.Expression == nil || !at.CanSliceBytes(in.Source) {
		return "", false
	}
	text := strings.ReplaceAll(string(at.SliceBytes(in.Source)), `"`, "'")
	e, err := in.Expression(text)
	if err != nil || OfBatch(e) && !usesAny(e, []string{"tag", "origin", "agent"}) {
		return "", false
	}
	return exprCall + `("` + strings.ReplaceAll(text, `\`, `\\`) + `")`, true
}
