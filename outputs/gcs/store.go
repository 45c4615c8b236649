package gcs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"cloud.google.com/go/storage"
	"github.com/penstock/penstock/spool"
	"google.golang.org/api/iterator"
)

// Store is a spool.Store over a bucket.
type Store struct {
	cfg    StoreConfig
	prefix string

	mu     sync.Mutex
	client *storage.Client // nil until first used
	base   *http.Transport
}

var _ spool.Store = (*Store)(nil)

// NewStore returns a store. Credentials are looked for at first use, and again until they are
// found: the metadata server of a machine that just booted is an error of Put and not of the start.
func NewStore(cfg StoreConfig) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Store{cfg: cfg, prefix: spool.JoinPrefix(cfg.Prefix)}, nil
}

// Close closes idle connections. No other call may be under way.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return nil
	}
	err := s.client.Close()
	s.base.CloseIdleConnections()
	s.client, s.base = nil, nil
	return err
}

func (s *Store) bucket() (*storage.BucketHandle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		c, base, err := newClient(&s.cfg)
		if err != nil {
			return nil, err
		}
		s.client, s.base = c, base
	}
	b := s.client.Bucket(s.cfg.Bucket)
	if s.cfg.UserProject != "" {
		b = b.UserProject(s.cfg.UserProject)
	}
	return b, nil
}

func (s *Store) check(key string) error {
	full := s.prefix + key
	if err := spool.CheckKey(full); err != nil {
		return err
	}
	if strings.HasPrefix(full, ".well-known/acme-challenge/") {
		return fmt.Errorf(
			"%w: key %q: GCS keeps .well-known/acme-challenge/ for itself", spool.ErrRefused, full,
		)
	}
	return nil
}

// putNonce is the metadata that tells whose conditional write it was that won: a retried request
// that was applied the first time finds its own object in the way.
const putNonce = "penstock-put"

// Put uploads in one request, or in resumable chunks when the object is larger than chunk_size. It
// holds one chunk in memory.
func (s *Store) Put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	if err := errors.Join(s.check(key), opts.Check()); err != nil {
		return err
	}
	return s.fail("put", key, s.put(ctx, key, r, size, opts))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *Store) put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	b, err := s.bucket()
	if err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	if n, err := io.Copy(sum, io.NewSectionReader(r, 0, size)); err != nil || n != size {
		return fmt.Errorf("%d of %d bytes read: %w", n, size, orShort(err))
	}
	// The library retries uploads until its context ends; this counts.
	var failures atomic.Int64
	object := b.Object(s.prefix + key).Retryer(storage.WithErrorFunc(func(err error) bool {
		return failures.Add(1) < int64(s.cfg.MaxAttempts) && storage.ShouldRetry(err)
	}))
	nonce := rand.Text()
	metadata := opts.Metadata
	if opts.IfAbsent {
		object = object.If(storage.Conditions{DoesNotExist: true})
		metadata = map[string]string{putNonce: nonce}
		for k, v := range opts.Metadata {
			metadata[k] = v
		}
	}
	// A writer whose context ends makes no object.
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := object.NewWriter(wctx)
	w.ContentType, w.ContentEncoding, w.Metadata = opts.ContentType, opts.ContentEncoding, metadata
	w.ForceEmptyContentType = true
	w.StorageClass, w.KMSKeyName = s.cfg.StorageClass, s.cfg.KMSKey
	w.PredefinedACL = s.cfg.PredefinedACL
	w.CRC32C, w.SendCRC32C = sum.Sum32(), true
	// one more than the size: the end is seen in the first chunk, which makes it one request
	w.ChunkSize = int(min(s.cfg.ChunkSize, size+1))
	w.ProgressFunc = func(int64) { failures.Store(0) }
	n, err := io.Copy(w, io.NewSectionReader(r, 0, size))
	if err != nil || n != size {
		cancel()
		return errors.Join(orShort(err), w.Close())
	}
	err = w.Close()
	if status(err) != http.StatusPreconditionFailed || !opts.IfAbsent {
		return err
	}
	attrs, err := b.Object(s.prefix + key).Attrs(ctx)
	switch {
	case errors.Is(err, storage.ErrObjectNotExist):
		return errors.New("the key was taken a moment ago, and is free again")
	case err != nil:
		return fmt.Errorf("find out who has the key: %w", err)
	case attrs.Metadata[putNonce] == nonce:
		return nil
	}
	return spool.ErrExists
}

func orShort(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Get opens the object. The client library checks the CRC32C of what is read to the end.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, spool.Object, error) {
	if err := s.check(key); err != nil {
		return nil, spool.Object{}, err
	}
	r, o, err := s.get(ctx, key)
	if err != nil {
		return nil, spool.Object{}, s.fail("read", key, err)
	}
	return r, o, nil
}

func (s *Store) get(ctx context.Context, key string) (io.ReadCloser, spool.Object, error) {
	b, err := s.bucket()
	if err != nil {
		return nil, spool.Object{}, err
	}
	r, err := b.Object(s.prefix + key).NewReader(ctx)
	if err != nil {
		return nil, spool.Object{}, err
	}
	// The keys come as HTTP headers, whose case is not ours.
	metadata := make(map[string]string)
	for k, v := range r.Metadata() {
		if k = strings.ToLower(k); k != putNonce {
			metadata[k] = v
		}
	}
	return spool.Body(r, r.Attrs.Size), spool.Object{
		Key:      key,
		Size:     r.Attrs.Size,
		Modified: r.Attrs.LastModified,
		Metadata: metadata,
	}, nil
}

// List pages through the bucket, 1,000 keys per request. Empty objects whose names end with a
// slash, which consoles make to show a folder, are left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[spool.Object, error] {
	return func(yield func(spool.Object, error) bool) {
		b, err := s.bucket()
		if err != nil {
			yield(spool.Object{}, s.fail("list", prefix, err))
			return
		}
		query := &storage.Query{Prefix: s.prefix + prefix, Projection: storage.ProjectionNoACL}
		if err := query.SetAttrSelection([]string{"Name", "Size", "Updated"}); err != nil {
			yield(spool.Object{}, s.fail("list", prefix, err))
			return
		}
		it := b.Objects(ctx, query)
		last := ""
		for {
			attrs, err := it.Next()
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield(spool.Object{}, s.fail("list", prefix, err))
				return
			}
			key := strings.TrimPrefix(attrs.Name, s.prefix)
			if strings.HasSuffix(key, "/") || key == "" {
				continue
			}
			if key <= last {
				yield(
					spool.Object{},
					s.fail(
						"list",
						prefix,
						fmt.Errorf(
							"%w: the server lists %q after %q: not in the order of keys",
							spool.ErrRefused, key, last,
						),
					),
				)
				return
			}
			last = key
			if !yield(spool.Object{Key: key, Size: attrs.Size, Modified: attrs.Updated}, nil) {
				return
			}
		}
	}
}

// Delete removes the object.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.check(key); err != nil {
		return err
	}
	b, err := s.bucket()
	if err == nil {
		err = b.Object(s.prefix + key).Delete(ctx)
	}
	if errors.Is(err, storage.ErrObjectNotExist) {
		return nil
	}
	return s.fail("delete", key, err)
}
