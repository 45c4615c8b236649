package filter

import (
	"slices"
	"strings"
	"testing"

	"github.com/expr-lang/expr/builtin"
	"github.com/penstock/penstock/agent/config"
)

// penstock help expressions lists exactly the functions that expressions may call.
func TestHelpListsTheFunctionsOfExpressions(t *testing.T) {
	t.Parallel()
	var listed, want []string
	for _, e := range config.ExpressionFunctions {
		listed = append(listed, strings.Split(e.Term, ", ")...)
	}
	for _, b := range builtin.Builtins {
		switch b.Name {
		case "now", "repeat", "reduce":
			for _, call := range []string{"now() > time", "repeat(tag, 3)", "reduce([1], #acc + #)"} {
				if _, err := NewExpression(call); err == nil {
					t.Errorf("%s can be used", call)
				}
			}
		default:
			want = append(want, b.Name)
		}
	}
	slices.Sort(listed)
	if slices.Sort(want); !slices.Equal(listed, want) {
		t.Errorf("listed are\n%v\nthere are\n%v", listed, want)
	}
	for _, text := range []string{
		"time - date('2026-01-01') > duration('1h')", "any(field.tags, # startsWith 'a')",
		"field.level in ['error', 'fatal']", "let x = field.a; x ?? 'd'", "time.Year() == 2026",
	} {
		if _, err := NewExpression(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A name that is none is a mistake of the configuration wherever it stands.
func TestUnknownNamesInComparisonsAreMistakes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"fild.status < 500", "500 <= status", "foo() > time", "not (nobody(tag) >= 3)",
		"field.a > 1 and (tagg > 'x')", "fild.a contains 'x'", "tag startsWith foo",
		"any(field.list, # > foo)", "lower(3) < field.a",
	} {
		if _, err := NewExpression(text); err == nil {
			t.Errorf("%s is taken for an expression", text)
		}
	}
}
