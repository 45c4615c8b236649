package s3

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storetest"
)

// A bucket that is new, or moves, is elsewhere for a while: the request is signed for there.
func TestTemporaryRedirectIsSignedForWhereItLeads(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 10, announced} {
		want := bytes.Repeat([]byte("x"), size)
		var elsewhere atomic.Pointer[http.Request]
		var got []byte
		there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got, _ = io.ReadAll(r.Body)
			elsewhere.Store(r)
			w.Header().Set("ETag", `"e"`)
		}))
		here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", strings.Replace(
				there.URL, "127.0.0.1", "localhost", 1)+r.URL.EscapedPath()+"?rk=1")
			w.Header().Set("X-Amz-Bucket-Region", "us-west-2")
			respond(w, http.StatusTemporaryRedirect, "TemporaryRedirect")
		}))
		defer there.Close()
		defer here.Close()
		cfg := testConfig(here.URL)
		cfg.MaxAttempts = 1
		put(t, open(t, cfg), "a key", want, spool.PutOptions{})
		r := elsewhere.Load()
		if r == nil {
			t.Fatalf("size %d: nothing came there", size)
		}
		if auth := r.Header.Get("Authorization"); !strings.Contains(auth, "/us-west-2/s3/") {
			t.Errorf("size %d: signed with %q", size, auth)
		}
		if !bytes.Equal(got, want) || r.URL.Path != "/acme/a key" || r.URL.RawQuery != "rk=1" {
			t.Errorf("size %d: %s with %d bytes", size, r.URL, len(got))
		}
	}
}

// Servers that send a request to and fro, or from https into the open, are not followed.
func TestRedirectsEnd(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > 100 { // somebody has to end it
			respond(w, http.StatusForbidden, "AccessDenied")
			return
		}
		w.Header().Set("Location", "http://"+r.Host+r.URL.Path)
		respond(w, http.StatusTemporaryRedirect, "TemporaryRedirect")
	})
	plain := httptest.NewServer(handler)
	defer plain.Close()
	s := open(t, testConfig(plain.URL))
	err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, spool.PutOptions{})
	if err == nil || requests.Load() != maxRedirects+1 {
		t.Errorf("error %v after %d requests", err, requests.Load())
	}

	requests.Store(0)
	secret := httptest.NewTLSServer(handler)
	defer secret.Close()
	s = open(t, testConfig(secret.URL))
	s.client.http.(*http.Client).Transport = secret.Client().Transport
	err = s.Put(t.Context(), "k", strings.NewReader("x"), 1, spool.PutOptions{})
	if err == nil || requests.Load() != 1 {
		t.Errorf("error %v after %d requests, want a refusal after one", err, requests.Load())
	}
}

// ends tells of reads after the caller has its data back.
type ends struct {
	t    *testing.T
	over atomic.Bool
}

func (e *ends) ReadAt(p []byte, _ int64) (int, error) {
	if e.over.Load() {
		e.t.Error("read after the upload had returned")
	}
	clear(p)
	return len(p), nil
}

// A transport that has begun a body anew, and is still at it when the answer comes, reads no more.
func TestNoBodyIsReadOnceAnUploadHasReturned(t *testing.T) {
	t.Parallel()
	cfg := testConfig("http://127.0.0.1:1")
	cfg.MaxAttempts = 1
	s := open(t, cfg)
	var bodies []io.ReadCloser
	s.client.http = doer(func(r *http.Request) (*http.Response, error) {
		again, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		bodies = []io.ReadCloser{r.Body, again}
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"e"`}}, Body: http.NoBody,
		}, nil
	})
	data := &ends{t: t}
	if err := s.Put(t.Context(), "k", data, 100, spool.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	data.over.Store(true)
	for i, b := range bodies {
		if n, err := b.Read(make([]byte, 10)); n > 0 || err == nil {
			t.Errorf("body %d gave %d bytes, error %v", i, n, err)
		}
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

// What is not the whole object must not pass for it: an object that is replayed is deleted then.
func TestAnswerThatIsNotTheWholeObjectIsAnError(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	s := open(t, testConfig(proxy.URL))
	put(t, s, "k", []byte("hello"), spool.PutOptions{})
	for _, status := range []int{
		http.StatusNoContent, http.StatusPartialContent, http.StatusAccepted,
	} {
		proxy.Set(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(status)
			if status != http.StatusNoContent {
				fmt.Fprint(w, "he")
			}
		})
		body, o, err := s.Get(t.Context(), "k")
		if err == nil {
			body.Close()
			t.Errorf("%d passes for an object of %d bytes", status, o.Size)
		}
	}
}

// An answer to HEAD has no body to say that the clock is why.
func TestClockThatIsOffForHead(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{3 * time.Hour, -3 * time.Hour, 0} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			now := time.Now().Add(ahead)
			signed, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
			w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
			switch {
			case ahead == 0, now.Sub(signed).Abs() > 15*time.Minute:
				w.WriteHeader(http.StatusForbidden)
			case r.Method == http.MethodHead:
				w.WriteHeader(http.StatusNotFound)
			default:
				w.Header().Set("ETag", `"e"`)
			}
		}))
		defer srv.Close()
		cfg := testConfig(srv.URL)
		cfg.ConditionalWrites = "head"
		s := open(t, cfg)
		opts := spool.PutOptions{IfAbsent: true}
		err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, opts)
		if (err != nil) != (ahead == 0) {
			t.Errorf("%v ahead: error %v", ahead, err)
		}
	}
}

// What stands between us and the server may change what we say of compression.
func TestAcceptEncodingIsNotSigned(t *testing.T) {
	t.Parallel()
	s := open(t, testConfig("http://127.0.0.1:1"))
	c := &catcher{}
	s.client.http = c
	put(t, s, "k", []byte("x"), spool.PutOptions{})
	if auth := c.last.Header.Get("Authorization"); strings.Contains(auth, "accept-encoding") {
		t.Errorf("signed: %q", auth)
	}
	if got := c.last.Header.Get("Accept-Encoding"); got != "identity" {
		t.Errorf("Accept-Encoding is %q", got)
	}
}
