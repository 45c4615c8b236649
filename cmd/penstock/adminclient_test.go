package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// An agent that hangs is told from one that is not there, in time for Nagios, which waits for ten
// seconds.
func TestAnAgentThatHangsIsTold(t *testing.T) {
	if askFor >= 10*time.Second {
		t.Errorf("it is waited for %v", askFor)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}))
	defer srv.Close()
	addr := adminAddress(strings.TrimPrefix(srv.URL, "http://"))
	err := addr.get(t.Context(), 20*time.Millisecond, "/api/status", nil, new(any))
	if err == nil || !strings.Contains(err.Error(), "does not answer in time: it hangs") {
		t.Error(err)
	}
}
