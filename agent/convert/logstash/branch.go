package logstash

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

var askedField = regexp.MustCompile(`field((?:\.\w+|\['[^']+'\])+)`)

// changes reports whether what stands in branches may change what one of their conditions asks:
// each filter asks anew.
func changes(branches []branch, conds []string) bool {
	asked := map[string]bool{}
	failures := false
	for _, e := range conds {
		failures = failures || strings.Contains(e, "header.parse_error")
		for _, m := range askedField.FindAllStringSubmatch(e, -1) {
			name := strings.NewReplacer("['", ".", "']", "").Replace(m[1])
			asked[strings.TrimPrefix(name, ".")] = true
		}
	}
	for _, b := range branches {
		for _, n := range plugins(b.body) {
			switch n.Key {
			case "grok", "json", "kv", "csv", "dissect", "useragent", "date", "xml":
				if failures {
					return true
				}
			}
			if touches(n, asked) {
				return true
			}
		}
	}
	return false
}

// touches reports whether a plugin names one of the fields.
func touches(n *kit.Node, asked map[string]bool) bool {
	if asked[field(n.Key)] || n.Scalar && asked[field(n.Value)] ||
		asked["tags"] && (n.Key == "add_tag" || n.Key == "remove_tag") {
		return true
	}
	for _, m := range grokName.FindAllStringSubmatch(n.Value, -1) {
		if asked[field(m[1])] {
			return true
		}
	}
	for _, k := range n.Kids {
		if touches(k, asked) {
			return true
		}
	}
	return false
}

var grokName = regexp.MustCompile(`%\{\w+:([^:}]+)`)

// decide has the branch that a record takes decided before its filters work, and returns the
// conditions of all branches.
func (c *converter) decide(branches []branch, conds []string, outer string) []string {
	c.chains++
	header := fmt.Sprintf("branch_%d", c.chains)
	out := make([]string, len(branches))
	for i := range branches {
		e := ""
		if i < len(conds) {
			e = conds[i]
		}
		cond := kit.And(outer, e, "header."+header+" == nil")
		b := c.p.Filter("set", header, cond)
		b.From(branches[i].at)
		if i == 0 {
			b.Comment("Which branch is taken is decided before what is in it changes the record.")
		}
		b.Set("headers", draft.Map(draft.Value(header), draft.Text(fmt.Sprintf("'%d'", i+1))))
		out[i] = fmt.Sprintf("header.%s == '%d'", header, i+1)
	}
	return out
}
