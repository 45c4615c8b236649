package overflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// objectBody is what the store has answered when it was asked for an object: one attempt to read it
// from its beginning to its end. It is used again for the next.
type objectBody struct {
	size   int64 // as it was listed
	raw    *countingBody
	sum    hash.Hash // of the lines
	lines  *recordline.LineReader
	src    *recordline.LineSource
	stored inventory
}

// open asks for the object o that was listed. skip is of the LineSource.
func (b *objectBody) open(
	ctx context.Context, store spool.Store, o spool.Object, skip func(pos int64) bool,
) error {
	r, got, err := store.Get(ctx, o.Key)
	if err != nil {
		return err
	}
	b.size = o.Size
	b.raw = NewCountingBody(r, got.Size)
	if got.Size != o.Size {
		return fmt.Errorf("%w: %d bytes, and %d", ErrOtherObject, o.Size, got.Size)
	}
	got.Key = o.Key
	if err := recordline.CheckFormat(got); err != nil {
		return err
	}
	b.stored = InventoryOf(got)
	b.sum = sha256.New()
	if b.lines, err = recordline.NewLineReader(b.raw, b.sum); err != nil {
		return err
	}
	b.src = &recordline.LineSource{Lines: b.lines, Skip: skip}
	return nil
}

// wanting returns what is wrong with an object that was read to its end, where the reader met err;
// nil if nothing is.
func (b *objectBody) wanting(err error) error {
	switch {
	case err != io.EOF:
		return err
	case b.src == nil:
		return io.ErrUnexpectedEOF
	case b.src.Bad > 0:
		return fmt.Errorf("%d lines cannot be read; %w", b.src.Bad, b.src.BadErr)
	case b.src.Torn:
		return errors.New("the last line is cut short")
	case b.raw.N != b.size:
		return fmt.Errorf("%d bytes were read, the store lists %d", b.raw.N, b.size)
	}
	return b.stored.compare(b.src, hex.EncodeToString(b.sum.Sum(nil)[:16]))
}

func (b *objectBody) close() {
	if b.lines != nil {
		b.lines.Close()
	}
	if b.raw != nil {
		_ = b.raw.Close() // read only
	}
	b.raw, b.lines, b.src = nil, nil, nil
}

// countingBody remembers what the store said, apart from what the decoder makes of it.
type countingBody struct {
	io.ReadCloser
	N   int64
	Err error
}

func NewCountingBody(r io.ReadCloser, size int64) *countingBody {
	return &countingBody{ReadCloser: spool.Body(r, size)}
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.N += int64(n)
	if err != nil && err != io.EOF {
		b.Err = err
	}
	return n, err
}
