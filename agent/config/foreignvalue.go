package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// freeNames are the attributes whose values are whatever their owner has: what was written for
// another tool is the same here. Others have values of penstock's own; secrets are not repeated.
var freeNames = []string{
	"brokers", "topic", "topics", "group", "bucket", "prefix", "region", "endpoint", "directory",
	"paths", "path", "exclude", "include", "start", "if", "listen", "data_dir", "name", "hosts", "urls", "url", "address",
	"username", "ca_file", "cert_file", "key_file", "index", "client_id", "instance_id",
}

var (
	duration = regexp.MustCompile(`^([0-9]+(ms|s|m|h|d))+$`)
	sizeText = regexp.MustCompile(`^[0-9]+ ?([kKMGT]i?)?B$`)
	// written is a snippet with one attribute in it, perhaps within a block.
	written = regexp.MustCompile(`^((?:filter(?: "\w+")+ )?[^="]*\b)([a-z_]+)( += )("[^"]*"|\[[^\]]*\])([^="]*)$`)
	// counted is one whose value is a whole number.
	counted = regexp.MustCompile(`^([^="]* = )[0-9]+( \})?$`)

	// timeName finds the name of a time that other tools give as a number.
	timeName = regexp.MustCompile(`(?i)sec|ms$|time|interval|age|wait|linger|delay|period`)
	port     = regexp.MustCompile(`:[0-9]+`)

	scheme = regexp.MustCompile(`^[a-z]+://`)
)

// literalTexts returns the texts of an expression that is one, or a list of them.
func literalTexts(e hclsyntax.Expression) []string {
	if text := literalText(e); text != "" {
		return []string{text}
	}
	list, ok := e.(*hclsyntax.TupleConsExpr)
	if !ok {
		return nil
	}
	var out []string
	for _, item := range list.Exprs {
		text := literalText(item)
		if text == "" {
			return nil
		}
		out = append(out, text)
	}
	return out
}

// with returns what is known with the values that the user has written in the snippet, where they
// can stand there.
func (g ForeignName) with(values []string) ForeignName {
	m := written.FindStringSubmatch(g.Write)
	if m == nil || len(values) == 0 || slices.ContainsFunc(values, needsEscape) {
		return g
	}
	name, template := m[2], m[4]
	if strings.HasPrefix(template, "[") {
		if len(values) == 1 {
			values = listed(values[0])
		}
		address := func(v string) bool { return strings.Contains(v, ":") || strings.HasPrefix(v, "/") }
		if !slices.Contains(freeNames, name) ||
			name == "listen" && !slices.ContainsFunc(values, address) {
			return g
		}
		template = "[" + strings.Join(quoted(schemes(template, values)), ", ") + "]"
	} else {
		if len(values) != 1 || !stands(name, strings.Trim(template, `"`), values[0]) {
			return g
		}
		template = fmt.Sprintf("%q", values[0])
	}
	g.Write = m[1] + name + m[3] + template + m[5]
	return g
}

// counting is with for a number. Other tools mean seconds by one that is a time, unless its name
// says otherwise.
func (g ForeignName) counting(name string, e hclsyntax.Expression) ForeignName {
	number, ok := e.(*hclsyntax.LiteralValueExpr)
	if !ok || number.Val.Type() != cty.Number {
		return g
	}
	n := number.Val.AsBigFloat()
	if !n.IsInt() || n.Sign() <= 0 {
		return g
	}
	text := n.Text('f', 0)
	if m := counted.FindStringSubmatch(g.Write); m != nil {
		g.Write = m[1] + text + m[2]
		return g
	}
	m := written.FindStringSubmatch(g.Write)
	switch {
	case m == nil:
		return g
	case m[2] == "listen":
		g.Write = port.ReplaceAllString(g.Write, ":"+text)
		return g
	case duration.MatchString(strings.Trim(m[4], `"`)):
		if !timeName.MatchString(name) {
			return g
		}
		unit := "s"
		if strings.HasSuffix(plainName(name), "_ms") {
			unit = "ms"
		}
		text = fmt.Sprintf("%q", text+unit)
	case !sizeText.MatchString(strings.Trim(m[4], `"`)):
		return g
	}
	g.Write = m[1] + m[2] + m[3] + text + m[5]
	return g
}

// needsEscape reports whether a text cannot be written between quotes as it is.
func needsEscape(s string) bool {
	return strings.ContainsAny(s, "\"\\\n\r") || strings.Contains(s, "${") || strings.Contains(s, "%{")
}

// stands reports whether a value can stand where example does.
func stands(name, example, value string) bool {
	switch {
	case duration.MatchString(example):
		return duration.MatchString(value)
	case sizeText.MatchString(example):
		return sizeText.MatchString(value)
	case strings.Contains(example, "${"):
		return false // the value names a field, or is a template of the other tool
	case name == "level":
		return slices.Contains([]string{"debug", "info", "warn", "error"}, value)
	case name == "listen" || name == "address":
		return strings.Contains(value, ":")
	}
	return slices.Contains(freeNames, name)
}

// schemes puts the schemes that the items of a list have before addresses that have none.
func schemes(list string, values []string) []string {
	var out []string
	for _, item := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(list, -1) {
		before := scheme.FindString(item[1])
		if before == "" || before == "http://" || before == "https://" {
			return values
		}
		for _, v := range values {
			if scheme.MatchString(v) {
				return values
			}
			out = append(out, before+v)
		}
	}
	return out
}
