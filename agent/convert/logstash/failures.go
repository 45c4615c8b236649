package logstash

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// failureTags are the tags that filters give to what they cannot parse, if they are told no others.
var failureTags = map[string]string{
	"grok": "_grokparsefailure", "json": "_jsonparsefailure", "kv": "_kv_filter_error",
	"csv": "_csvparsefailure", "dissect": "_dissectfailure",
}

// noteAsked notes the tags that conditions ask for.
func (c *converter) noteAsked(body []statement) {
	for _, s := range body {
		for _, b := range s.branches {
			for _, word := range strings.Split(b.cond, "\x01") {
				if kind, text, _ := strings.Cut(word, "\x00"); kind == "text" && isOfTags(b.cond) {
					c.asked = append(c.asked, unquote(text))
				}
			}
			c.noteAsked(b.body)
		}
	}
}

func isOfTags(cond string) bool { return strings.Contains(cond, "\x00tags") }

// failureTags returns the tags of what a filter cannot parse, and whether these matter: a condition
// asks for one, or the filter does something where it can parse.
func (c *converter) failureTags(n *kit.Node) (tags []string, matter bool) {
	if failureTags[n.Key] == "" {
		return nil, false
	}
	if tags = n.Texts("tag_on_failure"); tags == nil {
		tags = []string{failureTags[n.Key]}
	}
	return tags, slices.ContainsFunc(tags, func(tag string) bool {
		return slices.Contains(c.asked, tag)
	}) || doesMore(n)
}

// doesMore reports whether a filter does more where it can parse than to take the text away.
func doesMore(n *kit.Node) bool {
	for _, name := range n.Texts("remove_field") {
		if !slices.Contains(parsedFields(n), field(name)) {
			return true
		}
	}
	return n.Find("add_field") != nil || n.Texts("add_tag") != nil
}

// parsedFields are those that a filter parses.
func parsedFields(n *kit.Node) (out []string) {
	for _, name := range []string{"match", "mapping"} {
		if in := n.Find(name); in != nil {
			for _, k := range in.Kids {
				out = append(out, field(k.Key))
			}
			if len(in.Kids) == 2 && in.Kids[0].Key == "" {
				out = append(out, field(in.Kids[0].Value))
			}
			return out
		}
	}
	if source := field(n.Text("source")); source != "" {
		return []string{source}
	}
	return []string{"message"}
}

// mark lets what cannot be parsed pass, with a header, and with its tags where these matter. The
// header is then the tag, by which it is known that a filter before has set it.
func (c *converter) mark(b *draft.Block, n *kit.Node, cond string) {
	tags, isAsked := c.failureTags(n)
	c.parses = append(c.parses, b)
	why := "what cannot be parsed has a header parse_error, and no tag that says so"
	switch {
	case isAsked:
		why = "what cannot be parsed has a header parse_error as well"
	case c.asksForFailures:
		c.D.Changed(b, n.At, n.Name, "what cannot be parsed passes, with no tag that says so")
		return
	}
	b.Set("on_failure", draft.Text("mark"))
	c.D.Changed(b, n.At, n.Name, why)
	if !isAsked {
		return
	}
	failed := "header.parse_error != nil"
	if c.failed != nil {
		failed += " and not (header.parse_error in [" + quoted(c.failed) + "])"
	}
	set := c.p.Filter("set", n.Key+"_failed", kit.And(cond, failed))
	set.Set("fields", draft.Map("tags", draft.Text(
		"uniq(concat(field.tags ?? [], ["+quoted(tags)+"]))",
	)))
	set.Set("headers", draft.Map("parse_error", draft.Text(kit.Quote(tags[0]))))
	if !slices.Contains(c.failed, tags[0]) {
		c.failed = append(c.failed, tags[0])
	}
	if doesMore(n) {
		c.works = "not (" + kit.Quote(tags[0]) + " in (field.tags ?? []))"
	}
}

// takesAway has what parses a field take it away, if it could, and reports whether there is such.
func (c *converter) takesAway(name string) bool {
	is := false
	for _, b := range c.parses {
		switch {
		case b.Type() == "time" && b.Get("field") == draft.Text(name):
			b.Set("remove", draft.Bool(true))
			is = true
		case b.Get("keep") == draft.Text(name):
			b.Unset("keep")
			is = true
		}
	}
	return is
}

func quoted(all []string) string {
	var out []string
	for _, s := range all {
		out = append(out, kit.Quote(s))
	}
	return strings.Join(out, ", ")
}
