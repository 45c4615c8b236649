package formats

import "bytes"

var (
	errNotCommon   = &Error{"not_common", "the text is no line of the common log format"}
	errNotCombined = &Error{"not_combined", "the text is no line of the combined log format"}
)

// ParseCommon reads a line of Apache's common log format:
// https://httpd.apache.org/docs/current/logs.html#common
func ParseCommon(text []byte, _ int64, out *Fields) error {
	rest, ok := common(text, out)
	if !ok || len(bytes.TrimSpace(rest)) > 0 {
		return errNotCommon
	}
	return nil
}

// ParseCombined reads a line of the combined log format of Apache and nginx. What stands behind it,
// if anything, is the field rest.
func ParseCombined(text []byte, _ int64, out *Fields) error {
	rest, ok := common(text, out)
	if !ok {
		return errNotCombined
	}
	referrer, rest, ok := quoted(rest, out)
	agent, rest, ok2 := quoted(rest, out)
	if !ok || !ok2 {
		return errNotCombined
	}
	out.addUnlessNone("referer", referrer)
	out.addUnlessNone("user_agent", agent)
	if rest = bytes.TrimSpace(rest); len(rest) > 0 {
		out.add("rest", rest)
	}
	return nil
}

// ParseVhost reads the combined log format with the name of the virtual host before it.
func ParseVhost(text []byte, near int64, out *Fields) error {
	host, rest, ok := bytes.Cut(text, []byte(" "))
	if !ok || len(host) == 0 {
		return errNotCombined
	}
	out.add("vhost", host)
	return ParseCombined(rest, near, out)
}

// common reads host, identity, user, time, request, status and size.
func common(text []byte, out *Fields) (rest []byte, ok bool) {
	open := bytes.IndexByte(text, '[')
	if open < 2 || text[open-1] != ' ' {
		return nil, false
	}
	head := text[:open-1]
	host, head, ok := bytes.Cut(head, []byte(" "))
	identity, user, ok2 := bytes.Cut(head, []byte(" ")) // a user may have spaces
	end := bytes.IndexByte(text[open:], ']')
	if !ok || !ok2 || len(host) == 0 || end < 2 {
		return nil, false
	}
	out.add("remote_addr", host)
	out.addUnlessNone("identity", identity)
	out.addUnlessNone("user", user)
	out.Time = text[open+1 : open+end]
	out.add("time", out.Time)
	request, rest, ok := quoted(text[open+end+1:], out)
	if !ok {
		return nil, false
	}
	out.request(request)
	status, rest := word(rest)
	size, rest := word(rest)
	if !whole(status) {
		return nil, false
	}
	out.json("status", status)
	switch {
	case whole(size):
		out.json("bytes", size)
	case len(size) == 1 && size[0] == '-':
	default:
		return nil, false
	}
	return rest, true
}

// request adds the parts of "GET /path HTTP/1.1", or all of it as one where it has not such parts,
// as in the noise that scanners send.
func (f *Fields) request(request []byte) {
	method, rest, ok := bytes.Cut(request, []byte(" "))
	if path, protocol, ok2 := cutLast(rest, ' '); ok && ok2 && isMethod(method) &&
		bytes.HasPrefix(protocol, []byte("HTTP/")) {
		f.add("method", method)
		f.add("path", path)
		f.add("protocol", protocol)
		return
	}
	f.addUnlessNone("request", request)
}

func isMethod(p []byte) bool {
	for _, c := range p {
		if (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return len(p) > 0
}

// word takes the next word off p.
func word(p []byte) (word, rest []byte) {
	for len(p) > 0 && p[0] == ' ' {
		p = p[1:]
	}
	i := bytes.IndexByte(p, ' ')
	if i < 0 {
		return p, nil
	}
	return p[:i], p[i:]
}

// quoted takes the next word in double quotes off p and undoes its escapes.
func quoted(p []byte, out *Fields) (value, rest []byte, ok bool) {
	for len(p) > 0 && p[0] == ' ' {
		p = p[1:]
	}
	if len(p) == 0 || p[0] != '"' {
		return nil, nil, false
	}
	escaped := false
	for i := 1; i < len(p); i++ {
		switch p[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			if escaped {
				return out.unescape(p[1:i]), p[i+1:], true
			}
			return p[1:i], p[i+1:], true
		}
	}
	return nil, nil, false
}

// unescape undoes \" \\ \n \t \r and \xHH, as Apache and nginx write them; others stay.
func (f *Fields) unescape(p []byte) []byte {
	start := f.begin()
	for i := 0; i < len(p); i++ {
		if p[i] != '\\' || i+1 == len(p) {
			f.room = append(f.room, p[i])
			continue
		}
		i++
		switch c := p[i]; c {
		case '"', '\\':
			f.room = append(f.room, c)
		case 'n':
			f.room = append(f.room, '\n')
		case 't':
			f.room = append(f.room, '\t')
		case 'r':
			f.room = append(f.room, '\r')
		case 'x':
			if i+2 < len(p) {
				if high, low := unhex(p[i+1]), unhex(p[i+2]); high < 16 && low < 16 {
					f.room = append(f.room, high<<4|low)
					i += 2
					continue
				}
			}
			f.room = append(f.room, '\\', c)
		default:
			f.room = append(f.room, '\\', c)
		}
	}
	return f.taken(start)
}

func unhex(c byte) byte {
	switch {
	case digit(c):
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// TimeHTTP is the pattern of the times of access logs.
const TimeHTTP = "%d/%b/%Y:%H:%M:%S %z"
