package elasticsearch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/network/wire"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/httpsend"
)

// Elasticsearch is the output. It implements outputs.Writer and outputs.Prober. Make one with New.
type Elasticsearch struct {
	cfg    Config
	env    outputs.Env
	sender *httpsend.Sender
	index  *template.Bound[dialect.Subject]
	path   string
}

// New returns the output; nothing is connected yet.
func New(cfg Config, env outputs.Env) (*Elasticsearch, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Elasticsearch{cfg: cfg, env: env, path: "/_bulk"}
	if cfg.Pipeline != "" {
		e.path += "?pipeline=" + url.QueryEscape(cfg.Pipeline)
	}
	var err error
	if e.index, err = dialect.Bind(cfg.Index, env.Agent); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	urls := make([]string, len(cfg.URLs))
	for i, u := range cfg.URLs {
		urls[i] = strings.TrimRight(u, "/")
	}
	e.sender, err = httpsend.New(httpsend.Options{
		URLs:        urls,
		Timeout:     cfg.Timeout,
		Compression: cfg.Compression,
		User:        cfg.User,
		Password:    cfg.Password,
		Token:       cfg.APIKey,
		Scheme:      "ApiKey",
		TLS:         cfg.TLS,
		MaxAnswer:   64 << 20,
	}, env.Log)
	return e, err
}

// doc is one item of a bulk request, its action line included.
type doc struct {
	index int // in the batch
	text  []byte
}

// Write implements outputs.Writer.
func (e *Elasticsearch) Write(ctx context.Context, b *record.Batch) error {
	recs, err := b.Records()
	if err != nil {
		return err
	}
	docs := make([]doc, 0, b.Len())
	var buf []byte
	var d delivery
	n := 0
	for r := range recs {
		start := len(buf)
		index, err := e.index.Append(nil, dialect.Subject{Batch: b, Record: r})
		if err != nil {
			d.failed = append(
				d.failed,
				outputs.RecordError{Index: n, Err: outputs.Permanent(fmt.Errorf("index: %w", err))},
			)
		} else {
			buf = e.encode(buf, bytes.ToLower(index), b, r)
			docs = append(docs, doc{n, buf[start:len(buf):len(buf)]})
		}
		n++
	}
	if len(docs) > 0 {
		e.send(ctx, docs, &d)
	}
	if d.err != nil && len(d.failed) == 0 && d.stopped == 0 {
		return d.err
	}
	if d.err != nil {
		for _, doc := range docs {
			if doc.index >= d.stopped {
				d.failed = append(d.failed, outputs.RecordError{Index: doc.index, Err: d.err})
			}
		}
	}
	if len(d.failed) > 0 {
		slices.SortFunc(d.failed, func(a, b outputs.RecordError) int { return a.Index - b.Index })
		return &outputs.PartialError{Records: d.failed}
	}
	return nil
}

// delivery is what has become of a batch so far.
type delivery struct {
	failed []outputs.RecordError
	// why nothing more was sent; then all records from stopped on are to be tried again
	err     error
	stopped int
}

// send sends one bulk request, or two of half the size where it is too large, and reports whether
// to go on.
func (e *Elasticsearch) send(ctx context.Context, docs []doc, d *delivery) bool {
	var body []byte
	for _, doc := range docs {
		body = append(body, doc.text...)
	}
	a, err := e.sender.Do(ctx, http.MethodPost, e.path, "application/x-ndjson", body)
	if err == nil && a.Status == http.StatusRequestEntityTooLarge {
		if len(docs) == 1 {
			d.failed = append(
				d.failed,
				outputs.RecordError{Index: docs[0].index, Err: outputs.Permanent(a.Err())},
			)
			return true
		}
		half := len(docs) / 2
		return e.send(ctx, docs[:half], d) && e.send(ctx, docs[half:], d)
	}
	if err == nil && !a.OK() {
		err = a.Err()
	}
	if err == nil {
		err = e.outcome(docs, a, d)
	}
	if err != nil {
		d.err, d.stopped = err, docs[0].index
	}
	return err == nil
}

type bulkAnswer struct {
	Errors bool                       `json:"errors"`
	Items  []map[string]bulkItemReply `json:"items"`
}

type bulkItemReply struct {
	Status int             `json:"status"`
	Error  json.RawMessage `json:"error"`
}

// outcome reads what became of each item.
func (e *Elasticsearch) outcome(docs []doc, a *httpsend.Answer, d *delivery) error {
	var reply bulkAnswer
	if err := json.Unmarshal(a.Body, &reply); err != nil {
		return fmt.Errorf("answer to a bulk request: %w", err)
	}
	if len(reply.Items) != len(docs) {
		return fmt.Errorf(
			"answer to a bulk request has %d items, want %d", len(reply.Items), len(docs),
		)
	}
	for i, it := range reply.Items {
		for _, r := range it {
			if err := verdict(r, e.cfg.Operation); err != nil {
				d.failed = append(d.failed, outputs.RecordError{Index: docs[i].index, Err: err})
			}
		}
	}
	return nil
}

// verdict tells delivery (nil), a refusal for good (Permanent) and one that passes.
func verdict(r bulkItemReply, operation string) error {
	switch {
	case r.Status >= 200 && r.Status < 300:
		return nil
	case r.Status == http.StatusConflict && operation == "create":
		return nil // it is there already: an answer was lost
	}
	err := fmt.Errorf("document refused with %d: %.300s", r.Status, r.Error)
	switch {
	case r.Status == http.StatusTooManyRequests, r.Status >= 500, r.Status == http.StatusConflict,
		r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden,
		r.Status == http.StatusNotFound, r.Status == 0, isOfCluster(r.Error):
		return err // room, rights, an index or a pipeline may come
	}
	return outputs.Permanent(err)
}

// isOfCluster reports whether a document is refused, with 400, for what is amiss with the cluster:
// it has as many shards as it may, so that no index can be made, or it lacks the ingest pipeline.
func isOfCluster(err []byte) bool {
	reason := gjson.GetBytes(err, "reason").Str // which may quote the document, but not begin so
	return strings.HasPrefix(reason, "Validation Failed: 1: this action would add [") ||
		strings.HasPrefix(reason, "pipeline with id [") &&
			strings.HasSuffix(reason, "] does not exist")
}

// encode appends the action and the document of one record.
func (e *Elasticsearch) encode(dst, index []byte, b *record.Batch, r *record.Record) []byte {
	dst = append(dst, `{"`...)
	dst = append(dst, e.cfg.Operation...)
	dst = wire.AppendJSONString(append(dst, `":{"_index":`...), index)
	dst = wire.AppendJSONString(append(dst, `,"_id":`...), e.id(b, r))
	dst = append(dst, "}}\n"...)
	return append(e.document(dst, b, r), '\n')
}

// id makes the document's id: the header's, or a digest over the record and its place, the same
// however often it is sent, also by way of the overflow.
func (e *Elasticsearch) id(b *record.Batch, r *record.Record) []byte {
	if e.cfg.IDHeader != "" {
		if v, ok := r.Header(e.cfg.IDHeader); ok && len(v) > 0 && len(v) <= 512 {
			return v
		}
	}
	h := sha256.New()
	var n [8]byte
	part := func(p []byte) {
		binary.LittleEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	part([]byte(e.env.Agent))
	part([]byte(b.Tag))
	part([]byte(b.Origin))
	for _, v := range []int64{b.Places.Of(r.Offset), r.Time} {
		binary.LittleEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	part(r.Key)
	part(r.Value)
	return base64.RawURLEncoding.AppendEncode(nil, h.Sum(nil)[:15])
}

func (e *Elasticsearch) document(dst []byte, b *record.Batch, r *record.Record) []byte {
	value := bytes.TrimSpace(r.Value)
	object := len(value) > 0 && value[0] == '{' && json.Valid(value)
	if object && bytes.IndexByte(value, '\n') >= 0 {
		var buf bytes.Buffer
		_ = json.Compact(&buf, value) // valid
		value = buf.Bytes()
	}
	dst = append(dst, '{')
	if f := e.cfg.TimestampField; f != "" && !(object && has(value, f)) {
		dst = append(wire.AppendJSONString(dst, []byte(f)), `:"`...)
		dst = append(r.When().AppendFormat(dst, time.RFC3339Nano), `",`...)
	}
	if f := e.cfg.TagField; f != "" && !(object && has(value, f)) {
		dst = append(
			wire.AppendJSONString(
				append(wire.AppendJSONString(dst, []byte(f)), ':'), []byte(b.Tag),
			),
			',',
		)
	}
	if object {
		if inside := bytes.TrimSpace(value[1 : len(value)-1]); len(inside) > 0 {
			return append(append(dst, inside...), '}')
		}
		return append(bytes.TrimSuffix(dst, []byte{','}), '}')
	}
	dst = append(dst, `"message":`...)
	return append(wire.AppendJSONString(dst, r.Value), '}')
}

// has reports whether an object has a field of that very name.
func has(object []byte, name string) bool {
	found := false
	gjson.ParseBytes(object).ForEach(func(key, _ gjson.Result) bool {
		found = key.Str == name
		return !found
	})
	return found
}

// Probe implements outputs.Prober. To ask for the cluster's state is another right than to index:
// who may not has reached a cluster that is well.
func (e *Elasticsearch) Probe(ctx context.Context) error {
	a, err := e.sender.Do(ctx, http.MethodGet, "/", "", nil)
	if err != nil {
		return err
	}
	if !a.OK() && a.Status != http.StatusForbidden {
		return a.Err()
	}
	return nil
}

// Close implements outputs.Writer.
func (e *Elasticsearch) Close() error {
	e.sender.Close()
	return nil
}
