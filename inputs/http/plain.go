package http

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock/penstock/inputs/forward/wire"
)

// plain takes POSTs of records; the path is the tag.
func (h *HTTP) plain(path string) protocol {
	return protocol{name: "plain", fail: failPlain, take: func(w http.ResponseWriter, r *request) error {
		if r.Method != http.MethodPost && r.Method != http.MethodPut {
			w.Header().Set("Allow", "POST, PUT")
			return fail(http.StatusMethodNotAllowed, "use POST")
		}
		tag := strings.ReplaceAll(strings.Trim(path, "/"), "/", ".")
		if tag == "" {
			tag = h.cfg.Tag
		}
		body, err := r.body(w)
		if err != nil {
			return err
		}
		if err := r.plainBody(tag, body); err != nil {
			return err
		}
		return r.store()
	}}
}

func (r *request) plainBody(tag string, body []byte) error {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	at := time.Now()
	if s := r.URL.Query().Get("time"); s != "" {
		var ok bool
		if at, ok = seconds(s); !ok {
			return fail(http.StatusBadRequest, "time %q is not a number of seconds", s)
		}
	}
	switch {
	case media == "application/json" || media == "application/csp-report" || strings.HasSuffix(media, "+json"):
		return r.jsonBody(tag, at, body)
	case media == "application/x-ndjson" || media == "application/ndjson" || media == "application/jsonl" || media == "application/x-jsonlines":
		return r.ndjsonBody(tag, at, body)
	case media == "application/msgpack" || media == "application/x-msgpack" || media == "application/vnd.msgpack":
		return r.msgpackBody(tag, at, body)
	case media == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return fail(http.StatusBadRequest, "form: %v", err)
		}
		return r.form(tag, at, form)
	case media == "multipart/form-data":
		form, err := multipartForm(body, params["boundary"])
		if err != nil {
			return fail(http.StatusBadRequest, "form: %v", err)
		}
		return r.form(tag, at, form)
	}
	for _, line := range lines(body) {
		r.add(tag, at, nil, line, nil)
	}
	return nil
}

func (r *request) jsonBody(tag string, at time.Time, body []byte) error {
	return values(body, r.h.cfg.MaxDepth, true, func(_ int, value []byte) error {
		r.add(tag, at, nil, value, nil)
		return nil
	})
}

func (r *request) ndjsonBody(tag string, at time.Time, body []byte) error {
	for n, line := range lines(body) {
		value, err := compact(line, r.h.cfg.MaxDepth)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if len(value) > 0 {
			r.add(tag, at, nil, value, nil)
		}
	}
	return nil
}

func (r *request) msgpackBody(tag string, at time.Time, body []byte) error {
	var text []byte
	for len(body) > 0 {
		var err error
		// One level more than a record has: the list of records.
		if text, body, err = wire.AppendJSON(text[:0], body, r.h.cfg.MaxDepth+1); err != nil {
			return fmt.Errorf("msgpack: %w", err)
		}
		if err := r.jsonBody(tag, at, text); err != nil {
			return err
		}
	}
	return nil
}

// form takes a form as fluentd's in_http does.
func (r *request) form(tag string, at time.Time, form url.Values) error {
	if s := form.Get("time"); s != "" {
		var ok bool
		if at, ok = seconds(s); !ok {
			return fail(http.StatusBadRequest, "time %q is not a number of seconds", s)
		}
	}
	switch {
	case form.Has("json"):
		return r.jsonBody(tag, at, []byte(form.Get("json")))
	case form.Has("ndjson"):
		return r.ndjsonBody(tag, at, []byte(form.Get("ndjson")))
	case form.Has("msgpack"):
		return r.msgpackBody(tag, at, []byte(form.Get("msgpack")))
	}
	return fail(http.StatusBadRequest, "the form needs a field json, ndjson or msgpack; if the body is no form, say so, as in Content-Type: application/json")
}
