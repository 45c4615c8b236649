package decode

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/penstock/penstock/spool/storehttp"
)

// client asks a registry. For Confluent's API that is the library's; Apicurio's own is asked in
// apicurio.go.
type client struct {
	confluent *sr.Client
	http      *http.Client
	cfg       *Registry
}

// catalogue is what is known of schemas: an id is never given to another one.
type catalogue[T any] struct {
	load    func(ctx context.Context, id schemaID) (T, error)
	timeout time.Duration

	mu      sync.RWMutex
	schemas map[schemaID]*entry[T]
	missing int // among them, at most
}

type entry[T any] struct {
	schema T
	err    error     // why not
	until  time.Time // of err: it is asked again afterwards
}

// missTime is how long the registry is not asked again for an id it does not know, or while it does
// not answer.
const missTime = 5 * time.Second

// maxAnswer bounds an answer of the registry: the library reads it whole.
const maxAnswer = 4 << 20

// short is a transport whose answers end with an error when they are too long.
type short struct{ http.RoundTripper }

func (s short) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := s.RoundTripper.RoundTrip(req)
	if err == nil {
		res.Body = &shortBody{res.Body, maxAnswer}
	}
	return res, err
}

type shortBody struct {
	io.ReadCloser
	left int
}

func (b *shortBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func newClient(r *Registry) (*client, error) {
	opts := []sr.ClientOpt{sr.URLs(r.URLs...), sr.UserAgent("penstock")}
	if r.Username != "" {
		opts = append(opts, sr.BasicAuth(r.Username, r.Password))
	}
	if r.Token != "" {
		opts = append(opts, sr.BearerToken(r.Token))
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.HTTP2 = storehttp.Pings()
	if r.CAFile != "" {
		pem, err := os.ReadFile(r.CAFile)
		if err != nil {
			return nil, fmt.Errorf("registry.ca_file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("registry.ca_file: no certificate in %s", r.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	h := &http.Client{Timeout: 5 * time.Second, Transport: short{transport}}
	confluent, err := sr.NewClient(append(opts, sr.HTTPClient(h))...)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return &client{confluent: confluent, http: h, cfg: r}, nil
}

// apicurioPath is where a schema is.
func apicurioPath(id schemaID) string {
	if id.kind == contentID {
		return "/ids/contentIds/" + strconv.FormatUint(id.id, 10)
	}
	return "/ids/globalIds/" + strconv.FormatUint(id.id, 10)
}

// ask returns what is at the first path that the registry knows.
func (c *client) ask(ctx context.Context, id schemaID, paths ...string) (string, error) {
	var errs []error
bases:
	for _, base := range c.cfg.URLs {
		for i, path := range paths {
			another := i < len(paths)-1
			text, known, err := c.get(ctx, strings.TrimSuffix(base, "/")+path, another)
			switch {
			case err != nil:
				errs = append(errs, err)
				continue bases
			case known:
				return text, nil
			}
		}
		return "", fmt.Errorf("the registry has no schema %v", id)
	}
	return "", fmt.Errorf("%w: schema %v: %w", ErrUnavailable, id, errors.Join(errs...))
}

// send asks for a URL with the registry's credentials.
func (c *client) send(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "penstock")
	if c.cfg.Username != "" {
		req.SetBasicAuth(c.cfg.Username, c.cfg.Password)
	}
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	return c.http.Do(req)
}

// get asks for a URL. Of a path that is not of each version of the API, the registry may not know
// anything.
func (c *client) get(
	ctx context.Context, url string, ofSome bool,
) (text string, known bool, err error) {
	res, err := c.send(ctx, url)
	if err != nil {
		return "", false, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return "", false, err
	case res.StatusCode == http.StatusNotFound && (ofSome || noSchema(body)),
		res.StatusCode == http.StatusMethodNotAllowed && ofSome:
		return "", false, nil
	case res.StatusCode != http.StatusOK:
		return "", false, fmt.Errorf("%s answers %s", url, res.Status)
	}
	return string(body), true, nil
}

// noSchema reports whether an answer of Apicurio's says that there is no such schema, rather than
// no such API, as where the URL is wrong.
func noSchema(answer []byte) bool {
	var of struct {
		Name string `json:"name"` // of an exception
	}
	return json.Unmarshal(answer, &of) == nil &&
		strings.HasSuffix(of.Name, "NotFoundException") && of.Name != "NotFoundException"
}

// possible reports whether an id can be one: the registries' are signed numbers.
func (id schemaID) possible() bool {
	if id.kind == confluentID {
		return id.id <= math.MaxInt32
	}
	return id.id <= math.MaxInt64
}

// refused reports whether the registry says that it has no such subject, version or schema, for
// good. Where the URL is wrong the code is that of HTTP.
func refused(err error) bool {
	var answer *sr.ResponseError
	return errors.As(err, &answer) && answer.ErrorCode >= 40401 && answer.ErrorCode <= 40403
}

func newCatalogue[T any](
	timeout time.Duration, load func(context.Context, schemaID) (T, error),
) *catalogue[T] {
	return &catalogue[T]{load: load, timeout: timeout, schemas: map[schemaID]*entry[T]{}}
}

// schema returns the schema of id, which is asked for once.
func (c *catalogue[T]) schema(id schemaID) (T, error) {
	c.mu.RLock()
	e := c.schemas[id]
	c.mu.RUnlock()
	if e == nil || e.err != nil && time.Now().After(e.until) {
		e = c.fetch(id)
	}
	return e.schema, e.err
}

func (c *catalogue[T]) fetch(id schemaID) *entry[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.schemas[id]; e != nil && (e.err == nil || time.Now().Before(e.until)) {
		return e // another was faster
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	e := &entry[T]{}
	if !id.possible() {
		e.err = fmt.Errorf("the registry has no schema %v", id)
	} else {
		e.schema, e.err = c.load(ctx, id)
	}
	if e.err != nil {
		e.until = time.Now().Add(missTime)
		c.forget()
	}
	c.schemas[id] = e
	return e
}

// maxMissing bounds how many ids are remembered that are no schemas: a value says any id.
const maxMissing = 1000

// forget makes room for an id that is no schema.
func (c *catalogue[T]) forget() {
	if c.missing++; c.missing <= maxMissing {
		return
	}
	for id, e := range c.schemas {
		if e.err != nil {
			delete(c.schemas, id)
		}
	}
	c.missing = 1
}
