package fluentbit

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

// tagRule is a rule of rewrite_tag.
type tagRule struct {
	flow.Retag
	cond, tag string
}

// retag carries over the rules of a filter rewrite_tag, of which the first that holds counts.
func (c *converter) retag(s *section, m flow.Match, label string) {
	var known []flow.Retag
	for _, r := range c.tagRules(s, m, "tag", func(*prop, string) {}) {
		known = append(known, r.Retag)
	}
	m, own := c.flow.Comes(m, known)
	rules := c.tagRules(s, m, own, func(p *prop, why string) {
		c.d.Lost(c.flow.Notes(), p.at, s.title()+" "+shown(p), why)
	})
	for _, r := range rules {
		c.flow.Retag(r.Retag, label, r.cond, r.tag)
		c.flow.Expect(r.Retag)
	}
}

// tagRules reads the rules for certain tags, whose own is an expression; what it cannot, it gives
// to lost.
func (c *converter) tagRules(
	s *section, m flow.Match, own string, lost func(p *prop, why string),
) (out []tagRule) {
	for _, p := range s.all("rule") {
		words := strings.Fields(p.value)
		if len(words) != 4 {
			lost(p, "it is no rule that is known now")
			continue
		}
		f := kit.Field(field(words[0]))
		re, err := flow.RE2(words[1])
		var pieces []flow.TagPiece
		if err == nil {
			pieces, err = newTag(words[2], own, f, words[1])
		}
		if err != nil {
			lost(p, err.Error()+"; write a route with if")
			continue
		}
		r := tagRule{cond: textMatches(f, re)}
		r.tag, r.Tags = flow.TagOf(pieces)
		r.At, r.What, r.From, r.Keep = p.at, s.title()+" "+shown(p), m, on(words[3])
		out = append(out, r)
	}
	return out
}

var tagVariable = regexp.MustCompile(
	`\$TAG(?:\[(\d+)\])?|\$(\d)|\$([A-Za-z_]\w*(?:\[['"][^'"]+['"]\])*)|\$`,
)

// newTag takes a new tag apart. A group stands for the whole field where it is all of it.
func newTag(text, own, f, re string) ([]flow.TagPiece, error) {
	return flow.Pieces(text, tagVariable, func(v []string) (string, error) {
		switch {
		case v[1] != "":
			return flow.PartOf(own, v[1]), nil
		case v[0] == "$TAG":
			return own, nil
		case v[2] != "":
			if v[0] > "$1" || !flow.IsWhole(re, v[0] == "$1") {
				return "", fmt.Errorf("%s is a part of the field", v[0])
			}
			return "string(" + f + ")", nil
		case v[3] != "":
			return "string(" + kit.Field(field(v[0])) + " ?? '')", nil
		}
		return "", nil
	})
}
