package format

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

func appendUnescaped(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := rune16(s[i+1:])
			i += 4
			if utf16.IsSurrogate(r) && len(s) > i+6 && s[i+1] == '\\' && s[i+2] == 'u' {
				if joined := utf16.DecodeRune(r, rune16(s[i+3:])); joined != utf8.RuneError {
					r = joined
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r) // a lone surrogate becomes U+FFFD
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// loneSurrogate reports whether a valid string, or a valid document, has half a surrogate pair,
// which no text in UTF-8 can hold.
func loneSurrogate(s []byte) bool {
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if i++; s[i] != 'u' {
			continue
		}
		r := rune16(s[i+1:])
		i += 4
		if !utf16.IsSurrogate(r) {
			continue
		}
		if len(s) <= i+6 || s[i+1] != '\\' || s[i+2] != 'u' ||
			utf16.DecodeRune(r, rune16(s[i+3:])) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

func rune16(s []byte) rune {
	n, _ := strconv.ParseUint(string(s[:4]), 16, 16) // checked by string
	return rune(n)
}
