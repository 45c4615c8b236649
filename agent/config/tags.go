package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Tags matches tags against patterns in Fluentd's syntax: * is one part, ** any number of parts,
// {a,b} either.
type Tags struct{ re *regexp.Regexp }

// CompileTags compiles patterns, of which one has to match.
func CompileTags(patterns []string) (*Tags, error) {
	var all []string
	for _, p := range patterns {
		re, err := tagRegexp(p)
		if err != nil {
			return nil, fmt.Errorf("tag pattern %q: %w", p, err)
		}
		all = append(all, re)
	}
	re, err := regexp.Compile("^(?:" + strings.Join(all, "|") + ")$")
	if err != nil {
		return nil, fmt.Errorf("tag patterns: %w", err)
	}
	return &Tags{re}, nil
}

// Match reports whether tag matches one of the patterns.
func (t *Tags) Match(tag string) bool { return t.re.MatchString(tag) }

func tagRegexp(p string) (string, error) {
	if p == "" {
		return "", errors.New("is empty")
	}
	var b strings.Builder
	depth := 0
	for i := 0; i < len(p); {
		rest := p[i:]
		switch {
		case strings.HasPrefix(rest, ".**") && !strings.HasPrefix(rest, ".***"):
			b.WriteString(`(?:\..*)?`)
			i += 3
		case strings.HasPrefix(rest, "**."):
			b.WriteString(`(?:.*\.)?`)
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
		case rest[0] == '}':
			if depth--; depth < 0 {
				return "", errors.New("has a } without {")
			}
			b.WriteString(")")
			i++
		case rest[0] == ',' && depth > 0:
			b.WriteString("|")
			i++
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
			i++
		}
	}
	if depth != 0 {
		return "", errors.New("has a { without }")
	}
	return b.String(), nil
}
