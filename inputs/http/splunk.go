package http

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/penstock/penstock/buffer/record"
)

const splunkName = "splunk"

// splunk takes requests of the HTTP Event Collector; rest is the path behind /services/collector.
// https://docs.splunk.com/Documentation/Splunk/latest/Data/HTTPEventCollectorRESTAPI
func (h *HTTP) splunk(rest string) protocol {
	p := protocol{name: splunkName, fail: failSplunk}
	switch strings.TrimSuffix(rest, "/1.0") {
	case "", "/event":
		p.take = func(w http.ResponseWriter, r *request) error { return r.hecEvents(w) }
	case "/raw":
		p.take = func(w http.ResponseWriter, r *request) error { return r.hecRaw(w) }
	case "/ack":
		p.take = func(w http.ResponseWriter, r *request) error { return r.hecAck(w) }
	case "/health":
		p.open = true
		p.take = func(w http.ResponseWriter, r *request) error {
			writeJSON(w, http.StatusOK, hecReply{Text: "HEC is healthy", Code: 17})
			return nil
		}
	default:
		p.take = func(http.ResponseWriter, *request) error {
			return fail(http.StatusNotFound, "there is no such endpoint of the collector")
		}
	}
	take := p.take
	p.take = func(w http.ResponseWriter, r *request) error {
		if r.Method != http.MethodPost && !p.open {
			return fail(http.StatusMethodNotAllowed, "use POST")
		}
		return take(w, r)
	}
	return p
}

type hecReply struct {
	Text  string `json:"text"`
	Code  int    `json:"code"`
	AckID *int64 `json:"ackId,omitempty"`
}

// failSplunk answers with the collector's own codes: its clients retry on 503, not on 429.
func failSplunk(w http.ResponseWriter, f *failure) {
	reply, status := hecReply{Text: f.reason, Code: 6}, f.status
	switch f.status {
	case http.StatusUnauthorized:
		reply = hecReply{Text: "Token is required", Code: 2}
	case http.StatusForbidden:
		reply = hecReply{Text: "Invalid token", Code: 4}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		reply, status = hecReply{Text: "Server is busy", Code: 9}, http.StatusServiceUnavailable
	}
	writeJSON(w, status, reply)
}

// hecDone answers a request whose records are durable. A client that named a channel may ask for the ack later: it is true already.
func (r *request) hecDone(w http.ResponseWriter) error {
	if err := r.store(); err != nil {
		return err
	}
	reply := hecReply{Text: "Success"}
	if r.Header.Get("X-Splunk-Request-Channel") != "" || r.URL.Query().Get("channel") != "" {
		id := r.h.hecAcks.Add(1) - 1
		reply.AckID = &id
	}
	writeJSON(w, http.StatusOK, reply)
	return nil
}

func (r *request) hecTag(index string) string {
	if index == "" {
		index = r.URL.Query().Get("index")
	}
	if index == "" {
		return "hec"
	}
	return index
}

func (r *request) hecEvents(w http.ResponseWriter) error {
	body, err := r.body(w)
	if err != nil {
		return err
	}
	now, n := time.Now(), 0
	err = values(body, r.h.cfg.MaxDepth, true, func(_ int, value []byte) error {
		n++
		if value[0] != '{' {
			return fail(http.StatusBadRequest, "Invalid data format")
		}
		if !gjson.GetBytes(value, "event").Exists() {
			return fail(http.StatusBadRequest, "Event field is required")
		}
		at := now
		if t := gjson.GetBytes(value, "time"); t.Exists() {
			s := t.Raw
			if t.Type == gjson.String {
				s = t.Str
			}
			var ok bool
			if at, ok = seconds(s); !ok {
				return fail(http.StatusBadRequest, "time %s is not a number of seconds", t.Raw)
			}
		}
		r.add(r.hecTag(gjson.GetBytes(value, "index").Str), at, nil, value, nil)
		return nil
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return fail(http.StatusBadRequest, "No data")
	}
	return r.hecDone(w)
}

func (r *request) hecRaw(w http.ResponseWriter) error {
	body, err := r.body(w)
	if err != nil {
		return err
	}
	var headers []record.Header
	for _, name := range []string{"host", "source", "sourcetype"} {
		if v := r.URL.Query().Get(name); v != "" {
			headers = append(headers, record.Header{Key: name, Value: []byte(v)})
		}
	}
	now, n := time.Now(), 0
	for _, line := range lines(body) {
		r.add(r.hecTag(""), now, nil, line, headers)
		n++
	}
	if n == 0 {
		return fail(http.StatusBadRequest, "No data")
	}
	return r.hecDone(w)
}

func (r *request) hecAck(w http.ResponseWriter) error {
	body, err := r.body(w)
	if err != nil {
		return err
	}
	var ask struct {
		Acks []int64 `json:"acks"`
	}
	if err := json.Unmarshal(body, &ask); err != nil {
		return fmt.Errorf("invalid data format: %w", err)
	}
	out := map[string]bool{}
	for _, id := range ask.Acks {
		out[strconv.FormatInt(id, 10)] = id >= 0 && id < r.h.hecAcks.Load()
	}
	writeJSON(w, http.StatusOK, map[string]any{"acks": out})
	return nil
}
