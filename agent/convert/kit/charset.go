package kit

import (
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/inputs/tail"
)

// charsets are names that tools have for those of IANA.
var charsets = map[string]string{
	"plain": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "ascii": "utf-8", "ascii-8bit": "utf-8",
	"latin1": "latin-1", "iso8859-1": "latin-1", "iso-8859-1": "latin-1",
	"utf-16le-bom": "utf-16", "utf-16be-bom": "utf-16",
}

// Encoding returns what input "tail" calls a character set, and whether it can read it.
func Encoding(name string) (string, bool) {
	name = strings.ToLower(name)
	if known := charsets[name]; known != "" {
		return known, true
	}
	if part, ok := strings.CutPrefix(name, "iso8859-"); ok {
		name = "iso-8859-" + part
	} else if page, ok := strings.CutPrefix(name, "cp12"); ok {
		name = "windows-12" + page
	}
	return name, tail.KnownEncoding(name)
}

// Charset sets the character set of what an input reads. Only input "tail" has others than UTF-8.
func (c *Conv) Charset(b *draft.Block, x *Node) {
	name, ok := Encoding(x.Value)
	switch {
	case name == "utf-8":
	case b.Type() != "tail":
		c.Left(b, x, "what comes in is UTF-8: have it sent so")
		return
	case !ok:
		c.Left(b, x, "it is no character set that input \"tail\" reads: see encoding there")
		return
	default:
		b.Set("encoding", draft.Text(name))
	}
	c.Carry(x)
}
