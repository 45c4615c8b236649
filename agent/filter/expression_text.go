package filter

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/tidwall/gjson"
)

// Text is an expression for a part of a template. It implements template.Expression.
type Text struct {
	Expression
	from  *Path // the field, if it is one and nothing else
	views sync.Pool
}

// CompileText is a template.Compiler. It refuses expressions that are no text for certain.
func CompileText(text string) (template.Expression, error) {
	e, err := NewExpression(text)
	if err != nil {
		return nil, err
	}
	if err := e.isText(); err != nil {
		return nil, err
	}
	return &Text{Expression: e, from: e.field(), views: sync.Pool{
		New: func() any { return new(View) },
	}}, nil
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
)

// isText reports what is wrong with an expression that never gives text.
func (e Expression) isText() error {
	if _, ok := e.program.Node().(*ast.NilNode); ok {
		return errors.New("gives nothing, whatever the record is: write text in single quotes")
	}
	switch t := e.program.Node().Type(); {
	case t == nil, t == timeType, t == durationType:
		return nil
	default:
		switch t.Kind() {
		case reflect.Slice, reflect.Array:
			return errors.New("gives a list, not text: write join(..., ',') or first(...) around it")
		case reflect.Map, reflect.Struct, reflect.Pointer:
			return errors.New("gives an object, not text: write toJSON(...) around it")
		}
	}
	return nil
}

// Append implements template.Expression.
func (t *Text) Append(
	dst []byte, b *record.Batch, r *record.Record, agent string,
) ([]byte, error) {
	v := t.views.Get().(*View)
	defer func() {
		v.forget()
		t.views.Put(v)
	}()
	v.batch = b
	if r != nil {
		v.rec = *r
	}
	if t.from != nil {
		switch f := v.Get(t.from); f.Type {
		case gjson.String:
			return append(dst, f.Str...), nil
		case gjson.Number, gjson.True, gjson.False:
			return append(dst, f.Raw...), nil
		case gjson.Null:
			return dst, errNothing
		}
		return dst, errNoText
	}
	x, err := t.eval(v, agent)
	if err != nil {
		return dst, fmt.Errorf("cannot be worked out: %w", err)
	}
	return appendResult(dst, x)
}

var (
	errNothing = errors.New("gives nothing")
	errNoText  = errors.New("gives a list or an object, not text")
)

// appendResult appends what an expression gave as text: as a field of that value would show.
func appendResult(dst []byte, x any) ([]byte, error) {
	switch x := x.(type) {
	case nil:
		return dst, errNothing
	case string:
		return append(dst, x...), nil
	case time.Time:
		return x.UTC().AppendFormat(dst, time.RFC3339Nano), nil
	case int, bool, float64, time.Duration:
		out, ok := appendValue(dst, x)
		if !ok {
			return dst, errors.New("gives no number that can be written")
		}
		return out, nil
	}
	raw, ok := appendValue(nil, x)
	if !ok || len(raw) == 0 || raw[0] == '{' || raw[0] == '[' {
		return dst, errNoText
	}
	return append(dst, textOf(raw)...), nil
}
