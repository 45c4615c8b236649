package kit

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
)

// EventReference is a part of an event, or its time, in a text of Logstash and Filebeat.
var EventReference = regexp.MustCompile(`%\{[^}]*\}`)

// Directories are those of a file's path: its name is one, without what it ends with, where varies
// stands in it, since records decide it then.
func Directories(path string, varies *regexp.Regexp) string {
	i := strings.LastIndexByte(path, '/')
	name := path[i+1:]
	if !varies.MatchString(name) {
		name = ""
	}
	name = fileType.ReplaceAllString(name, "")
	return strings.Trim(path[:i+1]+name, "/")
}

var fileType = regexp.MustCompile(`(\.[A-Za-z]\w*)+$`)

// Globs are paths of an input, in which no event has a say: * stands for what names a part of one.
func (c *Conv) Globs(b *draft.Block, n *Node, paths []string) draft.Value {
	out := make([]string, len(paths))
	for i, p := range paths {
		if out[i] = EventReference.ReplaceAllString(p, "*"); out[i] != p {
			c.D.Changed(
				b, n.At, p, fmt.Sprintf("files are found by globs, and no event says where they are: %s", out[i]),
			)
		}
	}
	return Texts(out)
}
