package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func kinds(ref string) []string { return strings.Split(ref, "|") }

func firstKind(ref string) string { return kinds(ref)[0] }

func article(kind string) string {
	if kind == string(Input) || kind == string(Output) {
		return "an " + kind
	}
	return "a " + kind
}

// isReferenceText reports whether s reads kind.type.name.
func isReferenceText(s string) bool {
	parts := strings.Split(s, ".")
	kinds := []string{string(Input), string(Output), string(Filter)}
	return len(parts) == 3 && slices.Contains(kinds, parts[0]) &&
		hclsyntax.ValidIdentifier(parts[1]) &&
		hclsyntax.ValidIdentifier(parts[2])
}

func traversalText(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			if s.Key.Type() == cty.String && s.Key.IsKnown() && !s.Key.IsNull() {
				fmt.Fprintf(&b, "[%q]", s.Key.AsString())
			} else {
				b.WriteString("[...]")
			}
		}
	}
	return b.String()
}

// checkRefs reports references to what is not there, and circles of components that refer to each
// other.
func (l *loader) checkRefs() {
	known := l.componentNames()
	edges := map[string][]Ref{}
	for _, r := range l.refs {
		if _, ok := l.broken[r.Target]; ok {
			continue // declared, with mistakes of its own
		}
		if !slices.Contains(known, r.Target) {
			kind, _, _ := strings.Cut(r.Target, ".")
			var same []string
			for _, k := range known {
				if strings.HasPrefix(k, kind+".") {
					same = append(same, k)
				}
			}
			l.report.errorf(r.Range, referenceHint(r.Target, same), "there is no %s", r.Target)
			continue
		}
		edges[r.From] = append(edges[r.From], r)
	}
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(name string, chain []string)
	visit = func(name string, chain []string) {
		chain = append(chain, name)
		state[name] = visiting
		for _, r := range edges[name] {
			switch state[r.Target] {
			case visiting:
				circle := append(slices.Clone(chain[slices.Index(chain, r.Target):]), r.Target)
				l.report.errorf(
					r.Range, "Break the circle: "+strings.Join(circle, " -> ")+".",
					"components refer to each other in a circle",
				)
			case 0:
				visit(r.Target, chain)
			}
		}
		state[name] = done
	}
	for _, name := range known {
		if state[name] == 0 {
			visit(name, nil)
		}
	}
}

func referenceHint(target string, same []string) string {
	if near := nearest(target, same); near != "" {
		return fmt.Sprintf("Did you mean %s?", near)
	}
	parts := strings.Split(target, ".")
	declared := declaration(Kind(parts[0]), parts[1], parts[2])
	hint := "Declare it: " + declared
	if strings.Contains(declared, "\n") {
		hint = "Declare it:\n" + declared
	}
	if len(same) > 0 && len(same) <= 12 {
		hint += "\nKnown: " + list(same) + "."
	}
	return hint
}
