package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/listen"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/prometheus/client_golang/prometheus"
)

// grace is how long a stop waits for requests that have begun.
const grace = 10 * time.Second

// answerTime is how long a client may take to read an answer.
const answerTime = 30 * time.Second

// HTTP is the input. Make one with New.
type HTTP struct {
	cfg      Config
	env      inputs.Env
	tls      *tls.Config
	keys     *keys // nil without an auth block
	warnings *fault.ThrottledLog
	memory   *listen.Budget
	bound    listen.Bound
	requests *prometheus.CounterVec
	refused  prometheus.Counter
	hecAcks  atomic.Int64
	// in Unix nanoseconds: so long a request that was answered that the buffer is full counts
	fullUntil atomic.Int64

	answerTime time.Duration // answerTime, except in tests
}

// New returns the input. Files that the tls block names are read now.
func New(cfg Config, env inputs.Env) (*HTTP, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &HTTP{
		cfg:      cfg,
		env:      env,
		warnings: fault.NewThrottledLog(env.Log),
		memory:   listen.NewBudget(cfg.Memory, cfg.Wait),

		answerTime: answerTime,
	}
	h.requests = prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "penstock_http_requests_total",
			Help: "Requests answered, by protocol and status."},
		[]string{"protocol", "code"},
	)
	h.refused = prometheus.NewCounter(
		prometheus.CounterOpts{Name: "penstock_http_refused_connections_total",
			Help: "Connections closed because there were max_connections already."},
	)
	env.Metrics.MustRegister(h.requests, h.refused)
	if cfg.TLS != nil {
		var err error
		if h.tls, err = tlsconf.NewServer(*cfg.TLS, env.Log); err != nil {
			return nil, fmt.Errorf("tls.%w", err)
		}
	}
	if cfg.Auth != nil {
		h.keys = newKeys(*cfg.Auth)
	}
	return h, nil
}

// Addr returns the address that Run listens on, once it does.
func (h *HTTP) Addr(ctx context.Context) (net.Addr, error) { return h.bound.Wait(ctx) }

// Run implements inputs.Input.
func (h *HTTP) Run(ctx context.Context, sink inputs.Sink) error {
	ln, err := listen.Open(ctx, h.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", h.cfg.Listen, err)
	}
	addr := ln.Addr()
	ln = listen.Limit(ln, h.cfg.MaxConnections, func(host string) {
		h.refused.Inc()
		h.warnings.Warn(host, "connection refused", "error", listen.ErrTooMany)
	})
	var serving sync.WaitGroup
	srv := &http.Server{
		Handler:           h.handler(sink),
		TLSConfig:         h.tls,
		ReadHeaderTimeout: h.cfg.HeaderTimeout,
		ReadTimeout:       h.cfg.ReadTimeout,
		IdleTimeout:       h.cfg.IdleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(warningWriter{h.warnings}, "", 0),
	}
	var serveErr error
	serving.Go(func() {
		if h.tls != nil {
			serveErr = srv.ServeTLS(ln, "", "")
		} else {
			serveErr = srv.Serve(ln)
		}
	})
	h.bound.Set(addr)
	h.env.Log.Info(
		"listening", "address", addr.String(), "tls", h.tls != nil, "auth", h.keys != nil,
	)
	ended := make(chan struct{})
	go func() { serving.Wait(); close(ended) }()
	select {
	case <-ended:
		srv.Close()
		return fmt.Errorf("serve: %w", serveErr)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		srv.Close()
	}
	<-ended
	return nil
}

// warningWriter passes on what the server itself logs: handshakes that failed, mostly.
type warningWriter struct{ warnings *fault.ThrottledLog }

func (w warningWriter) Write(p []byte) (int, error) {
	line := strings.TrimSpace(string(p))
	source := ""
	// "http: TLS handshake error from 10.0.0.1:1234: EOF"
	if _, after, ok := strings.Cut(line, "from "); ok {
		if host, _, err := net.SplitHostPort(strings.SplitN(after, ": ", 2)[0]); err == nil {
			source = host
		}
	}
	w.warnings.Warn(source, "connection failed", "error", line)
	return len(p), nil
}

// protocol reads the records of a request and writes its answers.
type protocol struct {
	name string
	// take stores the records of a request and answers it; an error is answered by fail instead.
	take func(w http.ResponseWriter, r *request) error
	// fail answers an error.
	fail func(w http.ResponseWriter, f *failure)
	open bool // needs no authentication
}

// handler routes requests.
func (h *HTTP) handler(sink inputs.Sink) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sw := &statusWriter{ResponseWriter: w, within: h.answerTime}
		defer sw.begin() // what is sent once this returns
		allowed := h.cors(sw, r)
		p := h.route(r)
		switch {
		case !allowed:
			h.foreign(sw, r)
			h.requests.WithLabelValues(p.name, fmt.Sprint(sw.code())).Inc()
			return
		case r.Method == http.MethodOptions && p.name == splunkName:
			// Docker's driver asks so whether it may begin
			sw.WriteHeader(http.StatusOK)
			return
		case r.Method == http.MethodOptions:
			sw.WriteHeader(http.StatusNoContent)
			return
		}
		h.serve(sw, r, p, sink)
		h.requests.WithLabelValues(p.name, fmt.Sprint(sw.code())).Inc()
	})
}

func (h *HTTP) serve(w http.ResponseWriter, r *http.Request, p protocol, sink inputs.Sink) {
	req := &request{Request: r, h: h, sink: sink, host: remoteHost(r)}
	defer req.release()
	err := error(nil)
	if !p.open && h.keys != nil {
		err = h.keys.check(r)
	}
	if err == nil {
		err = p.take(w, req)
	}
	if err == nil {
		return
	}
	f := failureOf(err)
	h.warnings.Warn(
		req.host,
		fmt.Sprintf("request refused: %d %s", f.status, http.StatusText(f.status)), "path",
		r.URL.Path, "error", err,
	)
	if f.wait > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(f.wait/time.Second)))
	}
	p.fail(w, f)
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unix"
	}
	return host
}

func (h *HTTP) route(r *http.Request) protocol {
	path := strings.TrimRight(r.URL.Path, "/")
	if h.cfg.Splunk && strings.HasPrefix(path, "/services/collector") {
		return h.splunk(strings.TrimPrefix(path, "/services/collector"))
	}
	if h.cfg.OTLP && path == "/v1/logs" {
		return h.otlp()
	}
	if h.cfg.Elasticsearch {
		if p, ok := h.elastic(r.Method, path); ok {
			return p
		}
	}
	if why := otherProtocol(path); why != "" {
		return protocol{
			name: "unknown",
			fail: failPlain,
			take: func(http.ResponseWriter, *request) error {
				return fail(http.StatusNotFound, "there is no %s here: %s", path, why)
			},
		}
	}
	return h.plain(path)
}

// cors answers what a browser asks for one of the allowed origins. It reports whether the request
// may go on: what another page sends, a browser must not carry here, where only this host may
// reach.
func (h *HTTP) cors(w http.ResponseWriter, r *http.Request) (allowed bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		site := r.Header.Get("Sec-Fetch-Site")
		read := r.Method == http.MethodGet || r.Method == http.MethodHead ||
			r.Method == http.MethodOptions
		return read || site == "" || site == "none"
	}
	if !slices.Contains(h.cfg.CORSOrigins, origin) && !slices.Contains(h.cfg.CORSOrigins, "*") {
		return r.Method == http.MethodOptions // the answer without its headers says no
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Add("Vary", "Origin")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "POST, PUT, GET, HEAD, OPTIONS")
		w.Header().
			Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, X-Splunk-Request-Channel")
		w.Header().Set("Access-Control-Max-Age", "600")
	}
	return true
}

// foreign refuses a request that a web page of another origin has its reader's browser send.
func (h *HTTP) foreign(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	h.warnings.Warn(
		remoteHost(r), "request refused: a web page sent it", "origin", origin, "path",
		r.URL.Path, "do", "if the page may send here, add its origin to cors_origins",
	)
	failPlain(w, fail(http.StatusForbidden, "the origin %q is not among cors_origins", origin))
}

// statusWriter remembers the status, and has a client that does not read the answer hold nothing
// for longer than within.
type statusWriter struct {
	http.ResponseWriter
	within time.Duration
	status int
	begun  bool
}

// begin is called before anything is sent. The server undoes it before the next request.
func (w *statusWriter) begin() {
	if !w.begun {
		w.begun = true
		end := time.Now().Add(w.within)
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(end)
	}
}

func (w *statusWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

func (w *statusWriter) WriteHeader(status int) {
	w.begin()
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// failure is the answer to a request that was not taken.
type failure struct {
	status int
	reason string
	wait   time.Duration // for Retry-After; 0 for none
	err    error         // what it comes from, where that says more
}

func (f *failure) Error() string { return f.reason }

func fail(status int, format string, args ...any) *failure {
	return &failure{status: status, reason: fmt.Sprintf(format, args...)}
}

func failureOf(err error) *failure {
	var f *failure
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &tooLarge):
		return fail(
			http.StatusRequestEntityTooLarge, "the body is larger than max_body_size, %d bytes",
			tooLarge.Limit,
		)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fail(http.StatusRequestTimeout, "the body did not come within read_timeout")
	}
	return &failure{status: http.StatusBadRequest, reason: err.Error(), err: err}
}

func failPlain(w http.ResponseWriter, f *failure) {
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="penstock"`)
	}
	http.Error(w, f.reason, f.status)
}
