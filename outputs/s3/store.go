package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/spool"
)

// Store is a spool.Store over a bucket.
type Store struct {
	cfg    StoreConfig
	prefix string
	tags   string // as a query
	client *client

	conditional atomic.Bool // the server is known to honour If-None-Match
	lingers     atomic.Bool // an upload that Try began may not be aborted
}

var _ spool.Trier = (*Store)(nil)

// NewStore returns a store. It reads the AWS configuration files and opens no connection.
func NewStore(cfg StoreConfig) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, prefix: spool.JoinPrefix(cfg.Prefix)}
	var err error
	if s.client, err = newClient(&s.cfg); err != nil {
		return nil, err
	}
	if len(cfg.Tags) > 0 {
		v := url.Values{}
		for key, value := range cfg.Tags {
			v.Set(key, value)
		}
		s.tags = v.Encode()
	}
	s.conditional.Store(
		cfg.ConditionalWrites == "header" || cfg.ConditionalWrites == "auto" && cfg.Endpoint == "",
	)
	return s, nil
}

// Close closes idle connections.
func (s *Store) Close() error {
	s.client.close()
	return nil
}

// errVanished tells that what stood in the way of a conditional write is not there: it was deleted
// meanwhile, or another write is not visible yet.
var errVanished = errors.New("the key was taken a moment ago")

// errNoAnswer tells that the server said 200 and nothing else.
var errNoAnswer = errors.New(
	"the answer has no content: it was cut short on the way, or this is no S3 server",
)

// putNonce is the metadata that tells whose conditional write it was that won: a retried request
// that was applied the first time finds its own object in the way.
const putNonce = "penstock-put"

// Put uploads in one request, or in parts when the object is larger than part_size. r is read about
// three times (checksum, signature where there is no TLS, upload), a piece at a time.
func (s *Store) Put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	if err := errors.Join(spool.CheckKey(s.prefix+key), opts.Check()); err != nil {
		return err
	}
	var err error
	switch {
	case opts.IfAbsent:
		err = s.putIfAbsent(ctx, key, r, size, opts)
	case size > s.cfg.PartSize:
		err = s.putParts(ctx, key, r, size, opts)
	default:
		_, err = s.putObject(ctx, key, r, size, opts, "")
	}
	return s.fail("put", key, err)
}

// putObject puts the object in one request; with a nonce only if the key is free, and taken tells
// that it is not.
func (s *Store) putObject(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions, nonce string,
) (taken bool, err error) {
	sum, err := s.checksum(r, 0, size)
	if err != nil {
		return false, err
	}
	header := s.newObject(opts)
	sum.set(header)
	if nonce != "" {
		header.Set("If-None-Match", "*")
		header.Set(metaPrefix+putNonce, nonce)
	}
	resp, err := s.client.do(ctx, call{
		method: http.MethodPut, key: s.prefix + key, header: header,
		body: io.NewSectionReader(r, 0, size),
	})
	if err == nil && resp.Header.Get("ETag") == "" {
		err = errNoAnswer
	}
	if nonce == "" || err == nil {
		return false, err
	}
	switch code := errorCode(err); code {
	case "PreconditionFailed", "ConditionalRequestConflict":
		// The second: another writer was at it just then, and may have failed.
		other, exists, headErr := s.nonce(ctx, key)
		switch {
		case headErr != nil:
			return false, headErr
		case !exists:
			return false, fmt.Errorf("%w: %w", errVanished, err)
		}
		return other != nonce, nil
	case "NotImplemented":
		return false, fmt.Errorf(
			"%w: this server has no conditional writes; conditional_writes = \"head\" looks before it writes, which two writers at once can get past: %w",
			spool.ErrRefused, err,
		)
	}
	return false, err
}

func (s *Store) putIfAbsent(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	if size > maxPart {
		return fmt.Errorf(
			"%w: %d bytes are too many for one conditional request", spool.ErrRefused, size,
		)
	}
	if s.cfg.ConditionalWrites == "head" {
		if _, exists, err := s.nonce(ctx, key); err != nil || exists {
			return errors.Join(err, existing(exists))
		}
		_, err := s.putObject(ctx, key, r, size, opts, "")
		return err
	}
	nonce := rand.Text()
	taken, err := s.putObject(ctx, key, r, size, opts, nonce)
	for attempt := 1; errors.Is(err, errVanished) && attempt < s.cfg.MaxAttempts; attempt++ {
		if err := fault.Sleep(ctx, fault.Spread(50*time.Millisecond<<attempt)); err != nil {
			return err
		}
		taken, err = s.putObject(ctx, key, r, size, opts, nonce)
	}
	if err != nil || taken {
		return errors.Join(err, existing(taken))
	}
	if s.conditional.Load() {
		return nil
	}
	// The object is there: the same bytes once more must find it in the way.
	taken, err = s.putObject(ctx, key, r, size, opts, rand.Text())
	if err != nil {
		return fmt.Errorf("find out whether the server honours If-None-Match: %w", err)
	}
	if !taken {
		return fmt.Errorf(
			"%w: this server ignores If-None-Match; conditional_writes = \"head\" looks before it writes, which two writers at once can get past",
			spool.ErrRefused,
		)
	}
	s.conditional.Store(true)
	return nil
}

func existing(exists bool) error {
	if exists {
		return spool.ErrExists
	}
	return nil
}

// nonce reports whether there is an object, and the nonce it was put with.
func (s *Store) nonce(ctx context.Context, key string) (nonce string, exists bool, err error) {
	resp, err := s.client.do(ctx, call{method: http.MethodHead, key: s.prefix + key})
	if err != nil {
		if code := errorCode(err); code == "NotFound" || code == "NoSuchKey" {
			return "", false, nil
		}
		return "", false, err
	}
	if resp.Header.Get("ETag") == "" {
		return "", false, errNoAnswer
	}
	return resp.Header.Get(metaPrefix + putNonce), true, nil
}

// Get opens the object.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, spool.Object, error) {
	if err := spool.CheckKey(s.prefix + key); err != nil {
		return nil, spool.Object{}, err
	}
	resp, err := s.client.do(
		ctx, call{method: http.MethodGet, key: s.prefix + key, stream: true},
	)
	if err != nil {
		return nil, spool.Object{}, s.fail("read", key, err)
	}
	if resp.StatusCode != http.StatusOK { // a part of the object, or nothing, is not the object
		resp.Body.Close()
		return nil, spool.Object{}, s.fail("read", key, fmt.Errorf(
			"the server answers %s to a request for the whole object", resp.Status,
		))
	}
	size, err := s.size(ctx, key, resp.ContentLength)
	if err != nil {
		resp.Body.Close()
		return nil, spool.Object{}, s.fail("read", key, err)
	}
	modified, _ := http.ParseTime(resp.Header.Get("Last-Modified"))
	return spool.Body(resp.Body, size), spool.Object{
		Key: key, Size: size, Modified: modified, Metadata: metadata(resp.Header),
	}, nil
}

// size returns how long an object is, so that a body which ends early is noticed.
func (s *Store) size(ctx context.Context, key string, told int64) (int64, error) {
	if told >= 0 {
		return told, nil
	}
	// Something on the way compresses, or speaks HTTP/1.0.
	head, err := s.client.do(ctx, call{method: http.MethodHead, key: s.prefix + key})
	if err != nil {
		return 0, err
	}
	if head.ContentLength < 0 {
		return 0, errors.New("the server does not tell how long the object is")
	}
	return head.ContentLength, nil
}

// Delete removes the object.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := spool.CheckKey(s.prefix + key); err != nil {
		return err
	}
	_, err := s.client.do(ctx, call{method: http.MethodDelete, key: s.prefix + key})
	if err = s.fail("delete", key, err); errors.Is(err, spool.ErrNotFound) {
		return nil
	}
	return err
}
