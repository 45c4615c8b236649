package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// elasticVersion is the version that clients are told; those of 8 and 9 talk to it.
const elasticVersion = "8.17.0"

// elastic takes Elasticsearch's bulk requests, and answers what its clients ask beforehand.
// https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
func (h *HTTP) elastic(method, path string) (protocol, bool) {
	p := protocol{name: "elasticsearch", fail: failElastic}
	read := method == http.MethodGet || method == http.MethodHead
	switch {
	case path == "/_bulk" || strings.HasSuffix(path, "/_bulk") && strings.Count(path, "/") == 2:
		if read {
			return p, false
		}
		index := strings.Trim(strings.TrimSuffix(path, "_bulk"), "/")
		p.take = func(w http.ResponseWriter, r *request) error { return r.bulk(w, index) }
	case read && path == "":
		p.take = answer(map[string]any{
			"name": h.env.Agent, "cluster_name": "penstock", "cluster_uuid": "cGVuc3RvY2stY2x1c3Rlcg",
			"version": map[string]any{"number": elasticVersion, "build_flavor": "default", "build_type": "tar", "lucene_version": "9.12.0",
				"minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0"},
			"tagline": "You Know, for Search",
		})
	case read && path == "/_license":
		p.take = answer(map[string]any{"license": map[string]any{"status": "active", "uid": "penstock", "type": "basic", "mode": "basic"}})
	case read && path == "/_xpack":
		p.take = answer(map[string]any{"license": map[string]any{"status": "active", "uid": "penstock", "type": "basic", "mode": "basic"},
			"features": map[string]any{"ilm": map[string]any{"available": false, "enabled": false}}})
	case strings.HasPrefix(path, "/_template") || strings.HasPrefix(path, "/_index_template") || strings.HasPrefix(path, "/_ilm") ||
		strings.HasPrefix(path, "/_ingest") || strings.HasPrefix(path, "/_data_stream"):
		// Shippers set up what they are going to write to; there is nothing to set up here.
		p.take = answer(map[string]any{"acknowledged": true})
	default:
		return p, false
	}
	return p, true
}

func answer(v any) func(http.ResponseWriter, *request) error {
	return func(w http.ResponseWriter, r *request) error {
		writeElastic(w, http.StatusOK, v)
		return nil
	}
}

func writeElastic(w http.ResponseWriter, status int, v any) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	writeJSON(w, status, v)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone learns nothing
}

type elasticError struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

func failElastic(w http.ResponseWriter, f *failure) {
	kind := "illegal_argument_exception"
	switch f.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		kind = "es_rejected_execution_exception"
	case http.StatusUnauthorized, http.StatusForbidden:
		kind = "security_exception"
		w.Header().Set("WWW-Authenticate", `Basic realm="penstock"`)
	}
	writeElastic(w, f.status, map[string]any{"status": f.status, "error": elasticError{kind, f.reason}})
}

type bulkItem struct {
	Index   string        `json:"_index"`
	ID      string        `json:"_id"`
	Version int           `json:"_version,omitempty"`
	Result  string        `json:"result,omitempty"`
	Seq     *int          `json:"_seq_no,omitempty"`
	Term    int           `json:"_primary_term,omitempty"`
	Status  int           `json:"status"`
	Error   *elasticError `json:"error,omitempty"`
}

type bulkAction struct {
	Index string `json:"_index"`
	ID    any    `json:"_id"`
}

// bulk takes one bulk request. An item that cannot be kept fails alone; the others are stored.
func (r *request) bulk(w http.ResponseWriter, index string) error {
	begun := time.Now()
	body, err := r.body(w)
	if err != nil {
		return err
	}
	items := []map[string]bulkItem{}
	failed := false
	for number := 1; len(body) > 0; number++ {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte{'\n'})
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var action map[string]bulkAction
		if err := json.Unmarshal(line, &action); err != nil || len(action) != 1 {
			return fail(http.StatusBadRequest, "Malformed action/metadata line [%d], expected one action", number)
		}
		for op, meta := range action {
			if meta.Index == "" {
				meta.Index = index
			}
			item := bulkItem{Index: meta.Index}
			if meta.ID != nil {
				item.ID = fmt.Sprint(meta.ID)
			}
			var doc []byte
			if op != "delete" {
				number++
				doc, body, _ = bytes.Cut(body, []byte{'\n'})
			}
			if why := r.bulkItem(op, &item, doc, begun, len(items)); why != "" {
				item.Status, item.Error = http.StatusBadRequest, &elasticError{"illegal_argument_exception", why}
				failed = true
			}
			items = append(items, map[string]bulkItem{op: item})
		}
	}
	if len(items) == 0 {
		return fail(http.StatusBadRequest, "request body is required")
	}
	if err := r.store(); err != nil {
		return err
	}
	writeElastic(w, http.StatusOK, map[string]any{"took": time.Since(begun).Milliseconds(), "errors": failed, "items": items})
	return nil
}

// bulkItem enters one item, or says why it cannot be taken.
func (r *request) bulkItem(op string, item *bulkItem, doc []byte, now time.Time, n int) string {
	switch op {
	case "index", "create":
	case "update", "delete":
		return op + " is not supported: records are only ever added"
	default:
		return "unknown action " + strconv.Quote(op)
	}
	value, err := compact(bytes.TrimSpace(doc), r.h.cfg.MaxDepth)
	switch {
	case err != nil:
		return "document: " + err.Error()
	case len(value) == 0 || value[0] != '{':
		return "document: not a JSON object"
	}
	tag := item.Index
	if tag == "" {
		tag = r.h.cfg.Tag
	}
	at := now
	if t, err := time.Parse(time.RFC3339Nano, gjson.GetBytes(value, "@timestamp").Str); err == nil {
		at = t
	}
	var key []byte
	if item.ID != "" {
		key = []byte(item.ID)
	} else {
		item.ID = fmt.Sprintf("%x-%d", now.UnixNano(), n)
	}
	r.add(tag, at, key, value, nil)
	item.Version, item.Result, item.Seq, item.Term, item.Status = 1, "created", new(int), 1, http.StatusCreated
	return ""
}
