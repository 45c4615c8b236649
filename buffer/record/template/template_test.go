package template

import (
	"errors"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func TestParseAndRender(t *testing.T) {
	tm := MustParse(`${topic}/dt=${strftime("%Y-%m-%d")}/${field.user.id}/${header["k"]}/x`)
	b, err := Bind(tm, func(p Part) (Appender[int], error) {
		return func(dst []byte, v int) ([]byte, error) {
			dst = append(dst, p.Name...)
			for _, a := range p.Args {
				dst = append(append(dst, ':'), a...)
			}
			return dst, nil
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := b.Append([]byte(">"), 1)
	if want := ">topic/dt=strftime:%Y-%m-%d/field:user:id/header:k/x"; string(got) != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if want := `${topic}/dt=${strftime("%Y-%m-%d")}/${field["user"]["id"]}/${header["k"]}/x`; tm.String() != want {
		t.Fatalf("String %s, want %s", tm, want)
	}
}

func TestCompileUsesTheContext(t *testing.T) {
	ctx := &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"local": cty.ObjectVal(map[string]cty.Value{"p": cty.StringVal("pre")}),
		},
	}
	for src, want := range map[string]string{
		`"${local.p}/${topic}"`: "pre/${topic}",
		`"plain"`:               "plain",
		`topic`:                 "${topic}",
	} {
		expr, _ := hclsyntax.ParseExpression([]byte(src), "f", hcl.InitialPos)
		tm, diags := Compile(expr, Scope{Context: ctx})
		if diags.HasErrors() || tm.String() != want {
			t.Errorf("%s: got %s %v, want %s", src, tm, diags, want)
		}
	}
	expr, _ := hclsyntax.ParseExpression([]byte(`"${local.typo}/x"`), "f", hcl.InitialPos)
	if _, diags := Compile(expr, Scope{Context: ctx}); !diags.HasErrors() {
		t.Error("a misspelt local compiled")
	}
}

func TestBindReportsAll(t *testing.T) {
	_, err := Bind(
		MustParse("${a}${b}"),
		func(Part) (Appender[int], error) { return nil, errors.New("unknown") },
	)
	if err == nil || err.Error() != "${a}: unknown; ${b}: unknown" {
		t.Fatal(err)
	}
}
