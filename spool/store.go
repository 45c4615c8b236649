package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"strings"
	"time"
	"unicode/utf8"
)

// Store is an object store: S3, GCS or a local directory. Keys are relative to the store's bucket
// and prefix, separated by slashes, without a leading one. Errors are retryable unless they wrap
// ErrRefused; none is or wraps io.EOF, see storehttp.Opaque. Safe for concurrent use.
type Store interface {
	// Put stores size bytes of r under key. An object is visible whole or not at all. Putting the
	// same bytes again is harmless. It does not retry beyond what its client library does for
	// single requests. With opts.IfAbsent it fails with ErrExists if the key is taken, atomically.
	Put(ctx context.Context, key string, r io.ReaderAt, size int64, opts PutOptions) error

	// Get opens an object; ErrNotFound if there is none. The bytes are as they were put: nothing is
	// decompressed on the way. Reading ends in io.EOF after all of them and never before.
	Get(ctx context.Context, key string) (io.ReadCloser, Object, error)

	// List yields the objects whose key begins with prefix, in ascending byte order of keys. After
	// an error it stops.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]

	// Delete removes an object; a missing one is no error.
	Delete(ctx context.Context, key string) error
}

// Batcher is a Store that makes many objects durable together for far less than one by one.
type Batcher interface {
	Store
	// Batch begins a batch.
	Batch(ctx context.Context) (Batch, error)
}

// Batch is objects that are put together. After an error of Put or Commit it is of no use but to be
// discarded, and begun again: some of its objects may be visible then, each of them whole.
type Batch interface {
	// Put is Store.Put, but the object need not be visible or durable before Commit. Safe for
	// concurrent use.
	Put(ctx context.Context, key string, r io.ReaderAt, size int64, opts PutOptions) error
	// Commit makes all objects durable, and visible only then. A key that is taken in spite of
	// opts.IfAbsent keeps its object.
	Commit(ctx context.Context) error
	// Discard gives everything back. It is called once, in the end, also after Commit.
	Discard()
}

// PutOptions say how an object is stored.
type PutOptions struct {
	ContentType     string
	ContentEncoding string
	// lower-case keys of letters, digits and hyphens; values of printable ASCII
	Metadata map[string]string
	// Common is metadata too, with other keys; nil for none.
	Common   *Common
	IfAbsent bool
}

// Common is metadata that many objects share. It never changes: a store can prepare it once.
type Common struct{ Metadata map[string]string }

// All returns the metadata as it is stored, which is not to be changed.
func (o PutOptions) All() map[string]string {
	if o.Common == nil {
		return o.Metadata
	}
	all := maps.Clone(o.Common.Metadata)
	maps.Copy(all, o.Metadata)
	return all
}

// Object describes a stored object. Metadata is filled by Get, not by List, and is nil where the
// store keeps none.
type Object struct {
	Key      string
	Size     int64
	Modified time.Time
	Metadata map[string]string
}

var (
	// ErrNotFound tells that there is no object under the key.
	ErrNotFound = errors.New("no such object")
	// ErrExists tells that Put with IfAbsent found the key taken.
	ErrExists = errors.New("object exists already")
	// ErrRefused is wrapped by errors that trying again does not mend: wrong credentials, no such
	// bucket, a bad key.
	ErrRefused = errors.New("refused by the object store")
	// ErrNoBucket is wrapped besides where that is why.
	ErrNoBucket = errors.New("the bucket does not exist")
)

// MaxKey bounds the length of a key with the store's prefix, in bytes: the limit of S3 and GCS.
const MaxKey = 1024

// CheckKey tells whether every store can hold key, with an error wrapping ErrRefused if not: UTF-8
// without control characters, at most MaxKey bytes, segments parted by single slashes, none of them
// "." or "..".
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKey {
		return fmt.Errorf("%w: key of %d bytes: must be 1 to %d", ErrRefused, len(key), MaxKey)
	}
	if !utf8.ValidString(key) {
		return fmt.Errorf("%w: key %q is not valid UTF-8", ErrRefused, key)
	}
	for _, r := range key {
		// The last two cannot stand in XML, which is how S3 lists keys.
		if r < 0x20 || r == 0x7f || r == 0xfffe || r == 0xffff {
			return fmt.Errorf("%w: key %q holds the character %U", ErrRefused, key, r)
		}
	}
	for segment := range strings.SplitSeq(key, "/") {
		switch segment {
		case "", ".", "..":
			return fmt.Errorf("%w: key %q has the segment %q", ErrRefused, key, segment)
		}
	}
	return nil
}

// Check tells whether every store can hold the metadata, with an error wrapping ErrRefused if not.
func (o PutOptions) Check() error {
	if o.Common != nil {
		if err := checkMetadata(o.Common.Metadata); err != nil {
			return err
		}
	}
	return checkMetadata(o.Metadata)
}

func checkMetadata(m map[string]string) error {
	for k, v := range m {
		for _, c := range []byte(k) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return fmt.Errorf(
					"%w: metadata key %q: use lower-case letters, digits and hyphens", ErrRefused,
					k,
				)
			}
		}
		for _, c := range []byte(v) {
			if c < 0x20 || c > 0x7e {
				return fmt.Errorf("%w: metadata %s=%q: use printable ASCII", ErrRefused, k, v)
			}
		}
		if k == "" || strings.TrimSpace(v) != v {
			return fmt.Errorf(
				"%w: metadata %s=%q: empty key, or spaces around the value", ErrRefused, k, v,
			)
		}
	}
	return nil
}

// JoinPrefix returns a store's prefix as it stands before each key: "" or with one slash at the
// end.
func JoinPrefix(prefix string) string {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return prefix
}
