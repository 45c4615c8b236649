package gcs

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// download is an object being read. A connection that breaks is made again where it broke, for the
// same generation of the object; the checksum of the whole is compared at the end.
type download struct {
	c          *client
	ctx        context.Context
	key        string
	generation string
	body       io.ReadCloser
	size, at   int64
	sum        hash.Hash32
	want       uint32
	check      bool

	failures int
	failedAt int64 // where at was at the last of failures
}

// calm is how much has to be read for earlier failures to be forgotten.
const calm = 1 << 20

func (c *client) get(ctx context.Context, key string) (*download, http.Header, error) {
	d := &download{c: c, ctx: ctx, key: key, sum: crc32.New(castagnoli)}
	var resp *http.Response
	for d.failures = 1; ; d.failures++ {
		var err error
		if resp, err = d.request(); err == nil {
			break
		}
		if err := c.pause(ctx, d.failures, err); err != nil {
			return nil, nil, err
		}
	}
	d.failures, d.body, d.size = 0, resp.Body, resp.ContentLength
	d.generation = resp.Header.Get("X-Goog-Generation")
	stored := resp.Header.Get("X-Goog-Stored-Content-Length")
	if n, err := strconv.ParseInt(stored, 10, 64); err == nil {
		d.size = n
	}
	d.want, d.check = crcOf(resp.Header)
	return d, resp.Header, nil
}

// request asks for the object from where reading has come to. It is asked for as it is stored:
// without the header GCS would decompress what has the content encoding gzip.
func (d *download) request() (*http.Response, error) {
	query := url.Values{"alt": {"media"}}
	r := call{method: http.MethodGet, header: http.Header{"Accept-Encoding": {"gzip"}}}
	if d.at > 0 {
		r.header.Set("Range", fmt.Sprintf("bytes=%d-", d.at))
		query.Set("generation", d.generation)
	}
	r.url = d.c.objects(d.key, query)
	resp, err := d.c.doOnce(d.ctx, r)
	if err != nil {
		return nil, err
	}
	if d.at > 0 && resp.StatusCode != http.StatusPartialContent {
		resp.Body.Close()
		return nil, fmt.Errorf("asked for bytes from %d, the server answers %s", d.at, resp.Status)
	}
	return resp, nil
}

func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.body.Read(p)
		d.at += int64(n)
		_, _ = d.sum.Write(p[:n])
		if d.at > d.failedAt+calm {
			d.failures, d.failedAt = 0, d.at
		}
		if err == io.EOF && (d.at == d.size || d.size < 0) {
			if d.check && d.sum.Sum32() != d.want {
				return n, fmt.Errorf(
					"damaged on the way: CRC32C is %08x, not %08x", d.sum.Sum32(), d.want,
				)
			}
			return n, io.EOF
		}
		if n > 0 || err == nil {
			return n, nil // an error comes again with the next read
		}
		if err := d.resume(err); err != nil {
			return 0, err
		}
	}
}

// resume goes on after err.
func (d *download) resume(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if d.generation == "" || d.size < 0 || d.at == 0 || d.at >= d.size {
		return err
	}
	for {
		d.failures++
		d.failedAt = d.at
		if err := d.c.pause(d.ctx, d.failures, err); err != nil {
			return err
		}
		var resp *http.Response
		if resp, err = d.request(); err == nil {
			d.body.Close()
			d.body = resp.Body
			return nil
		}
	}
}

func (d *download) Close() error { return d.body.Close() }

// crcOf finds the checksum among the hashes of an answer.
func crcOf(h http.Header) (uint32, bool) {
	for _, line := range h.Values("X-Goog-Hash") {
		for item := range strings.SplitSeq(line, ",") {
			value, ok := strings.CutPrefix(strings.TrimSpace(item), "crc32c=")
			if !ok {
				continue
			}
			if b, err := base64.StdEncoding.DecodeString(value); err == nil && len(b) == 4 {
				return binary.BigEndian.Uint32(b), true
			}
		}
	}
	return 0, false
}
