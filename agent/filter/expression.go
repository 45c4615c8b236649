package filter

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
)

// Expression is an expression over a record, compiled when the config is read. The zero Expression
// is none.
//
// It is bounded. It has no loops but those over lists, of up to maxExpressionList elements of a
// field, not one within another, that build no text and do not search the record anew. It cannot
// look at anything but the record. So it takes time and memory in proportion to the record's
// length, and gives the same result for the same record, always.
type Expression struct {
	text    string
	program *vm.Program
	names   *patcher
}

// These bound what an expression may be, and how much memory one evaluation may take, in elements.
const (
	maxExpression       = 8 << 10
	maxExpressionNodes  = 1000
	maxExpressionMemory = 10_000
	maxExpressionList   = 1000
	maxExpressionDepth  = 100
)

// UnmarshalText compiles an expression.
func (e *Expression) UnmarshalText(text []byte) error {
	out, err := NewExpression(string(text))
	if err == nil {
		*e = out
	}
	return err
}

// UnmarshalScalar compiles a number, true or false that is written without quotes.
func (e *Expression) UnmarshalScalar(text []byte) error { return e.UnmarshalText(text) }

// ConfigType names the type in documentation.
func (Expression) ConfigType() string { return "expression" }

func (e Expression) String() string { return e.text }

// IsZero reports whether there is no expression.
func (e Expression) IsZero() bool { return e.program == nil }

// NewExpression compiles an expression.
func NewExpression(text string) (Expression, error) {
	if len(text) > maxExpression {
		return Expression{}, fmt.Errorf("is longer than %d bytes", maxExpression)
	}
	if text == "" {
		return Expression{}, errors.New("is an empty expression")
	}
	p := &patcher{}
	options := append([]expr.Option{
		expr.Env(environment{}), expr.MaxNodes(maxExpressionNodes),
		// A clock makes a filter's result another one each time; repeat makes much of little.
		expr.DisableBuiltin("now"), expr.DisableBuiltin("repeat"),
		expr.Patch(p), expr.Patch(wholeObject{p}), expr.Patch(&tolerant{p}), expr.Patch(forget{}),
	}, functions...)
	program, err := expr.Compile(text, options...)
	if p.err != nil {
		err = p.err
	}
	if err != nil {
		return Expression{}, explain(text, err)
	}
	return Expression{text: text, program: program, names: p}, nil
}

// CheckCondition reports what is wrong with a condition.
func CheckCondition(text string) error {
	e, err := NewExpression(text)
	if err != nil {
		return err
	}
	return e.Bool()
}

// OfBatch reports whether the expression is the same for all records of a batch: it looks at tag,
// origin and agent alone.
func (e Expression) OfBatch() bool { return !e.names.record }

// Uses reports whether the expression looks at one of the names that expressions see.
func (e Expression) Uses(name string) bool { return e.names.seen[name] }

// field returns the path of an expression that is one field and nothing else.
func (e Expression) field() *Path { return e.names.alone(e.program.Node()) }

// errNotBool is the reason for a condition that is neither true nor false.
var errNotBool = errors.New("is neither true nor false")

// eval evaluates the expression.
func (e Expression) eval(v *View, agent string) (any, error) {
	env := &v.env
	env.view, env.paths, env.Agent = v, e.names.paths, agent
	env.Tag, env.Origin = v.batch.Tag, v.batch.Origin
	if e.names.record {
		env.Key, env.Time = alias(v.rec.Key), v.rec.When()
		if e.names.value {
			env.Value = alias(v.Value())
		}
	}
	v.machine.MemoryBudget = maxExpressionMemory
	return v.machine.Run(e.program, env)
}

// test evaluates a condition. What cannot be evaluated is an error, and no is the answer.
func (e Expression) test(v *View, agent string) (bool, error) {
	result, err := e.eval(v, agent)
	if err != nil {
		return false, err
	}
	yes, ok := result.(bool)
	if !ok && result != nil {
		return false, errNotBool
	}
	return yes, nil
}

// Bool reports whether the expression can be a condition: some have another type for certain.
func (e Expression) Bool() error {
	if t := e.program.Node().Type(); t != nil {
		switch t.Kind().String() {
		case "bool", "interface":
			return nil
		}
		return fmt.Errorf("is a %s, not true or false", t)
	}
	return nil
}
