package elasticsearch

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
)

// harness is a cluster whose state the suite changes; the cluster's lock guards what requests read.
type harness struct {
	*cluster
	broken bool // guarded by mu: not within a request, of which a part would be taken out of order
	refuse atomic.Pointer[func([]byte) bool]
}

func (h *harness) New(t testing.TB, env outputs.Env) any {
	cfg := Default()
	cfg.URLs, cfg.TimestampField = []string{h.URL}, ""
	e, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func valueOf(doc string) []byte {
	var d struct{ Message *string }
	if json.Unmarshal([]byte(doc), &d) == nil && d.Message != nil {
		return []byte(*d.Message)
	}
	return []byte(doc)
}

func (h *harness) Received(testing.TB) (out []outputtest.Received) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, line := range h.order {
		index, doc, _ := strings.Cut(line, " ")
		out = append(
			out, outputtest.Received{Tag: index, Record: record.Record{Value: valueOf(doc)}},
		)
	}
	return out
}

func (h *harness) Break(testing.TB) { h.set(true) }
func (h *harness) Mend(testing.TB)  { h.set(false) }

func (h *harness) set(broken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = broken
}

func (h *harness) Refuse(_ testing.TB, refuse func([]byte) bool) { h.refuse.Store(&refuse) }

func (h *harness) Keeps() outputtest.Keeps { return outputtest.Keeps{Tag: true} }

func TestConformance(t *testing.T) {
	outputtest.Run(t, func(t *testing.T) outputtest.Harness {
		h := &harness{cluster: newCluster(t)}
		h.judge = func(_, doc string) int {
			if h.broken {
				return 503
			}
			if f := h.refuse.Load(); f != nil && *f != nil && (*f)(valueOf(doc)) {
				return 400
			}
			return 0
		}
		return h
	})
}
