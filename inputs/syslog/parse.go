package syslog

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/penstock/penstock/network/wire"
)

// message is a parsed message; its slices alias the input.
type message struct {
	priority                             int // -1 when there is none
	time                                 time.Time
	stamped                              bool // time is the message's own
	hostname, appName, procID, msgID, sd []byte
	text                                 []byte
}

var facilities = [...]string{
	"kern",
	"user",
	"mail",
	"daemon",
	"auth",
	"syslog",
	"lpr",
	"news",
	"uucp",
	"cron",
	"authpriv",
	"ftp",
	"ntp",
	"audit",
	"alert",
	"clock",
	"local0",
	"local1",
	"local2",
	"local3",
	"local4",
	"local5",
	"local6",
	"local7",
}

var severities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

var (
	errPriority = errors.New("no priority")
	errHeader   = errors.New("header is not that of RFC 5424")
	errData     = errors.New("structured data is not that of RFC 5424")
)

// parse reads a message of either RFC. now serves for what the old one leaves out: the year, and
// the zone through its location.
func parse(b []byte, now time.Time) (message, error) {
	m := message{time: now}
	rest, err := m.readPriority(b)
	if err != nil {
		return m, err
	}
	if len(rest) > 1 && rest[0] == '1' && rest[1] == ' ' {
		return m, m.read5424(rest[2:])
	}
	m.read3164(rest, now)
	return m, nil
}

func (m *message) readPriority(b []byte) ([]byte, error) {
	m.priority = -1
	end := bytes.IndexByte(b[:min(len(b), 5)], '>')
	if end < 2 || b[0] != '<' {
		return nil, errPriority
	}
	n := 0
	for _, c := range b[1:end] {
		if c < '0' || c > '9' {
			return nil, errPriority
		}
		n = n*10 + int(c-'0')
	}
	if n > 191 {
		return nil, errPriority
	}
	m.priority = n
	return b[end+1:], nil
}

// read5424 reads what follows the version: https://www.rfc-editor.org/rfc/rfc5424#section-6
func (m *message) read5424(b []byte) error {
	var stamp []byte
	for _, field := range []*[]byte{&stamp, &m.hostname, &m.appName, &m.procID, &m.msgID} {
		i := bytes.IndexByte(b, ' ')
		if i <= 0 {
			return errHeader
		}
		if *field = b[:i]; i == 1 && b[0] == '-' {
			*field = nil
		}
		b = b[i+1:]
	}
	if stamp != nil {
		t, err := time.Parse(time.RFC3339Nano, string(stamp))
		if err != nil {
			return errHeader
		}
		m.time, m.stamped = t, true
	}
	if len(b) == 0 {
		return errHeader
	}
	if b[0] == '-' {
		b = b[1:]
	} else {
		n, err := sdLength(b)
		if err != nil {
			return err
		}
		m.sd, b = b[:n], b[n:]
	}
	if len(b) == 0 {
		return nil
	}
	if b[0] != ' ' {
		return errData
	}
	m.text = bytes.TrimPrefix(b[1:], []byte("\xef\xbb\xbf"))
	return nil
}

// sdLength returns the length of the structured data that b begins with, checked.
func sdLength(b []byte) (int, error) {
	at := 0
	for at < len(b) && b[at] == '[' {
		end, ok := sdElement(b[at:], nil)
		if !ok {
			return 0, errData
		}
		at += end
	}
	if at == 0 {
		return 0, errData
	}
	return at, nil
}

// sdElement walks one [id name="value" ...] and calls each with its parts; name is nil for the id.
func sdElement(b []byte, each func(name, value []byte)) (end int, ok bool) {
	at := 1
	name := func() []byte {
		start := at
		for at < len(b) && b[at] > ' ' && b[at] < 0x7f && b[at] != '=' && b[at] != ']' && b[at] != '"' {
			at++
		}
		return b[start:at]
	}
	id := name()
	if len(id) == 0 {
		return 0, false
	}
	if each != nil {
		each(nil, id)
	}
	for at < len(b) {
		if b[at] == ']' {
			return at + 1, true
		}
		if b[at] != ' ' {
			return 0, false
		}
		at++
		key := name()
		if len(key) == 0 || at+1 >= len(b) || b[at] != '=' || b[at+1] != '"' {
			return 0, false
		}
		at += 2
		start := at
		for at < len(b) && b[at] != '"' {
			if b[at] == '\\' {
				at++
			}
			at++
		}
		if at >= len(b) {
			return 0, false
		}
		if each != nil {
			each(key, b[start:at])
		}
		at++
	}
	return 0, false
}

// read3164 reads what follows the priority in the old format, which is whatever senders make of it:
// a time, a host and a tag, each of which may be missing.
// https://www.rfc-editor.org/rfc/rfc3164#section-4
func (m *message) read3164(b []byte, now time.Time) {
	rest, ok := m.stamp(b, now)
	if !ok {
		m.tag(b, false)
		return
	}
	m.readHost(rest)
}

// readHost reads what follows the time in the old format.
func (m *message) readHost(rest []byte) {
	host := false
	// A host is a word that is not a tag; local senders leave it out.
	if i := bytes.IndexByte(rest, ' '); i > 0 && rest[i-1] != ':' &&
		bytes.IndexByte(rest[:i], '[') < 0 {
		m.hostname, rest, host = rest[:i], rest[i+1:], true
	}
	m.tag(rest, host)
}

// stamp reads a time of one of the customary forms and the space after it.
func (m *message) stamp(b []byte, now time.Time) (rest []byte, ok bool) {
	b = bytes.TrimLeft(b, "*. ") // routers mark a clock that is not synchronised
	if len(b) > 20 && b[4] == '-' {
		i := bytes.IndexByte(b, ' ')
		if i < 0 {
			return nil, false
		}
		t, err := time.Parse(time.RFC3339Nano, string(b[:i]))
		if err != nil {
			return nil, false
		}
		m.time, m.stamped = t, true
		return b[i+1:], true
	}
	for _, f := range stamps {
		n := len(f.layout)
		if i := f.day; len(b) > i+1 && b[i] != ' ' && b[i+1] == ' ' { // not filled up with a space
			n--
		}
		if len(b) < n {
			continue
		}
		for n < len(b) && (b[n] == '.' || b[n] >= '0' && b[n] <= '9') {
			n++
		}
		t, err := time.ParseInLocation(f.layout, string(b[:n]), now.Location())
		if err != nil {
			continue
		}
		if !f.year {
			if t, ok = nearestYear(t, now); !ok {
				continue
			}
		}
		m.time, m.stamped = t, true
		return bytes.TrimPrefix(bytes.TrimPrefix(b[n:], []byte(":")), []byte(" ")), true
	}
	return nil, false
}

var stamps = []struct {
	layout string
	day    int // where it stands
	year   bool
}{
	{"Jan _2 15:04:05", 4, false},
	{"Jan _2 2006 15:04:05", 4, true},
	{"2006 Jan _2 15:04:05", 9, true},
}

// nearestYear gives t, which has none, the year that puts it closest to now: this one, the last or
// the next. None of them may have a 29 February.
func nearestYear(t, now time.Time) (best time.Time, ok bool) {
	for y := now.Year() - 1; y <= now.Year()+1; y++ {
		c := t.AddDate(y-t.Year(), 0, 0)
		if c.Day() == t.Day() && (!ok || c.Sub(now).Abs() < best.Sub(now).Abs()) {
			best, ok = c, true
		}
	}
	return best, ok
}

// maxTag bounds a tag: RFC 3164 says 32, senders write more.
const maxTag = 64

// tag reads "name[pid]: text", "name: text" or "name[pid] text"; and where a host stands before it,
// so that it must be there, "name text" as well. Anything else is text.
func (m *message) tag(b []byte, mustBe bool) {
	i, plain := 0, true
	for i < min(len(b), maxTag) && b[i] > ' ' && bytes.IndexByte([]byte(`:["{=`), b[i]) < 0 {
		plain = plain && isTagByte(b[i])
		i++
	}
	name, pid, rest := b[:i], []byte(nil), b[i:]
	if i > 0 && len(rest) > 0 && rest[0] == '[' {
		if end := bytes.IndexByte(rest[:min(len(rest), 64)], ']'); end > 0 {
			pid, rest = rest[1:end], rest[end+1:]
		}
	}
	spaced := len(rest) > 1 && rest[0] == ' '
	switch {
	case i > 0 && len(rest) > 0 && rest[0] == ':':
	case i > 0 && spaced && pid != nil:
	case i > 0 && spaced && plain && mustBe:
	default:
		m.text = b
		return
	}
	m.appName, m.procID = name, pid
	m.text = bytes.TrimPrefix(rest[1:], []byte(" "))
}

// isTagByte reports whether c is one that names of programs are made of.
func isTagByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '_' || c == '-' || c == '.' || c == '/'
}

// appendJSON appends the record's value.
func (m *message) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"facility":"`...)
	dst = append(dst, facilities[m.priority>>3]...)
	dst = append(dst, `","severity":"`...)
	dst = append(dst, severities[m.priority&7]...)
	dst = append(dst, `","priority":`...)
	dst = strconv.AppendInt(dst, int64(m.priority), 10)
	return m.appendRest(dst)
}

// appendRest appends what is not of the priority, and the end of the object.
func (m *message) appendRest(dst []byte) []byte {
	for _, f := range []struct {
		name  string
		value []byte
	}{{`,"hostname":`, m.hostname}, {`,"app_name":`, m.appName}, {`,"proc_id":`, m.procID}, {`,"msg_id":`, m.msgID}} {
		if f.value != nil {
			dst = wire.AppendJSONString(append(dst, f.name...), f.value)
		}
	}
	if m.sd != nil {
		dst = appendData(append(dst, `,"structured_data":{`...), m.sd)
		dst = append(dst, '}')
	}
	dst = wire.AppendJSONString(append(dst, `,"message":`...), m.text)
	return append(dst, '}')
}

// param is one of an element of structured data.
type param struct{ name, value []byte }

// mostGrouped bounds the parameters of an element that are compared with each other.
const mostGrouped = 256

func appendData(dst, sd []byte) []byte {
	var few [8]param
	params := few[:0]
	for first := true; len(sd) > 0; first = false {
		if !first {
			dst = append(dst, ',')
		}
		params = params[:0]
		end, _ := sdElement(sd, func(name, value []byte) {
			if name == nil {
				dst = append(wire.AppendJSONString(dst, value), ":{"...)
				return
			}
			params = append(params, param{name, value})
		})
		dst = append(appendParams(dst, params), '}')
		sd = sd[end:]
	}
	return dst
}

// appendParams appends parameters as members of an object; the values of one that is repeated, such
// as ip of origin, are an array.
func appendParams(dst []byte, params []param) []byte {
	var plain []byte
	value := func(v []byte) {
		if bytes.IndexByte(v, '\\') >= 0 {
			plain = unescape(plain[:0], v)
			v = plain
		}
		dst = wire.AppendJSONString(dst, v)
	}
	begun := len(dst)
	for i, p := range params {
		is := func(other param) bool { return bytes.Equal(other.name, p.name) }
		group := len(params) <= mostGrouped
		if group && slices.ContainsFunc(params[:i], is) {
			continue
		}
		if len(dst) > begun {
			dst = append(dst, ',')
		}
		dst = append(wire.AppendJSONString(dst, p.name), ':')
		if !group || !slices.ContainsFunc(params[i+1:], is) {
			value(p.value)
			continue
		}
		dst = append(dst, '[')
		value(p.value)
		for _, other := range params[i+1:] {
			if is(other) {
				dst = append(dst, ',')
				value(other.value)
			}
		}
		dst = append(dst, ']')
	}
	return dst
}

func unescape(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) && (v[i+1] == '"' || v[i+1] == '\\' || v[i+1] == ']') {
			i++
		}
		dst = append(dst, v[i])
	}
	return dst
}

// appendRaw appends the value of a message that could not be parsed, or of a later part of one that
// is too long.
func appendRaw(dst, b []byte, flag, why string) []byte {
	dst = append(dst, `{"`...)
	dst = append(dst, flag...)
	dst = append(dst, `":true,`...)
	if why != "" {
		dst = append(dst, `"error":`...)
		dst = append(wire.AppendJSONString(dst, []byte(why)), ',')
	}
	dst = wire.AppendJSONString(append(dst, `"message":`...), b)
	return append(dst, '}')
}
