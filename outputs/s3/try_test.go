package s3

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/spool"
)

// refusing answers requests of a method with a status and a code, and passes on the others.
type refusing struct {
	next http.Handler
	rule atomic.Pointer[refusalRule]
}

type refusalRule struct {
	method        string
	status        int
	code, message string
}

func (p *refusing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rule := p.rule.Load(); rule != nil && r.Method == rule.method {
		w.WriteHeader(rule.status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", rule.code, rule.message)
		return
	}
	p.next.ServeHTTP(w, r)
}

// Try tells what a Put would, needs no right but that to put, and leaves nothing: neither an object
// nor the upload that it begins, nor more than one where that may not be aborted.
func TestTry(t *testing.T) {
	t.Parallel()
	rec := &recorder{next: fake(t)}
	server := &refusing{next: rec}
	srv := httptest.NewServer(server)
	defer srv.Close()
	cfg := testConfig(srv.URL)
	cfg.Prefix, cfg.MaxAttempts = "logs", 1
	s := open(t, cfg)
	if err := s.Try(t.Context(), "app/probe"); err != nil {
		t.Error(err)
	}
	begun, aborted := rec.find("POST", "uploads"), rec.find("DELETE", "uploadId=")
	if len(begun) != 1 || len(aborted) != 1 || len(rec.find("PUT", ""))+len(rec.find("GET", "")) > 0 {
		t.Errorf("%d begun, %d aborted", len(begun), len(aborted))
	}
	if path := begun[0].URL.Path; path != "/acme/logs/app/probe" {
		t.Errorf("asked for %s", path)
	}
	for _, c := range []struct {
		status  int
		code    string
		is, not error
	}{
		{403, "AccessDenied", spool.ErrDenied, spool.ErrUntold},
		{403, "Forbidden", spool.ErrDenied, spool.ErrUntold},
		{403, "InvalidAccessKeyId", spool.ErrRefused, spool.ErrDenied},
		{403, "SignatureDoesNotMatch", spool.ErrRefused, spool.ErrDenied},
		{403, "RequestTimeTooSkewed", spool.ErrRefused, spool.ErrDenied},
		{404, "NoSuchBucket", spool.ErrNoBucket, spool.ErrDenied},
		{501, "NotImplemented", spool.ErrUntold, spool.ErrRefused},
		{405, "MethodNotAllowed", spool.ErrUntold, spool.ErrRefused},
	} {
		server.rule.Store(&refusalRule{http.MethodPost, c.status, c.code, ""})
		if err := s.Try(t.Context(), "k"); !errors.Is(err, c.is) || errors.Is(err, c.not) {
			t.Errorf("%d %s: %v", c.status, c.code, err)
		}
	}
	server.rule.Store(&refusalRule{
		http.MethodPost, 403, "AccessDenied", "not authorized to perform: kms:Decrypt on resource k",
	})
	if err := s.Try(t.Context(), "k"); !errors.Is(err, spool.ErrUntold) {
		t.Errorf("a put takes no such right: %v", err)
	}
	server.rule.Store(&refusalRule{http.MethodPost, 503, "SlowDown", ""})
	if err := s.Try(t.Context(), "k"); err == nil || errors.Is(err, spool.ErrRefused) {
		t.Error(err)
	}
	server.rule.Store(&refusalRule{http.MethodDelete, 403, "AccessDenied", ""})
	if err := s.Try(t.Context(), "k"); err != nil {
		t.Errorf("who may put and not abort: %v", err)
	}
	before := len(rec.find("POST", "uploads"))
	if err := s.Try(t.Context(), "k"); !errors.Is(err, spool.ErrUntold) ||
		len(rec.find("POST", "uploads")) > before {
		t.Errorf("a second upload is left, %v", err)
	}
}
