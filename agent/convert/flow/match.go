package flow

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/kit"
)

// Match is a set of tags.
type Match struct {
	Patterns []string // as a route takes them; any of them
	Regexp   string   // instead, where patterns cannot say it
	Further  string   // a further condition, for filters; "" for none
	Retagged string   // the condition for the same set where records have new tags; "" without
}

// All is every tag.
func All() Match { return Match{Patterns: []string{"**"}} }

// IsAll reports whether it is every tag.
func (m Match) IsAll() bool {
	return m.Further == "" && m.everyTag()
}

func (m Match) everyTag() bool {
	for _, p := range m.Patterns {
		if p == "**" {
			return true
		}
	}
	return false
}

// Condition returns the set as an expression, "" for every tag.
func (m Match) Condition() string {
	return kit.And(m.tags(), m.Further)
}

func (m Match) tags() string {
	if m.Retagged != "" {
		return m.Retagged
	}
	return m.tagsOf("tag")
}

// tagsOf is the condition on an expression that gives the tag.
func (m Match) tagsOf(tag string) string {
	if m.everyTag() {
		return ""
	}
	if m.Regexp != "" {
		return tag + " matches " + Quote(m.Regexp)
	}
	var exact, any []string
	for _, p := range m.Patterns {
		if strings.ContainsAny(p, "*{") {
			any = append(any, regexpOf(p))
		} else {
			exact = append(exact, Quote(p))
		}
	}
	var parts []string
	switch {
	case len(exact) == 1:
		parts = append(parts, tag+" == "+exact[0])
	case len(exact) > 1:
		parts = append(parts, tag+" in ["+strings.Join(exact, ", ")+"]")
	}
	if len(any) > 0 {
		parts = append(parts, tag+" matches "+Quote("^(?:"+strings.Join(any, "|")+")$"))
	}
	if len(parts) == 2 {
		return "(" + parts[0] + " or " + parts[1] + ")"
	}
	return parts[0]
}

// Quote writes a string of an expression.
func Quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + "'"
}

// regexpOf turns a pattern into a regular expression without anchors.
func regexpOf(p string) string {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(p); {
		rest := p[i:]
		switch {
		case strings.HasPrefix(rest, ".**"):
			b.WriteString(`(?:[.].*)?`)
			i += 3
		case strings.HasPrefix(rest, "**."):
			b.WriteString(`(?:.*[.])?`)
			i += 3
		case strings.HasPrefix(rest, "**"):
			b.WriteString(`.*`)
			i += 2
		case rest[0] == '*':
			b.WriteString(`[^.]*`)
			i++
		case rest[0] == '{':
			depth++
			b.WriteString("(?:")
			i++
		case rest[0] == '}' && depth > 0:
			depth--
			b.WriteString(")")
			i++
		case rest[0] == ',' && depth > 0:
			b.WriteString("|")
			i++
		case rest[0] == '.':
			b.WriteString("[.]")
			i++
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
			i++
		}
	}
	return b.String()
}

// Overlaps reports whether two sets may have a tag in common: false only where they plainly have
// none.
func (m Match) Overlaps(o Match) bool {
	if m.Regexp != "" || o.Regexp != "" {
		return true
	}
	for _, a := range m.Patterns {
		for _, b := range o.Patterns {
			if patternsOverlap(a, b) {
				return true
			}
		}
	}
	return false
}

func patternsOverlap(a, b string) bool {
	plainA, plainB := !strings.ContainsAny(a, "*{"), !strings.ContainsAny(b, "*{")
	matches := func(p, tag string) bool {
		ok, err := regexp.MatchString("^(?:"+regexpOf(p)+")$", tag)
		return ok || err != nil
	}
	switch {
	case plainA && plainB:
		return a == b
	case plainA:
		return matches(b, a)
	case plainB:
		return matches(a, b)
	}
	pa, pb := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; i < len(pa) && i < len(pb); i++ {
		if strings.ContainsAny(pa[i]+pb[i], "*{") {
			if pa[i] == "**" || pb[i] == "**" {
				return true
			}
			continue
		}
		if pa[i] != pb[i] {
			return false
		}
	}
	return len(pa) == len(pb) || strings.Contains(a, "**") || strings.Contains(b, "**")
}

// Of returns the records of one of several inputs, by the tags of it and of each other: a tag that
// another says more narrowly is that one's. It is false where a record may be of either.
func (m Match) Of(others []Match) (Match, bool) {
	sure := true
	for _, o := range others {
		switch {
		case m.within(o) && o.within(m):
			sure = false
		case o.within(m):
			m.Further = kit.And(m.Further, "not ("+o.tags()+")")
		}
	}
	return m, sure
}

// within reports whether tags, told by one pattern whose wildcards are behind its beginning, are
// all of another's.
func (m Match) within(o Match) bool {
	a, b := m.Patterns[0], o.Patterns[0]
	if !strings.ContainsAny(a, "*{") {
		return patternsOverlap(b, a)
	}
	i, j := strings.IndexAny(a, "*{"), strings.IndexAny(b, "*{")
	return j >= 0 && strings.HasPrefix(a[:i], b[:j])
}

// And returns the tags that are in both, and false where patterns cannot say it.
func (m Match) And(o Match) (Match, bool) {
	switch {
	case m.IsAll():
		return o, true
	case o.IsAll():
		return m, true
	}
	if m.Regexp == "" && o.Regexp == "" &&
		strings.Join(m.Patterns, " ") == strings.Join(o.Patterns, " ") {
		return m, true
	}
	return o, false
}
