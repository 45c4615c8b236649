package promtail

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/kit"
)

var (
	selector = regexp.MustCompile(`^\{([^}]*)\}\s*(.*)$`)
	matcher  = regexp.MustCompile(`^\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|` + "`[^`]*`" + `)\s*,?`)
	lineTest = regexp.MustCompile(`^\s*(\|=|\|~|!=|!~)\s*("(?:[^"\\]|\\.)*"|` + "`[^`]*`" + `)`)
)

// selected translates a selector of LogQL, with what the line is in an expression.
func selected(src, line string) (string, bool) {
	m := selector.FindStringSubmatch(strings.TrimSpace(src))
	if m == nil {
		return "", false
	}
	var parts []string
	test := func(what, op, v string) {
		v = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(v[1 : len(v)-1])
		e := map[string]string{
			"=": what + " == " + kit.Quote(v), "!=": what + " != " + kit.Quote(v),
			"=~": what + " matches " + kit.Quote("^(?:"+v+")$"), "!~": "not (" + what + " matches " + kit.Quote("^(?:"+v+")$") + ")",
		}[op]
		parts = append(parts, e)
	}
	rest := m[1]
	for strings.TrimSpace(rest) != "" {
		l := matcher.FindStringSubmatch(rest)
		if l == nil {
			return "", false
		}
		test("(header["+kit.Quote(l[1])+"] ?? '')", l[2], l[3])
		rest = rest[len(l[0]):]
	}
	for rest = m[2]; strings.TrimSpace(rest) != ""; {
		l := lineTest.FindStringSubmatch(rest)
		if l == nil {
			return "", false
		}
		v := kit.Quote(strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(l[2][1 : len(l[2])-1]))
		switch l[1] {
		case "|=":
			parts = append(parts, line+" contains "+v)
		case "|~":
			parts = append(parts, line+" matches "+v)
		case "!=":
			parts = append(parts, "not ("+line+" contains "+v+")")
		case "!~":
			parts = append(parts, "not ("+line+" matches "+v+")")
		}
		rest = rest[len(l[0]):]
	}
	return kit.And(parts...), len(parts) > 0
}
