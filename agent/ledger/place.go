package ledger

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/penstock/penstock/spool"
)

// Place is where pages are kept: one for each key.
type Place interface {
	// Put keeps a page, in place of what is there of an earlier time.
	Put(ctx context.Context, key string, data []byte, at time.Time) error
	// Remove removes pages whose keys begin so, if that is not done by others.
	Remove(ctx context.Context, keys string) error
	// Pages returns those of the hours from first to last. One that cannot be read is told to bad,
	// and left out.
	Pages(
		ctx context.Context, prefix string, first, last time.Time,
		bad func(key string, err error),
	) ([]*Page, error)
}

// Objects keeps pages in a store.
type Objects struct{ Store spool.Store }

// Put implements Place.
func (o Objects) Put(ctx context.Context, key string, data []byte, _ time.Time) error {
	opts := spool.PutOptions{ContentType: "application/gzip"}
	return o.Store.Put(ctx, key, bytes.NewReader(data), int64(len(data)), opts)
}

// Remove implements Place.
func (o Objects) Remove(ctx context.Context, keys string) error {
	for obj, err := range o.Store.List(ctx, keys) {
		if err == nil && strings.HasPrefix(obj.Key, keys) {
			err = o.Store.Delete(ctx, obj.Key)
		}
		if err != nil && !errors.Is(err, spool.ErrNotFound) {
			return err
		}
	}
	return nil
}

// Pages implements Place.
func (o Objects) Pages(
	ctx context.Context, prefix string, first, last time.Time, bad func(key string, err error),
) ([]*Page, error) {
	var pages []*Page
	for hour := first; !hour.After(last); hour = hour.Add(time.Hour) {
		for obj, err := range o.Store.List(ctx, hourPrefix(prefix, hour)) {
			if err != nil {
				return nil, err
			}
			if !strings.HasSuffix(obj.Key, ".json.gz") {
				continue
			}
			page, err := o.get(ctx, obj.Key)
			if err != nil {
				if ctx.Err() != nil {
					return nil, err
				}
				bad(obj.Key, err)
				continue
			}
			pages = append(pages, page)
		}
	}
	return pages, nil
}

func (o Objects) get(ctx context.Context, key string) (*Page, error) {
	r, _, err := o.Store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return decode(r)
}
