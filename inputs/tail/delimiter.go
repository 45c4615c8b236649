package tail

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// maxDelimiter is how many bytes of a file a delimiter may have.
const maxDelimiter = 256

// A lineEnd is what ends the lines of a file, as it stands there. Lines are cut from the left: of
// "aaa", whose lines end with "aa", the last "a" begins a line. One that was read only in part
// is kept for the next read, wherever what is around it can be dealt with.
type lineEnd struct {
	end      []byte
	overlaps bool   // the next one may begin within one: the last one is found from the left
	crlf     bool   // a carriage return before it is part of it
	text     []byte // what it is once decoded
}

var newlineEnd = lineEnd{end: []byte{'\n'}, crlf: true, text: []byte{'\n'}}

// endOfLines returns what ends lines in cs, as it is configured. cs has the encoding of c, or is
// one that utf-16 may be.
func (c *Config) endOfLines(cs *charset) (lineEnd, error) {
	text := c.Delimiter
	switch {
	case text != "":
	case c.LineEnd == "cr":
		text = "\r"
	case c.LineEnd == "nul":
		text = "\x00"
	default:
		text = "\n"
	}
	end, err := cs.encoded(text)
	if err != nil {
		return lineEnd{}, fmt.Errorf("%w in %s", err, c.Encoding)
	}
	if len(end) > maxDelimiter {
		return lineEnd{}, fmt.Errorf("must not be longer than %d bytes", maxDelimiter)
	}
	return lineEnd{
		end:      end,
		overlaps: hasBorder(end),
		crlf:     c.Delimiter == "" && text == "\n",
		text:     []byte(text),
	}, nil
}

// encoded returns a delimiter as it stands in files, if it can be told from what is around it.
func (c *charset) encoded(text string) ([]byte, error) {
	enc := c.enc
	if c.unit == 2 {
		order := unicode.LittleEndian
		if c.isBigEndian {
			order = unicode.BigEndian
		}
		enc = unicode.UTF16(order, unicode.IgnoreBOM)
	}
	if enc == nil {
		return []byte(text), nil
	}
	end, err := enc.NewEncoder().Bytes([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%q cannot be written", text)
	}
	if _, single := enc.(*charmap.Charmap); single || c.unit == 2 {
		return end, nil
	}
	// What is below this is never a part of a character of several bytes.
	limit, ascii := byte('0'), true
	switch enc {
	case japanese.ISO2022JP, simplifiedchinese.HZGB2312: // between escapes, ASCII is other text
		limit, ascii = '!', string(end) == text
	}
	if end[0] >= limit || !ascii {
		return nil, fmt.Errorf(
			"%q may be a part of other text: begin it with a newline, a tab or another character below %q",
			text, limit,
		)
	}
	return end, nil
}

// hasBorder reports whether p begins with what it ends with, less than all of it.
func hasBorder(p []byte) bool {
	for n := 1; n < len(p); n++ {
		if bytes.HasSuffix(p, p[:n]) {
			return true
		}
	}
	return false
}

// checkDelimiter reports what is wrong with delimiter.
func (c *Config) checkDelimiter(bad func(string, ...any)) {
	switch {
	case c.Delimiter == "":
	case c.LineEnd != "lf":
		bad("delimiter: what ends a line is said twice: leave out line_end")
	case c.Container:
		bad("delimiter: container runtimes end lines with newlines; leave it out")
	case KnownEncoding(c.Encoding):
		cs := charsetOf(c.Encoding, nil)
		if cs == nil {
			cs = csUTF16LE
		}
		if _, err := c.endOfLines(cs); err != nil {
			bad("delimiter: %v", err)
		}
	}
}

// hasNULs reports whether NULs are everywhere in files, or end lines.
func (c *Config) hasNULs() bool {
	return strings.HasPrefix(strings.ToLower(c.Encoding), "utf-16") || c.LineEnd == "nul" ||
		strings.ContainsRune(c.Delimiter, 0)
}

// newline returns the index of the first line end's first byte, or -1. p begins with a code unit.
func (c *charset) newline(p []byte) int {
	if len(c.end) == 1 {
		return bytes.IndexByte(p, c.end[0])
	}
	for from := 0; ; {
		i := bytes.Index(p[from:], c.end)
		if i < 0 {
			return -1
		}
		if i += from; i%c.unit == 0 {
			return i
		}
		from = i + 1
	}
}

// lastNewline returns the index of the last line end's first byte, or -1. p begins where a line
// does.
func (c *charset) lastNewline(p []byte) int {
	if len(c.end) == 1 {
		return bytes.LastIndexByte(p, c.end[0])
	}
	if c.overlaps {
		last := -1
		for at := 0; ; {
			i := c.newline(p[at:])
			if i < 0 {
				return last
			}
			last = at + i
			at = last + len(c.end)
		}
	}
	for to := len(p); ; {
		i := bytes.LastIndex(p[:to], c.end)
		if i < 0 || i%c.unit == 0 {
			return i
		}
		to = i + len(c.end) - 1
	}
}

// begun returns how many bytes at the end of p, in which no line ends, may be the beginning of a
// line end. p begins with a code unit, and ends with one.
func (c *charset) begun(p []byte) int {
	n := min(len(c.end)-1, len(p))
	for n -= n % c.unit; n > 0; n -= c.unit {
		if bytes.HasSuffix(p, c.end[:n]) && (len(p)-n)%c.unit == 0 {
			return n
		}
	}
	return 0
}

// trimEnd removes the line end that ends text, which begins where a line does.
func (c *charset) trimEnd(text []byte) []byte {
	n := len(text) - len(c.end)
	if n < 0 || n%c.unit != 0 || !bytes.HasSuffix(text, c.end) ||
		c.overlaps && c.lastNewline(text) != n {
		return text
	}
	return c.trimCR(text[:n])
}

// unprobed returns from where on a line end may be found once more follows p, which lies at base
// and has none.
func (c *charset) unprobed(base int64, p []byte) int64 {
	p = p[:len(p)-len(p)%c.unit]
	return base + int64(len(p)-c.begun(p))
}
