package s3

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/penstock/penstock/spool"
)

// listing is a page of names.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
type listing struct {
	Name                  *string
	KeyCount              *int
	IsTruncated           *bool
	NextContinuationToken string
	Contents              []struct {
		Key          string
		Size         int64
		LastModified time.Time
	}
}

// page reads the page that token names, the first if it is empty.
func (s *Store) page(ctx context.Context, prefix, token string) (*listing, error) {
	query := url.Values{"list-type": {"2"}, "prefix": {prefix}}
	if token != "" {
		query.Set("continuation-token", token)
	}
	page := &listing{}
	_, err := s.client.do(ctx, call{method: http.MethodGet, query: query, into: page})
	switch {
	case err != nil:
		return nil, err
	case page.Name == nil && page.IsTruncated == nil && page.KeyCount == nil:
		return nil, errNoAnswer
	case !page.more():
		page.NextContinuationToken = ""
	case page.NextContinuationToken == "" || page.NextContinuationToken == token:
		return nil, errors.New("the server says that there are more keys, and not how to ask for them")
	}
	return page, nil
}

func (p *listing) more() bool { return p.IsTruncated != nil && *p.IsTruncated }

// List pages through the bucket, 1,000 keys per request.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[spool.Object, error] {
	return func(yield func(spool.Object, error) bool) {
		names, token := spool.Listed{Prefix: s.prefix}, ""
		for {
			page, err := s.page(ctx, s.prefix+prefix, token)
			if err != nil {
				yield(spool.Object{}, s.fail("list", prefix, err))
				return
			}
			for _, o := range page.Contents {
				key, ok, err := names.Key(o.Key)
				if err != nil {
					yield(spool.Object{}, s.fail("list", prefix, err))
					return
				}
				if !ok {
					continue
				}
				if !yield(
					spool.Object{Key: key, Size: o.Size, Modified: o.LastModified}, nil,
				) {
					return
				}
			}
			if token = page.NextContinuationToken; token == "" {
				return
			}
		}
	}
}
