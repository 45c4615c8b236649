package config

import (
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Help describes exactly the functions there are, and its examples give what it says.
func TestFunctionsAreDescribedAsTheyAre(t *testing.T) {
	s := &scope{report: &Report{}}
	all := s.functions("")
	var want, got []string
	for name := range all {
		want = append(want, name)
	}
	for _, f := range slices.Concat(machineFunctions, pureDocs) {
		got = append(got, f.name)
	}
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("described are\n%v\nthere are\n%v", got, want)
	}
	ctx := &hcl.EvalContext{Functions: all}
	value := func(text string) cty.Value {
		expr, diags := hclsyntax.ParseExpression([]byte(text), "", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(text, diags)
		}
		v, diags := expr.Value(ctx)
		if diags.HasErrors() {
			t.Fatal(text, diags)
		}
		return v
	}
	for _, f := range pureDocs {
		got, want := value(f.example), value(f.result)
		same, err := convert.Convert(want, got.Type())
		if err != nil || !same.RawEquals(got) {
			t.Errorf("%s is %#v, not %s", f.example, got, f.result)
		}
	}
}
