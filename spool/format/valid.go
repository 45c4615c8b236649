package format

import "unicode/utf8"

// validJSON reports whether src is one JSON text as root takes it. It is the quick way for what is
// nearly always fine: explain says what is wrong.
func validJSON(src []byte) bool {
	if !utf8.Valid(src) {
		return false
	}
	i := skipValue(src, skipSpace(src, 0), 0)
	return i > 0 && skipSpace(src, i) == len(src)
}

func skipSpace(src []byte, i int) int {
	for i < len(src) && src[i] <= ' ' && (src[i] == ' ' || src[i] == '\n' || src[i] == '\t' || src[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value at i, or -1.
func skipValue(src []byte, i, depth int) int {
	if i >= len(src) || depth > maxDepth {
		return -1
	}
	switch c := src[i]; c {
	case '"':
		return skipString(src, i)
	case '{', '[':
		return skipNested(src, i, depth)
	case 't':
		return skipLiteral(src, i, "true")
	case 'f':
		return skipLiteral(src, i, "false")
	case 'n':
		return skipLiteral(src, i, "null")
	}
	return skipNumber(src, i)
}

func skipNested(src []byte, i, depth int) int {
	object := src[i] == '{'
	end := byte(']')
	if object {
		end = '}'
	}
	if i = skipSpace(src, i+1); i < len(src) && src[i] == end {
		return i + 1
	}
	for {
		if object {
			if i >= len(src) || src[i] != '"' {
				return -1
			}
			if i = skipString(src, i); i < 0 {
				return -1
			}
			if i = skipSpace(src, i); i >= len(src) || src[i] != ':' {
				return -1
			}
			i = skipSpace(src, i+1)
		}
		if i = skipValue(src, i, depth+1); i < 0 {
			return -1
		}
		if i = skipSpace(src, i); i >= len(src) {
			return -1
		}
		switch src[i] {
		case end:
			return i + 1
		case ',':
			i = skipSpace(src, i+1)
		default:
			return -1
		}
	}
}

func skipString(src []byte, i int) int {
	next, _ := scanString(src, i)
	return next
}

// scanString returns the index after the string at i, or -1, and whether it holds escapes.
func scanString(src []byte, i int) (next int, escaped bool) {
	for i++; ; i++ {
		if i = skipOrdinary(src, i); i >= len(src) || src[i] < ' ' {
			return -1, escaped
		}
		if src[i] == '"' {
			return i + 1, escaped
		}
		escaped = true
		if i++; i >= len(src) { // a backslash
			return -1, escaped
		}
		switch src[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			for range 4 {
				if i++; i >= len(src) || !isHex(src[i]) {
					return -1, escaped
				}
			}
		default:
			return -1, escaped
		}
	}
}

func skipLiteral(src []byte, i int, s string) int {
	if len(src)-i < len(s) || string(src[i:i+len(s)]) != s {
		return -1
	}
	return i + len(s)
}

func skipNumber(src []byte, i int) int {
	if i < len(src) && src[i] == '-' {
		i++
	}
	if i < len(src) && src[i] == '0' {
		i++
	} else if i = skipDigits(src, i); i < 0 {
		return -1
	}
	if i < len(src) && src[i] == '.' {
		if i = skipDigits(src, i+1); i < 0 {
			return -1
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		if i++; i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		return skipDigits(src, i)
	}
	return i
}

// skipDigits returns the index after at least one digit, or -1.
func skipDigits(src []byte, i int) int {
	start := i
	for i < len(src) && src[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
