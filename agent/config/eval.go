package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// scope holds what expressions may name: var.*, local.* and the functions, file() relative to each
// config file.
type scope struct {
	report    *Report
	env       func(string) (string, bool)
	unset     func(string) string // see Options
	variables map[string]cty.Value
	locals    map[string]cty.Value
	contexts  map[string]*hcl.EvalContext // by directory of the config file
	// expression compiles those of templates
	expression template.Compiler
	// files with syntax errors: what they lack may just not have been understood
	syntax []string
}

// context returns the evaluation context for an expression in the file.
func (s *scope) context(filename string) *hcl.EvalContext {
	dir := filepath.Dir(filename)
	if ctx, ok := s.contexts[dir]; ok {
		return ctx
	}
	ctx := &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"var":   cty.ObjectVal(s.variables),
			"local": cty.ObjectVal(s.locals),
		},
		Functions: s.functions(dir),
	}
	s.contexts[dir] = ctx
	return ctx
}

// eval evaluates an expression. What cannot be evaluated has been reported and comes back unknown.
func (s *scope) eval(expr hcl.Expression) cty.Value {
	ctx := s.context(expr.Range().Filename)
	if text := s.bareText(expr); text != "" && !isName(expr) { // app/logs, which is a division
		s.report.errorf(expr.Range(), fmt.Sprintf("Write %q.", text), "a text without quotes")
		return cty.DynamicVal
	}
	if s.checkNames(expr) {
		return cty.DynamicVal
	}
	v, diags := expr.Value(ctx)
	s.report.add(diags)
	if diags.HasErrors() {
		return cty.DynamicVal
	}
	return v
}

// isKnown reports whether an expression names no variable or local whose value could not be told,
// which has been reported where that stands.
func (s *scope) isKnown(expr hcl.Expression) bool {
	of := map[string]map[string]cty.Value{"var": s.variables, "local": s.locals}
	return !slices.ContainsFunc(expr.Variables(), func(t hcl.Traversal) bool {
		if len(t) < 2 {
			return false
		}
		name, _ := t[1].(hcl.TraverseAttr)
		v, ok := of[t.RootName()][name.Name]
		return ok && !v.IsWhollyKnown()
	})
}

// ofRecords are names of expressions over records, which HCL does not know.
var ofRecords = []string{"field", "header", "value", "origin", "tag", "time", "key"}

// reserved are names that mean something, or are meant to, where an expression stands.
var reserved = append(
	[]string{"var", "local", "input", "output", "filter", "pipeline", "env"}, ofRecords...,
)

// bareWords is what a text without quotes is made of.
var bareWords = regexp.MustCompile(`^[A-Za-z_][\w./:-]*$`)

// bareText returns an expression as it is written if it looks like a text without quotes, or "".
func (s *scope) bareText(expr hcl.Expression) string {
	at := expr.Range()
	text := at.SliceBytes(s.report.sources[at.Filename])
	if !bareWords.Match(text) {
		return ""
	}
	names := expr.Variables()
	for _, t := range names {
		_, function := s.context(at.Filename).Functions[t.RootName()]
		if slices.Contains(reserved, t.RootName()) || function || environmentName(t) != "" {
			return ""
		}
	}
	if len(names) == 0 { // true
		return ""
	}
	return string(text)
}

// isName reports whether an expression is a name, which may have dots.
func isName(expr hcl.Expression) bool {
	_, diags := hcl.AbsTraversalForExpr(expr)
	return !diags.HasErrors()
}

// checkNames reports names that an expression may not use, with what to write instead, and whether
// there were any.
func (s *scope) checkNames(expr hcl.Expression) (bad bool) {
	for _, t := range expr.Variables() {
		root := t.RootName()
		at := t.SourceRange()
		name := ""
		if len(t) > 1 {
			if attr, ok := t[1].(hcl.TraverseAttr); ok {
				name = attr.Name
			}
		}
		switch root {
		case "var":
			if _, ok := s.variables[name]; !ok && name != "" {
				bad = true
				s.report.errorf(
					at,
					strings.TrimSpace(
						didYouMean(
							name, keys(s.variables),
						)+"\nDeclare it: variable \""+name+"\" { default = \"\" }",
					),
					"there is no variable %q",
					name,
				)
			}
		case "local":
			if _, ok := s.locals[name]; !ok && name != "" {
				bad = true
				s.report.errorf(
					at,
					strings.TrimSpace(
						didYouMean(name, keys(s.locals))+"\nDeclare it: locals { "+name+" = \"\" }",
					),
					"there is no local value %q",
					name,
				)
			}
		case string(Input), string(Output), string(Filter):
			bad = true
			s.report.errorf(
				at, "Write a value: a string in quotes, a number, or true or false.",
				"a reference to a component cannot stand here",
			)
		default:
			bad = true
			hint := fmt.Sprintf(
				"Write text in quotes: %q. Values of your own are var.%s or local.%s.", root, root,
				root,
			)
			if text := s.bareText(expr); strings.Contains(text, ".") {
				hint = fmt.Sprintf("Write text in quotes: %q.", text)
			}
			if name := environmentName(t); name != "" {
				hint = fmt.Sprintf(
					"A variable of the environment is env(%q), in a text ${env(%q)}.", name, name,
				)
			} else if slices.Contains(ofRecords, root) {
				hint = "What is of records is written as text"
				if text := expr.Range().SliceBytes(s.report.sources[at.Filename]); len(text) > 0 {
					hint += ": \"" + strings.ReplaceAll(string(text), `"`, "'") + `"`
				}
				hint += ". See penstock help expressions."
			} else if _, ok := s.context(at.Filename).Functions[root]; ok {
				hint = fmt.Sprintf("It is a function: %s(), in a text ${%s()}.", root, root)
			}
			s.report.errorf(at, hint, "unknown name %q", root)
		}
	}
	return bad
}

func keys(m map[string]cty.Value) []string { return slices.Sorted(maps.Keys(m)) }

// variable is what a variable block says.
type variable struct {
	name      string
	typ       cty.Type
	def       hcl.Expression // nil if it has no default
	sensitive bool
	at        hcl.Range
}

// addVariable evaluates a variable block: --var, then PENSTOCK_VAR_name, then its default.
func (s *scope) addVariable(b *hclsyntax.Block, given map[string]string) {
	v := s.readVariable(b)
	value := s.variableValue(v, given)
	if v.sensitive && value.IsKnown() && !value.IsNull() {
		if text, err := convert.Convert(value, cty.String); err == nil {
			s.report.seal(text.AsString())
		}
	}
	s.variables[v.name] = value
}

func (s *scope) readVariable(b *hclsyntax.Block) variable {
	v := variable{name: b.Labels[0], typ: cty.DynamicPseudoType, at: b.DefRange()}
	for _, attr := range sortedAttributes(b.Body) {
		switch attr.Name {
		case "default":
			v.def = attr.Expr
		case "type":
			t, diags := typeexpr.TypeConstraint(attr.Expr)
			s.report.add(diags)
			if !diags.HasErrors() {
				v.typ = t
			}
		case "description":
			s.eval(attr.Expr)
		case "sensitive":
			if is := s.eval(attr.Expr); is.IsKnown() && is.Type() == cty.Bool && !is.IsNull() {
				v.sensitive = is.True()
			}
		default:
			s.report.errorf(
				attr.NameRange,
				didYouMean(attr.Name, []string{"default", "type", "description", "sensitive"}),
				"unknown attribute %q in variable %q", attr.Name, v.name,
			)
		}
	}
	for _, inner := range b.Body.Blocks {
		s.report.errorf(inner.DefRange(), "", "a variable has no blocks")
	}
	return v
}

// variableValue returns what v stands for; unknown once a mistake has been reported.
func (s *scope) variableValue(v variable, given map[string]string) cty.Value {
	fallback := cty.DynamicVal
	if v.def != nil {
		fallback = s.eval(v.def)
		if v.sensitive {
			s.report.hidden = append(s.report.hidden, v.def.Range())
		}
	}
	text, ok := given[v.name]
	origin := "--var " + v.name
	if !ok {
		origin = "PENSTOCK_VAR_" + v.name
		text, ok = s.env(origin)
	}
	switch {
	case ok:
		if v.sensitive {
			s.report.seal(text)
		}
		want := v.typ
		if want == cty.DynamicPseudoType && fallback.IsKnown() && !fallback.IsNull() {
			want = fallback.Type()
		}
		value, err := fromText(text, want)
		if err != nil {
			s.report.errorf(v.at, "It comes from "+origin+".", "variable %q %v", v.name, err)
			return cty.DynamicVal
		}
		return value
	case v.def != nil:
		if v.typ == cty.DynamicPseudoType || !fallback.IsKnown() {
			return fallback
		}
		value, err := convert.Convert(fallback, v.typ)
		if err != nil {
			s.report.errorf(
				v.def.Range(), "", "the default of variable %q does not fit its type: %v", v.name,
				err,
			)
			return fallback
		}
		return value
	}
	s.report.errorf(
		v.at,
		fmt.Sprintf(
			"Give it with --var %s=VALUE or PENSTOCK_VAR_%s, or write a default.", v.name, v.name,
		),
		"variable %q has no value", v.name,
	)
	return cty.DynamicVal
}

// fromText reads the value of a variable from the command line or the environment.
func fromText(text string, want cty.Type) (cty.Value, error) {
	if want == cty.DynamicPseudoType || want == cty.String {
		return cty.StringVal(text), nil
	}
	if want.IsPrimitiveType() {
		v, err := convert.Convert(cty.StringVal(text), want)
		if err != nil {
			return v, fmt.Errorf("must be a %s", want.FriendlyName())
		}
		return v, nil
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.DynamicVal, fmt.Errorf(`must be written as in a config file, such as ["a", "b"]`)
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() {
		return cty.DynamicVal, fmt.Errorf("must be a constant")
	}
	if want.IsTupleType() || want.IsObjectType() {
		return v, nil
	}
	return convert.Convert(v, want)
}

// addLocals evaluates all locals in the order of their dependencies.
func (s *scope) addLocals(attrs []*hclsyntax.Attribute) {
	byName := map[string]*hclsyntax.Attribute{}
	for _, a := range attrs {
		if other, ok := byName[a.Name]; ok {
			s.report.errorf(
				a.NameRange, "", "local value %q is defined already, at %s:%d", a.Name,
				other.NameRange.Filename, other.NameRange.Start.Line,
			)
			continue
		}
		byName[a.Name] = a
		s.locals[a.Name] = cty.DynamicVal
	}
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(name string, chain []string)
	visit = func(name string, chain []string) {
		a := byName[name]
		if a == nil || state[name] == done {
			return
		}
		chain = append(chain, "local."+name)
		if state[name] == visiting {
			s.report.errorf(
				a.NameRange, "Break the circle: "+strings.Join(chain, " -> ")+".",
				"local values refer to each other in a circle",
			)
			state[name] = done
			return
		}
		state[name] = visiting
		for _, t := range a.Expr.Variables() {
			if t.RootName() == "local" && len(t) > 1 {
				if attr, ok := t[1].(hcl.TraverseAttr); ok {
					visit(attr.Name, chain)
				}
			}
		}
		if state[name] == visiting {
			clear(s.contexts)
			s.locals[name] = s.eval(a.Expr)
			state[name] = done
		}
	}
	for _, a := range attrs {
		visit(a.Name, nil)
	}
	clear(s.contexts)
}

func sortedAttributes(b *hclsyntax.Body) []*hclsyntax.Attribute {
	out := slices.Collect(maps.Values(b.Attributes))
	slices.SortFunc(
		out,
		func(a, b *hclsyntax.Attribute) int {
			return a.NameRange.Start.Byte - b.NameRange.Start.Byte
		},
	)
	return out
}

func hostname() (string, error) {
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("the host name cannot be read: %w", err)
	}
	return name, nil
}

// environmentName returns the name of the environment's variable that HOST, env.HOST or ENV["HOST"]
// is meant to be, or "".
func environmentName(t hcl.Traversal) string {
	root := t.RootName()
	if strings.EqualFold(root, "env") && len(t) > 1 {
		switch step := t[1].(type) {
		case hcl.TraverseAttr:
			return step.Name
		case hcl.TraverseIndex:
			if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
				return step.Key.AsString()
			}
		}
		return ""
	}
	if len(t) == 1 && root == strings.ToUpper(root) {
		return root
	}
	return ""
}
