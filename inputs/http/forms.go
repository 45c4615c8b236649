package http

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
)

// maxParts bounds the fields of a multipart form.
const maxParts = 100

// formField reports whether a form's field means something here.
func formField(name string) bool {
	return name == "json" || name == "ndjson" || name == "msgpack" || name == "time"
}

// urlForm reads a form in place: the fields' values are written over their encoded forms in body.
// The first field of a name counts.
func urlForm(body []byte) (map[string][]byte, error) {
	form := map[string][]byte{}
	for len(body) > 0 {
		var pair []byte
		pair, body, _ = bytes.Cut(body, []byte{'&'})
		name, value, _ := bytes.Cut(pair, []byte{'='})
		if !formField(string(name)) || form[string(name)] != nil {
			continue
		}
		v, err := unescapeForm(value)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		form[string(name)] = v
	}
	return form, nil
}

func unescapeForm(v []byte) ([]byte, error) {
	n := 0
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(v) || nibble(v[i+1]) > 15 || nibble(v[i+2]) > 15 {
				return nil, fmt.Errorf("%.3q is no byte", v[i:])
			}
			c = nibble(v[i+1])<<4 | nibble(v[i+2])
			i += 2
		}
		v[n] = c
		n++
	}
	return v[:n:n], nil
}

// nibble returns the value of a hexadecimal digit; more than 15 for what is none.
func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// multipartForm reads a form that is in memory already. Values are written over the beginning of
// body, which has been read that far.
func multipartForm(body []byte, boundary string) (map[string][]byte, error) {
	if boundary == "" {
		return nil, errors.New("no boundary")
	}
	form := map[string][]byte{}
	mr := multipart.NewReader(bytes.NewReader(body), boundary)
	at := 0
	for range maxParts {
		part, err := mr.NextPart()
		if err == io.EOF {
			return form, nil
		}
		if err != nil {
			return nil, err
		}
		name := part.FormName()
		if !formField(name) || form[name] != nil {
			continue
		}
		// what has been read of body is ahead of what is written
		n, err := io.ReadFull(part, body[at:])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return nil, err
		}
		form[name] = body[at : at+n : at+n]
		at += n
	}
	return nil, errors.New("too many fields")
}
