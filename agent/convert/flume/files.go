package flume

import (
	"regexp"
	"strings"
)

var (
	alternatives = regexp.MustCompile(`^\((?:\?:)?((?:\w|[-|]|\\[.])+)\)`)
	oneCharacter = regexp.MustCompile(`^(?:\\d|\[[\w-]+\])(?:\{(\d{1,2})\})?`)
	anything     = regexp.MustCompile(`^(?:\.|\\[dwWDsS]|\[[^\]]*\])(?:[*+]\??|\{[\d,]+\})|^\([^()]*\)[*+?]?`)
)

// globOf turns the regular expression of a file's name into a glob, and reports whether it matches
// the same names; otherwise it matches more.
func globOf(pattern string) (glob string, exact bool) {
	var b strings.Builder
	exact = true
	pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	star := func() {
		if !strings.HasSuffix(b.String(), "*") {
			b.WriteByte('*')
		}
	}
	for pattern != "" {
		n := 1
		switch c := pattern[0]; {
		case strings.HasPrefix(pattern, ".*"):
			n = 2
			star()
		case alternatives.MatchString(pattern) && !quantified(alternatives, pattern):
			m := alternatives.FindStringSubmatch(pattern)
			n = len(m[0])
			b.WriteString("{" + strings.NewReplacer(`\.`, ".", "|", ",").Replace(m[1]) + "}")
		case oneCharacter.MatchString(pattern) && !quantified(oneCharacter, pattern):
			m := oneCharacter.FindStringSubmatch(pattern)
			n = len(m[0])
			class, _, _ := strings.Cut(strings.Replace(m[0], `\d`, "[0-9]", 1), "{")
			times := 1
			if m[1] != "" {
				times = int(m[1][0] - '0')
				if len(m[1]) == 2 {
					times = 10*times + int(m[1][1]-'0')
				}
			}
			b.WriteString(strings.Repeat(class, times))
		case anything.MatchString(pattern):
			n = len(anything.FindString(pattern))
			exact = false
			star()
		case c == '\\' && len(pattern) > 1 && !isWord(pattern[1]):
			n = 2
			if strings.IndexByte(`*?[]{}\`, pattern[1]) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(pattern[1])
		case strings.IndexByte(`()|?*+{}[]^$\`, c) >= 0:
			return "*", false
		case len(pattern) > 1 && strings.IndexByte("?*+{", pattern[1]) >= 0:
			return "*", false
		default: // a dot, too, which is meant as one
			b.WriteByte(c)
		}
		pattern = pattern[n:]
	}
	return b.String(), exact
}

func quantified(re *regexp.Regexp, pattern string) bool {
	rest := pattern[len(re.FindString(pattern)):]
	return rest != "" && strings.IndexByte("?*+{", rest[0]) >= 0
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// namePattern is a regular expression for the origin of records that come from files in a
// directory, "" for any, whose name another one matches as a whole; "" where RE2 has it not.
func namePattern(dir, pattern string) string {
	re := "(?:^|:)" + regexp.QuoteMeta(dir)
	if dir == "" {
		re = "/"
	}
	pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	if strings.Contains(pattern, "|") {
		pattern = "(?:" + pattern + ")"
	}
	re += pattern + "$"
	if _, err := regexp.Compile(re); err != nil {
		return ""
	}
	return re
}
