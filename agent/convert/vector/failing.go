package vector

import (
	"regexp"
	"strings"
)

const (
	integer = `'^[-+]?[0-9]+$'`
	decimal = `'^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$'`
	truths  = `'^(true|t|yes|y|[-+]?0*[1-9][0-9]*)$'`
)

// fallible is a function of a field for which VRL may have an error.
var fallible = regexp.MustCompile(`^(\w+)\((field[\w.]*)(?: \?\? (?:0|''))?(?:, .*)?\)$`)

// orElse is an expression, and another one where VRL has an error: none of "" gives what VRL gives
// a field beside that error.
func orElse(e, otherwise string) (string, bool) {
	m := fallible.FindStringSubmatch(e)
	if m == nil {
		return e, false
	}
	x := m[2]
	test, none := "type("+x+") == 'string'", "''"
	switch m[1] {
	case "int":
		test, none = "(type("+x+") == 'float' or string("+x+" ?? 0) matches "+integer+")", "0"
	case "float":
		test, none = "string("+x+" ?? 0) matches "+decimal, "0.0"
	case "string":
		test = "not (type(" + x + ") in ['array', 'map'])"
	case "len":
		test, none = "type("+x+") in ['string', 'array', 'map']", "0"
	case "split":
		none = "[]"
	case "lower", "upper", "trim", "replace":
	default:
		return e, false
	}
	if otherwise == "" {
		otherwise = none
	}
	return "(" + test + " ? " + e + " : " + otherwise + ")", true
}

var within = regexp.MustCompile(`^(field(?:\.\w+)*)\.(\w+)$`)

// exists is whether there is a field, which may be null.
func exists(e string) string {
	if m := within.FindStringSubmatch(e); m != nil {
		return "(" + e + " != nil or '" + m[2] + "' in " + m[1] + ")"
	}
	return "(" + e + " != nil)"
}

// aside is the field of a text that is parsed while fields of any name come from it.
const aside = "vector_text"

// always are formats that give a field message whatever the text.
var always = map[string]bool{
	"syslog": true, "klog": true, "nginx_error": true, "apache_error": true,
	"apache_common": true, "apache_combined": true,
}

// overwrites reports whether what is parsed may have a field of the name of what it is parsed from.
func overwrites(format, from, more string) bool {
	switch {
	case format == "regex":
		return strings.Contains(more, "<"+from+">")
	case format == "grok":
		return regexp.MustCompile(`:` + regexp.QuoteMeta(from) + `[:}]`).MatchString(more)
	case always[format]:
		return from == "message"
	}
	return format == "json" || format == "logfmt" || format == "key_value" || format == "query"
}

var (
	separator  = regexp.MustCompile(`(field|key_value)_delimiter:\s*("(?:[^"\\]|\\.)*")`)
	separators = regexp.MustCompile(`^(?:,?\s*(?:field|key_value)_delimiter:\s*"(?:[^"\\]|\\.)+"\s*)+$`)
)
