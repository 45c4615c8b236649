package kit

import "strings"

// HasAlternatives reports whether a regular expression is one of several, outside of all groups.
func HasAlternatives(re string) bool {
	depth := 0
	for i := 0; i < len(re); i++ {
		switch re[i] {
		case '\\':
			i++
		case '[':
			if end := strings.IndexByte(re[min(i+2, len(re)):], ']'); end >= 0 {
				i += 2 + end
			}
		case '(':
			depth++
		case ')':
			depth--
		case '|':
			if depth == 0 {
				return true
			}
		}
	}
	return false
}

// Whole is a regular expression that matches what another one does, and nothing around it.
func Whole(re string) string {
	if HasAlternatives(re) {
		return "^(?:" + re + ")$"
	}
	if strings.HasSuffix(re, "$") && !strings.HasSuffix(re, `\$`) {
		re = re[:len(re)-1]
	}
	return "^" + strings.TrimPrefix(re, "^") + "$"
}
