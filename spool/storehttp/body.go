package storehttp

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// Body is what a request carries: readers one after the other, none of which is read any more once
// Close has returned. A transport may read on for a moment after it has answered, and may close it
// at any time, from any goroutine.
type Body struct {
	Length int64

	mu     sync.Mutex
	r      io.Reader
	closed bool
}

// NewBody returns a body of length bytes.
func NewBody(length int64, parts ...io.Reader) *Body {
	return &Body{Length: length, r: io.MultiReader(parts...)}
}

// BodyOf is a body of bytes.
func BodyOf(text []byte) *Body { return NewBody(int64(len(text)), bytes.NewReader(text)) }

func (b *Body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.r.Read(p)
}

func (b *Body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}
