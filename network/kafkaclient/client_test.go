package kafkaclient

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func connect(t *testing.T, c Config) (*kgo.Client, error) {
	t.Helper()
	opts, err := c.Options("edge-1", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(opts, kgo.RequestRetries(1))...)
	if err != nil {
		return nil, err
	}
	t.Cleanup(cl.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return cl, cl.Ping(ctx)
}

func TestSASL(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			cluster := kfake.MustCluster(
				kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser(mechanism, "bob", "pw"),
			)
			defer cluster.Close()
			c := DefaultConfig()
			c.Brokers = cluster.ListenAddrs()
			c.SASL = &SASL{Mechanism: mechanism, Username: "bob", Password: "pw"}
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			if _, err := connect(t, c); err != nil {
				t.Fatal(err)
			}
			c.SASL = &SASL{Mechanism: mechanism, Username: "bob", Password: "wrong"}
			if _, err := connect(t, c); err == nil {
				t.Fatal("a wrong password was accepted")
			}
		})
	}
}

// Brokers are often known by their addresses, which TLS does not send: they are verified all the
// same.
func TestTLSByAddress(t *testing.T) {
	ca := certtest.New(t)
	certFile, keyFile := ca.Issue("broker")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	cluster := kfake.MustCluster(
		kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}),
	)
	defer cluster.Close()
	c := DefaultConfig()
	c.Brokers = cluster.ListenAddrs()
	c.TLS = &tlsconf.Client{MinVersion: "1.2", CAFile: ca.File}
	if _, err := connect(t, c); err != nil {
		t.Fatal(err)
	}
	c.TLS.ServerName = "another"
	if _, err := connect(t, c); err == nil || !strings.Contains(err.Error(), "another") {
		t.Errorf("a broker with another name was trusted: %v", err)
	}
	c.TLS.ServerName, c.TLS.CAFile = "", certtest.New(t).File
	if _, err := connect(t, c); err == nil {
		t.Error("a broker with a certificate of another authority was trusted")
	}
}

func TestOAuthTokens(t *testing.T) {
	var grants int
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		grants++
		user, pass, _ := r.BasicAuth()
		if user != "id" || pass != "secret" || r.FormValue("grant_type") != "client_credentials" ||
			r.FormValue("scope") != "kafka" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).
			Encode(map[string]any{"access_token": "granted", "token_type": "bearer", "expires_in": 3600})
	}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	endpoint := OAuth{
		TokenURL:     srv.URL,
		ClientID:     "id",
		ClientSecret: "secret",
		Scopes:       []string{"kafka"},
	}
	source := endpoint.source()
	for want, f := range map[string]func(context.Context) (string, error){
		"fixed":     (&OAuth{Token: "fixed"}).source(),
		"from-file": (&OAuth{TokenFile: file}).source(),
		"granted":   source,
	} {
		if got, err := f(t.Context()); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if _, err := source(t.Context()); err != nil || grants != 1 {
		t.Errorf("a valid token was fetched again: %d grants, %v", grants, err)
	}
	// A renewed file is taken up by the next authentication.
	fromFile := (&OAuth{TokenFile: file}).source()
	os.WriteFile(file, []byte("renewed"), 0o600)
	if got, _ := fromFile(t.Context()); got != "renewed" {
		t.Errorf("got %q", got)
	}
	bad := endpoint
	bad.ClientSecret = "x"
	if _, err := bad.source()(
		t.Context(),
	); err == nil ||
		!strings.Contains(err.Error(), "token_url") {
		t.Errorf("a refused grant gave %v", err)
	}
}

func TestMetrics(t *testing.T) {
	cluster := kfake.MustCluster(kfake.NumBrokers(1))
	defer cluster.Close()
	c := DefaultConfig()
	c.Brokers = cluster.ListenAddrs()
	reg := prometheus.NewRegistry()
	opts, err := c.Options("edge-1", slog.New(slog.DiscardHandler), reg)
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			seen[f.GetName()] += m.GetCounter().GetValue()
		}
	}
	for _, name := range []string{"penstock_kafka_connects_total", "penstock_kafka_written_bytes_total", "penstock_kafka_read_bytes_total"} {
		if seen[name] == 0 {
			t.Errorf("%s is 0", name)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"brokers: name":            func(c *Config) { c.Brokers = nil },
		"brokers: \"http://k\"":    func(c *Config) { c.Brokers = []string{"http://k"} },
		"brokers: \"k:0\"":         func(c *Config) { c.Brokers = []string{"k:0"} },
		"dial_timeout: ":           func(c *Config) { c.DialTimeout = 0 },
		"request_timeout: ":        func(c *Config) { c.RequestTimeout = 1 },
		"metadata_max_age: ":       func(c *Config) { c.MetadataMaxAge = 1 },
		"sasl.mechanism: ":         func(c *Config) { c.SASL = &SASL{Mechanism: "GSSAPI"} },
		"sasl.username: ":          func(c *Config) { c.SASL = &SASL{Mechanism: "PLAIN", Password: "x"} },
		"sasl.oauth: ":             func(c *Config) { c.SASL = &SASL{Mechanism: "OAUTHBEARER"} },
		"sasl.oauth.token_url: ":   func(c *Config) { c.SASL = &SASL{Mechanism: "OAUTHBEARER", OAuth: OAuth{TokenURL: "x"}} },
		"sasl.aws.access_key_id: ": func(c *Config) { c.SASL = &SASL{Mechanism: "AWS_MSK_IAM", AWS: AWS{AccessKeyID: "x"}} },
	} {
		c := DefaultConfig()
		c.Brokers = []string{"kafka-1:9092", "kafka-2"}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
