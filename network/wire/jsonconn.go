package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/msgpack"
)

// jsonMessage is a message of a JSON connection, which is held whole.
type jsonMessage struct {
	events  jsonList  // of [time, record]
	single  [2][]byte // time and record of the message mode; nil when there are none, or no more
	option  json.RawMessage
	tooLong *jsonTail // set for a message over the limit, which is handed out raw
	raw     []byte    // a message that is none
	buf     bytes.Buffer
}

func (j *jsonMessage) options() (Options, error) { return optionsJSON(j.option), nil }

// jsonEnd finds where a JSON array or object ends, in constant memory.
type jsonEnd struct {
	depth            int
	inString, escape bool
}

// step returns how much of b belongs to the value, and whether the value ends there.
func (e *jsonEnd) step(b []byte) (int, bool) {
	for i, c := range b {
		switch {
		case e.escape:
			e.escape = false
		case e.inString:
			e.escape = c == '\\'
			e.inString = c != '"'
		case c == '"':
			e.inString = true
		case c == '[' || c == '{':
			e.depth++
		case c == ']' || c == '}':
			if e.depth--; e.depth <= 0 {
				return i + 1, true
			}
		}
	}
	return len(b), false
}

func (r *Reader) nextJSON() (*Message, error) {
	for {
		if err := r.need(1); err != nil {
			return nil, err
		}
		switch c := r.win.bytes()[0]; c {
		case ' ', '\t', '\r', '\n', ',':
			r.win.advance(1)
			continue
		case '[', '{':
			r.inside = c == '['
			m, err := r.openJSON()
			if err != nil || m != nil {
				return m, err
			}
			r.ignored++
			r.inside = false
			continue
		default:
			if bytes.HasPrefix([]byte("null"), r.win.bytes()[:1]) { // a heartbeat
				if err := r.need(4); err != nil {
					return nil, err
				}
				if string(r.win.bytes()[:4]) == "null" {
					r.win.advance(4)
					continue
				}
			}
			return nil, msgpack.Malformed("byte %#x between JSON messages", c)
		}
	}
}

// openJSON reads a whole message; nil when the value is not one.
func (r *Reader) openJSON() (*Message, error) {
	m := &r.msg
	*m = Message{r: r, win: &r.win, begin: r.win.gone, scratch: m.scratch}
	m.json = &jsonMessage{}
	var end jsonEnd
	for at := 0; ; {
		n, done := end.step(r.win.bytes()[at:])
		if at += n; done && at <= r.lim.Record {
			return r.splitJSON(m, at)
		}
		var err error
		if !done {
			err = r.win.fill(r.lim.Record)
		}
		if done || err == errWindowFull {
			if r.win.bytes()[0] == '[' {
				m.Tag = tagJSON(r.win.bytes())
			}
			m.json.tooLong = &jsonTail{}
			return m, nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
	}
}

// splitJSON takes the message of n bytes at hand.
func (r *Reader) splitJSON(m *Message, n int) (*Message, error) {
	raw := append([]byte(nil), r.win.bytes()[:n]...) // the window is needed for what follows
	r.win.advance(n)
	if raw[0] != '[' {
		return nil, nil
	}
	// One that is too deep for encoding/json is split without a look at its depths: what they are
	// in goes to the dead letter, and the message still has its tag and its ack.
	if jsonDepth(raw) < stdJSONDepth && !json.Valid(raw) {
		var v []json.RawMessage
		return nil, msgpack.Malformed("JSON: %v", json.Unmarshal(raw, &v))
	}
	var parts [4][]byte // more say nothing
	list, n := newJSONList(raw), 0
	for n < len(parts) && !list.done() {
		parts[n] = list.next()
		n++
	}
	if n < 2 || json.Unmarshal(parts[0], &m.Tag) != nil {
		return nil, msgpack.Malformed("JSON message without a tag")
	}
	j := m.json
	rest := 2
	switch c := parts[1][0]; {
	case c == '[' && !isTimeJSON(parts[1]):
		m.Mode = ModeForward
		j.events = newJSONList(parts[1])
	case n < 3:
		j.raw = raw
	default:
		j.single, rest = [2][]byte{parts[1], parts[2]}, 3
	}
	if n > rest {
		j.option = parts[rest]
	}
	return m, nil
}

// stdJSONDepth is where encoding/json gives up.
const stdJSONDepth = 10_000

// jsonList is what is left of a JSON array, whose elements it finds by their brackets and quotes
// alone.
type jsonList struct{ b []byte }

// newJSONList returns the elements of an array.
func newJSONList(array []byte) jsonList {
	l := jsonList{array[1:]}
	l.trim()
	return l
}

func (l *jsonList) trim() {
	for len(l.b) > 0 && (l.b[0] <= ' ' || l.b[0] == ',') {
		l.b = l.b[1:]
	}
}

func (l *jsonList) done() bool { return len(l.b) == 0 || l.b[0] == ']' || l.b[0] == '}' }

// next returns the next element of a list that is not done.
func (l *jsonList) next() []byte {
	var end jsonEnd
	n := 0
	switch l.b[0] {
	case '[', '{':
		n, _ = end.step(l.b)
	case '"':
		for n = 1; n < len(l.b) && l.b[n] != '"'; n++ {
			if l.b[n] == '\\' {
				n++
			}
		}
		n = min(n+1, len(l.b))
	default:
		for n < len(l.b) && l.b[n] > ' ' && l.b[n] != ',' && l.b[n] != ']' && l.b[n] != '}' {
			n++
		}
	}
	out := l.b[:n:n]
	l.b = l.b[n:]
	l.trim()
	return out
}

// pairJSON takes an array of two elements apart.
func pairJSON(raw []byte) (a, b []byte, ok bool) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, nil, false
	}
	l := newJSONList(raw)
	if l.done() {
		return nil, nil, false
	}
	if a = l.next(); l.done() {
		return nil, nil, false
	}
	b = l.next()
	return a, b, l.done()
}

// isTimeJSON tells [time, metadata] from a list of events.
func isTimeJSON(raw json.RawMessage) bool {
	t, _, ok := pairJSON(raw)
	return ok && t[0] != '['
}

func (m *Message) jsonEvent() (*Event, error) {
	j := m.json
	switch {
	case j.tooLong != nil:
		return m.jsonPart()
	case j.raw != nil:
		raw := j.raw
		j.raw = nil
		return m.badEvent(Garbage, raw), nil
	case j.single[0] != nil:
		t, rec := j.single[0], j.single[1]
		j.single = [2][]byte{}
		return m.jsonRecord(nil, t, rec)
	case j.events.done():
		return nil, io.EOF
	}
	raw := j.events.next()
	t, rec, ok := pairJSON(raw)
	if !ok {
		m.part = 0
		return m.badEvent(NotEvent, raw), nil
	}
	return m.jsonRecord(raw, t, rec)
}

// jsonRecord reads an event; raw is all of it, nil where that is [t, rec].
func (m *Message) jsonRecord(raw, t, rec []byte) (*Event, error) {
	m.ev = Event{}
	bad := NotEvent
	if err := m.jsonTime(t); err == nil && rec[0] == '{' {
		if jsonDepth(rec) > m.r.lim.Depth {
			bad = TooDeep
		} else {
			m.json.buf.Reset()
			m.json.buf.Grow(len(rec))
			if err := json.Compact(&m.json.buf, rec); err == nil {
				m.ev.Record = m.json.buf.Bytes()
				return &m.ev, nil
			}
		}
	}
	if raw == nil {
		raw = append(append(append(append([]byte{'['}, t...), ','), rec...), ']')
	}
	m.part = 0
	return m.badEvent(bad, raw), nil
}

func (m *Message) jsonTime(raw []byte) error {
	if raw[0] == '[' {
		t, meta, ok := pairJSON(raw)
		if !ok || t[0] == '[' {
			return errNotTime
		}
		if meta[0] == '{' && string(meta) != "{}" {
			var buf bytes.Buffer
			if err := json.Compact(&buf, meta); err != nil {
				return err
			}
			m.ev.Meta = buf.Bytes()
		}
		raw = t
	}
	text := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
	}
	ns, ok := ParseSeconds(text)
	if !ok {
		return errNotTime
	}
	m.ev.Time = ns
	if ns == 0 {
		m.ev.Time, m.ev.Now = m.r.clock().UnixNano(), true
	}
	return nil
}

// ParseSeconds reads a decimal number of seconds, exactly to the nanosecond.
func ParseSeconds(s string) (ns int64, ok bool) {
	if s == "null" {
		return 0, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(math.Abs(f) < math.MaxInt64/1e9) {
		return 0, false
	}
	whole, frac, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.ContainsAny(frac, "eE") {
		w, rest := math.Modf(f)
		return int64(w)*int64(time.Second) + int64(math.Round(rest*1e9)), true
	}
	if frac != "" { // of the text, for a double has no room for it
		if ns, err = strconv.ParseInt((frac + "000000000")[:9], 10, 64); err != nil {
			return 0, false
		}
	}
	if s[0] == '-' {
		ns = -ns
	}
	return sec*int64(time.Second) + ns, true
}

func jsonDepth(raw []byte) int {
	e, deepest := jsonEnd{}, 0
	for i := range raw {
		e.step(raw[i : i+1])
		deepest = max(deepest, e.depth)
	}
	return deepest
}

// jsonPart hands out the next part of a message over the limit.
func (m *Message) jsonPart() (*Event, error) {
	j := m.json
	n, done := 0, false
	var b []byte
	for {
		b = m.win.bytes()
		b = b[:min(len(b), rawPart)]
		var more int
		more, done = j.tooLong.step(b[n:])
		if n += more; done || n >= smallPart {
			break
		}
		err := m.win.fill(max(m.r.lim.Record, n+1))
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
	}
	ev := m.badEvent(TooLarge, b[:n])
	m.win.advance(n)
	if done {
		j.option = j.tooLong.options()
		j.tooLong = nil
	}
	return ev, nil
}

// tagJSON returns the tag of the message that b begins with, or "".
func tagJSON(b []byte) (tag string) {
	dec := json.NewDecoder(bytes.NewReader(b[:min(len(b), maxTag)]))
	if _, err := dec.Token(); err == nil {
		_ = dec.Decode(&tag) // what is not a string leaves it empty
	}
	return tag
}

// jsonTail finds the end of a message over the limit and keeps its last element, so that it can be
// acknowledged.
type jsonTail struct {
	end    jsonEnd
	commas int     // between the message's elements
	second [2]byte // the first of the second element; 0 for what has not come yet
	last   []byte  // the element being read, as far as options may be long
}

// step is that of jsonEnd.
func (t *jsonTail) step(b []byte) (int, bool) {
	for i, c := range b {
		top := t.end.depth == 1 && !t.end.inString
		if _, done := t.end.step(b[i : i+1]); done {
			return i + 1, true
		}
		if top && c == ',' {
			t.commas++
			t.last = t.last[:0]
			continue
		}
		if len(t.last) <= maxOptions {
			t.last = append(t.last, c)
		}
		if t.commas == 1 && t.second[1] == 0 && c > ' ' {
			t.second[min(1, int(t.second[0]))] = c
		}
	}
	return len(b), false
}

// options returns the last element if it is in the options' place: behind a list of events, or
// behind time and record.
func (t *jsonTail) options() json.RawMessage {
	place := 3
	if t.second[0] == '[' && (t.second[1] == '[' || t.second[1] == ']') {
		place = 2
	}
	if t.commas != place || len(t.last) > maxOptions {
		return nil
	}
	return t.last
}
