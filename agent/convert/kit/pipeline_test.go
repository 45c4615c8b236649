package kit_test

import (
	"testing"

	"github.com/penstock/penstock/agent/convert/kit"
)

func TestConditionsKeepTheirMeaningBesideOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		conds []string
		want  string
	}{
		{[]string{"", "a or b", ""}, "a or b"},
		{[]string{"a or b", "c"}, "(a or b) and c"},
		{[]string{"(a or b)", "c"}, "(a or b) and c"},
		{[]string{"(a) or (b)", "c"}, "((a) or (b)) and c"}, // not in parentheses as a whole
		{[]string{"field.x == ' or '", "c"}, "field.x == ' or ' and c"},
		{[]string{`field.x == 'it\'s' or b`, "c"}, `(field.x == 'it\'s' or b) and c`},
		{[]string{"any(field.x, # == 1 or # == 2)", "c"}, "any(field.x, # == 1 or # == 2) and c"},
		{[]string{"c", "a ? b : d"}, "c and (a ? b : d)"},
		{[]string{"c", "let x = 1; x == 1"}, "c and (let x = 1; x == 1)"},
	} {
		if got := kit.And(c.conds...); got != c.want {
			t.Errorf("%q is %s, not %s", c.conds, got, c.want)
		}
	}
}
