package tail

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// charset finds line ends and decodes lines. One is used by one goroutine at a time only for
// decoding.
type charset struct {
	unit        int               // bytes per code unit: 1 or 2
	isBigEndian bool              // utf-16: big endian
	enc         encoding.Encoding // of unit 1; nil for bytes as they are
	bom         []byte
	lineEnd
}

var (
	csUTF8    = &charset{unit: 1, bom: []byte{0xEF, 0xBB, 0xBF}, lineEnd: newlineEnd}
	csLatin1  = &charset{unit: 1, enc: charmap.ISO8859_1, lineEnd: newlineEnd}
	csUTF16LE = &charset{unit: 2, bom: []byte{0xFF, 0xFE}, lineEnd: lineEnd{
		end: []byte{'\n', 0}, crlf: true, text: []byte{'\n'},
	}}
	csUTF16BE = &charset{unit: 2, isBigEndian: true, bom: []byte{0xFE, 0xFF}, lineEnd: lineEnd{
		end: []byte{0, '\n'}, crlf: true, text: []byte{'\n'},
	}}
)

// charset returns what a file that begins with head is read as, or nil if head is too short to
// tell.
func (c *Config) charset(head []byte) *charset { return c.ended(charsetOf(c.Encoding, head)) }

// ended returns cs with the line ends that are configured.
func (c *Config) ended(cs *charset) *charset {
	if cs == nil || c.LineEnd == "lf" && c.Delimiter == "" {
		return cs
	}
	with := *cs
	if end, err := c.endOfLines(cs); err == nil { // Validate tells the error
		with.lineEnd = end
	}
	return &with
}

// supersets are decoders that read a character set, and more, under another name.
var supersets = map[string]string{"windows-31j": "shift_jis", "cp932": "shift_jis", "gb2312": "gbk"}

// encodingOf returns the encoding of that name of IANA's, for charsets whose line ends are those of
// ASCII; nil for UTF-8, whose bytes are taken as they are.
func encodingOf(name string) (encoding.Encoding, error) {
	if strings.EqualFold(name, "utf-8") || strings.EqualFold(name, "us-ascii") {
		return nil, nil
	}
	alias := strings.ToLower(name)
	if known := supersets[alias]; known != "" {
		alias = known
	}
	enc, err := ianaindex.IANA.Encoding(alias)
	if err != nil || enc == nil {
		enc, err = ianaindex.MIME.Encoding(alias)
	}
	if err != nil { // a name of the web, such as x-mac-cyrillic
		enc, err = htmlindex.Get(alias)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no name of a character set that IANA knows", name)
	case enc == nil, enc == encoding.Replacement:
		return nil, fmt.Errorf("%q cannot be read", name)
	case enc == unicode.UTF8:
		return nil, nil
	}
	for _, end := range []string{"\n", "\r", "\r\na"} {
		if out, err := enc.NewEncoder().String(end); err != nil || out != end {
			return nil, fmt.Errorf("%q cannot be read: its lines do not end as those of ASCII do", name)
		}
	}
	return enc, nil
}

// KnownEncoding reports whether files in the character set of that name can be read.
func KnownEncoding(name string) bool {
	switch strings.ToLower(name) {
	case "utf-16", "utf-16le", "utf-16be", "latin-1":
		return true
	}
	_, err := encodingOf(name)
	return err == nil
}

// charsetOf returns the charset named encoding for a file that begins with head, or nil if head is
// too short to tell.
func charsetOf(encoding string, head []byte) *charset {
	switch encoding = strings.ToLower(encoding); encoding {
	case "latin-1":
		return csLatin1
	case "utf-16le":
		return csUTF16LE
	case "utf-16be":
		return csUTF16BE
	case "utf-16":
		switch {
		case len(head) < 2:
			return nil
		case bytes.HasPrefix(head, csUTF16BE.bom):
			return csUTF16BE
		}
		return csUTF16LE
	}
	if enc, err := encodingOf(encoding); err == nil && enc != nil { // Validate tells the error
		return &charset{unit: 1, enc: enc, lineEnd: newlineEnd}
	}
	return csUTF8
}

// decodes reports whether lines are anything but their bytes.
func (c *charset) decodes() bool { return c.unit == 2 || c.enc != nil }

// cut returns a place at or a little before n where p can be cut without cutting a character.
func (c *charset) cut(p []byte, n int) int {
	if c.unit == 2 {
		n &^= 1
		if n >= 4 {
			hi := p[n-1]
			if c.isBigEndian {
				hi = p[n-2]
			}
			if hi&0xFC == 0xD8 { // a high surrogate, whose other half follows
				n -= 2
			}
		}
		return n
	}
	if c.enc != nil {
		return c.cutDecoded(p, n)
	}
	if n >= len(p) || utf8.RuneStart(p[n]) {
		return n
	}
	for back := 1; back < utf8.UTFMax && n-back > 0; back++ {
		if utf8.RuneStart(p[n-back]) {
			if r, size := utf8.DecodeRune(p[n-back:]); r != utf8.RuneError && size > back {
				return n - back
			}
			break // not UTF-8: anywhere is as good
		}
	}
	return n
}

// cutDecoded is cut by what the decoder takes: a character may have bytes that are others by
// themselves.
func (c *charset) cutDecoded(p []byte, n int) int {
	n = min(n, len(p))
	if _, single := c.enc.(*charmap.Charmap); single {
		return n
	}
	dec := c.enc.NewDecoder()
	var scratch [256]byte
	for at := 0; ; {
		_, m, err := dec.Transform(scratch[:], p[at:n], false)
		at += m
		if !errors.Is(err, transform.ErrShortDst) {
			if at == 0 {
				return n
			}
			return at
		}
	}
}

// trimCR removes one carriage return from the end of a line, still encoded.
func (c *charset) trimCR(line []byte) []byte {
	n := len(line)
	switch {
	case !c.crlf:
	case c.unit == 1:
		if n > 0 && line[n-1] == '\r' {
			return line[:n-1]
		}
	case n >= 2 && n%2 == 0:
		if c.isBigEndian && line[n-2] == 0 && line[n-1] == '\r' ||
			!c.isBigEndian && line[n-2] == '\r' && line[n-1] == 0 {
			return line[:n-2]
		}
	}
	return line
}

// decode appends line in UTF-8 to dst.
func (c *charset) decode(dst, line []byte) []byte {
	var t transform.Transformer
	if c.enc != nil {
		t = c.enc.NewDecoder()
	} else {
		order := unicode.LittleEndian
		if c.isBigEndian {
			order = unicode.BigEndian
		}
		t = unicode.UTF16(order, unicode.IgnoreBOM).NewDecoder()
	}
	for {
		n, m, err := t.Transform(dst[len(dst):cap(dst)], line, true)
		dst, line = dst[:len(dst)+n], line[m:]
		switch {
		case errors.Is(err, transform.ErrShortDst):
			dst = append(dst, make([]byte, max(64, 2*len(line)))...)[:len(dst)]
		case err != nil || len(line) == 0:
			// the decoders replace what they cannot decode; nothing is left
			return append(dst, line...)
		}
	}
}
