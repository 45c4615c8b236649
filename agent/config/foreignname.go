package config

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// ForeignName is what people write who know another tool, and what to write instead.
type ForeignName struct {
	At    string // components, such as "output.kafka" or "output.*", "agent" or "pipeline"
	Block string // path of the block it stands in; "" is the component itself
	Names string // the names of attributes or blocks
	// Value set: the values of the attribute Names that are meant; * is any that is no URL, /* what
	// begins with a slash.
	Value string
	Write string // what to write there; "" is nothing
	Why   string // a sentence
	Apart bool   // Write stands outside of the component
}

var upper = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// plainName writes batchSize, batch-size and BATCH_SIZE alike.
func plainName(name string) string {
	name = upper.ReplaceAllString(name, "${1}_${2}")
	return strings.Map(func(c rune) rune {
		if c == '-' || c == '.' {
			return '_'
		}
		return unicode.ToLower(c)
	}, name)
}

var listIndex = regexp.MustCompile(`\[\d+\]`)

// findForeignName returns what is known of a name, or of the value of an attribute if that is not
// "".
func findForeignName(owner, path, name, value string) (ForeignName, bool) {
	kind, rest, _ := strings.Cut(owner, ".")
	typ, _, _ := strings.Cut(rest, ".")
	path = listIndex.ReplaceAllString(path, "")
	for _, g := range ForeignNames {
		if g.Block != path || (g.Value == "") != (value == "") {
			continue
		}
		at := slices.ContainsFunc(strings.Fields(g.At), func(at string) bool {
			return at == kind || at == kind+".*" || at == kind+"."+typ
		})
		if !at || !slices.Contains(strings.Fields(g.Names), plainName(name)) {
			continue
		}
		anything := g.Value == "*" && !strings.Contains(value, "://")
		if value == "" || anything ||
			slices.Contains(strings.Fields(g.Value), strings.ToLower(value)) ||
			strings.HasSuffix(g.Value, " /*") && strings.HasPrefix(value, "/") {
			return g, true
		}
	}
	return ForeignName{}, false
}

// foreignAttribute returns what is known of a name that is not there, with its value if that says
// more.
func foreignAttribute(owner, path, name, value string) (ForeignName, bool) {
	if value != "" {
		if g, ok := findForeignName(owner, path, name, value); ok {
			return g, true
		}
	}
	return findForeignName(owner, path, name, "")
}

// literalText returns the text of an expression that is nothing else, or "".
func literalText(e hclsyntax.Expression) string {
	lit, ok := e.(*hclsyntax.TemplateExpr)
	if !ok || !lit.IsStringLiteral() {
		return ""
	}
	v, _ := lit.Value(nil)
	return v.AsString()
}

// literalOf returns the text of an attribute of a body, or "".
func literalOf(b *hclsyntax.Body, name string) string {
	if attr, ok := b.Attributes[name]; ok {
		return literalText(attr.Expr)
	}
	return ""
}

// hintForName returns the hint for a name that does not stand where it belongs, or "".
func hintForName(owner, name string) string {
	g, _ := findForeignName(owner, "", name, "")
	return g.hint()
}

// hintForValue returns the hint for a value that the attribute at a path cannot have, or "".
func hintForValue(owner, path, value string) string {
	block, name := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		block, name = path[:i], path[i+1:]
	}
	g, _ := findForeignName(owner, block, name, value)
	if g.Value == "*" {
		g = g.with([]string{value})
	}
	return g.hint()
}

// hintForDotted returns what to write for a path such as auth.token, or "". whole is true if it is
// all that has to be said, and no attribute of the block that the path names.
func hintForDotted(owner string, parts []string, value string) (hint string, whole bool) {
	var expr hclsyntax.Expression
	if e, diags := hclsyntax.ParseExpression([]byte(value), "", hcl.InitialPos); !diags.HasErrors() {
		expr = e
	}
	last := len(parts) - 1
	text := literalText(expr)
	g, inside := foreignAttribute(owner, strings.Join(parts[:last], "."), parts[last], text)
	if !inside {
		var ok bool
		if g, ok = foreignAttribute(owner, "", strings.Join(parts, "_"), text); !ok {
			g, ok = findForeignName(owner, "", parts[0], "") // what becomes of all that is in it
			return g.hint(), ok
		}
	}
	g = g.with(literalTexts(expr)).counting(strings.Join(parts, "_"), expr)
	if inside && g.Write != "" && !g.Apart {
		return g.Write, false
	}
	return g.hint(), true
}

func (g ForeignName) hint() string {
	switch {
	case g.Write == "":
		return g.Why
	case strings.Contains(g.Write, "\n"):
		return strings.TrimSpace("Write:\n"+g.Write) + sentence("\n", g.Why)
	}
	return "Did you mean " + g.Write + "?" + sentence(" ", g.Why)
}

func sentence(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

var firstName = regexp.MustCompile(`^[a-z_]+`)

// attribute returns the name of the attribute or block that stands for the name, or "".
func (g ForeignName) attribute() string {
	if g.Apart {
		return ""
	}
	return firstName.FindString(g.Write)
}
