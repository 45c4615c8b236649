package partition

import (
	"unicode/utf8"
)

// maxSegment bounds one segment of a path, in bytes: file systems take 255 in a name.
const maxSegment = 240

// hiveUnsafe are the characters that Hive escapes in partition values (FileUtils.escapePathName),
// besides control characters.
const hiveUnsafe = "\"#%'*/:=?\\{[]^\x7f"

var escaped = func() (t [256]bool) {
	for i := range 0x20 {
		t[i] = true
	}
	for _, c := range []byte(hiveUnsafe) {
		t[c] = true
	}
	return t
}()

const upperHex = "0123456789ABCDEF"

// appendEscaped appends a value as one piece of a path segment, the way Hive writes it: %XX for
// what it takes to be special. Bytes that are no UTF-8 are escaped too.
func appendEscaped(dst, v []byte) []byte {
	for i := 0; i < len(v); {
		c := v[i]
		if c < utf8.RuneSelf {
			if escaped[c] {
				dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
			} else {
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(v[i:])
		if r == utf8.RuneError && n == 1 || r == 0xfffe || r == 0xffff || r >= 0x80 && r < 0xa0 {
			for _, c := range v[i : i+n] {
				dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
			}
		} else {
			dst = append(dst, v[i:i+n]...)
		}
		i += n
	}
	return dst
}

// sealPath makes a rendered path safe: no empty segment, none of "." and "..", which would lead out
// of the prefix. It works in place where it can.
func sealPath(p []byte) []byte {
	clean := true
	start := 0
	for i := 0; i <= len(p) && clean; i++ {
		if i < len(p) && p[i] != '/' {
			continue
		}
		seg := p[start:i]
		clean = len(seg) > 0 && string(seg) != "." && string(seg) != ".."
		start = i + 1
	}
	if clean || len(p) == 0 {
		return p
	}
	var out []byte
	start = 0
	for i := 0; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			continue
		}
		seg := p[start:i]
		start = i + 1
		switch string(seg) {
		case "":
			continue
		case ".":
			seg = []byte("%2E")
		case "..":
			seg = []byte("%2E%2E")
		}
		if len(out) > 0 {
			out = append(out, '/')
		}
		out = append(out, seg...)
	}
	return out
}
