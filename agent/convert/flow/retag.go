package flow

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
)

// Retag is a rule that gives records another tag by what is in them. Tags are of batches, so that
// the new one stands in a header, and conditions ask for that.
type Retag struct {
	At   draft.Place
	What string

	From Match
	Tags string // a pattern for the new tags
	Keep bool   // the record goes on under its old tag as well
}

const (
	movedTag  = "new_tag"
	copiedTag = "copied_tag"
	tagNow    = "header." + movedTag + " ?? tag"
)

// Expect tells of a rule before those who may get its records are asked for.
func (f *Flow) Expect(r Retag) { f.retags = append(f.retags, r) }

// Comes returns the records that come to rules for certain tags, which may have the new tag of a
// rule before them, and the expression for their tag.
func (f *Flow) Comes(m Match, rules []Retag) (Match, string) {
	m.Retagged = ""
	gives := func(r Retag) bool { return m.Overlaps(Match{Patterns: []string{r.Tags}}) }
	isOne := func(of []Retag, r Retag) bool {
		return slices.ContainsFunc(of, func(o Retag) bool {
			return o.At == r.At && o.What == r.What
		})
	}
	again := slices.ContainsFunc(rules, gives)
	comes := false
	for _, r := range f.retags {
		why := ""
		switch {
		case isOne(rules, r) || !isOne(f.placed, r) || !gives(r):
			continue // where that comes later it is told then
		case r.Keep:
			why = "a copy gets no further tag"
		case again:
			why = "what they give may come to them again"
		default:
			comes = true
			continue
		}
		f.D.Lost(f.notes, r.At, r.What+": rules for its new tag", why+": write routes with if")
	}
	if !comes {
		return m, "tag"
	}
	m.Retagged = m.tagsOf("(" + tagNow + ")")
	return m, "(" + tagNow + ")"
}

// Tag is the tag that records have now, or a part of it, in a template.
func (f *Flow) Tag(part string) string {
	isMoved := slices.ContainsFunc(f.placed, func(r Retag) bool { return !r.Keep })
	switch {
	case !isMoved && part == "":
		return "tag"
	case !isMoved:
		return "tag[" + part + "]"
	case part == "":
		return "expr(" + string(draft.Text(tagNow)) + ")"
	}
	return "expr(" + string(draft.Text(PartOf("("+tagNow+")", part))) + ")"
}

// PartOf is the expression for a part of a tag.
func PartOf(tag, part string) string {
	if tag == "tag" {
		return "tag[" + part + "]"
	}
	return "split(" + strings.Trim(tag, "()") + ", '.')[" + part + "]"
}

// Retag adds the filter of a rule that holds under a condition, unless another one has held. The
// tag is an expression.
func (f *Flow) Retag(r Retag, name, cond, tag string) {
	header, further := movedTag, cond
	for _, h := range []string{movedTag, copiedTag} {
		if h == copiedTag || r.From.Retagged == "" {
			further += " and header." + h + " == nil"
		}
	}
	if r.Keep {
		header = copiedTag
	}
	for _, m := range f.matches {
		if !m.everyTag() && m.Overlaps(Match{Patterns: []string{r.Tags}}) && !r.From.equals(m) {
			f.D.Lost(
				f.notes, r.At, r.What+": filters before it",
				"those that work on the new tag do so only if they stand behind it",
			)
			break
		}
	}
	b := f.Filter("set", name, r.From, further)
	b.From(r.At)
	b.Set("headers", draft.Map(draft.Value(header), draft.Text(tag)))
	why := "the new tag is the record's header " + header + ", by which routes choose"
	if r.Keep {
		why += "; an output that takes both tags gets it once"
	}
	f.D.Changed(b, r.At, r.What, why)
	f.placed = append(f.placed, r)
}

func (m Match) equals(o Match) bool {
	return m.Regexp == o.Regexp && m.Further == o.Further &&
		strings.Join(m.Patterns, " ") == strings.Join(o.Patterns, " ")
}

// Effective returns the records with certain tags, where rules may have given them new ones.
func (f *Flow) Effective(m Match) Match {
	if m.everyTag() || m.Further != "" {
		return m
	}
	var cond []string
	moved, copied, left := false, false, false
	for _, r := range f.retags {
		left = left || !r.Keep && r.From.Overlaps(m)
		if !m.Overlaps(Match{Patterns: []string{r.Tags}}) {
			continue
		}
		moved = moved || !r.Keep
		copied = copied || r.Keep
	}
	switch {
	case moved:
		cond = append(cond, m.tagsOf("("+tagNow+")"))
	case left:
		cond = append(cond, m.tags()+" and header."+movedTag+" == nil")
	}
	if copied {
		if cond == nil {
			cond = append(cond, m.tags())
		}
		cond = append(cond, m.tagsOf("header."+copiedTag))
	}
	if cond == nil {
		return m
	}
	m.Retagged = strings.Join(cond, " or ")
	if len(cond) > 1 {
		m.Retagged = "(" + m.Retagged + ")"
	}
	return m
}

var tagWritten = regexp.MustCompile(`\$\{tag[}\[]|^tag(\[|$)`)

// tellTags tells of outputs that write the tag, which is the old one.
func (f *Flow) tellTags() {
	if len(f.retags) == 0 {
		return
	}
	seen := map[*draft.Block]bool{}
	for _, r := range f.routes {
		for _, out := range r.outputs {
			if seen[out] || out.Type() != "forward" && !out.Writes(tagWritten) {
				continue
			}
			seen[out] = true
			f.D.Lost(
				out, f.retags[0].At, f.retags[0].What+": the new tag",
				"what is written here is the tag that records came with; "+
					"write ${expr(\""+tagNow+"\")} where it is a template",
			)
		}
	}
}

// TagOf is the expression for a new tag out of its pieces.
func TagOf(pieces []TagPiece) (expr, pattern string) {
	var parts []string
	for _, p := range pieces {
		switch {
		case p.Expr != "":
			parts = append(parts, p.Expr)
			pattern += "**"
		case p.Text != "":
			parts = append(parts, Quote(p.Text))
			pattern += p.Text
		}
	}
	for strings.Contains(pattern, "***") {
		pattern = strings.ReplaceAll(pattern, "***", "**")
	}
	return strings.Join(parts, " + "), pattern
}

// TagPiece is a piece of a new tag: a text, or an expression.
type TagPiece struct{ Text, Expr string }

// Pieces takes a new tag apart. Expression is given what variable has matched, and its groups; what
// it gives nothing for is not known.
func Pieces(
	text string, variable *regexp.Regexp, expression func(v []string) (string, error),
) (out []TagPiece, err error) {
	for text != "" {
		at := variable.FindStringIndex(text)
		if at == nil {
			return append(out, TagPiece{Text: text}), nil
		}
		if at[0] > 0 {
			out = append(out, TagPiece{Text: text[:at[0]]})
		}
		expr, err := expression(variable.FindStringSubmatch(text))
		switch {
		case err != nil:
			return nil, err
		case expr == "":
			return nil, fmt.Errorf("%s is not known", text)
		}
		out = append(out, TagPiece{Expr: expr})
		text = text[at[1]:]
	}
	return out, nil
}

var oneGroup = regexp.MustCompile(`^\^?\(((?:[^()\\]|\\.)*)\)\$?$`)

// IsWhole reports whether the first group of a regular expression, or it as a whole, is all of the
// text that it matches.
func IsWhole(re string, group bool) bool {
	anchored := strings.HasPrefix(re, "^") && strings.HasSuffix(re, "$") && !strings.HasSuffix(re, `\$`)
	inner := strings.TrimSuffix(strings.TrimPrefix(re, "^"), "$")
	if m := oneGroup.FindStringSubmatch(re); m != nil {
		inner = m[1]
	} else if group {
		return false
	}
	if inner == ".+" || inner == ".*" {
		return true
	}
	return anchored && (oneGroup.MatchString(re) || !strings.Contains(inner, "|"))
}
