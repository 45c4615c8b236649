package recordline

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/outputs"
)

// parsePlain reads a line as AppendLine writes it for a record without headers of valid UTF-8:
// nearly all of them. For all other lines ok is false, and says nothing about the line. p is not
// kept.
func parsePlain(p []byte) (l outputs.DeadRecord, ok bool) {
	s := plainScanner{p: bytes.TrimSuffix(p, []byte{'\n'}), ok: true}
	s.literal(`{`)
	if s.next(`"topic":"`) {
		l.Topic = string(s.text())
		s.literal(`,`)
	}
	s.literal(`"tag":"`)
	l.Tag = string(s.text())
	s.literal(`,`)
	if s.next(`"origin":"`) {
		l.Origin = string(s.text())
		s.literal(`,`)
	}
	s.literal(`"offset":`)
	l.Record.Offset = s.integer()
	s.literal(`,"time":"`)
	t, err := time.Parse(timeLayout, string(s.text()))
	if err != nil || t.Before(minTime) || t.After(maxTime) {
		return outputs.DeadRecord{}, false
	}
	l.Record.Time = t.UnixNano()
	if s.next(`,"key":"`) {
		l.Record.Key = s.value()
	}
	if s.next(`,"value":"`) {
		l.Record.Value = s.value()
	}
	s.literal(`}`)
	if !s.ok || len(s.p) > 0 {
		return outputs.DeadRecord{}, false
	}
	return l, true
}

// plainScanner takes p apart. Once something is not as expected ok is false for good.
type plainScanner struct {
	p  []byte
	ok bool
}

func (s *plainScanner) next(lit string) bool {
	if len(s.p) < len(lit) || string(s.p[:len(lit)]) != lit {
		return false
	}
	s.p = s.p[len(lit):]
	return true
}

func (s *plainScanner) literal(lit string) {
	if !s.next(lit) {
		s.ok = false
	}
}

func (s *plainScanner) integer() int64 {
	i := 0
	for i < len(s.p) && (s.p[i] == '-' || s.p[i] >= '0' && s.p[i] <= '9') {
		i++
	}
	n, err := strconv.ParseInt(string(s.p[:i]), 10, 64)
	if err != nil || i > 1 && (s.p[0] == '0' || s.p[0] == '-' && s.p[1] == '0') {
		s.ok = false
	}
	s.p = s.p[i:]
	return n
}

// text returns a string without escapes up to its closing quote, within p.
func (s *plainScanner) text() []byte {
	i := bytes.IndexByte(s.p, '"')
	if i < 0 || bytes.IndexByte(s.p[:i], '\\') >= 0 || !printable(s.p[:i]) {
		s.ok = false
		return nil
	}
	t := s.p[:i]
	s.p = s.p[i+1:]
	return t
}

// value returns a copy of a string, up to its closing quote, without its escapes.
func (s *plainScanner) value() []byte {
	end, escapes := 0, 0
	for {
		i := bytes.IndexAny(s.p[end:], `"\`)
		if i < 0 {
			s.ok = false
			return nil
		}
		end += i
		if s.p[end] == '"' {
			break
		}
		if end+1 >= len(s.p) {
			s.ok = false
			return nil
		}
		escapes++
		end += 2
	}
	raw := s.p[:end]
	s.p = s.p[end+1:]
	if !printable(raw) {
		s.ok = false
		return nil
	}
	out := make([]byte, 0, len(raw))
	for escapes > 0 {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			break
		}
		out = append(out, raw[:i]...)
		c := raw[i+1]
		raw = raw[i+2:]
		switch c {
		case '"', '\\':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		default:
			s.ok = false
			return nil
		}
	}
	return append(out, raw...)
}

// printable reports whether p is UTF-8 without control characters.
func printable(p []byte) bool {
	for _, c := range p {
		if c < 0x20 {
			return false
		}
	}
	return utf8.Valid(p)
}
