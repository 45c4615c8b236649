package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Ways in which other tools write what changes from record to record; here they are plain text.
var (
	datePlaceholder  = regexp.MustCompile(`%[YmdHMSjFTyeBb](?:[-_./: ]?%[YmdHMSjFTyeBb])*`)
	bracePlaceholder = regexp.MustCompile(`\{\{-? *\.?([A-Za-z_][\w.]*) *-?\}\}`)
	shellVariable    = regexp.MustCompile(`^\$\(?([A-Z][A-Z0-9_]*)\)?$`)
)

// placed are the attributes of outputs that say where records go.
var placed = []string{"path", "prefix", "topic", "index", "file_name", "directory"}

// foreignText returns what to write instead of a text that looks like another tool's template, or
// "". It is for an attribute that says where records go; template says whether it can hold one.
func foreignText(name, text string, template bool) string {
	var write, means string
	if m := shellVariable.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("Write %s = env(%q).", name, m[1])
	}
	if m := bracePlaceholder.FindStringSubmatch(text); m != nil {
		means, write = m[0], bracePlaceholder.ReplaceAllString(text, `$${field.$1}`)
	} else if m := datePlaceholder.FindString(text); m != "" {
		means = m
		write = datePlaceholder.ReplaceAllString(text, `$${strftime("$0")}`)
	} else {
		return ""
	}
	if !template {
		return fmt.Sprintf(
			"%s stands for itself: %s is the same for all records. Write it into path, as in path = %s.",
			means, name, `"dt=${strftime("%Y-%m-%d")}"`,
		)
	}
	return fmt.Sprintf("%s stands for itself. Write %s = \"%s\"", means, name, write)
}

// noteForeignText remembers what an output's place holds of another tool's templates. It is told as
// a warning, or with the mistake that the component finds in the same text.
func (d *decoder) noteForeignText(t target, path string, expr hclsyntax.Expression) {
	if text := literalText(expr); shellVariable.MatchString(text) && !t.secret {
		d.foreign = append(d.foreign, foreignNote{
			path, expr.Range(), foreignText(t.name, text, true),
		})
		return
	}
	if !strings.HasPrefix(d.owner, string(Output)+".") || !slices.Contains(placed, t.name) {
		return
	}
	at := expr.Range()
	src := d.report.sources[at.Filename]
	if at.End.Byte > len(src) || at.End.Byte-at.Start.Byte < 2 {
		return
	}
	lit, ok := expr.(*hclsyntax.TemplateExpr)
	if !ok {
		return
	}
	for _, part := range lit.Parts {
		text, ok := part.(*hclsyntax.LiteralValueExpr)
		if !ok {
			continue
		}
		if v := text.Val; v.IsKnown() && foreignText(t.name, v.AsString(), true) != "" {
			whole := string(src[at.Start.Byte+1 : at.End.Byte-1])
			d.foreign = append(d.foreign, foreignNote{path, at, foreignOutside(t, whole)})
			return
		}
	}
}

// foreignOutside looks at the whole text but for what stands in ${ } already.
func foreignOutside(t target, text string) string {
	var kept []string
	bare := interpolation.ReplaceAllStringFunc(text, func(s string) string {
		kept = append(kept, s)
		return "\x00"
	})
	hint := foreignText(t.name, bare, t.typ == templateType)
	for _, s := range kept {
		hint = strings.Replace(hint, "\x00", s, 1)
	}
	return hint
}

var interpolation = regexp.MustCompile(`\$\{(?:[^{}"]|"[^"]*")*\}`)

// foreignNote is what is known of a text that looks like another tool's.
type foreignNote struct {
	path string
	at   hcl.Range
	hint string
}

// foreignAt takes the hint for the attribute at a path.
func (d *decoder) foreignAt(path string) string {
	for i, n := range d.foreign {
		if n.path == path {
			d.foreign = slices.Delete(d.foreign, i, i+1)
			return n.hint
		}
	}
	if attr := d.attrs[path]; attr != nil {
		if text := d.bareText(attr.Expr); text != "" {
			return fmt.Sprintf("Write text in quotes: %q.", text)
		}
		if t, diags := hcl.AbsTraversalForExpr(attr.Expr); !diags.HasErrors() {
			if name := environmentName(t); name != "" {
				return fmt.Sprintf("A variable of the environment is env(%q).", name)
			}
		}
	}
	return ""
}

// warnForeign tells what no mistake has told.
func (d *decoder) warnForeign() {
	for _, n := range d.foreign {
		d.report.warnf(n.at, n.hint, "%s: %s: this is text of another tool's template", d.owner, n.path)
	}
	d.foreign = nil
}
