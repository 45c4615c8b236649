package filter

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// typing is the type that a value is to have.
type typing uint8

const (
	asItIs typing = iota
	asInt
	asFloat
	asBool
	asString
	asAuto
)

const typeNames = "int|float|bool|string|auto"

func newTyping(name string) (typing, error) {
	i := slices.Index(strings.Split(typeNames, "|"), name)
	if i < 0 {
		return asItIs, fmt.Errorf("%q is no type; write int, float, bool, string or auto", name)
	}
	return typing(i + 1), nil
}

// typedPath is a field and the type that it is to have.
type typedPath struct {
	name string
	path *Path
	as   typing
}

// newTypes compiles an attribute that maps fields to types.
func newTypes(attr string, types map[string]string) ([]typedPath, error) {
	var out []typedPath
	for _, name := range slices.Sorted(maps.Keys(types)) {
		as, err := newTyping(types[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", attr, name, err)
		}
		p, err := NewPath(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", attr, err)
		}
		out = append(out, typedPath{name, p, as})
	}
	return out, nil
}

// appendTyped appends text as a JSON value of the type, and reports whether it could; nothing is
// appended otherwise. A number keeps its digits.
func appendTyped(dst, text []byte, as typing) ([]byte, bool) {
	switch as {
	case asInt:
		return appendInt(dst, text)
	case asFloat:
		return appendFloat(dst, text)
	case asBool:
		return appendBool(dst, text)
	case asAuto:
		if isPlainNumber(text) || string(text) == "true" || string(text) == "false" {
			return append(dst, text...), true
		}
	}
	return dst, false
}

// appendInt takes whole numbers of 64 bits, with or without sign.
func appendInt(dst, text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	digits, negative := text, false
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		digits, negative = digits[1:], digits[0] == '-'
	}
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	if !fits64(digits, negative) {
		return dst, false
	}
	if negative && digits[0] != '0' {
		dst = append(dst, '-')
	}
	return append(dst, digits...), true
}

// fits64 reports whether the digits are a number of 64 bits.
func fits64(digits []byte, negative bool) bool {
	if len(digits) == 0 || len(digits) > 20 {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	switch {
	case negative:
		return len(digits) < 19 || len(digits) == 19 && string(digits) <= "9223372036854775808"
	}
	return len(digits) < 20 || string(digits) <= "18446744073709551615"
}

func appendFloat(dst, text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	if isNumber(text) {
		return append(dst, text...), true
	}
	x, err := strconv.ParseFloat(alias(text), 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return dst, false
	}
	return strconv.AppendFloat(dst, x, 'g', -1, 64), true
}

func appendBool(dst, text []byte) ([]byte, bool) {
	switch strings.ToLower(alias(bytes.TrimSpace(text))) {
	case "true", "t", "yes", "y", "on", "1":
		return append(dst, "true"...), true
	case "false", "f", "no", "n", "off", "0":
		return append(dst, "false"...), true
	}
	return dst, false
}

// isNumber reports whether text is a number as JSON writes them, and finite.
func isNumber(text []byte) bool {
	if len(text) == 0 || text[0] != '-' && (text[0] < '0' || text[0] > '9') ||
		!gjson.ValidBytes(text) {
		return false
	}
	if bytes.IndexByte(text, 'e') < 0 && bytes.IndexByte(text, 'E') < 0 && len(text) < 300 {
		return true
	}
	x, err := strconv.ParseFloat(alias(text), 64)
	return err == nil && !math.IsInf(x, 0)
}

// isPlainNumber reports whether text is a number that anybody would take for one and that no reader
// changes: a whole one of 64 bits, or a decimal fraction of up to 15 digits. 007, 1e5, 0x1 and the
// digits of a card or a long id remain text.
func isPlainNumber(text []byte) bool {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 20 || digits[0] < '0' || digits[0] > '9' ||
		digits[0] == '0' && len(digits) > 1 && digits[1] != '.' {
		return false
	}
	point := bytes.IndexByte(digits, '.')
	if point < 0 {
		return fits64(digits, len(digits) < len(text)) &&
			!(len(digits) < len(text) && digits[0] == '0')
	}
	for i, c := range digits {
		if i != point && (c < '0' || c > '9') {
			return false
		}
	}
	return len(digits) <= 16 && point < len(digits)-1
}

// textOf returns the text of a JSON value: what stands in a string, or the value as it is written.
func textOf(raw []byte) []byte {
	if len(raw) > 1 && raw[0] == '"' {
		if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
			return inner
		}
		return bytesOf(gjson.Parse(alias(raw)).Str)
	}
	return raw
}
