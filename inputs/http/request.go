package http

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
)

// request is a request being taken: its body and the batches it becomes.
type request struct {
	*http.Request
	h       *HTTP
	sink    inputs.Sink
	host    string // the records' origin
	charged int

	open    map[string]*record.Builder
	batches []*record.Batch
}

// charge takes n bytes of the shared memory for as long as the request lasts.
func (r *request) charge(n int) error {
	if err := r.h.memory.Acquire(n); err != nil {
		return &failure{http.StatusTooManyRequests, err.Error(), 1 * time.Second}
	}
	r.charged += n
	return nil
}

func (r *request) release() {
	if r.charged > 0 {
		r.h.memory.Release(r.charged)
	}
}

// body reads and inflates the body.
func (r *request) body(w http.ResponseWriter) ([]byte, error) {
	if r.ContentLength > r.h.cfg.MaxBodySize {
		return nil, &http.MaxBytesError{Limit: r.h.cfg.MaxBodySize}
	}
	src, done, err := inflate(r.Header.Get("Content-Encoding"), http.MaxBytesReader(w, r.Body, r.h.cfg.MaxBodySize))
	if err != nil {
		return nil, err
	}
	defer done()
	limit := int(r.h.cfg.MaxInflatedSize)
	var b []byte
	for {
		if len(b) == cap(b) {
			size := min(max(16<<10, 2*cap(b)), limit+1)
			if err := r.charge(2 * (size - cap(b))); err != nil { // once for the body, once for its records
				return nil, err
			}
			b = append(make([]byte, 0, size), b...)
		}
		n, err := src.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if len(b) > limit {
			return nil, fail(http.StatusRequestEntityTooLarge, "the body inflates beyond max_inflated_size, %d bytes", limit)
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
}

// inflate undoes the content encodings, which are listed in the order in which they were applied.
func inflate(encodings string, src io.Reader) (io.Reader, func(), error) {
	done := func() {}
	list := strings.Split(encodings, ",")
	if len(list) > 2 {
		return nil, done, fail(http.StatusUnsupportedMediaType, "more than two content encodings")
	}
	for i := len(list) - 1; i >= 0; i-- {
		switch name := strings.ToLower(strings.TrimSpace(list[i])); name {
		case "", "identity":
		case "gzip", "x-gzip":
			z, err := gzip.NewReader(src)
			if err != nil {
				return nil, done, fmt.Errorf("body is not gzip: %w", err)
			}
			src = z
		case "deflate": // zlib by the standard, raw by custom
			br := bufio.NewReader(src)
			if head, _ := br.Peek(2); len(head) == 2 && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
				z, err := zlib.NewReader(br)
				if err != nil {
					return nil, done, fmt.Errorf("body is not deflate: %w", err)
				}
				src = z
			} else {
				src = flate.NewReader(br)
			}
		case "zstd":
			z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
			if err != nil {
				return nil, done, fmt.Errorf("body is not zstd: %w", err)
			}
			before := done
			done = func() { z.Close(); before() }
			src = z
		default:
			return nil, done, fail(http.StatusUnsupportedMediaType, "content encoding %q: use gzip, deflate, zstd or none", name)
		}
	}
	return src, done, nil
}

// add adds a record to the request's batches. Nothing is stored before store.
func (r *request) add(tag string, at time.Time, key, value []byte, headers []record.Header) {
	if r.open == nil {
		r.open = map[string]*record.Builder{}
	}
	b := r.open[tag]
	if b == nil {
		b = &record.Builder{}
		full := tag
		if p := r.h.cfg.TagPrefix; p != "" {
			full = p + "." + tag
		}
		b.Reset(full, r.host, 0)
		r.open[tag] = b
	}
	b.Append(at.UnixNano(), key, value, headers)
	if b.Size() >= record.TargetSize {
		r.batches = append(r.batches, b.Build())
		delete(r.open, tag)
	}
}

// retryAfter is what clients are told to wait when the buffer is full.
const retryAfter = 5 * time.Second

// store appends the batches and returns when all are durable.
func (r *request) store() error {
	for _, b := range r.open {
		r.batches = append(r.batches, b.Build())
	}
	r.open = nil
	ctx, cancel := context.WithTimeout(r.Context(), r.h.cfg.Wait)
	defer cancel()
	outcome := make(chan error, len(r.batches))
	appended := 0
	var first error
	for _, b := range r.batches {
		if first = r.sink.Append(ctx, b, nil, func(err error) { outcome <- err }); first != nil {
			break
		}
		appended++
	}
	for range appended {
		if err := <-outcome; first == nil {
			first = err
		}
	}
	switch {
	case first == nil:
		return nil
	case errors.Is(first, context.DeadlineExceeded):
		return &failure{http.StatusTooManyRequests, "the buffer is full", retryAfter}
	}
	r.h.notes.Warn("", "records could not be stored", "error", first)
	return &failure{http.StatusServiceUnavailable, "the records could not be stored", retryAfter}
}

// lines yields the lines of b without their ends; empty ones are left out.
func lines(b []byte) func(yield func(number int, line []byte) bool) {
	return func(yield func(int, []byte) bool) {
		for n := 1; len(b) > 0; n++ {
			var line []byte
			line, b, _ = bytes.Cut(b, []byte{'\n'})
			line = bytes.TrimSuffix(line, []byte{'\r'})
			if len(line) > 0 && !yield(n, line) {
				return
			}
		}
	}
}
