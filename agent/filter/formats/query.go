package formats

import (
	"bytes"
	"net/url"
)

var errNotQuery = &Error{
	"not_query",
	"the text is no query of a URL: name=value pairs with & between them",
}

// ParseQuery reads the query of a URL, or a URL with one. A name that is there several times is
// there several times in what is found, too.
func ParseQuery(text []byte, _ int64, out *Fields) error {
	if i := bytes.IndexByte(text, '?'); i >= 0 {
		text = text[i+1:]
	}
	if i := bytes.IndexByte(text, '#'); i >= 0 {
		text = text[:i]
	}
	if bytes.IndexByte(text, '=') < 0 {
		return errNotQuery
	}
	for len(text) > 0 {
		var pair []byte
		pair, text, _ = bytes.Cut(text, []byte("&"))
		if len(pair) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte("="))
		out.add(alias(decodeQuery(name)), decodeQuery(value))
	}
	return nil
}

// decodeQuery undoes + and %HH; what is wrongly written stays as it is.
func decodeQuery(p []byte) []byte {
	if bytes.IndexByte(p, '%') < 0 && bytes.IndexByte(p, '+') < 0 {
		return p
	}
	s, err := url.QueryUnescape(string(p))
	if err != nil {
		return p
	}
	return []byte(s)
}
