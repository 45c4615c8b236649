package outputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool"
)

// objectSource streams one overflow object as batches. A body that ends in an error of the store is asked for again; one that is damaged ends
// the source early, see damage.
type objectSource struct {
	store spool.Store
	key   string
	retry Retry
	ill   *trouble
	onErr func()               // counts a failed request
	first func(*record.Batch)  // called with the first batch; may be nil
	skip  func(pos int64) bool // tells of records, by their position in the log, that are not wanted; may be nil

	body  *countingBody
	lines *lineReader
	src   *lineSource
	at    int64 // the next line to hand out
	gone  bool
	err   error // what is wrong with the object
}

// countingBody remembers what the store said, apart from what the decoder makes of it.
type countingBody struct {
	io.ReadCloser
	n, size int64
	err     error
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	} else if errors.Is(err, io.EOF) && b.n < b.size {
		b.err = io.ErrUnexpectedEOF
		return n, b.err
	}
	return n, err
}

// Next implements source. It returns io.EOF at the end and ctx's error.
func (s *objectSource) Next(ctx context.Context) (*record.Batch, error) {
	back := backoff{Retry: s.retry}
	for {
		b, err := s.next(ctx)
		switch {
		case err == nil:
			s.ill.worked()
			return b, nil
		case errors.Is(err, io.EOF) && (s.body == nil || s.body.err == nil):
			return nil, io.EOF
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, spool.ErrNotFound):
			s.gone = true // replayed by somebody else
			return nil, io.EOF
		case s.body != nil && s.body.err == nil:
			s.err = err
			return nil, io.EOF
		}
		s.close()
		if s.onErr != nil {
			s.onErr()
		}
		s.ill.failed(fmt.Errorf("read %s: %w", s.key, err))
		if err := back.wait(ctx); err != nil {
			return nil, err
		}
	}
}

func (s *objectSource) next(ctx context.Context) (*record.Batch, error) {
	if s.src == nil {
		r, o, err := s.store.Get(ctx, s.key)
		if err != nil {
			return nil, err
		}
		s.body = &countingBody{ReadCloser: r, size: o.Size}
		if s.lines, err = newLineReader(s.body); err != nil {
			return nil, err
		}
		s.src = &lineSource{lines: s.lines, skip: s.skip}
	}
	for {
		b, err := s.src.next()
		if err != nil {
			return nil, err
		}
		if b = from(b, s.at); b != nil {
			if s.first != nil {
				s.first(b)
				s.first = nil
			}
			s.at = b.End
			return b, nil
		}
	}
}

// damage returns what is wrong with the object, as far as it has been read; nil if nothing is.
func (s *objectSource) damage() error {
	if s.err != nil {
		return s.err
	}
	if s.src != nil && s.src.bad > 0 {
		return fmt.Errorf("%d lines cannot be read; %w", s.src.bad, s.src.badErr)
	}
	return nil
}

// timeOf returns the time of a batch's first record; zero if it cannot be read.
func timeOf(b *record.Batch) time.Time {
	recs, err := b.Records()
	if err == nil {
		for r := range recs {
			return r.When()
		}
	}
	return time.Time{}
}

func (s *objectSource) close() {
	if s.lines != nil {
		s.lines.close()
	}
	if s.body != nil {
		_ = s.body.Close() // read only
	}
	s.body, s.lines, s.src = nil, nil, nil
}
