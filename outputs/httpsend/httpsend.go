package httpsend

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/spool/storehttp"
)

// Options of a Sender.
type Options struct {
	URLs        []string
	Timeout     time.Duration // of one request
	Compression string        // none, gzip or zstd
	Headers     map[string]string
	User        string
	Password    string
	Token       string // sent as "Authorization: <Scheme> <Token>"
	Scheme      string
	TLS         *tlsconf.Client
	MaxAnswer   int64 // bytes of an answer that are kept
}

// Sender sends requests. Safe for concurrent use.
type Sender struct {
	o       Options
	servers []*server
	next    uint32 // whose turn it is; guarded by mu
	zs      *zstd.Encoder

	mu    sync.Mutex // for what is known of all servers
	downs fault.KeyedLog[string]
}

// New returns a Sender. Files that TLS names are read now; nothing is connected.
func New(o Options, log *slog.Logger) (*Sender, error) {
	s := &Sender{o: o}
	s.downs = fault.KeyedLog[string]{
		Log:   log,
		Fails: "server is down; others take its share where there are any",
		Works: "all servers are up again",
		Do:    func(error) string { return "see that it runs and can be reached" },
	}
	var secure *tls.Config
	if o.TLS != nil {
		var err error
		if secure, err = tlsconf.NewClient(*o.TLS, log); err != nil {
			return nil, fmt.Errorf("tls.%w", err)
		}
	}
	for _, base := range o.URLs {
		u, err := url.Parse(base)
		if err != nil {
			return nil, err
		}
		s.servers = append(
			s.servers, &server{
				url: base, client: newClient(o.Timeout, secure, u.Hostname()),
				rest: fault.Backoff{Min: firstRest, Max: longestRest, Half: true},
			},
		)
	}
	if o.Compression == "zstd" {
		var err error
		if s.zs, err = zstd.NewWriter(
			nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// newClient returns a client for one host; secure may be nil. Redirects are answers like others: a
// log is not sent to where its configuration does not say.
func newClient(timeout time.Duration, secure *tls.Config, host string) *http.Client {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 16,
		// connections are renewed, so that a changed name is noticed
		IdleConnTimeout:       time.Minute,
		ForceAttemptHTTP2:     true,
		HTTP2:                 storehttp.Pings(),
		ExpectContinueTimeout: time.Second,
	}
	if secure != nil {
		transport.TLSClientConfig = tlsconf.ForServer(secure, host)
	}
	return &http.Client{
		Transport: transport,
		Timeout:   timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// CheckURL reports what is wrong with a URL of the configuration.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return err
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q must begin with http:// or https://", s)
	case u.Host == "":
		return fmt.Errorf("%q names no host", s)
	case u.User != nil:
		return fmt.Errorf("%s: put user and password into their own attributes", u.Redacted())
	}
	return nil
}

// Answer is what a server said.
type Answer struct {
	Status   int
	Body     []byte // at most Options.MaxAnswer bytes
	Location string // where a redirect points
}

// OK reports whether the status is one of success.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Err describes an answer that is not one of success.
func (a *Answer) Err() error {
	if a.Location != "" {
		return &answerError{a.Status, fmt.Sprintf(
			"answered %d %s: redirects are not followed; if it is right, configure %s", a.Status,
			http.StatusText(a.Status), a.Location,
		)}
	}
	text := strings.Join(strings.Fields(string(a.Body[:min(len(a.Body), 300)])), " ")
	if text != "" {
		text = ": " + text
	}
	return &answerError{
		a.Status, fmt.Sprintf("answered %d %s%s", a.Status, http.StatusText(a.Status), text),
	}
}

// answerError is an answer that is not one of success.
type answerError struct {
	status int
	text   string
}

func (e *answerError) Error() string { return e.text }

// Answered tells that the destination has answered.
func (*answerError) Answered() bool { return true }

// Do tells what a person can do about it.
func (e *answerError) Do() string {
	switch {
	case e.status == http.StatusUnauthorized:
		return "check the credentials: user and password, token or key"
	case e.status == http.StatusForbidden:
		return "give these credentials the right to write there"
	case e.status == http.StatusNotFound, e.status == http.StatusMethodNotAllowed:
		return "check the URL, its path above all"
	case e.status == http.StatusTooManyRequests:
		return "nothing, unless it lasts: it takes no more at present; then raise its limit"
	case e.status == http.StatusBadGateway, e.status == http.StatusServiceUnavailable,
		e.status == http.StatusGatewayTimeout:
		return "see that the destination runs behind what has answered, and has room"
	case e.status >= 500:
		return "look into the destination's log"
	}
	return "see that the URL is that of the destination, and what lies before it"
}

// Do sends one request to the path below one of the URLs; the others are tried when it cannot be
// reached or is itself in trouble. Servers that asked to be left alone are; where all did, it waits
// for the first of them.
func (s *Sender) Do(
	ctx context.Context, method, path, contentType string, body []byte,
) (*Answer, error) {
	targets, err := s.targets(ctx)
	if err != nil {
		return nil, err
	}
	packed, encoding, err := s.compress(body)
	if err != nil {
		return nil, err
	}
	var last *Answer
	var lastErr error
	for _, to := range targets {
		a, err := s.try(ctx, to, method, path, contentType, encoding, packed)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && a.Status != http.StatusBadGateway &&
			a.Status != http.StatusServiceUnavailable &&
			a.Status != http.StatusGatewayTimeout {
			s.worked(to.server)
			return a, nil
		}
		why := err
		if why == nil {
			why = a.Err()
		}
		s.failed(to.server, why)
		last, lastErr = a, err
	}
	return last, lastErr
}

// try sends the request to one server, for trialTime at most if that is on trial.
func (s *Sender) try(
	ctx context.Context, to target, method, path, contentType, encoding string, body []byte,
) (*Answer, error) {
	if to.onTrial {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, trialTime)
		defer cancel()
	}
	return s.sendOnce(ctx, to.server, method, path, contentType, encoding, body)
}

func (s *Sender) sendOnce(
	ctx context.Context, to *server, method, path, contentType, encoding string, body []byte,
) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, to.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	req.Header.Set("User-Agent", "penstock")
	switch {
	case s.o.Token != "":
		req.Header.Set("Authorization", s.o.Scheme+" "+s.o.Token)
	case s.o.User != "":
		req.SetBasicAuth(s.o.User, s.o.Password)
	}
	for k, v := range s.o.Headers {
		req.Header.Set(k, v)
	}
	res, err := to.client.Do(req)
	if err != nil {
		return nil, storehttp.Opaque(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, s.o.MaxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", storehttp.Opaque(err))
	}
	_, _ = io.CopyN(io.Discard, res.Body, 1<<20) // so that the connection can be used again
	if res.StatusCode == http.StatusTooManyRequests ||
		res.StatusCode == http.StatusServiceUnavailable {
		s.pauseFor(to, res.Header.Get("Retry-After"))
	}
	a := &Answer{Status: res.StatusCode, Body: text}
	if at, err := res.Location(); err == nil && res.StatusCode >= 300 && res.StatusCode < 400 {
		a.Location = at.Redacted()
	}
	return a, nil
}

func (s *Sender) compress(body []byte) (packed []byte, encoding string, err error) {
	if len(body) == 0 {
		return body, "", nil
	}
	switch s.o.Compression {
	case "gzip":
		var buf bytes.Buffer
		w, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
		if err != nil {
			return nil, "", err
		}
		if _, err := w.Write(body); err != nil {
			return nil, "", err
		}
		if err := w.Close(); err != nil {
			return nil, "", err
		}
		return buf.Bytes(), "gzip", nil
	case "zstd":
		return s.zs.EncodeAll(body, nil), "zstd", nil
	}
	return body, "", nil
}

// Close closes idle connections.
func (s *Sender) Close() {
	for _, to := range s.servers {
		to.client.CloseIdleConnections()
	}
}
