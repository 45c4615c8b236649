package formats

import (
	"bytes"

	"github.com/penstock/penstock/inputs/container"
	"github.com/tidwall/gjson"
)

var (
	errNotCRI = &Error{
		"not_cri",
		"the text is no line of a CRI runtime: time, stream, P or F, text",
	}
	errNotDocker = &Error{"not_docker", "the text is no line of Docker's json-file driver"}
)

// ParseCRI reads a line that containerd or CRI-O wrote.
func ParseCRI(text []byte, _ int64, out *Fields) error {
	line, ok := container.ParseCRI(text)
	if !ok {
		return errNotCRI
	}
	out.Time = line.Time
	out.add("time", line.Time)
	out.add("stream", line.Stream)
	if line.IsPartial {
		out.json("partial", []byte("true"))
	}
	out.add("log", line.Text)
	return nil
}

// ParseDocker reads a line of Docker's json-file driver. The newline that ends log is left out;
// where there is none the line is a part, of 16 KiB, of a longer one.
func ParseDocker(text []byte, _ int64, out *Fields) error {
	ok := container.ParseDocker(bytes.TrimSpace(text), func(log []byte, isPartial bool) {
		out.add("log", log)
		if isPartial {
			out.json("partial", []byte("true"))
		}
	}, func(name string, v gjson.Result) {
		if name == "time" {
			out.Time = []byte(v.String())
		}
		out.json(name, []byte(v.Raw))
	})
	if !ok {
		return errNotDocker
	}
	return nil
}
