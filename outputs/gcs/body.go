package gcs

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// body is what a request carries: readers one after the other, none of which is read any more once
// Close has returned. The transport may close it at any time, from any goroutine.
type body struct {
	length int64

	mu     sync.Mutex
	r      io.Reader
	closed bool
}

func newBody(length int64, parts ...io.Reader) *body {
	return &body{length: length, r: io.MultiReader(parts...)}
}

// bodyOf is a body of bytes.
func bodyOf(text []byte) *body { return newBody(int64(len(text)), bytes.NewReader(text)) }

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.r.Read(p)
}

func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}
