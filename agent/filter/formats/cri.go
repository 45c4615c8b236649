package formats

import "bytes"

var errNotCRI = &Error{
	"not_cri",
	"the text is no line of a CRI runtime: time, stream, P or F, text",
}

// ParseCRI reads a line that containerd or CRI-O wrote:
// https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
func ParseCRI(text []byte, _ int64, out *Fields) error {
	when, rest, ok := bytes.Cut(text, []byte(" "))
	stream, rest, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok || !ok2 || len(when) < 20 || when[4] != '-' || when[10] != 'T' || len(stream) != 6 ||
		string(stream) != "stdout" && string(stream) != "stderr" {
		return errNotCRI
	}
	flags, log, _ := bytes.Cut(rest, []byte(" "))
	partial := false
	switch first, _, _ := bytes.Cut(flags, []byte(":")); string(first) {
	case "P":
		partial = true
	case "F":
	default:
		return errNotCRI
	}
	out.Time = when
	out.add("time", when)
	out.add("stream", stream)
	if partial {
		out.json("partial", []byte("true"))
	}
	out.add("log", log)
	return nil
}
