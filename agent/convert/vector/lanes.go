package vector

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// lanes are the outputs of a route.
func (x *component) lanes() (out []string) {
	switch x.typ {
	case "exclusive_route":
		for _, r := range x.node.List("routes") {
			out = append(out, r.Text("name"))
		}
	case "route", "swimlanes":
		for _, name := range []string{"route", "lanes"} {
			if n := x.node.Find(name); n != nil {
				for _, r := range n.Kids {
					out = append(out, r.Key)
				}
			}
		}
	default:
		return nil
	}
	return append(out, "_unmatched")
}

// leads reports whether anything that a transform makes comes to a sink, if there is one.
func (c *converter) leads(x *component) bool {
	sinks := false
	seen := map[*component]bool{}
	var from func(y *component) bool
	from = func(y *component) bool {
		if y == x || seen[y] {
			return y == x
		}
		seen[y] = true
		found, _ := c.ins(y)
		return slices.ContainsFunc(found, from)
	}
	for _, y := range c.all {
		if y.kind != "sinks" {
			continue
		}
		if sinks = true; from(y) {
			return true
		}
	}
	return !sinks
}

// decideLanes has the outputs of a route that an event goes to decided before transforms behind it
// change what they ask: routes ask at the end.
func (c *converter) decideLanes(x *component, cond string) {
	var conds []string
	names := x.lanes()
	decided := map[string]string{}
	for _, name := range names {
		e, _ := c.lane(x, name)
		conds = append(conds, e)
		decided[name] = e
	}
	x.decided = decided
	if !c.isChanged(x, conds) {
		return
	}
	var none []string
	for i, name := range names[:len(names)-1] {
		is := c.decide(x, kit.And(cond, conds[i]))
		x.decided[name] = is
		none = append(none, strings.Replace(is, "== '1'", "== nil", 1))
	}
	x.decided["_unmatched"] = kit.And(none...)
}

// decide has a condition decided now, and returns the one that asks what came of it.
func (c *converter) decide(x *component, cond string) string {
	c.lanes++
	header := fmt.Sprintf("lane_%d", c.lanes)
	b := c.p.Filter("set", header, cond)
	b.From(x.node.At)
	b.Comment("Where an event goes is decided before what is behind changes it.")
	b.Set("headers", draft.Map(draft.Value(header), draft.Text("'1'")))
	return "header." + header + " == '1'"
}

// isChanged reports whether a transform behind x may change what conditions ask.
func (c *converter) isChanged(x *component, conds []string) bool {
	var behind func(y *component, seen map[*component]bool) bool
	behind = func(y *component, seen map[*component]bool) bool {
		found, _ := c.ins(y)
		for _, z := range found {
			if z == x || !seen[z] && behind(z, mark(seen, z)) {
				return true
			}
		}
		return false
	}
	for _, y := range c.all {
		if y.typ != "remap" || y == x || !behind(y, map[*component]bool{}) {
			continue
		}
		if src := y.node.Find("source"); src != nil && changesAsked(conds, []string{src.Value, ""}) {
			return true
		}
	}
	return false
}

func mark(seen map[*component]bool, x *component) map[*component]bool {
	seen[x] = true
	return seen
}

// passes reports whether all that a sink has of a source comes through x.
func (c *converter) passes(x *component, source string) bool {
	var reach func(y *component, seen map[*component]bool) bool
	reach = func(y *component, seen map[*component]bool) bool {
		if y == x || seen[y] {
			return false
		}
		seen[y] = true
		if y.id == source {
			return true
		}
		found, outputs := c.ins(y)
		for i, z := range found {
			if outputs[i] != "dropped" && reach(z, seen) {
				return true
			}
		}
		return false
	}
	for _, y := range c.all {
		if y.kind == "sinks" && reach(y, map[*component]bool{}) {
			return false
		}
	}
	return true
}

// lane is the condition of one output of a route.
func (c *converter) lane(x *component, name string) (string, bool) {
	if cond, ok := x.decided[name]; ok {
		return cond, true
	}
	var names, conds []string
	if x.typ == "exclusive_route" {
		for _, r := range x.node.List("routes") {
			names = append(names, r.Text("name"))
			conds = append(conds, c.condition(x, r, "condition"))
		}
	} else {
		routes := x.node.Find("route")
		if routes == nil {
			routes = x.node.Find("lanes")
		}
		if routes == nil {
			return "", false
		}
		for _, r := range routes.Kids {
			names = append(names, r.Key)
			conds = append(conds, c.condition(x, routes, r.Key))
		}
	}
	i := slices.Index(names, name)
	switch {
	case name == "_unmatched":
		var not []string
		for _, cond := range conds {
			not = append(not, "not ("+cond+")")
		}
		return kit.And(not...), true
	case i < 0:
		return "", false
	case x.typ == "exclusive_route":
		var not []string
		for _, cond := range conds[:i] {
			not = append(not, "not ("+cond+")")
		}
		return kit.And(append(not, conds[i])...), true
	}
	return conds[i], true
}
