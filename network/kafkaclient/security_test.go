package kafkaclient

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/kafkaclient/gatetest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// guarded returns a cluster behind g, and a configuration without what g asks for.
func guarded(t *testing.T, g *gatetest.Gate) Config {
	t.Helper()
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.ListenFn(g.Listen))
	t.Cleanup(cluster.Close)
	c := DefaultConfig()
	c.Brokers = cluster.ListenAddrs()
	return c
}

// ping asks a broker for a sign of life, and returns why no connection came about.
func ping(t *testing.T, c Config, more ...kgo.Opt) error {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	opts, err := c.Options("edge-1", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	reach := c.NewReach()
	cl, err := kgo.NewClient(
		append(opts, append(more, kgo.RequestRetries(1), kgo.WithHooks(reach))...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = cl.Ping(ctx)
	if err != nil && reach.Err() == nil {
		t.Errorf("%v, and nobody is told why", err)
	}
	return errors.Join(err, reach.Err())
}

func TestOAuthBearer(t *testing.T) {
	mechanism := (&gatetest.OAuthBearer{Extensions: map[string]string{"logicalCluster": "lkc-1", "identityPoolId": "pool-1"}}).Accept(
		"good",
	)
	g := &gatetest.Gate{SASL: mechanism}
	c := guarded(t, g)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("good\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"access_token":"good","token_type":"bearer","expires_in":3600}`))
	}))
	defer srv.Close()
	for name, tc := range map[string]struct {
		oauth OAuth
		want  string // in the error
	}{
		"token":       {oauth: OAuth{Token: "good"}},
		"file":        {oauth: OAuth{TokenFile: file}},
		"endpoint":    {oauth: OAuth{TokenURL: srv.URL, ClientID: "id", ClientSecret: "secret"}},
		"bad token":   {OAuth{Token: "bad"}, "invalid_token"},
		"no file":     {OAuth{TokenFile: file + "-not"}, "sasl.oauth.token_file: open " + file + "-not"},
		"no endpoint": {OAuth{TokenURL: "http://127.0.0.1:1", ClientID: "id", ClientSecret: "secret"}, "sasl.oauth.token_url: "},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(g.Seen().Entered)
			c := c
			c.SASL = &SASL{Mechanism: "OAUTHBEARER", OAuth: tc.oauth}
			c.SASL.OAuth.Extensions = mechanism.Extensions
			err := ping(t, c)
			entered := len(g.Seen().Entered) > before
			switch {
			case tc.want == "" && (err != nil || !entered):
				t.Errorf("not let in: %v; the gate has seen %+v", err, g.Seen())
			case tc.want != "" && (entered || err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("let in: %v; the error does not say %q: %v", entered, tc.want, err)
			}
			if tc.want == "invalid_token" && !errors.Is(err, kerr.SaslAuthenticationFailed) {
				t.Errorf("a refused token gives %v", err)
			}
		})
	}
}

// An endpoint that never answers must not hold connections up for longer than opening one may take.
func TestTokenEndpointHangs(t *testing.T) {
	g := &gatetest.Gate{SASL: new(gatetest.OAuthBearer).Accept("good")}
	c := guarded(t, g)
	var hang atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hang.Load() {
			_ = r.ParseForm() // the context ends with the connection once the body is read
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"access_token":"good","token_type":"bearer"}`))
	}))
	defer srv.Close()
	c.DialTimeout = 300 * time.Millisecond
	c.SASL = &SASL{
		Mechanism: "OAUTHBEARER",
		OAuth:     OAuth{TokenURL: srv.URL, ClientID: "id", ClientSecret: "secret"},
	}
	hang.Store(true)
	begun := time.Now()
	if err := ping(t, c); err == nil || !strings.Contains(err.Error(), "sasl.oauth.token_url: ") {
		t.Errorf("the error does not name token_url: %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	hang.Store(false)
	if err := ping(t, c); err != nil {
		t.Error(err)
	}
}

func TestMSKIAM(t *testing.T) {
	const msk = "b-1.demo.abc123.c2.kafka.eu-west-1.amazonaws.com"
	none := filepath.Join(t.TempDir(), "none")
	profiles := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(
		profiles,
		[]byte(
			"[profile logs]\nregion = eu-west-1\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = se/cr+et\n",
		),
		0o600,
	); err != nil {
		t.Fatal(err)
	}
	fixed := AWS{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "se/cr+et"}
	session, region := fixed, fixed
	session.SessionToken, region.Region = "to/ken+of=session", "eu-west-1"
	wrong, wrongSession, elsewhere := fixed, session, fixed
	wrong.SecretAccessKey, wrongSession.SessionToken, elsewhere.Region = "other", "other", "us-east-1"
	for name, tc := range map[string]struct {
		host string
		aws  AWS
		env  map[string]string
		want string // in the error
	}{
		"region in the name":            {host: msk, aws: fixed},
		"serverless":                    {host: "boot-abc.c1.kafka-serverless.eu-west-1.amazonaws.com", aws: fixed},
		"China":                         {host: "b-1.demo.abc123.c2.kafka.eu-west-1.amazonaws.com.cn", aws: fixed},
		"the name before the attribute": {host: msk, aws: elsewhere},
		"session token":                 {host: msk, aws: session},
		"own name, region as attribute": {host: "kafka.example.com", aws: region},
		"address, region as attribute":  {host: "127.0.0.1", aws: region},
		"own name, region from env":     {host: "kafka.example.com", aws: fixed, env: map[string]string{"AWS_REGION": "eu-west-1"}},
		"own name, default region":      {host: "kafka.example.com", aws: fixed, env: map[string]string{"AWS_DEFAULT_REGION": "eu-west-1"}},
		"own name, region from profile": {host: "kafka.example.com", aws: AWS{Profile: "logs"}},
		"keys from env":                 {host: msk, env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "se/cr+et"}},
		"session from env":              {host: msk, env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "se/cr+et", "AWS_SESSION_TOKEN": session.SessionToken}},
		"a wrong secret":                {host: msk, aws: wrong, want: "access denied: the signature does not match"},
		"a wrong session token":         {host: msk, aws: wrongSession, want: "access denied: x-amz-security-token"},
		"another region":                {host: "kafka.example.com", aws: elsewhere, want: "access denied: x-amz-credential"},
		"no region":                     {host: "kafka.example.com", aws: fixed, want: "sasl.aws: the name of broker kafka.example.com does not tell its region"},
		"no keys":                       {host: msk, want: "sasl.aws: "},
		"a profile that is not there":   {host: msk, aws: AWS{Profile: "not-there"}, want: "sasl.aws: "},
	} {
		t.Run(name, func(t *testing.T) {
			for _, unset := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
				t.Setenv(unset, "")
			}
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
			t.Setenv("AWS_CONFIG_FILE", profiles)
			for k, v := range tc.env {
				t.Setenv(k, v)
			}
			iam := &gatetest.IAM{
				Region:    "eu-west-1",
				AccessKey: "AKIDEXAMPLE",
				Secret:    "se/cr+et",
				Hosts:     []string{tc.host},
			}
			if strings.Contains(name, "session") {
				iam.SessionToken = session.SessionToken
			}
			g := &gatetest.Gate{SASL: iam, Host: tc.host}
			c := guarded(t, g)
			c.SASL = &SASL{Mechanism: "AWS_MSK_IAM", AWS: tc.aws}
			err := ping(
				t,
				c,
				kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
					host, port, err := net.SplitHostPort(addr)
					if err != nil || host != tc.host {
						t.Errorf("dials %s", addr)
					}
					return (&net.Dialer{}).DialContext(
						ctx, network, net.JoinHostPort("127.0.0.1", port),
					)
				}),
			)
			entered := slices.Equal(g.Seen().Entered, []string{"AKIDEXAMPLE"})
			switch {
			case tc.want == "" && (err != nil || !entered):
				t.Errorf("not let in: %v; the gate has seen %+v", err, g.Seen())
			case tc.want != "" && (entered || err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("let in: %v; the error does not say %q: %v", entered, tc.want, err)
			}
		})
	}
}

func TestMutualTLS(t *testing.T) {
	ca, other := certtest.New(t), certtest.New(t)
	cert, key := ca.Issue("edge-1")
	strangeCert, strangeKey := other.Issue("edge-1")
	for version, max := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		g := &gatetest.Gate{TLS: ca.Server("broker", true)}
		g.TLS.MaxVersion = max
		c := guarded(t, g)
		for name, tc := range map[string]struct {
			tls  tlsconf.Client
			want string // in the error
		}{
			"certificate":         {tls: tlsconf.Client{CAFile: ca.File, CertFile: cert, KeyFile: key}},
			"none":                {tlsconf.Client{CAFile: ca.File}, "ask for a client certificate (tls.cert_file)?"},
			"of another":          {tlsconf.Client{CAFile: ca.File, CertFile: strangeCert, KeyFile: strangeKey}, "trust the certificate of tls.cert_file?"},
			"a broker of another": {tlsconf.Client{CAFile: other.File, CertFile: cert, KeyFile: key}, "certificate signed by unknown authority"},
			"system's roots":      {tlsconf.Client{CertFile: cert, KeyFile: key}, "certificate signed by unknown authority"},
			"another broker":      {tlsconf.Client{CAFile: ca.File, CertFile: cert, KeyFile: key, ServerName: "kafka.example.com"}, "not kafka.example.com"},
		} {
			t.Run(version+"/"+name, func(t *testing.T) {
				c := c
				tc.tls.MinVersion = "1.2"
				c.TLS = &tc.tls
				err := ping(t, c)
				if (err == nil) != (tc.want == "") ||
					err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("the error does not say %q: %v", tc.want, err)
				}
			})
		}
	}
}
