package formats

import (
	"bytes"
	"strconv"

	"github.com/penstock/penstock/buffer/record/jsontext"

	"github.com/tidwall/gjson"
)

var errNotLogfmt = &Error{
	"not_logfmt",
	"the text has no key=value pairs, or a quote that is not closed",
}

// ParseLogfmt reads key=value pairs; a value may stand in double quotes or backticks, and a key
// alone is true.
func ParseLogfmt(text []byte, _ int64, out *Fields) error {
	found := false
	for i := 0; i < len(text); {
		if text[i] <= ' ' {
			i++
			continue
		}
		start := i
		for i < len(text) && text[i] > ' ' && text[i] != '=' && text[i] != '"' {
			i++
		}
		key := alias(text[start:i])
		if key == "" || i < len(text) && text[i] == '"' {
			return errNotLogfmt
		}
		if i == len(text) || text[i] != '=' {
			out.json(key, []byte("true"))
			continue
		}
		i++
		found = true
		if end := rawEnd(text, i); end > 0 {
			out.add(key, text[i+1:end])
			i = end + 1
			continue
		}
		if i < len(text) && text[i] == '"' {
			end := i + 1
			escaped := false
			for end < len(text) && text[end] != '"' {
				if text[end] == '\\' {
					end++
					escaped = true
				}
				end++
			}
			if end >= len(text) {
				return errNotLogfmt
			}
			value := text[i+1 : end]
			if escaped {
				value = unquote(text[i : end+1])
			}
			out.add(key, value)
			i = end + 1
			continue
		}
		start = i
		for i < len(text) && text[i] > ' ' {
			i++
		}
		out.add(key, text[start:i])
	}
	if !found {
		return errNotLogfmt
	}
	return nil
}

// rawEnd returns where the text in backticks that begins at i ends, or 0 if none does. Nothing is
// escaped in it, and a space or the end of the text follows.
func rawEnd(text []byte, i int) int {
	if i >= len(text) || text[i] != '`' {
		return 0
	}
	n := bytes.IndexByte(text[i+1:], '`')
	if end := i + 1 + n; n >= 0 && (end+1 == len(text) || text[end+1] <= ' ') {
		return end
	}
	return 0
}

// unquote undoes the quoting of a logfmt value, as far as it is quoted the way JSON or Go does.
func unquote(q []byte) []byte {
	if jsontext.Valid(q) {
		return []byte(gjson.Parse(alias(q)).Str)
	}
	if s, err := strconv.Unquote(alias(q)); err == nil {
		return []byte(s)
	}
	return q[1 : len(q)-1]
}
