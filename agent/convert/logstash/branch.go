package logstash

import (
	"regexp"

	"github.com/penstock/penstock/agent/convert/kit"
)

// changes reports whether what stands in branches may change what one of their conditions asks:
// each filter asks anew.
func (c *converter) changes(branches []branch, conds []string) bool {
	asked := map[string]bool{}
	for _, name := range kit.Asked(conds) {
		asked[name] = true
	}
	for _, b := range branches {
		for _, n := range plugins(b.body) {
			if _, tags := c.failureTags(n); tags && asked["tags"] || touches(n, asked) {
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
