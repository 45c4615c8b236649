package fluentbit

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

// retag carries over the rules of a filter rewrite_tag, of which the first that holds counts.
func (c *converter) retag(s *section, m flow.Match, label string) {
	for _, p := range s.all("rule") {
		words := strings.Fields(p.value)
		if len(words) != 4 {
			c.d.Lost(c.flow.Notes(), p.at, s.title()+" "+shown(p), "it is no rule that is known now")
			continue
		}
		f := kit.Field(field(words[0]))
		re, err := flow.RE2(words[1])
		var pieces []flow.TagPiece
		if err == nil {
			pieces, err = newTag(words[2], f, words[1])
		}
		if err != nil {
			c.d.Lost(
				c.flow.Notes(), p.at, s.title()+" "+shown(p),
				err.Error()+"; write a route with if",
			)
			continue
		}
		expr, pattern := flow.TagOf(pieces)
		r := flow.Retag{
			At: p.at, What: s.title() + " " + shown(p), From: m, Tags: pattern, Keep: on(words[3]),
		}
		c.flow.Retag(
			r, label, textMatches(f, re), expr,
		)
		c.flow.Expect(r)
	}
}

var tagVariable = regexp.MustCompile(
	`\$TAG(?:\[(\d+)\])?|\$(\d)|\$([A-Za-z_]\w*(?:\[['"][^'"]+['"]\])*)|\$`,
)

// newTag takes a new tag apart. A group stands for the whole field where it is all of it.
func newTag(text, f, re string) ([]flow.TagPiece, error) {
	return flow.Pieces(text, tagVariable, func(v []string) (string, error) {
		switch {
		case v[1] != "":
			return "tag[" + v[1] + "]", nil
		case v[0] == "$TAG":
			return "tag", nil
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
