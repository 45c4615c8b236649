package kit

import "strings"

// IndexUnquoted returns where the first of chars stands that is not within a text in single or
// double quotes, or -1. In a text, a backslash goes before what does not end it.
func IndexUnquoted(src, chars string) int {
	quoted := byte(0)
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case quoted != 0 && c == '\\':
			i++
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '"' || c == '\'':
			quoted = c
		case strings.IndexByte(chars, c) >= 0:
			return i
		}
	}
	return -1
}
