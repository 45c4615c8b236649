package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/penstock/penstock/network/kafkaclient/gatetest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/outputs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// gated is a cluster behind a gate, and a configuration that is let in.
type gated struct {
	*gatetest.Gate
	cfg   Config
	spoil func() string // makes the gate refuse what it took; returns what an error must say then
	mend  func()        // makes it take the client again, whose configuration stays as it is
}

func (g *gated) start(t *testing.T) *gated {
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs"), kfake.ListenFn(g.Listen))
	kept := g.cfg.Config
	g.cfg = testConfig(c)
	g.cfg.TLS, g.cfg.SASL = kept.TLS, kept.SASL
	g.cfg.DialTimeout = 500 * time.Millisecond
	return g
}

// readAll reads the topic as another client with the same credentials, and checks that each record
// is there once, in order.
func (g *gated) readAll(t *testing.T, want map[string]int) {
	t.Helper()
	opts, err := g.cfg.Options("reader", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(
		append(
			opts, kgo.ConsumeTopics("logs"), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
			kgo.FetchMaxWait(100*time.Millisecond),
		)...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	total := 0
	for _, n := range want {
		total += n
	}
	var recs []*kgo.Record
	for end := int64(0); len(recs) < total || int64(len(recs)) < end; {
		fetched := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read %d of %d records", len(recs), total)
		}
		fetched.EachPartition(func(p kgo.FetchTopicPartition) { end = p.HighWatermark })
		recs = append(recs, fetched.Records()...)
	}
	checkOrder(t, recs, want)
}

func tokenFile(t *testing.T) *gated {
	mechanism := new(gatetest.OAuthBearer).Accept("one")
	file := filepath.Join(t.TempDir(), "token")
	certtest.Replace(t, file, []byte("one\n"))
	g := &gated{Gate: &gatetest.Gate{SASL: mechanism}}
	g.cfg.SASL = &kafkaclient.SASL{Mechanism: "OAUTHBEARER", OAuth: kafkaclient.OAuth{TokenFile: file}}
	g.spoil = func() string { mechanism.Accept("two"); return "invalid_token" }
	g.mend = func() { certtest.Replace(t, file, []byte("two")) }
	return g.start(t)
}

func missingTokenFile(t *testing.T) *gated {
	g := tokenFile(t)
	file := g.cfg.SASL.OAuth.TokenFile
	g.spoil = func() string {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
		return "sasl.oauth.token_file: open " + file
	}
	g.mend = func() { certtest.Replace(t, file, []byte("one")) }
	return g
}

// tokenEndpoint is spoilt by what its endpoint does then.
func tokenEndpoint(want string, bad http.HandlerFunc) func(t *testing.T) *gated {
	return func(t *testing.T) *gated {
		mechanism := new(gatetest.OAuthBearer)
		var spoilt atomic.Bool
		var grants atomic.Int32
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, secret, _ := r.BasicAuth()
			if r.FormValue("grant_type") != "client_credentials" || user != "id" ||
				secret != "secret" {
				http.Error(w, "no", http.StatusUnauthorized)
				return
			}
			if spoilt.Load() {
				bad(w, r)
				return
			}
			token := fmt.Sprintf("grant-%d", grants.Add(1))
			mechanism.Accept(token)
			w.Header().Set("Content-Type", "application/json")
			// So short a life is over for the client at once.
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":1}`, token)
		}))
		t.Cleanup(srv.Close)
		g := &gated{Gate: &gatetest.Gate{SASL: mechanism}}
		g.cfg.SASL = &kafkaclient.SASL{
			Mechanism: "OAUTHBEARER",
			OAuth:     kafkaclient.OAuth{TokenURL: srv.URL, ClientID: "id", ClientSecret: "secret"},
		}
		g.spoil = func() string { spoilt.Store(true); return want }
		g.mend = func() { spoilt.Store(false) }
		return g.start(t)
	}
}

func mskIAM(t *testing.T) *gated {
	iam := &gatetest.IAM{
		Region:       "eu-west-1",
		AccessKey:    "AKIDEXAMPLE",
		Secret:       "se/cr+et",
		SessionToken: "to/k+en=",
		Hosts:        []string{"127.0.0.1"},
	}
	g := &gated{Gate: &gatetest.Gate{SASL: iam}}
	g.cfg.SASL = &kafkaclient.SASL{
		Mechanism: "AWS_MSK_IAM",
		AWS: kafkaclient.AWS{
			Region:          "eu-west-1",
			AccessKeyID:     "AKIDEXAMPLE",
			SecretAccessKey: "se/cr+et",
			SessionToken:    "to/k+en=",
		},
	}
	g.spoil = func() string { iam.SetSecret("another"); return "the signature does not match" }
	g.mend = func() { iam.SetSecret("se/cr+et") }
	return g.start(t)
}

// mutualTLS is a listener that demands a client certificate.
func mutualTLS(t *testing.T) *gated {
	ca := certtest.New(t)
	cert, key := ca.Issue("edge-1")
	g := &gated{Gate: &gatetest.Gate{TLS: ca.Server("broker", true)}}
	g.cfg.TLS = &tlsconf.Client{MinVersion: "1.2", CAFile: ca.File, CertFile: cert, KeyFile: key}
	good := map[string]string{}
	for _, f := range []string{ca.File, cert, key} {
		good[f] = f + ".good"
		certtest.Replace(t, good[f], certtest.Read(t, f))
	}
	g.mend = func() {
		for f, copied := range good {
			certtest.Replace(t, f, certtest.Read(t, copied))
		}
	}
	return g.start(t)
}

func wrongCA(t *testing.T) *gated {
	g := mutualTLS(t)
	g.spoil = func() string {
		certtest.Replace(t, g.cfg.TLS.CAFile, certtest.Read(t, certtest.New(t).File))
		return "certificate signed by unknown authority"
	}
	return g
}

func wrongClientCert(t *testing.T) *gated {
	g := mutualTLS(t)
	g.spoil = func() string {
		cert, key := certtest.New(t).Issue("edge-1")
		certtest.Replace(t, g.cfg.TLS.CertFile, certtest.Read(t, cert))
		certtest.Replace(t, g.cfg.TLS.KeyFile, certtest.Read(t, key))
		return "does the listener trust the certificate of tls.cert_file?"
	}
	return g
}

// noClientCert is a listener that begins to demand what the client does not have.
func noClientCert(t *testing.T) *gated {
	ca := certtest.New(t)
	open, closed := ca.Server("broker", false), ca.Server("broker", true)
	var demands atomic.Bool
	g := &gated{
		Gate: &gatetest.Gate{
			TLS: &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
				if demands.Load() {
					return closed, nil
				}
				return open, nil
			}},
		},
	}
	g.cfg.TLS = &tlsconf.Client{MinVersion: "1.2", CAFile: ca.File}
	g.spoil = func() string {
		demands.Store(true)
		return "does the listener ask for a client certificate (tls.cert_file)?"
	}
	g.mend = func() { demands.Store(false) }
	return g.start(t)
}

var gates = map[string]func(t *testing.T) *gated{
	"a token that is refused": tokenFile,
	"no token file":           missingTokenFile,
	"no grant": tokenEndpoint(
		"sasl.oauth.token_url: ",
		func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
		},
	),
	"a token endpoint that hangs": tokenEndpoint(
		"sasl.oauth.token_url: ",
		func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	),
	"AWS_MSK_IAM, a wrong secret": mskIAM,
	"a wrong CA":                  wrongCA,
	"a wrong client certificate":  wrongClientCert,
	"no client certificate":       noClientCert,
}

// The client is not let in, from the beginning or later. Then a batch comes back with an error that
// says why, to be retried or to fail over; or the error is told while the batch is kept. The probe
// that ends failover fails. Once the client is let in the batch is delivered, once.
func TestNotLetIn(t *testing.T) {
	t.Parallel()
	for name, gate := range gates {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/known=%v", name, known), func(t *testing.T) {
				t.Parallel()
				g := gate(t)
				g.cfg.DeliveryTimeout = time.Second
				w, _ := newWriter(t, g.cfg)
				sent := 0
				if known {
					mustDeliver(t, w, lines("o", 0, 100, 50))
					sent = 100
				}
				want := g.spoil()
				g.Bounce()
				batch := lines("o", sent, 100, 50)
				err := sitOut(t, w, func() {
					if probe(t, w) == nil {
						t.Error("the probe takes the cluster for well")
					}
					g.mend()
				}, batch)
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
				if err := probe(t, w); err != nil {
					t.Errorf("probe: %v", err)
				}
				g.readAll(t, map[string]int{"o": sent + 100})
				if n := g.Seen().Strayed; n > 0 {
					t.Errorf("%d requests came unauthenticated", n)
				}
			})
		}
	}
}

func probe(t *testing.T, w *Writer) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	return w.Probe(ctx)
}

// Connections end while the client is not let in: what is under way waits, and goes out in order
// once it is let in again.
func TestNotLetInAnyMore(t *testing.T) {
	t.Parallel()
	for name, gate := range gates {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := gate(t)
			g.cfg.DeliveryTimeout = 30 * time.Second
			said := &logged{}
			w := loggingWriter(t, g.cfg, said)
			mustDeliver(t, w, lines("o", 0, 100, 50))
			want := g.spoil()
			g.Bounce()
			outcome := make(chan error, 3)
			for i := range 3 {
				w.Start(
					t.Context(), lines("o", 100+i*100, 100, 50), func(err error) { outcome <- err },
				)
			}
			said.await(t, want)
			g.mend()
			for range 3 {
				if err := <-outcome; err != nil {
					t.Fatal(err)
				}
			}
			g.readAll(t, map[string]int{"o": 400})
		})
	}
}

// logged is what a component logs.
type logged struct {
	lines chan string
	rest  []string
}

func (l *logged) Write(p []byte) (int, error) {
	select {
	case l.lines <- string(p):
	default:
	}
	return len(p), nil
}

func (l *logged) await(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line := <-l.lines:
			if strings.Contains(line, want) {
				return
			}
			l.rest = append(l.rest, line)
		case <-deadline:
			t.Fatalf("the log does not say %q:\n%s", want, strings.Join(l.rest, ""))
		}
	}
}

func loggingWriter(t *testing.T, cfg Config, to *logged) *Writer {
	t.Helper()
	to.lines = make(chan string, 1000)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	w, err := New(
		cfg,
		outputs.Env{
			Name:    "output.kafka.events",
			Agent:   "edge-1",
			Log:     slog.New(slog.NewTextHandler(to, nil)),
			Metrics: prometheus.NewRegistry(),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// Sessions have a limited life: the client authenticates anew before it ends, on the same
// connection and with the token that the file holds by then, and nothing of it shows.
func TestTokenRenewed(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), _ string) {
		mechanism := new(gatetest.OAuthBearer).Accept("one")
		file := filepath.Join(t.TempDir(), "token")
		certtest.Replace(t, file, []byte("one"))
		g := &gated{Gate: &gatetest.Gate{SASL: mechanism, Lifetime: 1500 * time.Millisecond}}
		g.cfg.SASL = &kafkaclient.SASL{Mechanism: "OAUTHBEARER", OAuth: kafkaclient.OAuth{TokenFile: file}}
		g.start(t)
		change(&g.cfg)
		w, reg := newWriter(t, g.cfg)
		sent := 0
		for deadline := time.Now().Add(30 * time.Second); ; {
			mustDeliver(t, w, lines("o", sent, 10, 50), lines("o", sent+10, 10, 50))
			sent += 20
			seen := g.Seen()
			if slices.Contains(seen.Renewed, "two") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the new token is not taken up: %+v", seen)
			}
			if len(seen.Renewed) > 0 && seen.Renewed[0] == "one" {
				mechanism.Accept("one", "two")
				certtest.Replace(t, file, []byte("two"))
				mechanism.Accept("two")
			}
		}
		seen := g.Seen()
		if len(seen.Refused) > 0 || seen.Strayed > 0 {
			t.Errorf("refused %q, %d requests after their time", seen.Refused, seen.Strayed)
		}
		if n := counter(t, reg, "penstock_kafka_disconnects_total", nil); n > 0 {
			t.Errorf("%v connections were closed", n)
		}
		g.readAll(t, map[string]int{"o": sent})
	})
}

// All that a listener can ask for at once: a client certificate and a token; batches of many
// origins arrive once and in order.
func TestMutualTLSWithToken(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), _ string) {
		g := mutualTLS(t)
		with := &gated{
			Gate: &gatetest.Gate{TLS: g.Gate.TLS, SASL: new(gatetest.OAuthBearer).Accept("good")},
		}
		with.cfg.TLS = g.cfg.TLS
		with.cfg.SASL = &kafkaclient.SASL{Mechanism: "OAUTHBEARER", OAuth: kafkaclient.OAuth{Token: "good"}}
		with.start(t)
		change(&with.cfg)
		w, _ := newWriter(t, with.cfg)
		want := map[string]int{}
		var batches []*record.Batch
		for i := range 30 {
			origin := fmt.Sprintf("o%d", i%4)
			batches = append(batches, lines(origin, want[origin], 100, 100))
			want[origin] += 100
		}
		mustDeliver(t, w, batches...)
		with.readAll(t, want)
	})
}
