package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/penstock/penstock/buffer/record/msgpack"
)

// ErrJSON is wrapped by errors about text that is not JSON.
var ErrJSON = errors.New("not JSON")

var errJSONEnds = fmt.Errorf("%w: ends too soon", ErrJSON)

// ScanJSON returns where the JSON value ends that b begins with, behind white space if there is
// any. It looks at all of it, in constant memory: what it accepts is JSON, nested at most depth
// deep (else ErrDepth).
func ScanJSON(b []byte, depth int) (end int, err error) {
	s := scanner{b: b}
	return s.value(space(b, 0), depth)
}

// scanner checks JSON. Its methods take the place where something begins and return where it ends.
type scanner struct{ b []byte }

func (s *scanner) fail(at int) (int, error) {
	if at >= len(s.b) {
		return 0, errJSONEnds
	}
	return 0, fmt.Errorf("%w: %q at byte %d", ErrJSON, s.b[at], at)
}

func (s *scanner) value(at, depth int) (int, error) {
	if at >= len(s.b) {
		return 0, errJSONEnds
	}
	switch c := s.b[at]; {
	case c == '"':
		return s.string(at)
	case c == '{' || c == '[':
		return s.container(at, depth-1)
	case c == '-' || c >= '0' && c <= '9':
		return s.number(at)
	case c == 't':
		return s.literal(at, "true")
	case c == 'f':
		return s.literal(at, "false")
	case c == 'n':
		return s.literal(at, "null")
	}
	return s.fail(at)
}

func (s *scanner) literal(at int, text string) (int, error) {
	for i := range len(text) {
		if at+i >= len(s.b) || s.b[at+i] != text[i] {
			return s.fail(at + i)
		}
	}
	return at + len(text), nil
}

func (s *scanner) container(at, depth int) (int, error) {
	if depth < 0 {
		return 0, ErrDepth
	}
	object := s.b[at] == '{'
	end := s.b[at] + 2 // ']' is two behind '[', and '}' behind '{'
	at = space(s.b, at+1)
	if at < len(s.b) && s.b[at] == end {
		return at + 1, nil
	}
	for {
		var err error
		if object {
			if at >= len(s.b) || s.b[at] != '"' {
				return s.fail(at)
			}
			if at, err = s.string(at); err != nil {
				return 0, err
			}
			if at = space(s.b, at); at >= len(s.b) || s.b[at] != ':' {
				return s.fail(at)
			}
			at = space(s.b, at+1)
		}
		if at, err = s.value(at, depth); err != nil {
			return 0, err
		}
		at = space(s.b, at)
		switch {
		case at < len(s.b) && s.b[at] == ',':
			at = space(s.b, at+1)
		case at < len(s.b) && s.b[at] == end:
			return at + 1, nil
		default:
			return s.fail(at)
		}
	}
}

func (s *scanner) string(at int) (int, error) {
	at++
	for {
		at += msgpack.Plain(s.b[at:])
		if at >= len(s.b) {
			return 0, errJSONEnds
		}
		switch c := s.b[at]; {
		case c == '"':
			return at + 1, nil
		case c >= 0x80:
			at++
		case c != '\\':
			return s.fail(at)
		case at+1 >= len(s.b):
			return 0, errJSONEnds
		case s.b[at+1] == 'u':
			for i := at + 2; i < at+6; i++ {
				if i >= len(s.b) || !isHex(s.b[i]) {
					return s.fail(i)
				}
			}
			at += 6
		case bytes.IndexByte([]byte(`"\/bfnrt`), s.b[at+1]) < 0:
			return s.fail(at + 1)
		default:
			at += 2
		}
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (s *scanner) number(at int) (int, error) {
	if s.b[at] == '-' {
		at++
	}
	if at < len(s.b) && s.b[at] == '0' {
		at++
	} else if next := s.digits(at); next > at {
		at = next
	} else {
		return s.fail(at)
	}
	if at < len(s.b) && s.b[at] == '.' {
		next := s.digits(at + 1)
		if next == at+1 {
			return s.fail(next)
		}
		at = next
	}
	if at < len(s.b) && (s.b[at] == 'e' || s.b[at] == 'E') {
		at++
		if at < len(s.b) && (s.b[at] == '+' || s.b[at] == '-') {
			at++
		}
		next := s.digits(at)
		if next == at {
			return s.fail(at)
		}
		at = next
	}
	return at, nil
}

func (s *scanner) digits(at int) int {
	for at < len(s.b) && s.b[at] >= '0' && s.b[at] <= '9' {
		at++
	}
	return at
}

// anyDepth is for what ScanJSON has looked at before.
const anyDepth = 1 << 30

// JSONElements calls each with the elements of a JSON array that ScanJSON has accepted. They alias
// b.
func JSONElements(b []byte, each func(value []byte) error) error {
	return elements(b, func(_, value []byte) error { return each(value) })
}

// JSONMembers calls each with the members of a JSON object that ScanJSON has accepted: the name
// with its quotes, and the value. They alias b.
func JSONMembers(b []byte, each func(name, value []byte) error) error { return elements(b, each) }

func elements(b []byte, each func(name, value []byte) error) error {
	at := space(b, 0)
	object := b[at] == '{'
	at = space(b, at+1)
	for b[at] != ']' && b[at] != '}' {
		s := scanner{b: b}
		var name []byte
		if object {
			end, err := s.string(at)
			if err != nil {
				return err
			}
			name = b[at:end]
			at = space(b, space(b, end)+1)
		}
		end, err := s.value(at, anyDepth)
		if err != nil {
			return err
		}
		if err := each(name, b[at:end:end]); err != nil {
			return err
		}
		if at = space(b, end); b[at] == ',' {
			at = space(b, at+1)
		}
	}
	return nil
}
