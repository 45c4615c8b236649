package admin

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/tlsconf"
)

// secured starts an admin server over TLS.
func secured(t *testing.T, o Options) string {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	o.TLS.MinVersion = "1.2"
	s, err := Start(o, &commandAgent{fakeAgent: fakeAgent{
		status: Status{Ready: true}, tap: &Tap{},
	}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return "https://" + s.Addr()
}

// visitor is a client that trusts one authority and shows a certificate of another, or none.
func visitor(t *testing.T, trusts, of *certtest.Authority) *http.Client {
	t.Helper()
	c := tlsconf.Client{CAFile: trusts.File, MinVersion: "1.2", ServerName: "localhost"}
	if of != nil {
		c.CertFile, c.KeyFile = of.Issue("visitor")
	}
	conf, err := tlsconf.NewClient(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true},
	}
}

// ask returns the statuses of a command, the page, /metrics and /healthz; 0 where there is no
// answer.
func ask(t *testing.T, c *http.Client, url, token, host string) (got [4]int) {
	t.Helper()
	for i, path := range []string{"/api/pause?output=x", "/", "/metrics", "/healthz"} {
		method := http.MethodGet
		if i == 0 {
			method = http.MethodPost
		}
		r, err := http.NewRequestWithContext(t.Context(), method, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		r.Host = host
		resp, err := c.Do(r)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		got[i] = resp.StatusCode
	}
	return got
}

// Over TLS a certificate of client_ca_file may do everything; without one it takes a token, on
// loopback, too.
func TestWhoMayDoWhatOverTLS(t *testing.T) {
	t.Parallel()
	ca, strangers := certtest.New(t), certtest.New(t)
	server := func(change func(*Options)) string {
		o := Options{TLS: &tlsconf.Server{ClientCAFile: ca.File}, AllowedHosts: []string{"web-1.example.org"}}
		o.TLS.CertFile, o.TLS.KeyFile = ca.Issue("web-1")
		change(&o)
		return secured(t, o)
	}
	mutual := server(func(*Options) {})
	tokens := server(func(o *Options) { o.Token, o.ReadToken = "operator-token", "reader-token" })
	metrics := server(func(o *Options) { o.Anonymous = "metrics" })
	required := server(func(o *Options) { o.TLS.RequireClientCert = true })
	plain := server(func(o *Options) { o.TLS.ClientCAFile = "" })
	all, none := [4]int{200, 200, 200, 200}, [4]int{401, 401, 401, 200}
	for _, c := range []struct {
		name, url   string
		certificate *certtest.Authority
		token, host string
		want        [4]int
	}{
		{"a certificate", mutual, ca, "", "", all},
		{"none", mutual, nil, "", "", none},
		{"a stranger's", mutual, strangers, "", "", [4]int{}},
		{"a certificate instead of the token", tokens, ca, "", "", all},
		{"a certificate and the reader's token", tokens, ca, "reader-token", "", all},
		{"a token", tokens, nil, "operator-token", "", all},
		{"the reader's token", tokens, nil, "reader-token", "", [4]int{403, 200, 200, 200}},
		{"a wrong token", tokens, nil, "operator-tokem", "", none},
		{"metrics for all", metrics, nil, "", "", [4]int{401, 401, 200, 200}},
		{"metrics for all, and a certificate", metrics, ca, "", "", all},
		{"a certificate where one is required", required, ca, "", "", all},
		{"none where one is required", required, nil, "", "", [4]int{}},
		{"a certificate that nobody looks at", plain, ca, "", "", none},
		{"a name that is allowed", mutual, ca, "", "web-1.example.org", all},
		{"a name that is not", mutual, ca, "", "evil.example.org", [4]int{403, 403, 403, 403}},
	} {
		if got := ask(t, visitor(t, ca, c.certificate), c.url, c.token, c.host); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := ask(t, visitor(t, strangers, nil), tokens, "operator-token", ""); got != [4]int{} {
		t.Errorf("a client that does not trust the server: %v", got)
	}
	old := visitor(t, ca, nil)
	old.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS11
	if got := ask(t, old, tokens, "operator-token", ""); got != [4]int{} {
		t.Errorf("TLS 1.1: %v", got)
	}
	h := http.Client{Timeout: 10 * time.Second}
	if got := ask(t, &h, "http"+tokens[len("https"):], "operator-token", ""); got != [4]int{400, 400, 400, 400} && got != [4]int{} {
		t.Errorf("without TLS: %v", got)
	}
}
