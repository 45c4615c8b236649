package kit

import (
	"fmt"
	"regexp"

	"github.com/penstock/penstock/agent/convert/draft"
)

// EventReference is a part of an event, or its time, in a text of Logstash and Filebeat.
var EventReference = regexp.MustCompile(`%\{[^}]*\}`)

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
