package formats

import "bytes"

var errNotKlog = &Error{
	"not_klog",
	"the text is no line of klog: Lmmdd hh:mm:ss.uuuuuu thread file:line] text",
}

var klogLevels = map[byte]string{'I': "info", 'W': "warning", 'E': "error", 'F': "fatal"}

// ParseKlog reads a line of Kubernetes' own components:
// https://pkg.go.dev/k8s.io/klog/v2#hdr-Formatting
func ParseKlog(text []byte, _ int64, out *Fields) error {
	if len(text) < 22 || klogLevels[text[0]] == "" || text[5] != ' ' || text[8] != ':' ||
		text[11] != ':' ||
		text[14] != '.' {
		return errNotKlog
	}
	for _, i := range [...]int{1, 2, 3, 4, 6, 7, 9, 10, 12, 13} {
		if !digit(text[i]) {
			return errNotKlog
		}
	}
	end := bytes.Index(text, []byte("] "))
	if end < 0 {
		if text[len(text)-1] != ']' {
			return errNotKlog
		}
		end = len(text) - 1
	}
	head := text[:end]
	space := bytes.LastIndexByte(head, ' ')
	place := head[space+1:]
	file, line, ok := cutLast(place, ':')
	stamp := bytes.IndexByte(head[6:], ' ') + 6
	if !ok || stamp < 6 || stamp > space {
		return errNotKlog
	}
	out.Time = text[1:stamp]
	out.add("level", []byte(klogLevels[text[0]]))
	out.add("time", out.Time)
	if thread := bytes.TrimSpace(head[stamp:max(space, stamp)]); whole(thread) {
		out.json("thread", thread)
	}
	out.add("file", file)
	if whole(line) {
		out.json("line", line)
	}
	out.add("message", text[min(end+2, len(text)):])
	return nil
}

// TimeKlog is the pattern of klog's times.
const TimeKlog = "%m%d %H:%M:%S.%f"

func digit(c byte) bool { return c >= '0' && c <= '9' }

// whole reports whether p is a whole number that JSON and a 64-bit integer can hold as it is
// written.
func whole(p []byte) bool {
	if len(p) == 0 || len(p) > 18 || p[0] == '0' && len(p) > 1 {
		return false
	}
	for _, c := range p {
		if !digit(c) {
			return false
		}
	}
	return true
}

func cutLast(p []byte, sep byte) (before, after []byte, ok bool) {
	i := bytes.LastIndexByte(p, sep)
	if i < 0 {
		return p, nil, false
	}
	return p[:i], p[i+1:], true
}
