package httpsend

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/tlsconf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sender(t *testing.T, o Options) *Sender {
	t.Helper()
	o.Timeout, o.MaxAnswer = 10*time.Second, 1<<10
	s, err := New(o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// secureServer serves with a certificate of ca for 127.0.0.1, localhost and name, and counts its
// requests.
func secureServer(
	t *testing.T, ca *certtest.Authority, name string,
) (server *httptest.Server, requests *atomic.Int64, protocol *atomic.Int64) {
	t.Helper()
	cert, key := ca.Issue(name)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	requests, protocol = new(atomic.Int64), new(atomic.Int64)
	server = httptest.NewUnstartedServer(
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			protocol.Store(int64(r.ProtoMajor))
		}),
	)
	server.EnableHTTP2 = true
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server.Listener.Close()
	server.Listener = l
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	server.URL = fmt.Sprintf("https://127.0.0.1:%d", l.Addr().(*net.TCPAddr).Port)
	t.Cleanup(server.Close)
	return server, requests, protocol
}

func post(t *testing.T, s *Sender) (*Answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return s.Do(ctx, http.MethodPost, "/x", "text/plain", []byte("body"))
}

// Each of several servers is verified by its own name or address, whichever the URL has.
func TestCertificatesOfSeveralServers(t *testing.T) {
	ca := certtest.New(t)
	a, na, proto := secureServer(t, ca, "one")
	b, nb, _ := secureServer(t, ca, "two")
	byName := strings.Replace(b.URL, "127.0.0.1", "localhost", 1)
	for name, urls := range map[string][]string{"addresses": {a.URL, b.URL}, "address and name": {a.URL, byName}, "name": {byName}, "address": {a.URL}} {
		na.Store(0)
		nb.Store(0)
		s := sender(t, Options{URLs: urls, TLS: &tlsconf.Client{CAFile: ca.File}})
		for range 4 {
			if answer, err := post(t, s); err != nil || !answer.OK() {
				t.Fatalf("%s: %+v, %v", name, answer, err)
			}
		}
		if len(urls) == 2 && (na.Load() != 2 || nb.Load() != 2) {
			t.Errorf("%s: %d and %d requests", name, na.Load(), nb.Load())
		}
	}
	if proto.Load() != 2 {
		t.Errorf("HTTP/%d is spoken", proto.Load())
	}
}

func TestCertificatesThatAreRefused(t *testing.T) {
	ca := certtest.New(t)
	server, n, _ := secureServer(t, ca, "one")
	// the same server under an address that it has no certificate for
	elsewhere := strings.Replace(server.URL, "127.0.0.1", "127.0.0.2", 1)
	for name, c := range map[string]struct {
		url  string
		conf *tlsconf.Client
	}{
		"another authority": {server.URL, &tlsconf.Client{CAFile: certtest.New(t).File}},
		"system roots":      {server.URL, &tlsconf.Client{}},
		"no tls block":      {server.URL, nil},
		"another address":   {elsewhere, &tlsconf.Client{CAFile: ca.File}},
		"server_name":       {server.URL, &tlsconf.Client{CAFile: ca.File, ServerName: "two"}},
	} {
		if _, err := post(
			t, sender(t, Options{URLs: []string{c.url, c.url}, TLS: c.conf}),
		); err == nil ||
			!strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n.Load() != 0 {
		t.Errorf("%d requests came through", n.Load())
	}
	if _, err := post(
		t,
		sender(
			t,
			Options{
				URLs: []string{server.URL},
				TLS:  &tlsconf.Client{CAFile: ca.File, ServerName: "one"},
			},
		),
	); err != nil ||
		n.Load() != 1 {
		t.Errorf("server_name of the certificate: %v", err)
	}
}

// A redirected POST would become a GET, whose success delivers nothing.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var got atomic.Int64
	target := httptest.NewServer(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }),
	)
	t.Cleanup(target.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		from := httptest.NewServer(http.RedirectHandler(target.URL+"/new", status))
		t.Cleanup(from.Close)
		a, err := post(t, sender(t, Options{URLs: []string{from.URL}}))
		if err != nil || a.OK() || !strings.Contains(a.Err().Error(), target.URL+"/new") {
			t.Errorf("%d: %+v, %v", status, a, err)
		}
	}
	if got.Load() != 0 {
		t.Errorf("%d requests went on", got.Load())
	}
}

func TestAnotherServerTakesOver(t *testing.T) {
	var bodies atomic.Int64
	bad := httptest.NewServer(
		http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		),
	)
	t.Cleanup(bad.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	good := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); string(b) == "body" {
			bodies.Add(1)
		}
	}))
	t.Cleanup(good.Close)
	s := sender(t, Options{URLs: []string{bad.URL, gone.URL, good.URL}})
	for range 6 {
		if a, err := post(t, s); err != nil || !a.OK() {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	if bodies.Load() != 6 {
		t.Errorf("%d bodies arrived", bodies.Load())
	}
	all := sender(t, Options{URLs: []string{gone.URL, bad.URL}})
	if a, err := post(t, all); err == nil && a.OK() {
		t.Errorf("%+v", a)
	}
}

// roundTrip answers requests without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A server that asks to be left alone is, and holds up no other; where all have asked, it is waited
// for the first of them.
func TestRetryAfterIsThatOfOneServer(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			retryAfter, got := map[string]string{"a": "30"}, map[string]int{}
			s := sender(t, Options{URLs: []string{"http://a", "http://b", "http://c"}})
			for _, to := range s.servers {
				to.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
					got[r.URL.Host]++
					w := httptest.NewRecorder()
					if after := retryAfter[r.URL.Host]; after != "" {
						w.Header().Set("Retry-After", after)
						w.WriteHeader(status)
					}
					return w.Result(), nil
				})
			}
			began := time.Now()
			_, _ = post(t, s)
			for i := range 6 {
				if a, err := post(t, s); err != nil || !a.OK() {
					t.Errorf("%d: request %d: %+v, %v", status, i, a, err)
				}
			}
			if got["a"] != 1 || got["b"] < 3 || got["c"] < 3 || time.Since(began) > 0 {
				t.Errorf("%d: %v after %s", status, got, time.Since(began))
			}

			retryAfter["b"], retryAfter["c"] = "5", "3"
			for some, _ := s.targetsNow(); len(some) > 0; some, _ = s.targetsNow() {
				_, _ = post(t, s)
			}
			clear(retryAfter)
			clear(got)
			a, err := post(t, s)
			if err != nil || !a.OK() || got["c"] != 1 || time.Since(began) != 3*time.Second {
				t.Errorf("%d: %+v, %v from %v after %s", status, a, err, got, time.Since(began))
			}
			time.Sleep(time.Minute)
			for range 3 {
				_, _ = post(t, s)
			}
			if got["a"] != 1 || got["b"] != 1 || got["c"] != 2 {
				t.Errorf("%d: later requests went to %v", status, got)
			}
		})
	}
}

// Of several servers one that fails is left alone while others take its share, and is tried again
// ever more seldom, by one request at a time and not for long. One that hangs held up each of its
// turns for as long as a request may take.
func TestServerThatHangsHoldsUpOneRequestNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, got := true, map[string]int{}
		s := sender(t, Options{URLs: []string{"http://a", "http://b"}})
		for _, to := range s.servers {
			to.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				got[r.URL.Host]++
				if r.URL.Host == "a" && hangs {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				return httptest.NewRecorder().Result(), nil
			})
		}
		send := func() {
			if a, err := s.Do(t.Context(), http.MethodPost, "/x", "", nil); err != nil || !a.OK() {
				t.Errorf("%+v, %v", a, err)
			}
		}
		began := time.Now()
		for time.Since(began) < 10*time.Minute {
			send()
			time.Sleep(time.Second)
		}
		// 10 s each, the first one for as long as the timeout is
		if got["a"] < 6 || got["a"] > 15 || got["b"] < 400 {
			t.Errorf("requests while a hangs: %v", got)
		}
		hangs = false
		clear(got)
		for range 300 {
			send()
			time.Sleep(time.Second)
		}
		if got["a"] < 60 {
			t.Errorf("requests once it does not: %v", got)
		}
		clear(got)
		for range 10 {
			send()
		}
		if got["a"] != 5 {
			t.Errorf("shares in the end: %v", got)
		}
	})
}

// Where no server is well all are tried, for as long as a request may take.
func TestAllServersAreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		works, got := "", map[string]int{}
		s := sender(t, Options{URLs: []string{"http://a", "http://b"}})
		for _, to := range s.servers {
			to.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				got[r.URL.Host]++
				if r.URL.Host != works {
					return nil, io.ErrUnexpectedEOF
				}
				time.Sleep(trialTime - time.Second)
				return httptest.NewRecorder().Result(), nil
			})
		}
		for range 5 {
			if _, err := post(t, s); err == nil {
				t.Error("somebody took it")
			}
		}
		if got["a"] != 5 || got["b"] != 5 {
			t.Errorf("requests: %v", got)
		}
		for _, works = range []string{"b", "a"} {
			if a, err := post(t, s); err != nil || !a.OK() {
				t.Errorf("%s works: %+v, %v", works, a, err)
			}
		}
	})
}

// pipes is a listener whose connections are dialed in memory, and can go dead: what is written to
// either end vanishes then.
type pipes struct {
	accept chan net.Conn
	mu     sync.Mutex
	conns  []*mortal
}

type mortal struct {
	net.Conn
	dead atomic.Bool
}

func (m *mortal) Write(p []byte) (int, error) {
	if m.dead.Load() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	a, b := net.Pipe()
	here, there := &mortal{Conn: a}, &mortal{Conn: b}
	p.mu.Lock()
	p.conns = append(p.conns, here, there)
	p.mu.Unlock()
	p.accept <- there
	return here, nil
}

func (p *pipes) kill() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.dead.Store(true)
	}
	return len(p.conns) / 2
}

func (p *pipes) Accept() (net.Conn, error) {
	c, ok := <-p.accept
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p *pipes) Close() error   { close(p.accept); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// A connection over which nothing comes any more, as one that a firewall has forgotten, is given up
// soon, with all that waits on it. With HTTP/2 it was used again for as long as TCP believed in it.
func TestDeadConnectionIsNotUsedAgain(t *testing.T) {
	ca := certtest.New(t)
	cert, key := ca.Issue("server")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{accept: make(chan net.Conn)}
		var protocol atomic.Int64
		srv := &http.Server{
			Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				protocol.Store(int64(r.ProtoMajor))
			}),
			TLSConfig: &tls.Config{
				Certificates: []tls.Certificate{pair},
			},
			ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = srv.ServeTLS(l, "", "")
		}()
		s, err := New(Options{
			URLs: []string{"https://server"}, Timeout: time.Hour, MaxAnswer: 1 << 10,
			TLS: &tlsconf.Client{InsecureSkipVerify: true, MinVersion: "1.2"},
		}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		s.servers[0].client.Transport.(*http.Transport).DialContext = l.dial
		send := func() error {
			_, err := s.Do(t.Context(), http.MethodPost, "/x", "text/plain", []byte("body"))
			return err
		}
		if err := send(); err != nil || protocol.Load() != 2 {
			t.Errorf("%v by HTTP/%d", err, protocol.Load())
		}
		if n := l.kill(); n != 1 {
			t.Errorf("%d connections", n)
		}
		began := time.Now()
		for send() != nil && time.Since(began) < 3*time.Hour {
			continue
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("taken after %s", took)
		}
		s.Close()
		_ = srv.Close()
		<-ended
	})
}
