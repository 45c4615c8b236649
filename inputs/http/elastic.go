package http

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// elasticVersion is the version that clients are told; those of 8 and 9 talk to it.
const elasticVersion = "8.17.0"

// elastic takes Elasticsearch's bulk requests and documents, and answers what its clients ask
// beforehand. https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
func (h *HTTP) elastic(method, path string) (protocol, bool) {
	p := protocol{name: "elasticsearch", fail: failElastic}
	read := method == http.MethodGet || method == http.MethodHead
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	index := parts[0]
	if strings.HasPrefix(index, "_") {
		index = ""
	} else {
		parts = parts[1:]
	}
	api := ""
	if len(parts) > 0 {
		api = parts[0]
	}
	switch {
	case api == "_bulk" && len(parts) == 1 && !read:
		p.take = func(w http.ResponseWriter, r *request) error { return r.bulk(w, index) }
	case (api == "_doc" || api == "_create") && index != "" && len(parts) <= 2 &&
		!read && method != http.MethodDelete:
		id := ""
		if len(parts) == 2 {
			id = parts[1]
		}
		p.take = func(w http.ResponseWriter, r *request) error { return r.document(w, index, id) }
	case read && path == "":
		p.take = answer(h.elasticAbout())
	case method == http.MethodHead && index != "" && len(parts) == 0: // every index is there
		p.take = answer(map[string]any{})
	case read && api == "_cluster" && len(parts) > 1 && parts[1] == "health":
		p.take = answer(elasticHealth())
	case read && path == "/_license":
		p.take = answer(map[string]any{"license": elasticLicense()})
	case read && path == "/_xpack":
		p.take = answer(map[string]any{
			"license": elasticLicense(),
			"features": map[string]any{
				"ilm": map[string]any{"available": false, "enabled": false},
			},
		})
	case isElasticSetup(api):
		// Shippers set up what they are going to write to; there is nothing to set up here.
		p.take = answer(map[string]any{"acknowledged": true})
	default:
		return p, false
	}
	return p, true
}

// isElasticSetup reports whether a request of api would set up what is going to be written to.
func isElasticSetup(api string) bool {
	return slices.ContainsFunc([]string{
		"_template", "_index_template", "_ilm", "_component_template", "_ingest", "_data_stream",
	}, func(prefix string) bool { return strings.HasPrefix(api, prefix) })
}

// elasticAbout is what shippers ask first: whether this is a server that they know.
func (h *HTTP) elasticAbout() map[string]any {
	return map[string]any{
		"name":         h.env.Agent,
		"cluster_name": "penstock",
		"cluster_uuid": "cGVuc3RvY2stY2x1c3Rlcg",
		"version": map[string]any{
			"number":                              elasticVersion,
			"build_flavor":                        "default",
			"build_type":                          "tar",
			"lucene_version":                      "9.12.0",
			"minimum_wire_compatibility_version":  "7.17.0",
			"minimum_index_compatibility_version": "7.0.0",
		},
		"tagline": "You Know, for Search",
	}
}

func elasticHealth() map[string]any {
	return map[string]any{
		"cluster_name":                     "penstock",
		"status":                           "green",
		"timed_out":                        false,
		"number_of_nodes":                  1,
		"number_of_data_nodes":             1,
		"active_primary_shards":            1,
		"active_shards":                    1,
		"relocating_shards":                0,
		"initializing_shards":              0,
		"unassigned_shards":                0,
		"delayed_unassigned_shards":        0,
		"number_of_pending_tasks":          0,
		"number_of_in_flight_fetch":        0,
		"task_max_waiting_in_queue_millis": 0,
		"active_shards_percent_as_number":  100.0,
	}
}

func elasticLicense() map[string]any {
	return map[string]any{"status": "active", "uid": "penstock", "type": "basic", "mode": "basic"}
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
	writeElastic(
		w, f.status, map[string]any{"status": f.status, "error": elasticError{kind, f.reason}},
	)
}
