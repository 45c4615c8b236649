package vector

import (
	"regexp"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// addition is a field that a source of Vector adds to events.
type addition struct {
	name  string
	key   string      // the setting that calls it otherwise
	value draft.Value // the template for it, "" for the header of its name
}

var additions = map[string][]addition{
	"file":  {{"file", "file_key", ""}, {"host", "host_key", `"${agent}"`}},
	"kafka": {{"topic", "topic_key", `"${tag}"`}, {"message_key", "key_field", `"${key}"`}},
}

// given returns what a source adds and something asks for.
func (c *converter) given(x *component) (out []addition) {
	for _, g := range additions[x.typ] {
		if k := x.node.Take(g.key); k != nil {
			g.name = k.Value
		}
		if kit.Key(g.name) == draft.Value(g.name) && c.asks(g.name) {
			out = append(out, g)
		}
	}
	return out
}

// give has a source's events have that.
func (c *converter) give(x *component) {
	for _, g := range c.given(x) {
		if g.value == "" {
			g.value = draft.Value("header." + g.name)
			for _, b := range c.p.Inputs {
				if b.Get("tag") == draft.Text(x.id) {
					b.Set("path_header", draft.Text(g.name))
				}
			}
		}
		c.p.Filter("add_fields", x.id+"_"+g.name, c.tagged([]string{x.id})).
			Set("fields", draft.Map(draft.Value(g.name), g.value))
	}
}

// asks reports whether a transform or sink reads a field at the top of events.
func (c *converter) asks(name string) bool {
	deleted := regexp.MustCompile(`(?m)^\s*del\(\.` + name + `\)\s*$`)
	read := regexp.MustCompile(
		`(?:^|[^\w.\])"])\.` + name + `(?:[^\w.]|$)|\{\{\s*\.?` + name + `\s*\}\}|^` + name + `$`,
	)
	for _, x := range c.all {
		if x.kind != "sources" && reads(x.node, read, deleted) {
			return true
		}
	}
	return false
}

func reads(n *kit.Node, read, deleted *regexp.Regexp) bool {
	if n.Scalar && read.MatchString(deleted.ReplaceAllString(n.Value, "")) {
		return true
	}
	for _, k := range n.Kids {
		if reads(k, read, deleted) {
			return true
		}
	}
	return false
}
