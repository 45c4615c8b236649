package kubernetestest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Pod is a pod of the server.
type Pod struct {
	Namespace, Name, UID, Node string
	Labels, Annotations        map[string]string
	OwnerKind, Owner           string
	Filler                     int // bytes of managedFields, which nobody wants
}

// Server serves GET /api/v1/pods.
type Server struct {
	*httptest.Server

	mu       sync.Mutex
	changed  chan struct{}
	version  int
	oldest   int // of the versions that can be watched from
	pods     map[string]Pod
	events   []event
	token    string
	page     int
	away     bool
	silent   chan struct{}
	breaks   int // counts Break
	lists    []string
	watches  []string
	accepted []string
}

type event struct {
	version int
	kind    string
	pod     Pod
}

// New starts a server without pods; tls serves with TLS.
func New(tls bool) *Server {
	s := &Server{pods: map[string]Pod{}, version: 100, changed: make(chan struct{}), page: 1 << 30}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	return s
}

func (s *Server) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Put adds or changes a pod.
func (s *Server) Put(p Pod) {
	s.change(func() {
		kind := "ADDED"
		if _, ok := s.pods[p.UID]; ok {
			kind = "MODIFIED"
		}
		s.version++
		s.pods[p.UID] = p
		s.events = append(s.events, event{s.version, kind, p})
	})
}

// Delete removes a pod.
func (s *Server) Delete(uid string) {
	s.change(func() {
		s.version++
		s.events = append(s.events, event{s.version, "DELETED", s.pods[uid]})
		delete(s.pods, uid)
	})
}

// Expire makes all versions before the present one unknown, and ends all watches.
func (s *Server) Expire() { s.change(func() { s.version++; s.oldest = s.version; s.breaks++ }) }

// Bookmark tells those who watch of the present version, which other resources have moved on.
func (s *Server) Bookmark() {
	s.change(func() {
		s.version += 10
		s.events = append(s.events, event{version: s.version, kind: "BOOKMARK"})
	})
}

// Break cuts all watches in the middle of an event.
func (s *Server) Break() { s.change(func() { s.breaks++ }) }

// SetToken lets in who shows that token, and nobody else; those who watch are cut off.
func (s *Server) SetToken(token string) { s.change(func() { s.token = token; s.breaks++ }) }

// SetPage makes lists of so many pods at a time.
func (s *Server) SetPage(n int) { s.change(func() { s.page = n }) }

// SetAway makes the server answer 503 and cut those off who watch; or not any more.
func (s *Server) SetAway(away bool) { s.change(func() { s.away = away; s.breaks++ }) }

// Silence lets requests wait until the function it returns is called.
func (s *Server) Silence() (end func()) {
	c := make(chan struct{})
	s.change(func() { s.silent = c; s.breaks++ })
	return func() { s.change(func() { s.silent = nil }); close(c) }
}

// Lists and Watches return the versions that were asked for; Accepts what was to be sent.
func (s *Server) Lists() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lists)
}

func (s *Server) Watches() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.watches)
}

func (s *Server) Accepts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accepted)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	silent, away, token := s.silent, s.away, s.token
	s.accepted = append(s.accepted, r.Header.Get("Accept"))
	s.mu.Unlock()
	if silent != nil {
		select {
		case <-silent:
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case away:
		fail(w, 503, "ServiceUnavailable", "etcd is away")
	case token != "" && r.Header.Get("Authorization") != "Bearer "+token:
		fail(w, 401, "Unauthorized", "Unauthorized")
	case r.URL.Path != "/api/v1/pods":
		fail(w, 404, "NotFound", "no such resource")
	case r.FormValue("watch") == "1":
		s.watch(w, r)
	default:
		s.list(w, r)
	}
}

func fail(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(statusOf(code, reason, message))
}

func statusOf(code int, reason, message string) map[string]any {
	return map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure",
		"message": message, "reason": reason, "code": code,
	}
}

func node(r *http.Request) string {
	name, _ := strings.CutPrefix(r.FormValue("fieldSelector"), "spec.nodeName=")
	return name
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := r.FormValue("resourceVersion")
	from, _ := strconv.Atoi(r.FormValue("continue"))
	if from == 0 {
		s.lists = append(s.lists, at)
	}
	items := []any{}
	uids := slices.Sorted(maps.Keys(s.pods))
	next := ""
	for i, uid := range uids {
		p := s.pods[uid]
		if i < from || p.Node != node(r) {
			continue
		}
		if len(items) == s.page {
			next = strconv.Itoa(i)
			break
		}
		items = append(items, p.object(s.version))
	}
	meta := map[string]any{"resourceVersion": strconv.Itoa(s.version)}
	if next != "" {
		meta["continue"] = next
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta,
		"items": items,
	})
}

func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	at, _ := strconv.Atoi(r.FormValue("resourceVersion"))
	s.mu.Lock()
	s.watches = append(s.watches, r.FormValue("resourceVersion"))
	breaks := s.breaks
	gone := at < s.oldest
	s.mu.Unlock()
	enc := json.NewEncoder(w)
	if gone { // as it is told within a watch
		_ = enc.Encode(map[string]any{
			"type": "ERROR", "object": statusOf(410, "Expired", "too old resource version"),
		})
		return
	}
	_ = http.NewResponseController(w).Flush()
	seconds, _ := strconv.Atoi(r.FormValue("timeoutSeconds"))
	end := time.After(time.Duration(seconds) * time.Second)
	for {
		s.mu.Lock()
		changed, cut := s.changed, s.breaks != breaks
		var due []event
		for _, e := range s.events {
			if e.version > at && (e.kind == "BOOKMARK" || e.pod.Node == node(r)) {
				due = append(due, e)
			}
		}
		s.mu.Unlock()
		if cut {
			_, _ = fmt.Fprint(w, `{"type":"MODIF`)
			panic(http.ErrAbortHandler)
		}
		for _, e := range due {
			at = e.version
			_ = enc.Encode(map[string]any{"type": e.kind, "object": e.pod.object(e.version)})
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-changed:
		case <-end:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (p Pod) object(version int) map[string]any {
	meta := map[string]any{
		"namespace": p.Namespace, "name": p.Name, "uid": p.UID,
		"resourceVersion": strconv.Itoa(version), "labels": p.Labels, "annotations": p.Annotations,
	}
	if p.Filler > 0 {
		meta["managedFields"] = []any{map[string]any{
			"manager": "kubelet", "fieldsV1": map[string]any{"f": strings.Repeat("x", p.Filler)},
		}}
	}
	if p.Owner != "" {
		meta["ownerReferences"] = []any{
			map[string]any{"kind": "Other", "name": "other"},
			map[string]any{"kind": p.OwnerKind, "name": p.Owner, "controller": true},
		}
	}
	return map[string]any{
		"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta,
	}
}
