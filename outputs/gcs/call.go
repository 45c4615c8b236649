package gcs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/penstock/penstock/spool/storehttp"
)

// client speaks the JSON API of Cloud Storage, version 1:
// https://cloud.google.com/storage/docs/json_api/v1
type client struct {
	cfg  *StoreConfig
	http http.Client
	base *http.Transport
	root string // URL before /storage/v1, without the slash
}

// call is one request, made again as it is after a failure that may pass. All that is asked for
// here may be done twice: puts overwrite or claim, deletes take a missing object for deleted.
type call struct {
	method string
	url    string
	header http.Header
	body   func() *storehttp.Body // nil for none
	into   any                    // where the JSON of the answer goes; nil for nowhere
}

// object is what GCS says of an object, or is told of a new one.
type object struct {
	Name            string            `json:"name,omitempty"`
	Size            int64             `json:"size,string,omitempty"`
	CRC32C          string            `json:"crc32c,omitempty"`
	Updated         time.Time         `json:"updated,omitzero"`
	ContentType     string            `json:"contentType,omitempty"`
	ContentEncoding string            `json:"contentEncoding,omitempty"`
	StorageClass    string            `json:"storageClass,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
}

// objects is the URL of the bucket's objects, or of one of them.
func (c *client) objects(key string, query url.Values) string {
	u := c.root + "/storage/v1/b/" + url.PathEscape(c.cfg.Bucket) + "/o"
	if key != "" {
		u += "/" + url.PathEscape(key)
	}
	return u + "?" + c.billed(query).Encode()
}

func (c *client) uploads(query url.Values) string {
	return c.root + "/upload/storage/v1/b/" + url.PathEscape(c.cfg.Bucket) + "/o?" +
		c.billed(query).Encode()
}

func (c *client) billed(query url.Values) url.Values {
	query.Set("prettyPrint", "false")
	if c.cfg.UserProject != "" {
		query.Set("userProject", c.cfg.UserProject)
	}
	return query
}

// do makes the call until it succeeds, fails for good, or has failed max_attempts times.
func (c *client) do(ctx context.Context, r call) (http.Header, error) {
	for failures := 1; ; failures++ {
		resp, err := c.doOnce(ctx, r)
		if err == nil {
			err = answer(resp, r.into)
		}
		if err == nil {
			return resp.Header, nil
		}
		if err := c.pause(ctx, failures, err); err != nil {
			return nil, err
		}
	}
}

// doOnce makes the call once. An answer that is no success is an error; any other is the caller's
// to read and to close.
func (c *client) doOnce(ctx context.Context, r call) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "penstock")
	if r.body != nil {
		b := r.body()
		// The transport may read on for a moment after it has answered; the caller's data may not.
		defer b.Close()
		if req.ContentLength = b.Length; b.Length > 0 {
			req.Body = b
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusPermanentRedirect {
		return nil, refusal(resp)
	}
	return resp, nil
}

// answer reads an answer to its end and closes it.
func answer(resp *http.Response, into any) error {
	defer resp.Body.Close()
	if into == nil {
		_, err := io.Copy(io.Discard, resp.Body)
		return err
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("answer of %d bytes: %w", len(text), err)
	}
	return nil
}

// pause returns err if there is no use in another attempt, and nil when it is time for one.
func (c *client) pause(ctx context.Context, failures int, err error) error {
	return storehttp.Attempts{Max: c.cfg.MaxAttempts, MayPass: passing}.Next(ctx, failures, err)
}
