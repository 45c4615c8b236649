package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// PutOnce is Store.Put for stores that may refuse to overwrite: a bucket with a retention policy, a
// lock, or credentials that may create and not replace. If what is under the key is what would be
// put, an earlier attempt did it, whose answer was lost or whose process ended. If it is another,
// the error is an *ConflictError, or ErrExists with opts.IfAbsent.
func PutOnce(
	ctx context.Context, store Store, key string, r io.ReaderAt, size int64, opts PutOptions,
) error {
	err := store.Put(ctx, key, r, size, opts)
	if !errors.Is(err, ErrRefused) || ctx.Err() != nil {
		return err
	}
	there, diff, cerr := compare(ctx, store, key, r, size, opts)
	switch {
	case errors.Is(cerr, ErrNotFound):
		return err // nothing is in the way: it is the write that is refused
	case errors.Is(cerr, ErrRefused): // in the same words, mostly
		return fmt.Errorf("%w (nor may it be read, to see whether it is there already)", err)
	case cerr != nil:
		// not %w: the class is that of the put
		return fmt.Errorf("%w (whether the object is there already cannot be told: %v)", err, cerr)
	case diff == "":
		return nil
	case opts.IfAbsent:
		return ErrExists
	}
	return &ConflictError{Key: key, There: there, Diff: diff, err: err}
}

// ConflictError tells that a store refuses to put an object because another is there.
type ConflictError struct {
	Key   string
	There Object
	Diff  string // how the two differ
	err   error
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf(
		"%s holds another object, which the store refuses to overwrite: %d bytes of %s, metadata %v; %s: %v",
		e.Key, e.There.Size, e.There.Modified.UTC().Format(time.RFC3339), e.There.Metadata, e.Diff,
		e.err,
	)
}

func (e *ConflictError) Unwrap() error { return e.err }

// Do tells what a person can do about it.
func (e *ConflictError) Do() string {
	return "look at what is there: if it is not wanted, remove it, or let this agent overwrite it (in GCS that takes storage.objects.delete and a retention policy that has passed); " +
		"what is to be put is kept and tried again, and nothing is lost"
}

// compare tells how the object under key differs from what would be put there; diff is empty if it
// does not. The release that wrote it makes no difference.
func compare(
	ctx context.Context, store Store, key string, r io.ReaderAt, size int64, opts PutOptions,
) (there Object, diff string, err error) {
	body, there, err := store.Get(ctx, key)
	if err != nil {
		return there, "", err
	}
	defer body.Close()
	if there.Size != size {
		return there, fmt.Sprintf("%d bytes are to be put", size), nil
	}
	if len(there.Metadata) > 0 { // some directories keep none
		for k, v := range opts.All() {
			if got := there.Metadata[k]; got != v && k != MetaVersion && k != MetaFormat {
				return there, fmt.Sprintf("%s is to be %q and is %q", k, v, got), nil
			}
		}
	}
	mine, theirs := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); at < size; {
		n := int(min(int64(len(mine)), size-at))
		if _, err := io.ReadFull(body, theirs[:n]); err != nil {
			return there, "", err
		}
		if got, err := r.ReadAt(mine[:n], at); got < n {
			return there, "", fmt.Errorf("read what is to be put: %w", err)
		}
		if !bytes.Equal(mine[:n], theirs[:n]) {
			return there, fmt.Sprintf(
				"the contents differ from byte %d to %d on", at, at+int64(n),
			), nil
		}
		at += int64(n)
	}
	return there, "", nil
}
