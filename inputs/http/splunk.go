package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network/wire"
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
			if time.Now().UnixNano() < h.fullUntil.Load() {
				full := hecReply{Text: "HEC is unhealthy, queues are full", Code: 18}
				writeJSON(w, http.StatusServiceUnavailable, full)
				return nil
			}
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
	Text    string `json:"text"`
	Code    int    `json:"code"`
	Invalid *int   `json:"invalid-event-number,omitempty"`
	AckID   *int64 `json:"ackId,omitempty"`
}

// hecError is a request that the collector refuses with one of its own codes.
type hecError struct {
	hecReply
	why error
}

func (e *hecError) Error() string {
	if e.why != nil {
		return e.Text + ": " + e.why.Error()
	}
	return e.Text
}
func (e *hecError) Unwrap() error { return e.why }

// hecRefuse is about the n-th event, from 1 on; 0 for none.
func hecRefuse(code int, text string, n int, why error) error {
	e := &hecError{hecReply{Text: text, Code: code}, why}
	if n > 0 {
		n--
		e.Invalid = &n
	}
	return e
}

// failSplunk answers with the collector's own codes: its clients retry on 503, not on 429.
func failSplunk(w http.ResponseWriter, f *failure) {
	reply, status := hecReply{Text: f.reason, Code: 6}, f.status
	var own *hecError
	if errors.As(f.err, &own) {
		reply = own.hecReply
		reply.Text = own.Error()
	}
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

// hecDone answers a request whose records are durable. A client that named a channel may ask for
// the ack later: it is true already.
func (r *request) hecDone(w http.ResponseWriter) error {
	if r.count == 0 {
		return hecRefuse(5, "No data", 0, nil)
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
	now := time.Now().UnixNano()
	err = r.take(func() error {
		last := 0
		err := values(body, r.h.cfg.MaxDepth, func(n int, value []byte) error {
			last = n
			return r.hecEvent(n, now, value)
		})
		if errors.Is(err, wire.ErrJSON) {
			return hecRefuse(6, "Invalid data format", last+1, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.hecDone(w)
}

// hecEvent takes one event in its envelope.
func (r *request) hecEvent(n int, now int64, value []byte) error {
	if value[0] != '{' {
		return hecRefuse(6, "Invalid data format", n, nil)
	}
	var event, at, index []byte
	err := wire.JSONMembers(value, func(name, v []byte) error {
		switch {
		case isName(name, "event"):
			event = v
		case isName(name, "time"):
			at = v
		case isName(name, "index"):
			index = v
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case event == nil || string(event) == "null":
		return hecRefuse(12, "Event field is required", n, nil)
	case string(event) == `""`:
		return hecRefuse(13, "Event field cannot be blank", n, nil)
	}
	if len(at) > 0 && string(at) != "null" {
		text, ok := unquote(at)
		if !ok {
			text = string(at[:min(len(at), 100)])
		}
		t, ok := seconds(text)
		if !ok {
			return hecRefuse(
				6, "Invalid data format", n,
				fmt.Errorf("time %.100s is not a number of seconds", at),
			)
		}
		now = t.UnixNano()
	}
	tag, _ := unquote(index)
	return r.add(r.hecTag(tag), now, nil, value, nil)
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
	now, tag := time.Now().UnixNano(), r.hecTag("")
	err = r.take(func() error {
		for _, line := range lines(body) {
			if err := r.add(tag, now, nil, line, headers); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.hecDone(w)
}

// maxAcks bounds the acks asked for in one request, in bytes.
const maxAcks = 1 << 20

func (r *request) hecAck(w http.ResponseWriter) error {
	body, err := r.body(w)
	if err != nil {
		return err
	}
	if len(body) > maxAcks {
		return fail(http.StatusRequestEntityTooLarge, "more than %d bytes of acks", maxAcks)
	}
	var ask struct {
		Acks []int64 `json:"acks"`
	}
	if err := json.Unmarshal(body, &ask); err != nil {
		return hecRefuse(6, "Invalid data format", 0, err)
	}
	// What has an id is durable, also if it has that from an instance before this one.
	out := map[string]bool{}
	for _, id := range ask.Acks {
		out[strconv.FormatInt(id, 10)] = id >= 0
	}
	writeJSON(w, http.StatusOK, map[string]any{"acks": out})
	return nil
}
