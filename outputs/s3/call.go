package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"
	"github.com/penstock/penstock/spool/storehttp"
)

// call is one request, which is made again when its failure may pass.
type call struct {
	method string
	key    string // with the prefix; empty for the bucket itself
	query  url.Values
	header http.Header
	body   *io.SectionReader // nil for none; each attempt reads it from its beginning
	into   any               // where the XML of the answer goes; nil for nowhere
	stream bool              // the answer is left to be read
	to     *place            // where the server has sent this attempt; nil for where the bucket is
}

const (
	unsignedPayload = "UNSIGNED-PAYLOAD"
	// A larger body is announced, so that a server which refuses it says so before it is sent.
	announced = 2 << 20
	// maxAnswer is more than a page of the longest keys takes.
	maxAnswer = 16 << 20
	// A request is sent on so often, then it is refused.
	maxRedirects = 5
	// An answer to HEAD does not say why it is a refusal; a clock that is this far off is why.
	wrongClock = 5 * time.Minute
)

// do makes the call until it succeeds, fails for good, or has failed max_attempts times. The answer
// has been read and is closed, unless it was to be left.
func (c *client) do(ctx context.Context, r call) (*http.Response, error) {
	attempts := storehttp.Attempts{Max: c.cfg.MaxAttempts, MayPass: passing}
	hash, err := c.payloadHash(r.body)
	if err != nil {
		return nil, err
	}
	redirects := 0
	for failures := 1; ; failures++ {
		resp, err := c.doOnce(ctx, r, hash)
		if to := c.redirected(r, err); to != nil && redirects < maxRedirects {
			r.to = to
			redirects++
			failures--
			continue
		}
		r.to = nil // the next attempt asks where the bucket is again
		if err == nil && !r.stream {
			err = answer(resp, r.into)
		}
		if err == nil {
			return resp, nil
		}
		c.noteSkew(err)
		if err := attempts.Next(ctx, failures, err); err != nil {
			return nil, err
		}
	}
}

// payloadHash is what is signed of a body. Where TLS protects it, it is left out of the signature:
// one pass over the file less.
func (c *client) payloadHash(body *io.SectionReader) (string, error) {
	if body != nil && c.bucket.url.Scheme == "https" {
		return unsignedPayload, nil
	}
	h := sha256.New()
	if body != nil {
		if _, err := io.Copy(h, io.NewSectionReader(body, 0, body.Size())); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// doOnce makes the call once. An answer that is no success is an error.
func (c *client) doOnce(ctx context.Context, r call, hash string) (*http.Response, error) {
	req, err := c.request(ctx, r)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		var bodies []*storehttp.Body
		defer func() { // the caller's data may not be read after this
			for _, b := range bodies {
				b.Close()
			}
		}()
		body := func() *storehttp.Body {
			b := storehttp.NewBody(r.body.Size(), io.NewSectionReader(r.body, 0, r.body.Size()))
			bodies = append(bodies, b)
			return b
		}
		b := body()
		if req.ContentLength = b.Length; b.Length > 0 {
			req.Body = b
			// The transport asks for another where a connection was closed before it was used.
			req.GetBody = func() (io.ReadCloser, error) { return body(), nil }
		}
		if b.Length >= announced {
			req.Header.Set("Expect", "100-continue")
		}
	}
	where := &c.bucket
	if r.to != nil {
		where = r.to
	}
	if err := c.sign(ctx, req, hash, where); err != nil {
		return nil, err
	}
	// Not signed: what stands between may change it.
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		return nil, refusal(resp)
	}
	return resp, nil
}

// request is the call as HTTP, without its body and signature.
func (c *client) request(ctx context.Context, r call) (*http.Request, error) {
	u := c.bucket.url
	if r.key != "" {
		escaped := strings.TrimSuffix(u.EscapedPath(), "/") + "/" +
			httpbinding.EscapePath(r.key, false)
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/")+"/"+r.key, escaped
	} else if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = r.query.Encode()
	if r.to != nil {
		u = r.to.url
	}
	req, err := http.NewRequestWithContext(ctx, r.method, "", nil)
	if err != nil {
		return nil, err
	}
	req.URL, req.Host = &u, u.Host
	for _, from := range []http.Header{c.bucket.header, r.header} {
		for k, v := range from {
			req.Header[http.CanonicalHeaderKey(k)] = v
		}
	}
	req.Header.Set("User-Agent", "penstock")
	if c.cfg.ExpectedBucketOwner != "" {
		req.Header.Set("X-Amz-Expected-Bucket-Owner", c.cfg.ExpectedBucketOwner)
	}
	return req, nil
}

// errCredentials tells that there were none, which no other attempt at the request changes: who
// gives them out has been asked again by then.
var errCredentials = errors.New("credentials")

func (c *client) sign(
	ctx context.Context, req *http.Request, hash string, where *place,
) error {
	req.Header.Set("X-Amz-Content-Sha256", hash)
	if c.creds == nil {
		return nil
	}
	creds, err := c.creds.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errCredentials, err)
	}
	now := time.Now().Add(time.Duration(c.skew.Load()))
	return c.signer.SignHTTP(
		ctx, aws.Credentials(creds), req, hash, where.service, where.region, now,
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true },
	)
}

// noteSkew takes the server's word for the time once it refuses ours.
func (c *client) noteSkew(err error) {
	var api *apiError
	if !errors.As(err, &api) {
		return
	}
	there, err := http.ParseTime(api.header.Get("Date"))
	if err != nil {
		return
	}
	skew := time.Until(there)
	if !clockRefused(api.code) {
		off := (skew - time.Duration(c.skew.Load())).Abs()
		if c.creds == nil || api.code != "Forbidden" || off < wrongClock {
			return
		}
		api.code = "RequestTimeTooSkewed"
	}
	c.skew.Store(int64(skew))
}

// answer reads an answer to its end and closes it. One that is empty leaves into as it is; one that
// says 200 and holds an error, as the end of a multipart upload can, is that error.
func answer(resp *http.Response, into any) error {
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return err
	}
	if len(text) > maxAnswer {
		return fmt.Errorf("an answer of over %d bytes", maxAnswer)
	}
	if into == nil || len(strings.TrimSpace(string(text))) == 0 {
		return nil
	}
	if e := parseError(text); e != nil {
		e.status, e.header = http.StatusInternalServerError, resp.Header
		return e
	}
	if err := xml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("answer of %d bytes: %w", len(text), err)
	}
	return nil
}
