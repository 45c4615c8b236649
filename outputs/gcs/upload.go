package gcs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"github.com/penstock/penstock/spool/storehttp"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// upload is an object on its way: data of size bytes, whose checksum is in meta.
type upload struct {
	meta  object
	query url.Values
	data  io.ReaderAt
	size  int64
}

// put uploads in one request, or in several when the object is larger than chunk_size. It holds
// nothing in memory.
func (c *client) put(ctx context.Context, u *upload) error {
	if u.size <= c.cfg.ChunkSize {
		return c.putWhole(ctx, u)
	}
	return c.putChunks(ctx, u)
}

// putWhole sends what GCS is to know of the object, and the object, in one request:
// https://cloud.google.com/storage/docs/uploading-objects#rest-upload-objects
func (c *client) putWhole(ctx context.Context, u *upload) error {
	meta, err := json.Marshal(u.meta)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	parts := multipart.NewWriter(&text)
	part, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type": {"application/json; charset=utf-8"},
	})
	if err != nil {
		return err
	}
	_, _ = part.Write(meta)
	header := textproto.MIMEHeader{}
	if u.meta.ContentType != "" {
		header.Set("Content-Type", u.meta.ContentType)
	}
	if _, err := parts.CreatePart(header); err != nil {
		return err
	}
	before := bytes.Clone(text.Bytes())
	text.Reset()
	if err := parts.Close(); err != nil {
		return err
	}
	after := text.Bytes()
	u.query.Set("uploadType", "multipart")
	var stored object
	_, err = c.do(ctx, call{
		method: http.MethodPost,
		url:    c.uploads(u.query),
		header: http.Header{"Content-Type": {"multipart/related; boundary=" + parts.Boundary()}},
		body: func() *storehttp.Body {
			return storehttp.NewBody(
				int64(len(before)+len(after))+u.size, bytes.NewReader(before),
				io.NewSectionReader(u.data, 0, u.size), bytes.NewReader(after),
			)
		},
		into: &stored,
	})
	if err != nil {
		return err
	}
	return u.check(&stored)
}

// putChunks uploads in chunks of a session that outlives a broken connection:
// https://cloud.google.com/storage/docs/performing-resumable-uploads
// Attempts are counted since the upload last came further than ever before.
func (c *client) putChunks(ctx context.Context, u *upload) error {
	var session string
	var at, furthest int64
	for failures := 0; ; {
		var err error
		if session == "" {
			at = 0
			session, err = c.begin(ctx, u)
			if err != nil {
				return err // begin has made all attempts
			}
		}
		var taken int64
		if taken, err = c.chunk(ctx, u, session, at); err == nil {
			if taken == u.size {
				return nil
			}
			if at = taken; at > furthest {
				furthest, failures = at, 0
			}
			continue
		}
		if code := status(err); code == http.StatusNotFound || code == http.StatusGone {
			session, err = "", fmt.Errorf("upload: the server has forgotten the session: %v", err)
		}
		failures++
		if err := c.pause(ctx, failures, err); err != nil {
			return err
		}
	}
}

var errNoSession = errors.New("the server names no session")

// begin opens a session and returns its URL.
func (c *client) begin(ctx context.Context, u *upload) (string, error) {
	meta, err := json.Marshal(u.meta)
	if err != nil {
		return "", err
	}
	u.query.Set("uploadType", "resumable")
	from := c.uploads(u.query)
	header := http.Header{
		"Content-Type":            {"application/json; charset=utf-8"},
		"X-Upload-Content-Length": {strconv.FormatInt(u.size, 10)},
	}
	if u.meta.ContentType != "" {
		header.Set("X-Upload-Content-Type", u.meta.ContentType)
	}
	got, err := c.do(ctx, call{
		method: http.MethodPost, url: from, header: header,
		body: func() *storehttp.Body { return storehttp.BodyOf(meta) },
	})
	if err != nil {
		return "", err
	}
	session, err := url.Parse(got.Get("Location"))
	if err != nil || got.Get("Location") == "" {
		return "", fmt.Errorf("upload: %w: %q", errNoSession, got.Get("Location"))
	}
	if base, err := url.Parse(from); err == nil {
		session = base.ResolveReference(session)
	}
	if strings.HasPrefix(from, "https:") && session.Scheme != "https" {
		return "", fmt.Errorf("upload: the session of %s is at %s", c.root, session.Redacted())
	}
	return session.String(), nil
}

// chunk sends one chunk and returns how many bytes of the object the server has now. What the
// server has already it passes over, so that a chunk may be sent twice.
func (c *client) chunk(ctx context.Context, u *upload, session string, at int64) (int64, error) {
	length := min(c.cfg.ChunkSize, u.size-at)
	header := http.Header{
		"Content-Range": {fmt.Sprintf("bytes %d-%d/%d", at, at+length-1, u.size)},
	}
	if u.meta.ContentType != "" {
		header.Set("Content-Type", u.meta.ContentType)
	}
	resp, err := c.doOnce(ctx, call{
		method: http.MethodPut, url: session, header: header,
		body: func() *storehttp.Body {
			return storehttp.NewBody(length, io.NewSectionReader(u.data, at, length))
		},
	})
	if err != nil {
		return 0, err
	}
	if resp.StatusCode == http.StatusPermanentRedirect {
		if err := answer(resp, nil); err != nil {
			return 0, err
		}
		return u.taken(resp.Header.Get("Range"), at, at+length)
	}
	var stored object
	if err := answer(resp, &stored); err != nil {
		return 0, err
	}
	return u.size, u.check(&stored)
}

// taken reads how far the server has come; it may have taken less than a whole chunk.
func (u *upload) taken(has string, at, end int64) (int64, error) {
	last, err := strconv.ParseInt(strings.TrimPrefix(has, "bytes=0-"), 10, 64)
	if err != nil || last < at || last >= end {
		return 0, fmt.Errorf("upload: after bytes %d to %d the server has %q", at, end-1, has)
	}
	return last + 1, nil
}

// check compares what the server says that it has stored.
func (u *upload) check(stored *object) error {
	if stored.Name == u.meta.Name && stored.Size == u.size && stored.CRC32C == u.meta.CRC32C {
		return nil
	}
	return fmt.Errorf(
		"upload: of %d bytes with CRC32C %s the server has stored %q, %d bytes with CRC32C %s",
		u.size, u.meta.CRC32C, stored.Name, stored.Size, stored.CRC32C,
	)
}
