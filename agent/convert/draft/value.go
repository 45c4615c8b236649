package draft

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/penstock/penstock/agent/config"
	"github.com/zclconf/go-cty/cty"
)

// Value is an expression as it is written in HCL.
type Value string

// Text is a string, in which nothing is special.
func Text(s string) Value {
	return Value(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
}

// Env is the value of an environment variable.
func Env(name string) Value { return Value(fmt.Sprintf("env(%q)", name)) }

// Join writes parts as one string: texts, expressions such as env("X"), and pieces of templates
// such as ${tag}.
func Join(parts ...Part) Value {
	parts = oneTime(parts)
	if len(parts) == 1 && parts[0].expr != "" && !parts[0].template {
		return Value(parts[0].expr)
	}
	var b strings.Builder
	for _, p := range parts {
		if p.expr != "" {
			b.WriteString("${" + p.expr + "}")
			continue
		}
		quoted := string(Text(p.text))
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return Value(`"` + b.String() + `"`)
}

var (
	timePart  = regexp.MustCompile(`^strftime\("([^"\\]*)"\)$`)
	betweenOf = regexp.MustCompile(`^[-/_.: ]*$`)
)

// oneTime makes one pattern of those that stand beside each other: "%Y" "-" "%m" is "%Y-%m".
func oneTime(parts []Part) []Part {
	var out []Part
	for i, p := range parts {
		last := len(out) - 1
		time := timePart.FindStringSubmatch(p.expr)
		switch {
		case time == nil || last < 0:
		case timePart.MatchString(out[last].expr):
			out[last].expr = out[last].expr[:len(out[last].expr)-2] + time[1] + `")`
			continue
		case last > 0 && timePart.MatchString(out[last-1].expr) && out[last].expr == "" &&
			betweenOf.MatchString(out[last].text):
			before := out[last-1].expr
			out[last-1].expr = before[:len(before)-2] + out[last].text + time[1] + `")`
			out = out[:last]
			continue
		}
		out = append(out, parts[i])
	}
	return out
}

// Part is a piece of a string.
type Part struct {
	text, expr string
	template   bool
}

// Lit is a piece of plain text.
func Lit(s string) Part { return Part{text: s} }

// EnvPart is the value of an environment variable within a string, with what it is where it is not
// set, if that is given.
func EnvPart(name string, otherwise ...string) Part {
	if len(otherwise) > 0 && otherwise[0] != "" {
		return Part{expr: fmt.Sprintf("env(%q, %q)", name, otherwise[0])}
	}
	return Part{expr: string(Env(name))}
}

// Call is an expression that the configuration evaluates, such as hostname().
func Call(expr string) Part { return Part{expr: expr} }

// Tmpl is what a template names, such as tag[1].
func Tmpl(expr string) Part { return Part{expr: expr, template: true} }

// Literal returns the text of parts that are nothing else.
func Literal(parts []Part) (string, bool) {
	var b strings.Builder
	for _, p := range parts {
		if p.expr != "" {
			return "", false
		}
		b.WriteString(p.text)
	}
	return b.String(), true
}

// List is a list.
func List(items ...Value) Value {
	all := make([]string, len(items))
	for i, v := range items {
		all[i] = string(v)
	}
	if one := strings.Join(all, ", "); len(one) < 80 {
		return Value("[" + one + "]")
	}
	return Value("[\n" + strings.Join(all, ",\n") + ",\n]")
}

// Items returns what is in a list that is written out.
func (v Value) Items() (items []Value) {
	e, diags := hclsyntax.ParseExpression([]byte(v), "", hcl.InitialPos)
	list, ok := e.(*hclsyntax.TupleConsExpr)
	if diags.HasErrors() || !ok {
		return nil
	}
	for _, in := range list.Exprs {
		items = append(items, Value(in.Range().SliceBytes([]byte(v))))
	}
	return items
}

// Texts is a list of strings.
func Texts(items ...string) Value {
	var all []Value
	for _, s := range items {
		all = append(all, Text(s))
	}
	return List(all...)
}

// Map is a map, in the order given: name, value, name, value.
func Map(pairs ...Value) Value {
	var b strings.Builder
	b.WriteString("{\n")
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&b, "%s = %s\n", pairs[i], pairs[i+1])
	}
	b.WriteString("}")
	return Value(b.String())
}

// Bool is true or false.
func Bool(v bool) Value { return Value(strconv.FormatBool(v)) }

// Int is a whole number.
func Int(n int64) Value { return Value(strconv.FormatInt(n, 10)) }

// Duration is a duration in quotes.
func Duration(d time.Duration) Value { return Text(config.FormatDuration(d)) }

// Size is a size in quotes, exactly.
func Size(n int64) Value {
	for _, u := range []struct {
		name string
		n    int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}} {
		if n > 0 && n%u.n == 0 {
			return Text(fmt.Sprint(n/u.n, u.name))
		}
	}
	return Text(fmt.Sprint(n, "B"))
}
