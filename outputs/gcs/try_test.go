package gcs

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/penstock/penstock/spool"
)

// Try tells what a Put would, needs no right but that to create, and leaves no object.
func TestTry(t *testing.T) {
	t.Parallel()
	server := fake(t)
	var mu sync.Mutex
	var seen []string
	status := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.URL.Query().Get("uploadType"))
		refuse := status
		mu.Unlock()
		if refuse != 0 {
			w.WriteHeader(refuse)
			return
		}
		server.ServeHTTP(w, r)
	}))
	defer srv.Close()
	cfg := testConfig(srv.URL)
	cfg.MaxAttempts = 1
	s := open(t, cfg)
	if err := s.Try(t.Context(), "app/probe"); err != nil {
		t.Error(err)
	}
	for o, err := range s.List(t.Context(), "") {
		t.Errorf("left: %v %v", o, err)
	}
	if seen[0] != "POST resumable" || len(seen) != 3 || seen[1][:6] != "DELETE" {
		t.Errorf("requests: %q", seen)
	}
	for code, is := range map[int]error{
		401: spool.ErrRefused, 403: spool.ErrDenied, 404: spool.ErrNoBucket, 501: spool.ErrUntold,
	} {
		mu.Lock()
		status = code
		mu.Unlock()
		if err := s.Try(t.Context(), "k"); !errors.Is(err, is) ||
			code != 403 && errors.Is(err, spool.ErrDenied) {
			t.Errorf("%d: %v", code, err)
		}
	}
}
