package http

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
)

// maxParts bounds the fields of a multipart form.
const maxParts = 100

// multipartForm reads a form that is in memory already.
func multipartForm(body []byte, boundary string) (url.Values, error) {
	if boundary == "" {
		return nil, errors.New("no boundary")
	}
	form := url.Values{}
	mr := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxParts {
		part, err := mr.NextPart()
		if err == io.EOF {
			return form, nil
		}
		if err != nil {
			return nil, err
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		form.Add(part.FormName(), string(value))
	}
	return nil, errors.New("too many fields")
}
