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

// appendString appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD: callers that
// cannot have that look first.
func appendString(dst, s []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				i++
				start = i
				continue
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
