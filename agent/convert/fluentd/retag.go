package fluentd

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
)

// rule is one of rewrite_tag_filter.
type rule struct {
	flow.Retag
	cond, tag string
}

// rules reads those of a match for certain tags, whose own is an expression; what it cannot, it
// gives to lost.
func (c *converter) rules(
	e *element, m flow.Match, own string, lost func(at draft.Place, what, why string),
) []rule {
	title := describe(e)
	if e.get("@label") != nil {
		lost(e.at, title, "it gives records to a label as well: write a route with if")
		return nil
	}
	var out []rule
	add := func(at draft.Place, key, pattern, tag string, invert bool) {
		what := fmt.Sprintf("%s %s %s %s", title, key, pattern, tag)
		field := expressionField(accessor(key))
		re, err := flow.RE2(pattern)
		var pieces []flow.TagPiece
		if err == nil {
			pieces, err = newTag(tag, own, field, re)
		}
		if err != nil {
			lost(at, what, err.Error()+"; write a route with if")
			return
		}
		cond := "string(" + field + ") matches " + flow.Quote(re)
		if invert {
			cond = "not (" + cond + ")"
		}
		r := rule{cond: field + " != nil and " + cond}
		r.tag, r.Tags = flow.TagOf(pieces)
		r.At, r.What, r.From = at, what, m
		out = append(out, r)
	}
	for _, s := range e.elements {
		if s.name == "rule" {
			add(
				s.at, s.value("key"), s.value("pattern"), s.value("tag"),
				truth(cmp.Or(s.value("invert"), "false")),
			)
		}
	}
	for _, p := range e.params {
		if words := strings.Fields(p.value); strings.HasPrefix(p.key, "rewriterule") && len(words) == 3 {
			p.used = true
			re, invert := strings.CutPrefix(words[1], "!")
			add(p.at, words[0], re, words[2], invert)
		}
	}
	if out == nil {
		lost(e.at, title, "none of its rules could be carried over")
	}
	return out
}

// expectTags tells the flow of the rules in a scope: what they give a new tag begins again at its
// top.
func (c *converter) expectTags(f *flow.Flow, scope *element) {
	for _, e := range scope.elements {
		if e.name != "match" || e.typ() != "rewrite_tag_filter" {
			continue
		}
		p, _ := pattern(e.arg)
		for _, r := range c.quietRules(e, p) {
			f.Expect(r)
		}
	}
}

// quietRules reads the rules of a match, and tells nothing.
func (c *converter) quietRules(e *element, m flow.Match) (out []flow.Retag) {
	for _, r := range c.rules(e, m, "tag", func(draft.Place, string, string) {}) {
		out = append(out, r.Retag)
	}
	return out
}

func (c *converter) retag(f *flow.Flow, e *element, m flow.Match) {
	m, own := f.Comes(m, c.quietRules(e, m))
	rules := c.rules(e, m, own, func(at draft.Place, what, why string) {
		c.d.Lost(f.Notes(), at, what, why)
	})
	for _, r := range rules {
		f.Retag(r.Retag, cmp.Or(e.value("@id"), "rewrite_tag"), r.cond, r.tag)
	}
	if rules == nil {
		f.Take(m, nil)
	} else {
		c.d.Changed(
			f.Notes(), e.at, describe(e),
			"what no rule takes keeps its tag, and goes where that leads; fluentd leaves it out, with a warning",
		)
	}
	c.unused(f.Notes(), e)
}

var tagVariable = regexp.MustCompile(
	`\$\{tag\}|__TAG__|\$\{tag_parts\[(-?\d+)\]\}|__TAG_PARTS\[(-?\d+)\]__|\$(\d)|\$\{[^}]*\}`,
)

// newTag takes a new tag apart. A group stands for the whole field where it is all of it.
func newTag(text, own, field, re string) ([]flow.TagPiece, error) {
	return flow.Pieces(text, tagVariable, func(v []string) (string, error) {
		switch {
		case v[0] == "${tag}" || v[0] == "__TAG__":
			return own, nil
		case v[1]+v[2] != "":
			return flow.PartOf(own, v[1]+v[2]), nil
		case v[0] == "$1" && flow.IsWhole(re, true):
			return "string(" + field + ")", nil
		case strings.HasPrefix(v[0], "${"):
			return "", fmt.Errorf("%s is not known", v[0])
		}
		return "", fmt.Errorf("%s is a part of the field", v[0])
	})
}
