package spool

import (
	"io"

	"github.com/penstock/penstock/spool/storehttp"
)

// Body returns r as Store.Get promises it: io.EOF comes after size bytes and not before, whatever r
// ends in.
func Body(r io.ReadCloser, size int64) io.ReadCloser { return &body{ReadCloser: r, left: size} }

type body struct {
	io.ReadCloser
	left int64
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	switch {
	case err == nil:
	case err != io.EOF:
		err = storehttp.Opaque(err)
	case b.left > 0:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
