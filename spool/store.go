package spool

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Store is an object store: S3, GCS or a local directory. Keys are relative to the store's bucket and prefix,
// separated by slashes, without a leading one. Errors are retryable unless they wrap ErrRefused. Safe for concurrent use.
type Store interface {
	// Put stores size bytes of r under key. An object is visible whole or not at all. Putting the same bytes again is harmless.
	// It does not retry beyond what its client library does for single requests. With opts.IfAbsent it fails with
	// ErrExists if the key is taken, atomically.
	Put(ctx context.Context, key string, r io.ReaderAt, size int64, opts PutOptions) error

	// Get opens an object; ErrNotFound if there is none. The bytes are as they were put: nothing is decompressed on the way.
	Get(ctx context.Context, key string) (io.ReadCloser, Object, error)

	// List yields the objects whose key begins with prefix, in ascending byte order of keys. After an error it stops.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]

	// Delete removes an object; a missing one is no error.
	Delete(ctx context.Context, key string) error
}

// PutOptions say how an object is stored.
type PutOptions struct {
	ContentType     string
	ContentEncoding string
	Metadata        map[string]string // lower-case keys of letters, digits and hyphens
	IfAbsent        bool
}

// Object describes a stored object. Metadata is filled by Get, not by List.
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
	// ErrRefused is wrapped by errors that trying again does not mend: wrong credentials, no such bucket, a bad key.
	ErrRefused = errors.New("refused by the object store")
)
