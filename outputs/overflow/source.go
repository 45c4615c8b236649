package overflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dataformat"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// objectSource streams one overflow object as batches. A body that ends in an error of the store is
// asked for again. The end is an end only once what was read is the whole object, as its size, name
// and metadata tell it, or was found to be damaged; see inventory.
type objectSource struct {
	store   spool.Store
	o       spool.Object // as it was listed
	retry   outputs.Retry
	failing *fault.FailureLog
	onErr   func()              // counts a failed request
	onFirst func(*record.Batch) // called with the first batch; may be nil
	// tells of records, by their position in the log, that are not wanted; may be nil
	skip func(pos int64) bool

	body objectBody // of the attempt under way

	at       int64 // the next line to hand out
	handed   int64 // records handed out
	suspects int   // times that the object was read and found wanting
	gone     bool
	ended    bool  // all of the object was handed out, or all that can be read
	err      error // what is wrong with the object
}

// suspicions is how often an object is read before what is wrong with it is taken to be in the
// store, and not on the way.
const suspicions = 3

// ErrOtherObject tells that what the store gives is not what it listed: an answer in another's
// place, or an object that was replaced. It is listed again.
var ErrOtherObject = errors.New("the store lists another object than it gives")

// Next implements source. It returns io.EOF at the end, ctx's error, or ErrOtherObject.
func (s *objectSource) Next(ctx context.Context) (*record.Batch, error) {
	back := s.retry.Backoff()
	for {
		b, err := s.next(ctx)
		switch {
		case err == nil:
			s.failing.Worked()
			return b, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, spool.ErrNotFound):
			s.gone = true // replayed by somebody else
			return nil, io.EOF
		case errors.Is(err, ErrOtherObject):
			return nil, fmt.Errorf("read %s: %w", s.o.Key, err)
		case errors.As(err, new(*dataformat.NewerError)):
			return nil, err
		case s.body.raw == nil || s.body.raw.Err != nil:
			if s.body.raw != nil {
				err = s.body.raw.Err // what the decoder makes of it says less
			}
			if s.onErr != nil {
				s.onErr()
			}
			s.failing.Failed(fmt.Errorf("read %s: %w", s.o.Key, err))
		default:
			// The store gave all that it has, and the reader has come to its end: err is io.EOF, or
			// what it does not understand.
			s.err = s.body.wanting(err)
			if s.suspects++; s.err == nil || s.suspects >= suspicions {
				s.ended = true
				return nil, io.EOF
			}
		}
		s.body.close()
		if err := back.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

func (s *objectSource) next(ctx context.Context) (*record.Batch, error) {
	if s.body.src == nil {
		if err := s.body.open(ctx, s.store, s.o, s.skip); err != nil {
			return nil, err
		}
	}
	for {
		b, err := s.body.src.ReadBatch()
		if err != nil {
			return nil, err
		}
		if b = deliver.From(b, s.at); b != nil {
			if s.onFirst != nil {
				s.onFirst(b)
				s.onFirst = nil
			}
			s.at = b.End
			s.handed += int64(b.Len())
			return b, nil
		}
	}
}

// damage returns what is wrong with the object, once it was read to its end; nil if nothing is.
func (s *objectSource) damage() error { return s.err }

// delivered tells whether an object may go: it was read to its end, and what was acknowledged is
// what was handed out.
func (s *objectSource) delivered(records int64) error {
	switch {
	case !s.ended:
		return fmt.Errorf("%s was not read to its end", s.o.Key)
	case records != s.handed:
		return fmt.Errorf("%d of %d records of %s are acknowledged", records, s.handed, s.o.Key)
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

// origins returns what was read, by origin.
func (s *objectSource) origins() map[string]*recordline.OriginCount {
	if s.body.src == nil {
		return nil
	}
	return s.body.src.Origins
}
