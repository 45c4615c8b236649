package gcs

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/penstock/penstock/spool"
)

// Store is a spool.Store over a bucket.
type Store struct {
	cfg    StoreConfig
	prefix string

	mu     sync.Mutex
	client *client // nil until first used
}

var _ spool.Trier = (*Store)(nil)

// NewStore returns a store. Credentials that no file holds are looked for at first use, and again
// until they are found: the metadata server of a machine that just booted is an error of Put and
// not of the start.
func NewStore(cfg StoreConfig) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.CredentialsFile != "" {
		if _, err := findCredentials(context.Background(), cfg.CredentialsFile); err != nil {
			return nil, err
		}
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
	s.client.base.CloseIdleConnections()
	s.client = nil
	return nil
}

func (s *Store) open() (*client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		c, err := newClient(&s.cfg)
		if err != nil {
			return nil, err
		}
		s.client = c
	}
	return s.client, nil
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

// Put uploads in one request, or in resumable chunks when the object is larger than chunk_size.
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
	c, err := s.open()
	if err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	if n, err := io.Copy(sum, io.NewSectionReader(r, 0, size)); err != nil || n != size {
		return fmt.Errorf("%d of %d bytes read: %w", n, size, orShort(err))
	}
	full := s.prefix + key
	u := s.upload(full, opts)
	u.data, u.size = r, size
	u.meta.CRC32C = base64.StdEncoding.EncodeToString(sum.Sum(nil))
	if !opts.IfAbsent {
		return c.put(ctx, u)
	}
	nonce := rand.Text()
	u.query.Set("ifGenerationMatch", "0")
	u.meta.Metadata = map[string]string{putNonce: nonce}
	maps.Copy(u.meta.Metadata, opts.All())
	if err = c.put(ctx, u); status(err) != http.StatusPreconditionFailed {
		return err
	}
	var there object
	_, err = c.do(ctx, call{
		method: http.MethodGet, into: &there,
		url: c.objects(full, url.Values{"fields": {"name,size,crc32c,metadata"}}),
	})
	switch {
	case isNotFound(err):
		return errors.New("the key was taken a moment ago, and is free again")
	case err != nil:
		return fmt.Errorf("find out who has the key: %w", err)
	case there.Metadata[putNonce] == nonce:
		return u.check(&there)
	}
	return spool.ErrExists
}

// upload is an object with a name, without its data.
func (s *Store) upload(full string, opts spool.PutOptions) *upload {
	u := &upload{
		query: url.Values{"name": {full}},
		meta: object{
			Name: full, ContentType: opts.ContentType, ContentEncoding: opts.ContentEncoding,
			StorageClass: s.cfg.StorageClass, Metadata: opts.All(),
		},
	}
	if s.cfg.KMSKey != "" {
		u.query.Set("kmsKeyName", s.cfg.KMSKey)
	}
	if s.cfg.PredefinedACL != "" {
		u.query.Set("predefinedAcl", s.cfg.PredefinedACL)
	}
	return u
}

// Try implements spool.Trier: to open a session for an upload takes the right to create the object
// and no other. A session of which nobody cares any more goes by itself.
func (s *Store) Try(ctx context.Context, key string) error {
	c, err := s.open()
	if err != nil {
		return s.fail("put", key, err)
	}
	session, err := c.begin(ctx, s.upload(s.prefix+key, spool.PutOptions{}))
	if code := status(err); errors.Is(err, errNoSession) ||
		code == http.StatusNotImplemented || code == http.StatusMethodNotAllowed {
		return spool.ErrUntold
	}
	if err != nil {
		return s.fail("put", key, err)
	}
	if resp, err := c.doOnce(ctx, call{method: http.MethodDelete, url: session}); err == nil {
		resp.Body.Close()
	}
	return nil
}

func orShort(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Get opens the object. The CRC32C of what is read to the end is checked.
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
	c, err := s.open()
	if err != nil {
		return nil, spool.Object{}, err
	}
	d, header, err := c.get(ctx, s.prefix+key)
	if err != nil {
		return nil, spool.Object{}, err
	}
	// The keys come as HTTP headers, whose case is not ours.
	metadata := make(map[string]string)
	for k, v := range header {
		k, ok := strings.CutPrefix(strings.ToLower(k), "x-goog-meta-")
		if ok && k != putNonce {
			metadata[k] = v[0]
		}
	}
	modified, _ := http.ParseTime(header.Get("Last-Modified"))
	return spool.Body(d, d.size), spool.Object{
		Key: key, Size: d.size, Modified: modified, Metadata: metadata,
	}, nil
}

// List pages through the bucket, 1,000 keys per request.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[spool.Object, error] {
	return func(yield func(spool.Object, error) bool) {
		fail := func(err error) { yield(spool.Object{}, s.fail("list", prefix, err)) }
		c, err := s.open()
		if err != nil {
			fail(err)
			return
		}
		query := url.Values{
			"prefix": {s.prefix + prefix}, "projection": {"noAcl"}, "maxResults": {"1000"},
			"fields": {"nextPageToken,items(name,size,updated)"},
		}
		names := spool.Listed{Prefix: s.prefix}
		for {
			var page struct {
				Items []object `json:"items"`
				Next  string   `json:"nextPageToken"`
			}
			if _, err := c.do(ctx, call{
				method: http.MethodGet, url: c.objects("", query), into: &page,
			}); err != nil {
				fail(err)
				return
			}
			for _, o := range page.Items {
				key, ok, err := names.Key(o.Name)
				if err != nil {
					fail(err)
					return
				}
				if !ok {
					continue
				}
				if !yield(spool.Object{Key: key, Size: o.Size, Modified: o.Updated}, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("pageToken", page.Next)
		}
	}
}

// Delete removes the object.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.check(key); err != nil {
		return err
	}
	c, err := s.open()
	if err == nil {
		_, err = c.do(ctx, call{
			method: http.MethodDelete, url: c.objects(s.prefix+key, url.Values{}),
		})
	}
	if isNotFound(err) {
		return nil
	}
	return s.fail("delete", key, err)
}
