package container

import (
	"bytes"

	"github.com/penstock/penstock/buffer/record/jsontext"

	"github.com/tidwall/gjson"
)

// CRILine is a line of CRI. Its fields lie in the line.
type CRILine struct {
	Time, Stream, Text []byte
	IsPartial          bool // the container's line goes on in the next of its stream
}

// ParseCRI takes a line, without its end, apart: time, stream ("stdout" or "stderr"), tags, text.
// Of the time only its length and shape are looked at.
// https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
func ParseCRI(line []byte) (l CRILine, ok bool) {
	when, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(when) < 20 || when[4] != '-' || when[10] != 'T' ||
		len(rest) < 8 || rest[6] != ' ' {
		return l, false
	}
	stream := rest[:6]
	if string(stream) != "stdout" && string(stream) != "stderr" {
		return l, false
	}
	tags, text, _ := bytes.Cut(rest[7:], []byte(" "))
	if len(tags) == 0 || tags[0] != 'P' && tags[0] != 'F' ||
		len(tags) > 1 && tags[1] != ':' && string(tags[1:]) != "\r" {
		return l, false
	}
	return CRILine{Time: when, Stream: stream, Text: text, IsPartial: tags[0] == 'P'}, true
}

// ParseDocker calls onLog with the text of a line of Docker's json-file driver, without the newline
// at its end; where it has none it is a part of a line, of 16 KiB. What else is in the object goes
// to onOther, all in the order of the line. It reports whether the line is one.
// https://docs.docker.com/engine/logging/drivers/json-file/
func ParseDocker(
	line []byte, onLog func(text []byte, isPartial bool), onOther func(name string, v gjson.Result),
) bool {
	if len(line) == 0 || line[0] != '{' || !jsontext.Valid(line) {
		return false
	}
	ok := false
	gjson.ParseBytes(line).ForEach(func(key, v gjson.Result) bool {
		if key.Str != "log" || v.Type != gjson.String {
			onOther(key.Str, v)
			return true
		}
		text, isWhole := bytes.CutSuffix([]byte(v.Str), []byte("\n"))
		onLog(text, !isWhole)
		ok = true
		return true
	})
	return ok
}
