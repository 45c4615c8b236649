package http

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/network/wire"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/httpsend"
)

// Config of the output.
type Config struct {
	URL         string            `hcl:"url" doc:"Where to send, as in https://logs.example.org/ingest."`
	Method      string            `hcl:"method,optional" oneof:"POST|PUT" doc:"Method of the requests."`
	Format      string            `hcl:"format,optional" oneof:"ndjson|json|lines" doc:"Body: one JSON text per line, one JSON array, or the values as they are with a newline after each."`
	Envelope    bool              `hcl:"envelope,optional" doc:"With ndjson and json: send {\"time\":, \"tag\":, \"key\":, \"headers\":{}, \"value\":} for each record instead of the value alone."`
	ContentType string            `hcl:"content_type,optional" doc:"Content-Type instead of the one of the format."`
	Headers     map[string]string `hcl:"headers,optional" secret:"true" doc:"Further headers of the requests."`
	Compression string            `hcl:"compression,optional" oneof:"none|gzip|zstd" doc:"Compression of the bodies."`
	Timeout     time.Duration     `hcl:"timeout,optional" doc:"Time for one request; then it is made again."`
	RefusedOn   []string          `hcl:"refused_on,optional" doc:"Statuses that refuse the contents for good: they go to the dead letter. After all others it is tried again."`
	Token       string            `hcl:"token,optional" secret:"true" doc:"Bearer token."`
	User        string            `hcl:"user,optional" doc:"User for basic authentication."`
	Password    string            `hcl:"password,optional" secret:"true" doc:"Password of the user."`
	TLS         *tlsconf.Client   `hcl:"tls,block" doc:"TLS beyond the system's defaults."`
}

// Default returns the presets.
func Default() Config {
	return Config{
		Method:      http.MethodPost,
		Format:      "ndjson",
		Compression: "gzip",
		Timeout:     time.Minute,
		RefusedOn:   []string{"400", "413", "422"},
	}
}

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := httpsend.CheckURL(c.URL); err != nil {
		bad("url: %w", err)
	}
	if c.Method != http.MethodPost && c.Method != http.MethodPut {
		bad("method: must be POST or PUT")
	}
	if !slices.Contains([]string{"ndjson", "json", "lines"}, c.Format) {
		bad("format: must be ndjson, json or lines")
	}
	if c.Envelope && c.Format == "lines" {
		bad("envelope: has no place in lines; use ndjson or json")
	}
	if !slices.Contains([]string{"none", "gzip", "zstd"}, c.Compression) {
		bad("compression: must be none, gzip or zstd")
	}
	if c.Timeout <= 0 {
		bad("timeout: must be more than 0s")
	}
	for _, s := range c.RefusedOn {
		if n, err := strconv.Atoi(s); err != nil || n < 400 || n > 499 {
			bad("refused_on: %q is not a status from 400 to 499", s)
		}
	}
	if c.Token != "" && c.User != "" {
		bad("token: use either token or user")
	}
	if c.TLS != nil {
		if err := c.TLS.Validate(); err != nil {
			bad("tls.%w", err)
		}
	}
	return errors.Join(errs...)
}

// HTTP is the output. It implements outputs.Writer. Make one with New.
type HTTP struct {
	cfg         Config
	sender      *httpsend.Sender
	contentType string
}

// New returns the output; nothing is connected yet.
func New(cfg Config, env outputs.Env) (*HTTP, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	sender, err := httpsend.New(httpsend.Options{
		URLs: []string{
			cfg.URL,
		},
		Timeout:     cfg.Timeout,
		Compression: cfg.Compression,
		Headers:     cfg.Headers,
		User:        cfg.User,
		Password:    cfg.Password,
		Token:       cfg.Token,
		Scheme:      "Bearer",
		TLS:         cfg.TLS,
		MaxAnswer:   4 << 10,
	}, env.Log)
	if err != nil {
		return nil, err
	}
	h := &HTTP{cfg: cfg, sender: sender, contentType: cfg.ContentType}
	if h.contentType == "" {
		h.contentType = map[string]string{"ndjson": "application/x-ndjson", "json": "application/json", "lines": "text/plain"}[cfg.Format]
	}
	return h, nil
}

// Write implements outputs.Writer.
func (h *HTTP) Write(ctx context.Context, b *record.Batch) error {
	recs, err := b.Records()
	if err != nil {
		return err
	}
	parts := make([][]byte, 0, b.Len())
	for r := range recs {
		parts = append(parts, h.encode(b, r))
	}
	d := delivery{}
	h.send(ctx, parts, 0, &d)
	return d.outcome(len(parts))
}

// delivery is what has become of a batch so far.
type delivery struct {
	refused []outputs.RecordError
	// why nothing more was sent; then all from the record at stopped on is to be tried again
	err     error
	stopped int
}

func (d *delivery) outcome(n int) error {
	if d.err != nil && d.stopped == 0 {
		return d.err
	}
	if d.err != nil {
		for i := d.stopped; i < n; i++ {
			d.refused = append(d.refused, outputs.RecordError{Index: i, Err: d.err})
		}
	}
	if len(d.refused) == 0 {
		return nil
	}
	return &outputs.PartialError{Records: d.refused}
}

// send delivers parts, whose first is the record of index at, and reports whether to go on.
func (h *HTTP) send(ctx context.Context, parts [][]byte, at int, d *delivery) bool {
	a, err := h.sender.Do(ctx, h.cfg.Method, "", h.contentType, h.body(parts))
	switch {
	case err == nil && !a.OK():
		err = a.Err()
	case err == nil && isPage(a.Body):
		err = fmt.Errorf("%w: a page for people, as of a proxy or a login; see that the URL is "+
			"that of the collector, and what lies before it", a.Err())
	}
	switch {
	case err == nil:
		return true
	case a == nil || !slices.Contains(h.cfg.RefusedOn, strconv.Itoa(a.Status)):
		d.err, d.stopped = err, at
		return false
	case len(parts) == 1:
		d.refused = append(d.refused, outputs.RecordError{Index: at, Err: outputs.Permanent(err)})
		return true
	}
	half := len(parts) / 2
	return h.send(ctx, parts[:half], at, d) && h.send(ctx, parts[half:], at+half, d)
}

// isPage reports whether an answer is a page of HTML. Whoever takes records answers with none: it
// comes from something on the way, which has thrown them away.
func isPage(answer []byte) bool {
	start := bytes.ToLower(bytes.TrimSpace(answer[:min(len(answer), 100)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

func (h *HTTP) body(parts [][]byte) []byte {
	if h.cfg.Format == "json" {
		return append(append([]byte{'['}, bytes.Join(parts, []byte{','})...), ']')
	}
	return append(bytes.Join(parts, []byte{'\n'}), '\n')
}

func (h *HTTP) encode(b *record.Batch, r *record.Record) []byte {
	switch {
	case h.cfg.Format == "lines":
		return r.Value
	case !h.cfg.Envelope:
		return asJSON(nil, r.Value, true)
	}
	dst := append([]byte(nil), `{"time":"`...)
	dst = r.When().AppendFormat(dst, time.RFC3339Nano)
	dst = wire.AppendJSONString(append(dst, `","tag":`...), []byte(b.Tag))
	if r.Key != nil {
		dst = text(append(dst, `,"key":`...), r.Key)
	}
	if len(r.Headers) > 0 {
		dst = append(dst, `,"headers":{`...)
		for i, hd := range r.Headers {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(wire.AppendJSONString(dst, []byte(hd.Key)), ':')
			dst = text(dst, hd.Value)
		}
		dst = append(dst, '}')
	}
	dst = asJSON(append(dst, `,"value":`...), r.Value, false)
	return append(dst, '}')
}

// asJSON appends a value that is JSON on one line, and any other as a string, in {"message": ...}
// where an object is wanted.
func asJSON(dst, v []byte, object bool) []byte {
	if json.Valid(v) {
		if bytes.IndexByte(v, '\n') < 0 {
			return append(dst, v...)
		}
		var buf bytes.Buffer
		_ = json.Compact(&buf, v) // valid
		return append(dst, buf.Bytes()...)
	}
	if !object {
		return text(dst, v)
	}
	return append(text(append(dst, `{"message":`...), v), '}')
}

// text appends bytes as a JSON string, base64 in {"base64": ...} where they are not UTF-8, and null
// for nil.
func text(dst, v []byte) []byte {
	switch {
	case v == nil:
		return append(dst, "null"...)
	case utf8.Valid(v):
		return wire.AppendJSONString(dst, v)
	}
	dst = append(dst, `{"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, v)
	return append(dst, `"}`...)
}

// Close implements outputs.Writer.
func (h *HTTP) Close() error {
	h.sender.Close()
	return nil
}
