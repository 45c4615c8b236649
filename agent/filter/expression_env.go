package filter

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/tidwall/gjson"
)

// environment is what an expression sees. Fields and headers are looked up when they are asked for.
type environment struct {
	Tag    string    `expr:"tag"`
	Origin string    `expr:"origin"`
	Agent  string    `expr:"agent"`
	Key    string    `expr:"key"`
	Time   time.Time `expr:"time"`
	Value  string    `expr:"value"`

	view  *View
	paths []*Path

	// For the checker only: all that stands here is replaced when an expression is compiled.
	Field  map[string]any    `expr:"field"`
	Header map[string]string `expr:"header"`
}

// The functions that expressions are patched to call. None can be written by hand: they want $env.
const (
	getField  = "field$"
	getHeader = "header$"
	getPrefix = "headers$"
	getPart   = "part$"
	getAll    = "all$"
	textually = "text$"
	less      = "less$"
	lessEqual = "lessEqual$"
)

var functions = []expr.Option{
	expr.Function(getField, func(p ...any) (any, error) {
		env := p[0].(*environment)
		return limited(env.view.Get(env.paths[p[1].(int)]))
	}, new(func(any, int) any)),
	expr.Function(getHeader, func(p ...any) (any, error) {
		v, ok := p[0].(*environment).view.rec.Header(p[1].(string))
		if !ok {
			return nil, nil
		}
		return alias(v), nil
	}, new(func(any, string) any)),
	expr.Function(getPrefix, func(p ...any) (any, error) {
		out := map[string]any{}
		for _, h := range p[0].(*environment).view.rec.Headers {
			if name, ok := strings.CutPrefix(h.Key, p[1].(string)); ok {
				out[name] = alias(h.Value)
			}
		}
		if len(out) > maxExpressionList {
			return nil, errLong
		}
		return out, nil
	}, new(func(any, string) map[string]any)),
	expr.Function(getPart, func(p ...any) (any, error) {
		parts := strings.Split(p[0].(*environment).Tag, ".")
		i := p[1].(int)
		if i < 0 {
			i += len(parts)
		}
		if i < 0 || i >= len(parts) {
			return "", nil
		}
		return parts[i], nil
	}, new(func(any, int) string)),
	expr.Function(getAll, func(p ...any) (any, error) {
		v := p[0].(*environment).view
		if !beginsObject(v.Value()) {
			return map[string]any{}, nil
		}
		return limited(gjson.Parse(alias(v.Value())))
	}, new(func(any) map[string]any)),
	expr.Function(textually, func(p ...any) (any, error) {
		switch x := p[0].(type) {
		case string:
			return x, nil
		case int:
			return strconv.Itoa(x), nil
		case float64:
			return strconv.FormatFloat(x, 'g', -1, 64), nil
		case bool:
			return strconv.FormatBool(x), nil
		}
		return "", nil
	}, new(func(any) string)),
	expr.Function(
		less, func(p ...any) (any, error) { return order(p[0], p[1], false), nil },
		new(func(any, any) bool),
	),
	expr.Function(
		lessEqual, func(p ...any) (any, error) { return order(p[0], p[1], true), nil },
		new(func(any, any) bool),
	),
}

var errLong = fmt.Errorf(
	"a list or an object has more than %d elements, or nests deeper than %d",
	maxExpressionList, maxExpressionDepth,
)

// limited returns what an expression works with, unless that has too many elements.
func limited(r gjson.Result) (any, error) {
	room := maxExpressionList
	out := goValue(r, &room, maxExpressionDepth)
	if room < 0 {
		return nil, errLong
	}
	return out, nil
}

// goValue returns what an expression works with: whole numbers as int where they fit. Of lists and
// objects it takes up to room elements in all, and none below depth levels.
func goValue(r gjson.Result, room *int, depth int) any {
	switch r.Type {
	case gjson.String:
		return r.Str
	case gjson.Number:
		return goNumber(r.Raw)
	case gjson.True:
		return true
	case gjson.False:
		return false
	case gjson.JSON:
		if depth == 0 {
			*room = -1
		}
		if *room < 0 {
			return nil
		}
		if r.IsArray() {
			out := []any{}
			r.ForEach(func(_, v gjson.Result) bool {
				*room--
				out = append(out, goValue(v, room, depth-1))
				return *room >= 0
			})
			return out
		}
		out := map[string]any{}
		r.ForEach(func(k, v gjson.Result) bool {
			*room--
			out[k.String()] = goValue(v, room, depth-1)
			return *room >= 0
		})
		return out
	}
	return nil
}

func goNumber(raw string) any {
	if n, err := strconv.Atoi(raw); err == nil {
		return n
	}
	x, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return nil
	}
	return x
}

// order reports whether a is before b, or equal to it if that will do too. What cannot be compared
// is not.
func order(a, b any, equal bool) bool {
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return ok && (x < y || equal && x == y)
	case time.Time:
		y, ok := b.(time.Time)
		return ok && (x.Before(y) || equal && x.Equal(y))
	case time.Duration:
		y, ok := b.(time.Duration)
		return ok && (x < y || equal && x == y)
	case int:
		if y, ok := b.(int); ok {
			return x < y || equal && x == y
		}
	}
	x, ok := number(a)
	y, ok2 := number(b)
	return ok && ok2 && !math.IsNaN(x) && (x < y || equal && x == y)
}

func number(v any) (float64, bool) {
	switch x := v.(type) {
	case int:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}
