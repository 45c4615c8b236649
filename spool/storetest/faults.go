package storetest

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
)

// Proxy stands between a store and its server and misbehaves on demand. Safe for concurrent use.
type Proxy struct {
	URL      string
	next     http.Handler
	fault    atomic.Pointer[Fault]
	requests atomic.Int64
	released chan struct{}
}

// Fault answers a request in the server's place, or calls next.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// NewProxy listens before next until the test ends.
func NewProxy(t testing.TB, next http.Handler) *Proxy {
	p := &Proxy{next: next, released: make(chan struct{})}
	srv := httptest.NewServer(p)
	p.URL = srv.URL
	t.Cleanup(func() {
		close(p.released)
		srv.CloseClientConnections()
		srv.Close()
	})
	return p
}

// Forward returns a handler that passes requests on to a real server, host name and all, so that
// signatures hold.
func Forward(endpoint string) (http.Handler, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		host := r.In.Host
		r.SetURL(u)
		r.Out.Host = host
	}}, nil
}

// Set makes all requests from now on go through f; nil ends it.
func (p *Proxy) Set(f Fault) {
	if f == nil {
		p.fault.Store(nil)
		return
	}
	p.fault.Store(&f)
}

// Requests returns the number of requests so far.
func (p *Proxy) Requests() int64 { return p.requests.Load() }

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	if f := p.fault.Load(); f != nil {
		(*f)(w, r, p.next)
		return
	}
	p.next.ServeHTTP(w, r)
}

// Uploads makes f meet only requests that carry data.
func Uploads(f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead ||
			r.Method == http.MethodDelete {
			next.ServeHTTP(w, r)
			return
		}
		f(w, r, next)
	}
}

// Status answers with an error status.
func Status(code int) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(code)
	}
}

// Hang takes the request and never answers.
func (p *Proxy) Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-p.released
	}
}

// Cut closes the connection after n bytes of the body.
func Cut(n int64) Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.CopyN(io.Discard, r.Body, n)
		panic(http.ErrAbortHandler)
	}
}

// LoseAnswer lets the server do its work and closes the connection in place of the answer.
func LoseAnswer(_ http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// HangUp closes the connection in place of an answer, with the work not done.
func HangUp(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	panic(http.ErrAbortHandler)
}

// Half lets the server do its work and closes the connection in the middle of the answer; with
// silent the client cannot see from the headers how much is missing.
func Half(silent bool) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		maps.Copy(w.Header(), rec.Header())
		body := rec.Body.Bytes()
		if silent {
			w.Header().Del("Content-Length")
			w.Header().Set("Connection", "close")
			w.Header().Set("Transfer-Encoding", "identity")
		} else {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body[:len(body)/2])
		if silent && len(body) > 1 {
			return
		}
		panic(http.ErrAbortHandler)
	}
}

// Nothing answers 200, with no headers of note and no body.
func Nothing(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(http.StatusOK)
}
