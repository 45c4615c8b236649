package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// jsonMessage is a message of a JSON connection, which is held whole.
type jsonMessage struct {
	events  []json.RawMessage // [time, record]; or time, record for the message mode
	single  bool
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
			return nil, malformed("byte %#x between JSON messages", c)
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
	parts, err := elementsJSON(raw)
	if err != nil {
		return nil, err
	}
	if len(parts) < 2 || json.Unmarshal(parts[0], &m.Tag) != nil {
		return nil, malformed("JSON message without a tag")
	}
	j := m.json
	rest := 2
	switch c := parts[1][0]; {
	case c == '[' && !isTimeJSON(parts[1]):
		m.Mode = ModeForward
		if j.events, err = elementsJSON(parts[1]); err != nil {
			return nil, err
		}
	case len(parts) < 3:
		j.raw = raw
	default:
		j.single, j.events, rest = true, parts[1:3], 3
	}
	if len(parts) > rest {
		j.option = parts[rest]
	}
	return m, nil
}

// stdJSONDepth is where encoding/json gives up.
const stdJSONDepth = 10_000

// elementsJSON splits an array. One that is too deep for encoding/json is split without a look at its depths: what they are in goes to the dead
// letter, and the message still has its tag and its ack.
func elementsJSON(raw []byte) (parts []json.RawMessage, err error) {
	if err = json.Unmarshal(raw, &parts); err == nil {
		return parts, nil
	}
	if jsonDepth(raw) < stdJSONDepth {
		return nil, malformed("JSON: %v", err)
	}
	for _, e := range gjson.ParseBytes(raw).Array() {
		parts = append(parts, json.RawMessage(e.Raw))
	}
	return parts, nil
}

// isTimeJSON tells [time, metadata] from a list of events.
func isTimeJSON(raw json.RawMessage) bool {
	var pair []json.RawMessage
	return json.Unmarshal(raw, &pair) == nil && len(pair) == 2 && pair[0][0] != '['
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
	case len(j.events) == 0:
		return nil, io.EOF
	case j.single:
		t, rec := j.events[0], j.events[1]
		j.events = nil
		return m.jsonRecord(append(append(append([]byte{'['}, t...), ','), append(rec, ']')...), t, rec)
	}
	raw := j.events[0]
	j.events = j.events[1:]
	pair, err := elementsJSON(raw)
	if err != nil || len(pair) != 2 || raw[0] != '[' {
		m.part = 0
		return m.badEvent(NotEvent, raw), nil
	}
	return m.jsonRecord(raw, pair[0], pair[1])
}

func (m *Message) jsonRecord(raw, t, rec json.RawMessage) (*Event, error) {
	m.ev = Event{}
	err := m.jsonTime(t)
	if err == nil && rec[0] == '{' {
		m.json.buf.Reset()
		if jsonDepth(rec) > m.r.lim.Depth {
			m.part = 0
			return m.badEvent(TooDeep, raw), nil
		}
		if err = json.Compact(&m.json.buf, rec); err == nil {
			m.ev.Record = m.json.buf.Bytes()
			return &m.ev, nil
		}
	}
	m.part = 0
	return m.badEvent(NotEvent, raw), nil
}

func (m *Message) jsonTime(raw json.RawMessage) error {
	if raw[0] == '[' {
		var pair []json.RawMessage
		if err := json.Unmarshal(raw, &pair); err != nil || len(pair) != 2 || pair[0][0] == '[' {
			return errNotTime
		}
		if pair[1][0] == '{' && string(pair[1]) != "{}" {
			var buf bytes.Buffer
			if err := json.Compact(&buf, pair[1]); err != nil {
				return err
			}
			m.ev.Meta = buf.Bytes()
		}
		raw = pair[0]
	}
	text := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
	}
	ns, ok := parseSeconds(text)
	if !ok {
		return errNotTime
	}
	m.ev.Time = ns
	if ns == 0 {
		m.ev.Time, m.ev.Now = m.r.clock().UnixNano(), true
	}
	return nil
}

// parseSeconds reads a decimal number of seconds, exactly to the nanosecond.
func parseSeconds(s string) (ns int64, ok bool) {
	if s == "null" {
		return 0, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(math.Abs(f) < math.MaxInt64/1e9) {
		return 0, false
	}
	whole, err := strconv.ParseInt(s, 10, 64)
	if err == nil {
		return whole * int64(time.Second), true
	}
	sec, frac := math.Modf(f)
	ns = int64(math.Round(frac * 1e9))
	if dot := bytes.IndexByte([]byte(s), '.'); dot >= 0 && !strings.ContainsAny(s, "eE") {
		digits := (s[dot+1:] + "000000000")[:9]
		n, err := strconv.ParseInt(digits, 10, 64)
		if err == nil {
			if ns = n; s[0] == '-' {
				ns = -n
			}
		}
	}
	return int64(sec)*int64(time.Second) + ns, true
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

// jsonTail finds the end of a message over the limit and keeps its last element, so that it can be acknowledged.
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

// options returns the last element if it is in the options' place: behind a list of events, or behind time and record.
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
