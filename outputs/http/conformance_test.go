package http

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
)

// endpoint is a server that takes envelopes.
type endpoint struct {
	*server
	mu     sync.Mutex
	broken bool
	refuse func(value []byte) bool
	got    []outputtest.Received
}

type envelope struct {
	Time  time.Time       `json:"time"`
	Tag   string          `json:"tag"`
	Key   json.RawMessage `json:"key"`
	Value json.RawMessage `json:"value"`
}

// bytesOf undoes what the output makes of bytes.
func bytesOf(raw json.RawMessage) []byte {
	var s string
	var b struct{ Base64 string }
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil
	case json.Unmarshal(raw, &s) == nil:
		return []byte(s)
	case strings.HasPrefix(string(raw), `{"base64":`) && json.Unmarshal(raw, &b) == nil:
		out, _ := base64.StdEncoding.DecodeString(b.Base64)
		return out
	}
	return raw
}

func (e *endpoint) take(w http.ResponseWriter, body string, _ int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var got []outputtest.Received
	for line := range strings.Lines(body) {
		var v envelope
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			panic(err)
		}
		value := bytesOf(v.Value)
		if e.refuse != nil && e.refuse(value) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		got = append(
			got,
			outputtest.Received{
				Tag:    v.Tag,
				Record: record.Record{Time: v.Time.UnixNano(), Key: bytesOf(v.Key), Value: value},
			},
		)
	}
	e.got = append(e.got, got...)
}

func (e *endpoint) New(t testing.TB, env outputs.Env) any {
	cfg := Default()
	cfg.URL, cfg.Envelope = e.URL, true
	h, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (e *endpoint) Received(testing.TB) []outputtest.Received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]outputtest.Received(nil), e.got...)
}

func (e *endpoint) set(f func()) { e.mu.Lock(); defer e.mu.Unlock(); f() }

func (e *endpoint) Break(testing.TB) { e.set(func() { e.broken = true }) }
func (e *endpoint) Mend(testing.TB)  { e.set(func() { e.broken = false }) }

func (e *endpoint) Refuse(_ testing.TB, refuse func([]byte) bool) {
	e.set(func() { e.refuse = refuse })
}

func (e *endpoint) Keeps() outputtest.Keeps {
	return outputtest.Keeps{Tag: true, Key: true, Time: true, NullValue: true, Binary: true}
}

func TestConformance(t *testing.T) {
	outputtest.Run(t, func(t *testing.T) outputtest.Harness {
		e := &endpoint{}
		e.server = serve(t, e.take)
		return e
	})
}
