package formats

import "bytes"

var (
	errNotNginxError  = &Error{"not_nginx_error", "the text is no line of nginx's error log"}
	errNotApacheError = &Error{"not_apache_error", "the text is no line of Apache's error log"}
)

// ParseNginxError reads a line of nginx's error log, with what the server adds about the request:
// client, server, request, upstream, host, referrer.
func ParseNginxError(text []byte, _ int64, out *Fields) error {
	if len(text) < 24 || text[4] != '/' || text[7] != '/' || text[10] != ' ' || text[19] != ' ' ||
		text[20] != '[' {
		return errNotNginxError
	}
	level, rest, ok := bytes.Cut(text[21:], []byte("] "))
	pid, rest, ok2 := bytes.Cut(rest, []byte("#"))
	tid, message, ok3 := bytes.Cut(rest, []byte(": "))
	if !ok || !ok2 || !ok3 || !whole(pid) || !whole(tid) {
		return errNotNginxError
	}
	out.Time = text[:19]
	out.add("time", out.Time)
	out.add("level", level)
	out.json("pid", pid)
	out.json("tid", tid)
	if len(message) > 1 && message[0] == '*' {
		if id, rest, ok := bytes.Cut(message[1:], []byte(" ")); ok && whole(id) {
			out.json("connection", id)
			message = rest
		}
	}
	end := bytes.Index(message, []byte(", client: "))
	if end < 0 {
		out.add("message", message)
		return nil
	}
	out.add("message", message[:end])
	for rest := message[end:]; len(rest) > 2; {
		name, after, ok := bytes.Cut(rest[2:], []byte(": "))
		if !ok {
			return errNotNginxError
		}
		if len(after) > 0 && after[0] == '"' {
			value, behind, ok := quoted(after, out)
			if !ok {
				return errNotNginxError
			}
			out.add(alias(name), value)
			rest = behind
			continue
		}
		i := bytes.Index(after, []byte(", "))
		if i < 0 {
			i = len(after)
		}
		out.add(alias(name), after[:i])
		rest = after[i:]
	}
	return nil
}

// TimeNginxError is the pattern of the times of nginx's error log.
const TimeNginxError = "%Y/%m/%d %H:%M:%S"

// ParseApacheError reads a line of Apache's error log, of 2.2 or 2.4:
// https://httpd.apache.org/docs/current/mod/core.html#errorlogformat
func ParseApacheError(text []byte, _ int64, out *Fields) error {
	part := func() (p []byte, ok bool) {
		if len(text) < 2 || text[0] != '[' {
			return nil, false
		}
		end := bytes.IndexByte(text, ']')
		if end < 0 {
			return nil, false
		}
		p, text = text[1:end], bytes.TrimLeft(text[end+1:], " ")
		return p, true
	}
	when, ok := part()
	level, ok2 := part()
	if !ok || !ok2 || len(when) < 20 {
		return errNotApacheError
	}
	out.Time = when
	out.add("time", when)
	if module, severity, ok := bytes.Cut(level, []byte(":")); ok {
		out.addUnlessNone("module", module)
		level = severity
	}
	out.add("level", level)
	if bytes.HasPrefix(text, []byte("[pid ")) {
		p, ok := part()
		if !ok {
			return errNotApacheError
		}
		pid, tid, _ := bytes.Cut(p[len("pid "):], []byte(":tid "))
		if whole(pid) {
			out.json("pid", pid)
		}
		if whole(tid) {
			out.json("tid", tid)
		}
	}
	for _, name := range [...]string{"client ", "remote "} {
		if bytes.HasPrefix(text, []byte("["+name)) {
			if p, ok := part(); ok {
				out.add("client", p[len(name):])
			}
		}
	}
	if code, message, ok := bytes.Cut(text, []byte(": ")); ok && len(code) == 7 &&
		bytes.HasPrefix(code, []byte("AH")) {
		out.add("code", code)
		text = message
	}
	out.add("message", text)
	return nil
}

// These are the patterns of the times of Apache's error log, of 2.4 and 2.2.
const (
	TimeApacheError      = "%a %b %d %H:%M:%S.%f %Y"
	TimeApacheErrorShort = "%a %b %d %H:%M:%S %Y"
)
