package admin

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// commandAgent takes commands.
type commandAgent struct {
	fakeAgent
	paused int
}

func (c *commandAgent) Pause(string) (string, error)  { c.paused++; return "paused", nil }
func (c *commandAgent) Resume(string) (string, error) { return "goes on", nil }
func (c *commandAgent) Flush(_ context.Context, wait time.Duration) (string, error) {
	return "flushed, waited " + wait.String(), nil
}
func (c *commandAgent) Drain(context.Context) (string, error) { return "drained", nil }

// Who may do what, by where the server listens, what is configured, and what a request shows.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	const token, readToken = "operator-token", "reader-token"
	both := Options{Listen: "0.0.0.0:9600", Token: token, ReadToken: readToken}
	with := func(o Options, listen, anonymous string) Options {
		o.Listen, o.Anonymous = listen, anonymous
		return o
	}
	// the statuses of a command, the page, /tap, /metrics, /readyz and /healthz
	all := [6]int{200, 200, 404, 200, 200, 200}
	none := [6]int{401, 401, 401, 401, 401, 200}
	read := [6]int{403, 200, 404, 200, 200, 200}
	metrics := [6]int{401, 401, 401, 200, 200, 200}
	for _, c := range []struct {
		name  string
		o     Options
		token string
		want  [6]int
	}{
		{"loopback", Options{Listen: "127.0.0.1:9600"}, "", all},
		{"loopback 6", Options{Listen: "[::1]:9600"}, "", all},
		{"unix socket", Options{Listen: "unix:///run/x"}, "", all},
		{"other hosts", Options{Listen: "0.0.0.0:9600"}, "", none},
		{"all addresses", Options{Listen: ":9600"}, "", none},
		{"a token, given", both, token, all},
		{"a token, not given", both, "", none},
		{"a wrong one", both, "operator-tokem", none},
		{"an empty one", Options{Listen: "0.0.0.0:9600"}, "", none},
		{"the reader's", both, readToken, read},
		{"a token on loopback, not given", with(both, "127.0.0.1:1", ""), "", none},
		{"a token on loopback", with(both, "127.0.0.1:1", ""), token, all},
		{"metrics for all", with(Options{}, "0.0.0.0:1", "metrics"), "", metrics},
		{"metrics for all, and a token", with(both, "0.0.0.0:1", "metrics"), token, all},
		{"reading for all", with(Options{}, "0.0.0.0:1", "read"), "", read},
		{"nothing on loopback", with(Options{}, "127.0.0.1:1", "none"), "", none},
	} {
		h := Handler(c.o, &commandAgent{fakeAgent: fakeAgent{
			status: Status{Ready: true}, tap: &Tap{},
		}}, slog.New(slog.DiscardHandler))
		for _, basic := range []bool{false, true} {
			var got [6]int
			for i, r := range []*http.Request{
				httptest.NewRequest("POST", "http://localhost/api/pause?output=x", nil),
				httptest.NewRequest("GET", "http://localhost/", nil),
				httptest.NewRequest("GET", "http://localhost/tap?of=none", nil),
				httptest.NewRequest("GET", "http://localhost/metrics", nil),
				httptest.NewRequest("GET", "http://localhost/readyz", nil),
				httptest.NewRequest("GET", "http://localhost/healthz", nil),
			} {
				switch {
				case c.token == "":
				case basic:
					r.SetBasicAuth("anybody", c.token)
				default:
					r.Header.Set("Authorization", "Bearer "+c.token)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				got[i] = w.Code
			}
			if got != c.want {
				t.Errorf("%s (basic %v): %v, want %v", c.name, basic, got, c.want)
			}
		}
	}
}

// A socket has the permissions that were asked for, and one that a killed agent has left is no
// obstacle; one that is in use is.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "admin.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	o := Options{Listen: "unix://" + path, Mode: "0600"}
	a, log := &fakeAgent{}, slog.New(slog.DiscardHandler)
	s, err := Start(o, a, log)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	client := http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", path)
		},
	}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://localhost/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if _, err := Start(o, a, log); err == nil {
		t.Error("a socket in use is taken")
	}
}

// A flush waits where it is asked to: earlier commands do not ask, and have no time for it.
func TestAFlushWaitsForThoseWhoAsk(t *testing.T) {
	t.Parallel()
	h := Handler(
		Options{Listen: "127.0.0.1:9600"}, &commandAgent{}, slog.New(slog.DiscardHandler),
	)
	for query, want := range map[string]string{
		"":               "flushed, waited 0s\n",
		"?timeout=1m":    "flushed, waited 1m0s\n",
		"?timeout=-1s":   "timeout must be a duration, such as 5m\n",
		"?timeout=often": "timeout must be a duration, such as 5m\n",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/api/flush"+query, nil))
		if w.Body.String() != want {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	}
}
