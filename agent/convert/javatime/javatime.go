package javatime

import (
	"fmt"
	"strings"
)

var letters = map[string]string{
	"yyyy": "%Y", "yy": "%y", "y": "%Y", "uuuu": "%Y", "YYYY": "%G",
	"MM": "%m", "M": "%m", "MMM": "%b", "MMMM": "%B", "dd": "%d", "d": "%d", "DDD": "%j",
	"HH": "%H", "H": "%H", "hh": "%I", "h": "%I", "mm": "%M", "m": "%M", "ss": "%S", "s": "%S",
	"SSS": "%L", "EEE": "%a", "E": "%a", "EEEE": "%A", "a": "%p",
	"Z": "%z", "X": "%z", "XX": "%z", "XXX": "%z", "z": "%Z",
}

// Strftime translates a pattern of SimpleDateFormat.
func Strftime(pattern string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return "", fmt.Errorf("the pattern %q has a quote that does not end", pattern)
			}
			if end == 0 {
				b.WriteByte('\'')
			}
			b.WriteString(strings.ReplaceAll(pattern[i+1:i+1+end], "%", "%%"))
			i += end + 2
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			conv, ok := letters[pattern[i:i+n]]
			if !ok {
				return "", fmt.Errorf(
					"strftime has nothing for %q of the pattern %q", pattern[i:i+n], pattern,
				)
			}
			b.WriteString(conv)
			i += n
		case c == '%':
			b.WriteString("%%")
			i++
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}
