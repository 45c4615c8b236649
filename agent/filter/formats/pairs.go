package formats

import (
	"bytes"
	"errors"
)

var errNotPairs = &Error{"not_pairs", "the text is not made of pairs"}

// pairs reads names and values with separators of one's own.
type pairs struct{ between, inside []byte }

// NewPairs returns a parser of names and values: inside stands between a name and its value,
// between stands between pairs. A value may stand in double quotes, which hide separators.
func NewPairs(between, inside string) (Parser, error) {
	if between == "" || inside == "" || between == inside {
		return nil, errors.New("both separators are needed, and they must differ")
	}
	return &pairs{[]byte(between), []byte(inside)}, nil
}

// Parse implements Parser.
func (p *pairs) Parse(text []byte, _ int64, out *Fields) error {
	for len(text) > 0 {
		if bytes.HasPrefix(text, p.between) {
			text = text[len(p.between):]
			continue
		}
		i := bytes.Index(text, p.inside)
		end := bytes.Index(text, p.between)
		if i <= 0 || end >= 0 && end < i {
			return errNotPairs
		}
		name := bytes.TrimSpace(text[:i])
		text = text[i+len(p.inside):]
		if value, rest, ok := quoted(text, out); ok &&
			(len(rest) == 0 || bytes.HasPrefix(rest, p.between)) {
			out.add(alias(name), value)
			text = rest
			continue
		}
		if end = bytes.Index(text, p.between); end < 0 {
			end = len(text)
		}
		out.add(alias(name), bytes.TrimSpace(text[:end]))
		text = text[end:]
	}
	if len(out.List) == 0 {
		return errNotPairs
	}
	return nil
}
