package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/penstock/penstock/network/wire"
)

// scan returns where the JSON value ends that b begins with, checked and not nested deeper than
// depth.
func scan(b []byte, depth int) (end int, err error) {
	end, err = wire.ScanJSON(b, depth)
	if errors.Is(err, wire.ErrDepth) {
		return 0, fail(http.StatusBadRequest, "nested deeper than max_depth, %d", depth)
	}
	return end, err
}

// compact returns the JSON text raw, checked, on one line. It may write in raw, which stays the
// same JSON.
func compact(raw []byte, depth int) ([]byte, error) {
	end, err := scan(raw, depth)
	if err != nil {
		return nil, err
	}
	if rest := space(raw[end:]); len(rest) > 0 {
		return nil, fmt.Errorf("%w: %q at byte %d", wire.ErrJSON, rest[0], len(raw)-len(rest))
	}
	return oneLine(space(raw[:end])), nil
}

// space returns b without the white space that it begins with.
func space(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// oneLine takes the white space out of JSON text of several lines. It works in place; what is left
// over becomes white space, so that the text around it stays JSON.
func oneLine(raw []byte) []byte {
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return raw
	}
	n, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case quoted && c == '\\':
			raw[n] = c
			n, i = n+1, i+1
			c = raw[i]
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\n' || c == '\r' || c == '\t'):
			continue
		}
		raw[n] = c
		n++
	}
	for i := n; i < len(raw); i++ {
		raw[i] = ' '
	}
	return raw[:n]
}

// values calls each with every JSON value of b: those that follow one another, and the elements of
// an array in their place. The values alias b, and may be changed only as compact does it.
func values(b []byte, depth int, each func(n int, value []byte) error) error {
	n := 0
	one := func() error {
		n++
		end, err := scan(b, depth)
		if err == nil {
			value := oneLine(space(b[:end]))
			b = b[end:]
			err = each(n, value[:len(value):len(value)])
		}
		return inValue(n, err)
	}
	for {
		if b = space(b); len(b) == 0 {
			return nil
		}
		if b[0] != '[' {
			if err := one(); err != nil {
				return err
			}
			continue
		}
		if b = space(b[1:]); len(b) > 0 && b[0] == ']' {
			b = b[1:]
			continue
		}
		for more := true; more; {
			if err := one(); err != nil {
				return err
			}
			b = space(b)
			if len(b) == 0 || b[0] != ',' && b[0] != ']' {
				return inValue(
					n+1, fmt.Errorf("%w: an array that neither goes on nor ends", wire.ErrJSON),
				)
			}
			more = b[0] == ','
			b = b[1:]
		}
	}
}

// inValue says in which value it is that something is wrong.
func inValue(n int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("value %d: %w", n, err)
}

// seconds reads a time in seconds since the epoch, exactly to the nanosecond.
func seconds(s string) (time.Time, bool) {
	ns, ok := wire.ParseSeconds(s)
	if !ok || s == "null" {
		return time.Time{}, false
	}
	return time.Unix(0, ns), true
}

// unquote returns what a JSON string says; false when raw is something else.
func unquote(raw []byte) (s string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// isName reports whether a member's name, with its quotes, is s.
func isName(raw []byte, s string) bool {
	if bytes.IndexByte(raw, '\\') >= 0 {
		name, _ := unquote(raw)
		return name == s
	}
	return string(raw[1:len(raw)-1]) == s
}
