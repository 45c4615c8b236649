package kit

import (
	"regexp"
	"strings"
)

// Dissected is what a tokenizer such as "%{a} - %{b}" is as a regular expression.
type Dissected struct {
	Pattern string
	Types   [][2]string // of fields that have one
	Names   [][2]string // of groups whose fields have other names, with dots
}

var (
	dissectKey = regexp.MustCompile(`%\{([^}]*)\}`)
	plainKey   = regexp.MustCompile(`^[A-Za-z_]\w*$`)
	notInGroup = regexp.MustCompile(`\W+`)

	dissectTypes = map[string]string{
		"integer": "int", "long": "int", "float": "float", "double": "float", "boolean": "bool",
	}
)

// Dissect turns a tokenizer into a regular expression, if its keys are plain.
func Dissect(tokenizer string) (out Dissected, ok bool) {
	const start = "(?s)^"
	pattern, rest := start, tokenizer
	seen := map[string]bool{}
	for {
		m := dissectKey.FindStringSubmatchIndex(rest)
		if m == nil {
			break
		}
		pattern += regexp.QuoteMeta(rest[:m[0]])
		key, typ, _ := strings.Cut(rest[m[2]:m[3]], "|")
		padded := strings.HasSuffix(key, "->")
		key = strings.TrimSuffix(key, "->")
		some := ".*?"
		if m[1] == len(rest) {
			some = ".*"
		}
		if appended, ok := strings.CutPrefix(key, "+"); ok && !seen[appended] {
			key = appended
		}
		name := strings.Trim(strings.ReplaceAll(key, "][", "."), "[]")
		group := notInGroup.ReplaceAllString(name, "_")
		switch {
		case key == "" || key[0] == '?':
			pattern += some
		case strings.ContainsAny(key, "+&*/:") || !plainKey.MatchString(group) || seen[group]:
			return out, false
		default:
			pattern += "(?P<" + group + ">" + some + ")"
			seen[group] = true
			if group != name {
				out.Names = append(out.Names, [2]string{group, name})
			}
			if t := dissectTypes[typ]; t != "" {
				out.Types = append(out.Types, [2]string{group, t})
			}
		}
		if padded {
			pattern += " *"
		}
		rest = rest[m[1]:]
	}
	out.Pattern = pattern + regexp.QuoteMeta(rest) + "$"
	return out, pattern != start
}
