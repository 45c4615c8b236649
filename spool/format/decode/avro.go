package decode

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/sr"
)

// avroDecoder reads the Confluent wire format: a zero byte, the schema's id in four bytes, the Avro
// binary encoding.
// https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
type avroDecoder struct {
	client  *sr.Client
	timeout time.Duration

	mu      sync.RWMutex
	schemas map[uint32]*entry
	missing int // among them, at most
}

// entry is what is known of an id: ids are never given to another schema.
type entry struct {
	schema avro.Schema
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

func newAvro(r *Registry) (*avroDecoder, error) {
	opts := []sr.ClientOpt{sr.URLs(r.URLs...), sr.UserAgent("penstock")}
	if r.Username != "" {
		opts = append(opts, sr.BasicAuth(r.Username, r.Password))
	}
	if r.Token != "" {
		opts = append(opts, sr.BearerToken(r.Token))
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
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
	opts = append(
		opts, sr.HTTPClient(&http.Client{Timeout: 5 * time.Second, Transport: short{transport}}),
	)
	client, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return &avroDecoder{client: client, timeout: r.Timeout, schemas: map[uint32]*entry{}}, nil
}

// Fingerprint implements Decoder. The registry's address does not matter: an id is one schema.
func (*avroDecoder) Fingerprint() string { return "avro" }

func (d *avroDecoder) AppendJSON(dst, value []byte) ([]byte, error) {
	if len(value) < 5 || value[0] != 0 {
		return dst, errors.New("avro: not in the wire format of a schema registry")
	}
	schema, err := d.schema(binary.BigEndian.Uint32(value[1:]))
	if err != nil {
		return dst, err
	}
	out, rest, err := AppendAvro(dst, value[5:], schema)
	if err != nil {
		return dst, err
	}
	if len(rest) > 0 {
		return dst, fmt.Errorf("avro: %d bytes after the end", len(rest))
	}
	return out, nil
}

func (d *avroDecoder) schema(id uint32) (avro.Schema, error) {
	d.mu.RLock()
	e := d.schemas[id]
	d.mu.RUnlock()
	if e == nil || e.err != nil && time.Now().After(e.until) {
		e = d.fetch(id)
	}
	return e.schema, e.err
}

func (d *avroDecoder) fetch(id uint32) *entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.schemas[id]; e != nil && (e.err == nil || time.Now().Before(e.until)) {
		return e // another was faster
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	e := &entry{}
	s, err := d.client.SchemaByID(ctx, int(id))
	var answer *sr.ResponseError
	switch {
	case errors.As(err, &answer) && answer.ErrorCode == 40403:
		e.err = fmt.Errorf("avro: the registry has no schema %d", id)
	case err != nil:
		e.err = fmt.Errorf("%w: schema %d: %w", ErrUnavailable, id, err)
	case s.Type != sr.TypeAvro:
		e.err = fmt.Errorf("avro: schema %d is of type %v", id, s.Type)
	case len(s.References) > 0:
		e.schema, e.err = d.withReferences(ctx, s)
	default:
		e.schema, e.err = parse(id, s.Schema, nil)
	}
	if e.err != nil {
		e.until = time.Now().Add(missTime)
		d.forget()
	}
	d.schemas[id] = e
	return e
}

// maxMissing bounds how many ids are remembered that are no schemas: a value says any id.
const maxMissing = 1000

// forget makes room for an id that is no schema.
func (d *avroDecoder) forget() {
	if d.missing++; d.missing <= maxMissing {
		return
	}
	for id, e := range d.schemas {
		if e.err != nil {
			delete(d.schemas, id)
		}
	}
	d.missing = 1
}

// withReferences reads the schemas that s names before s itself.
func (d *avroDecoder) withReferences(ctx context.Context, s sr.Schema) (avro.Schema, error) {
	cache := &avro.SchemaCache{}
	var resolve func(refs []sr.SchemaReference, depth int) error
	resolve = func(refs []sr.SchemaReference, depth int) error {
		if depth > 16 {
			return errors.New("avro: references nested too deeply")
		}
		for _, r := range refs {
			sub, err := d.client.SchemaByVersion(ctx, r.Subject, r.Version)
			if err != nil {
				return fmt.Errorf("%w: reference %s: %w", ErrUnavailable, r.Name, err)
			}
			if err := resolve(sub.References, depth+1); err != nil {
				return err
			}
			if _, err := parse(0, sub.Schema.Schema, cache); err != nil {
				return err
			}
		}
		return nil
	}
	if err := resolve(s.References, 0); err != nil {
		return nil, err
	}
	return parse(0, s.Schema, cache)
}

func parse(id uint32, text string, cache *avro.SchemaCache) (avro.Schema, error) {
	if cache == nil {
		cache = &avro.SchemaCache{} // two schemas may give one name to different records
	}
	schema, err := avro.ParseWithCache(text, "", cache)
	if err != nil {
		return nil, fmt.Errorf("avro: schema %d: %w", id, err)
	}
	return schema, nil
}
