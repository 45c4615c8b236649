package storehttp

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func client(timeout time.Duration) *http.Client {
	tr := &http.Transport{}
	Configure(tr, timeout)
	return &http.Client{Transport: tr}
}

func TestServerThatNeverAnswersIsAnError(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }),
	)
	defer srv.Close()
	defer close(release)
	_, err := client(100 * time.Millisecond).Get(srv.URL)
	var ne net.Error
	if err == nil {
		t.Fatal("no error")
	}
	if !errors.As(err, &ne) || !ne.Timeout() {
		t.Fatalf("error %v, want a timeout", err)
	}
}

// A server that takes its body slowly, but takes it, is not cut off, though the whole lasts several
// timeouts.
func TestSlowButMovingUploadGoesOn(t *testing.T) {
	const timeout, parts = 300 * time.Millisecond, 10
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer srv.Close()
	pr, pw := io.Pipe()
	go func() {
		tick := time.NewTicker(timeout / 3)
		defer tick.Stop()
		for range parts {
			<-tick.C
			if _, err := pw.Write([]byte(strings.Repeat("x", 64<<10))); err != nil {
				return
			}
		}
		pw.Close()
	}()
	start := time.Now()
	resp, err := client(timeout).Post(srv.URL, "text/plain", pr)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if took := time.Since(start); took < 2*timeout {
		t.Fatalf("took %v: the test proves nothing", took)
	}
}
