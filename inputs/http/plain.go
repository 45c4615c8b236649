package http

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
	"github.com/penstock/penstock/network/wire"
)

// plain takes POSTs of records; the path is the tag.
func (h *HTTP) plain(path string) protocol {
	return protocol{
		name: "plain",
		fail: failPlain,
		take: func(w http.ResponseWriter, r *request) error {
			if r.Method != http.MethodPost && r.Method != http.MethodPut {
				w.Header().Set("Allow", "POST, PUT")
				return fail(http.StatusMethodNotAllowed, "use POST")
			}
			tag := strings.ReplaceAll(strings.Trim(path, "/"), "/", ".")
			if tag == "" {
				tag = h.cfg.Tag
			}
			decode, err := r.plainDecoder(tag)
			if err != nil {
				return err
			}
			body, err := r.body(w)
			if err != nil {
				return err
			}
			run, err := decode(body)
			if err != nil {
				return err
			}
			return r.take(run)
		},
	}
}

// A reader finds the records in a body and returns a function for request.take.
type reader func(body []byte) (decode func() error, err error)

// always is the reader that has nothing to find out beforehand.
func always(decode func(body []byte) error) reader {
	return func(body []byte) (func() error, error) {
		return func() error { return decode(body) }, nil
	}
}

// plainDecoder returns what reads bodies of the request's content type.
func (r *request) plainDecoder(tag string) (reader, error) {
	ctype := r.Header.Get("Content-Type")
	media, params, err := mime.ParseMediaType(ctype)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		media = ctype
	}
	at := time.Now().UnixNano()
	if s := r.URL.Query().Get("time"); s != "" {
		t, ok := seconds(s)
		if !ok {
			return nil, fail(http.StatusBadRequest, "time %q is not a number of seconds", s)
		}
		at = t.UnixNano()
	}
	switch {
	case media == "application/json" || media == "application/csp-report" || strings.HasSuffix(media, "+json"):
		return always(func(body []byte) error { return r.jsonBody(tag, at, body) }), nil
	case media == "application/x-ndjson" || media == "application/ndjson" || media == "application/jsonl" || media == "application/x-jsonlines":
		return always(func(body []byte) error { return r.ndjsonBody(tag, at, body) }), nil
	case media == "application/msgpack" || media == "application/x-msgpack" || media == "application/vnd.msgpack":
		return always(func(body []byte) error { return r.msgpackBody(tag, at, body) }), nil
	case media == "application/x-www-form-urlencoded":
		return func(body []byte) (func() error, error) {
			form, err := urlForm(body)
			if err != nil {
				return nil, fail(http.StatusBadRequest, "form: %v", err)
			}
			return r.form(tag, at, form)
		}, nil
	case media == "multipart/form-data":
		return func(body []byte) (func() error, error) {
			form, err := multipartForm(body, params["boundary"])
			if err != nil {
				return nil, fail(http.StatusBadRequest, "form: %v", err)
			}
			return r.form(tag, at, form)
		}, nil
	case media == "" || strings.HasPrefix(media, "text/"):
		return always(func(body []byte) error {
			for _, line := range lines(body) {
				if err := r.add(tag, at, nil, line, nil); err != nil {
					return err
				}
			}
			return nil
		}), nil
	}
	return nil, fail(
		http.StatusUnsupportedMediaType,
		"content type %q: use text/plain for lines, application/json, application/x-ndjson, application/msgpack, or a form",
		media,
	)
}

func (r *request) jsonBody(tag string, at int64, body []byte) error {
	return values(
		body, r.h.cfg.MaxDepth,
		func(_ int, value []byte) error { return r.add(tag, at, nil, value, nil) },
	)
}

func (r *request) ndjsonBody(tag string, at int64, body []byte) error {
	for n, line := range lines(body) {
		if len(space(line)) == 0 {
			continue
		}
		value, err := compact(line, r.h.cfg.MaxDepth)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := r.add(tag, at, nil, value, nil); err != nil {
			return err
		}
	}
	return nil
}

// msgpackBody takes the values that follow one another: fluent-bit's events, lists of records as
// JSON has them, and records.
func (r *request) msgpackBody(tag string, at int64, body []byte) error {
	var text []byte
	one := func() error {
		t, headers, value := at, []record.Header(nil), body
		ns, now, meta, rec, rest, event := wire.SplitEvent(body)
		if event {
			if value = rec; !now {
				t = ns
			}
			if meta != nil {
				data, _, err := msgpack.AppendJSONWithin(nil, meta, r.h.cfg.MaxDepth, r.room())
				if err != nil {
					return badPack(err)
				}
				headers = []record.Header{{Key: metadataHeader, Value: data}}
			}
		}
		var err error
		var after []byte
		if text, after, err = msgpack.AppendJSONWithin(
			text[:0], value, r.h.cfg.MaxDepth, r.room(),
		); err != nil {
			return badPack(err)
		}
		if body = after; event {
			body = rest
		}
		return r.add(tag, t, nil, text, headers)
	}
	for len(body) > 0 {
		_, _, _, _, _, event := wire.SplitEvent(body)
		n, inside, list := wire.ArrayLength(body)
		if event || !list {
			n = 1
		} else {
			body = inside
		}
		for range n {
			if err := one(); err != nil {
				return err
			}
		}
	}
	return nil
}

// metadataHeader carries an event's metadata, as input forward has it.
const metadataHeader = "fluent_metadata"

func badPack(err error) error {
	if errors.Is(err, msgpack.ErrLong) {
		return fail(
			http.StatusRequestEntityTooLarge,
			"msgpack: a record that is several times as long as JSON",
		)
	}
	return fmt.Errorf("msgpack: %w", err)
}

// form takes a form as fluentd's in_http does.
func (r *request) form(tag string, at int64, form map[string][]byte) (func() error, error) {
	if s := string(form["time"]); s != "" {
		t, ok := seconds(s)
		if !ok {
			return nil, fail(http.StatusBadRequest, "time %.100q is not a number of seconds", s)
		}
		at = t.UnixNano()
	}
	if v, ok := form["json"]; ok {
		return func() error { return r.jsonBody(tag, at, v) }, nil
	}
	if v, ok := form["ndjson"]; ok {
		return func() error { return r.ndjsonBody(tag, at, v) }, nil
	}
	if v, ok := form["msgpack"]; ok {
		return func() error { return r.msgpackBody(tag, at, v) }, nil
	}
	return nil, fail(
		http.StatusBadRequest,
		"the form needs a field json, ndjson or msgpack; if the body is no form, say so, as in Content-Type: application/json",
	)
}
