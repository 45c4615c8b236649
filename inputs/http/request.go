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
//
// A body of N bytes costs at most about 4 N of memory, whatever is in it. It is read whole, for
// nothing is stored of a body that is wrong somewhere. Its records are made one by one: those that
// fit into what may be held are kept until all of the body is known to be right, and stored then.
// If they do not fit they are let go, and the rest of the body is looked at only. Then it is read a
// second time, and each part of the records is stored before the next is made.
type request struct {
	*http.Request
	h       *HTTP
	sink    inputs.Sink
	host    string // the records' origin
	charged int    // of the shared memory

	size    int   // bytes of the body
	whole   int   // bytes held for the body
	held    int   // bytes held for records
	made    int64 // bytes of records so far
	count   int   // records so far
	pass    pass
	open    map[string]*record.Builder
	batches []*record.Batch
}

// pass is what becomes of the records that are made.
type pass uint8

const (
	keeping pass = iota // they are kept, to be stored when the whole body is known to be right
	looking             // they are too many to be kept: they are counted
	storing             // the body is right: they are stored as they come
)

const (
	// leastHeld may be held for records of a body of any size.
	leastHeld = 1 << 20
	// perBatch is what a batch holds besides its records.
	perBatch = 512
	// mostGrowth bounds the records of a body, in bytes of their contents: each of a million may
	// repeat what stands once in the body.
	mostGrowth = 64
	// chargeStep is how much of the shared memory is taken at a time for records.
	chargeStep = 256 << 10
)

// room returns how much may be held for records at a time, and how large a record may be that is
// written anew.
func (r *request) room() int { return r.size + leastHeld }

// textRoom returns how large a record may be whose length was found out before it is written.
func (r *request) textRoom() int { return r.room() + r.size/2 }

// charge has the request hold n bytes of the shared memory.
func (r *request) charge(n int) error {
	if n <= r.charged {
		return nil
	}
	if err := r.h.memory.Acquire(n - r.charged); err != nil {
		return &failure{
			status: http.StatusTooManyRequests,
			reason: err.Error(),
			wait:   1 * time.Second,
		}
	}
	r.charged = n
	return nil
}

func (r *request) release() {
	if r.charged > 0 {
		r.h.memory.Release(r.charged)
	}
}

// byteOrderMark is what some clients put before a text. Nothing that is no text begins so.
var byteOrderMark = []byte("\xef\xbb\xbf")

// body reads and inflates the body.
func (r *request) body(w http.ResponseWriter) ([]byte, error) {
	if r.ContentLength > r.h.cfg.MaxBodySize {
		return nil, &http.MaxBytesError{Limit: r.h.cfg.MaxBodySize}
	}
	src, done, err := inflate(
		r.Header.Get("Content-Encoding"), http.MaxBytesReader(w, r.Body, r.h.cfg.MaxBodySize),
	)
	if err != nil {
		return nil, err
	}
	defer done()
	limit := int(r.h.cfg.MaxInflatedSize)
	var b []byte
	for {
		if len(b) == cap(b) {
			size := max(16<<10, 2*cap(b))
			if cap(b) >= 1<<20 {
				size = cap(b) + cap(b)/4
			}
			size = min(size, limit+1)
			if err := r.charge(size + cap(b)); err != nil { // both are held while one is copied
				return nil, err
			}
			b = append(make([]byte, 0, size), b...)
		}
		n, err := src.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if len(b) > limit {
			return nil, fail(
				http.StatusRequestEntityTooLarge,
				"the body inflates beyond max_inflated_size, %d bytes", limit,
			)
		}
		if err == io.EOF {
			r.size, r.whole = len(b), cap(b)
			return bytes.TrimPrefix(b, byteOrderMark), nil
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
			if head, _ := br.Peek(
				2,
			); len(head) == 2 && head[0]&0x0f == 8 &&
				(uint(head[0])<<8|uint(head[1]))%31 == 0 {
				z, err := zlib.NewReader(br)
				if err != nil {
					return nil, done, fmt.Errorf("body is not deflate: %w", err)
				}
				src = z
			} else {
				src = flate.NewReader(br)
			}
		case "zstd":
			z, err := zstd.NewReader(
				src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(8<<20),
			)
			if err != nil {
				return nil, done, fmt.Errorf("body is not zstd: %w", err)
			}
			before := done
			done = func() { z.Close(); before() }
			src = z
		default:
			return nil, done, fail(
				http.StatusUnsupportedMediaType,
				"content encoding %q: use gzip, deflate, zstd or none", name,
			)
		}
	}
	return src, done, nil
}

// take makes records by calling decode, which calls add for each, and stores them: when take
// returns nil all are durable. decode is called once or twice, and must make the same records each
// time; an error of the first call means that nothing was stored.
func (r *request) take(decode func() error) error {
	r.pass, r.made, r.count = keeping, 0, 0
	if err := decode(); err != nil {
		return err
	}
	if r.pass == looking {
		r.pass, r.made, r.count = storing, 0, 0
		if err := decode(); err != nil {
			return err
		}
	}
	return r.store()
}

// add adds a record. at is nanoseconds since the epoch.
func (r *request) add(tag string, at int64, key, value []byte, headers []record.Header) error {
	r.made += int64(len(key) + len(value))
	for i := range headers {
		r.made += int64(len(headers[i].Key) + len(headers[i].Value))
	}
	if r.count++; r.count%1024 == 0 && r.Context().Err() != nil {
		return fail(http.StatusBadRequest, "the client has gone")
	}
	if most := min(int64(r.size)*mostGrowth+leastHeld, 4*r.h.cfg.MaxInflatedSize); r.made > most {
		return fail(
			http.StatusRequestEntityTooLarge,
			"the records of this request would take more than %d bytes, for they repeat what stands once in it: send smaller requests",
			most,
		)
	}
	if r.pass == looking {
		return nil
	}
	b := r.open[tag]
	if b == nil {
		if r.open == nil {
			r.open = map[string]*record.Builder{}
		}
		b = &record.Builder{}
		full := tag
		if p := r.h.cfg.TagPrefix; p != "" {
			full = p + "." + tag
		}
		b.Reset(full, r.host, 0)
		r.open[tag] = b
		r.held += perBatch + len(full)
	}
	before := b.Held()
	b.Append(at, key, value, headers)
	r.held += b.Held() - before
	if b.Size() >= record.TargetSize {
		r.batches = append(r.batches, b.Build())
		delete(r.open, tag)
	}
	switch {
	case r.held <= r.room():
		return r.charge(r.whole + (r.held+chargeStep-1)/chargeStep*chargeStep)
	case r.pass == keeping:
		r.pass, r.open, r.batches, r.held = looking, nil, nil, 0
		return nil
	}
	return r.store()
}

// retryAfter is what clients are told to wait when the buffer is full.
const retryAfter = 5 * time.Second

// store appends what was kept and returns when all is durable.
func (r *request) store() error {
	for _, b := range r.open {
		r.batches = append(r.batches, b.Build())
	}
	batches := r.batches
	r.open, r.batches, r.held = nil, nil, 0
	ctx, cancel := context.WithTimeout(r.Context(), r.h.cfg.Wait)
	defer cancel()
	outcome := make(chan error, len(batches))
	appended := 0
	var first error
	for i, b := range batches {
		if first = r.sink.Append(ctx, b, nil, func(err error) { outcome <- err }); first != nil {
			break
		}
		batches[i] = nil
		appended++
	}
	for range appended {
		if err := <-outcome; first == nil {
			first = err
		}
	}
	switch {
	case first == nil:
		r.h.fullUntil.Store(0)
		return nil
	case errors.Is(first, context.DeadlineExceeded):
		r.h.fullUntil.Store(time.Now().Add(retryAfter).UnixNano())
		return &failure{
			status: http.StatusTooManyRequests,
			reason: "the buffer is full",
			wait:   retryAfter,
		}
	}
	r.h.warnings.Warn("", "records could not be stored", "error", first)
	return &failure{
		status: http.StatusServiceUnavailable,
		reason: "the records could not be stored",
		wait:   retryAfter,
	}
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
