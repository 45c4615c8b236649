package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/spool"
)

// Store is a spool.Store over a bucket.
type Store struct {
	cfg    StoreConfig
	prefix string
	tags   *string
	client *s3.Client

	conditional atomic.Bool // the server is known to honour If-None-Match
}

var _ spool.Store = (*Store)(nil)

// NewStore returns a store. It reads the AWS configuration files and opens no connection.
func NewStore(cfg StoreConfig) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	client, err := newClient(&cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, prefix: spool.JoinPrefix(cfg.Prefix), client: client}
	if len(cfg.Tags) > 0 {
		v := url.Values{}
		for key, value := range cfg.Tags {
			v.Set(key, value)
		}
		s.tags = aws.String(v.Encode())
	}
	s.conditional.Store(
		cfg.ConditionalWrites == "header" || cfg.ConditionalWrites == "auto" && cfg.Endpoint == "",
	)
	return s, nil
}

// Close closes idle connections.
func (s *Store) Close() error {
	if c, ok := s.client.Options().HTTPClient.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
	return nil
}

// errVanished tells that what stood in the way of a conditional write is not there: it was deleted
// meanwhile, or another write is not visible yet.
var errVanished = errors.New("the key was taken a moment ago")

// errNoAnswer tells that the server said 200 and nothing else, which the client library takes for
// an answer in which everything is empty.
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
	in := &s3.PutObjectInput{
		Bucket:        &s.cfg.Bucket,
		Key:           aws.String(s.prefix + key),
		Body:          io.NewSectionReader(r, 0, size),
		ContentLength: &size,
		ContentType: optional(
			opts.ContentType,
		),
		ContentEncoding: optional(opts.ContentEncoding),
		Metadata:        opts.Metadata,
		ACL: types.ObjectCannedACL(
			s.cfg.ACL,
		),
		StorageClass:        types.StorageClass(s.cfg.StorageClass),
		Tagging:             s.tags,
		ExpectedBucketOwner: optional(s.cfg.ExpectedBucketOwner),
	}
	sum, err := s.checksum(r, 0, size)
	if err != nil {
		return false, err
	}
	in.ChecksumCRC32C, in.ContentMD5 = sum.crc32c, sum.md5
	if e := s.cfg.Encryption; e != nil {
		in.ServerSideEncryption = types.ServerSideEncryption(e.Type)
		in.SSEKMSKeyId, in.SSEKMSEncryptionContext = optional(e.KMSKeyID), e.context()
		if e.BucketKey {
			in.BucketKeyEnabled = aws.Bool(true)
		}
	}
	if nonce != "" {
		in.IfNoneMatch = aws.String("*")
		in.Metadata = map[string]string{putNonce: nonce}
		for k, v := range opts.Metadata {
			in.Metadata[k] = v
		}
	}
	out, err := s.client.PutObject(ctx, in, s.unsigned)
	if err == nil && out.ETag == nil {
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
		if err := fault.Sleep(ctx, 50*time.Millisecond<<attempt); err != nil {
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
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket:              &s.cfg.Bucket,
		Key:                 aws.String(s.prefix + key),
		ExpectedBucketOwner: optional(s.cfg.ExpectedBucketOwner),
	})
	if err != nil {
		if code := errorCode(err); code == "NotFound" || code == "NoSuchKey" {
			return "", false, nil
		}
		return "", false, err
	}
	if out.ETag == nil {
		return "", false, errNoAnswer
	}
	return out.Metadata[putNonce], true, nil
}

// Get opens the object.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, spool.Object, error) {
	if err := spool.CheckKey(s.prefix + key); err != nil {
		return nil, spool.Object{}, err
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket:              &s.cfg.Bucket,
		Key:                 aws.String(s.prefix + key),
		ExpectedBucketOwner: optional(s.cfg.ExpectedBucketOwner),
	})
	if err != nil {
		return nil, spool.Object{}, s.fail("read", key, err)
	}
	delete(out.Metadata, putNonce)
	size, err := s.size(ctx, key, out)
	if err != nil {
		out.Body.Close()
		return nil, spool.Object{}, s.fail("read", key, err)
	}
	return spool.Body(out.Body, size), spool.Object{
		Key: key, Size: size, Modified: aws.ToTime(out.LastModified), Metadata: out.Metadata,
	}, nil
}

// size returns how long an object is, so that a body which ends early is noticed.
func (s *Store) size(ctx context.Context, key string, got *s3.GetObjectOutput) (int64, error) {
	if got.ContentLength != nil {
		return *got.ContentLength, nil
	}
	// Something on the way compresses, or speaks HTTP/1.0.
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket:              &s.cfg.Bucket,
		Key:                 aws.String(s.prefix + key),
		ExpectedBucketOwner: optional(s.cfg.ExpectedBucketOwner),
	})
	if err != nil {
		return 0, err
	}
	if head.ContentLength == nil {
		return 0, errors.New("the server does not tell how long the object is")
	}
	return *head.ContentLength, nil
}

// List pages through the bucket, 1,000 keys per request. Empty objects whose names end with a
// slash, which consoles make to show a folder, are left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[spool.Object, error] {
	return func(yield func(spool.Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
			Bucket:              &s.cfg.Bucket,
			Prefix:              aws.String(s.prefix + prefix),
			ExpectedBucketOwner: optional(s.cfg.ExpectedBucketOwner),
		})
		last := ""
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err == nil && page.Name == nil && page.IsTruncated == nil && page.KeyCount == nil {
				err = errNoAnswer
			}
			if err != nil {
				yield(spool.Object{}, s.fail("list", prefix, err))
				return
			}
			for _, o := range page.Contents {
				key := strings.TrimPrefix(aws.ToString(o.Key), s.prefix)
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
								"%w: the server lists %q after %q: not in the order of keys (directory buckets do that)",
								spool.ErrRefused, key, last,
							),
						),
					)
					return
				}
				last = key
				if !yield(
					spool.Object{
						Key:      key,
						Size:     aws.ToInt64(o.Size),
						Modified: aws.ToTime(o.LastModified),
					},
					nil,
				) {
					return
				}
			}
		}
	}
}

// Delete removes the object.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := spool.CheckKey(s.prefix + key); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{
		Bucket:              &s.cfg.Bucket,
		Key:                 aws.String(s.prefix + key),
		ExpectedBucketOwner: optional(s.cfg.ExpectedBucketOwner),
	})
	if err = s.fail("delete", key, err); errors.Is(err, spool.ErrNotFound) {
		return nil
	}
	return err
}

// unsigned leaves the payload out of the signature where TLS protects it: one pass over the file
// less.
func (s *Store) unsigned(o *s3.Options) {
	if o.BaseEndpoint == nil || strings.HasPrefix(*o.BaseEndpoint, "https:") {
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
