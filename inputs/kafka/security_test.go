package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/penstock/penstock/network/kafkaclient/gatetest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// gated is a listener that asks for more than a connection, and the configuration of a client that
// is let in.
type gated struct {
	gate *gatetest.Gate
	cfg  kafkaclient.Config
	// makes the client one that is not let in; returns what the log must say then
	spoil func() string
	mend  func()
}

var gates = map[string]func(t *testing.T) gated{
	"OAUTHBEARER": func(t *testing.T) gated {
		mechanism := new(gatetest.OAuthBearer).Accept("good")
		file := filepath.Join(t.TempDir(), "token")
		certtest.Replace(t, file, []byte("good\n"))
		return gated{
			&gatetest.Gate{SASL: mechanism, Lifetime: 2 * time.Second},
			kafkaclient.Config{
				SASL: &kafkaclient.SASL{Mechanism: "OAUTHBEARER", OAuth: kafkaclient.OAuth{TokenFile: file}},
			},
			func() string { certtest.Replace(t, file, []byte("bad")); return "invalid_token" },
			func() { certtest.Replace(t, file, []byte("good")) },
		}
	},
	"AWS_MSK_IAM": func(t *testing.T) gated {
		iam := &gatetest.IAM{
			Region:    "eu-west-1",
			AccessKey: "AKIDEXAMPLE",
			Secret:    "secret",
			Hosts:     []string{"127.0.0.1"},
		}
		return gated{
			&gatetest.Gate{SASL: iam, Lifetime: 2 * time.Second},
			kafkaclient.Config{
				SASL: &kafkaclient.SASL{
					Mechanism: "AWS_MSK_IAM",
					AWS: kafkaclient.AWS{
						Region:          "eu-west-1",
						AccessKeyID:     "AKIDEXAMPLE",
						SecretAccessKey: "secret",
					},
				},
			},
			func() string { iam.SetSecret("another"); return "the signature does not match" },
			func() { iam.SetSecret("secret") },
		}
	},
	"mutual TLS, a wrong CA": func(t *testing.T) gated {
		gate, conf := mutualTLS(t)
		good := certtest.Read(t, conf.CAFile)
		return gated{gate, kafkaclient.Config{TLS: &conf},
			func() string {
				certtest.Replace(t, conf.CAFile, certtest.Read(t, certtest.New(t).File))
				return "certificate signed by unknown authority"
			},
			func() { certtest.Replace(t, conf.CAFile, good) },
		}
	},
	"mutual TLS, a wrong client certificate": func(t *testing.T) gated {
		gate, conf := mutualTLS(t)
		cert, key := certtest.Read(t, conf.CertFile), certtest.Read(t, conf.KeyFile)
		return gated{gate, kafkaclient.Config{TLS: &conf},
			func() string {
				badCert, badKey := certtest.New(t).Issue("edge-1")
				certtest.Replace(t, conf.CertFile, certtest.Read(t, badCert))
				certtest.Replace(t, conf.KeyFile, certtest.Read(t, badKey))
				return "does the listener trust the certificate of tls.cert_file?"
			},
			func() {
				certtest.Replace(t, conf.CertFile, cert)
				certtest.Replace(t, conf.KeyFile, key)
			},
		}
	},
}

func mutualTLS(t *testing.T) (*gatetest.Gate, tlsconf.Client) {
	ca := certtest.New(t)
	cert, key := ca.Issue("edge-1")
	return &gatetest.Gate{
			TLS: ca.Server("broker", true),
		}, tlsconf.Client{
			MinVersion: "1.2",
			CAFile:     ca.File,
			CertFile:   cert,
			KeyFile:    key,
		}
}

// A client that is not let in, at first or later on, says why in its log, and goes on where it was
// once it is let in: each record is read once.
func TestNotLetIn(t *testing.T) {
	t.Parallel()
	for name, gate := range gates {
		for _, protocol := range []string{"auto", "classic", "consumer"} {
			t.Run(fmt.Sprintf("%s/%s", name, protocol), func(t *testing.T) {
				t.Parallel()
				g := gate(t)
				c := startCluster(
					t,
					kfake.SeedTopics(1, "logs"),
					kfake.ListenFn(g.gate.Listen),
					kfake.BrokerConfigs(
						map[string]string{"group.consumer.heartbeat.interval.ms": "100"},
					),
				)
				cfg := testConfig(c)
				cfg.TLS, cfg.SASL, cfg.Protocol, cfg.DialTimeout = g.cfg.TLS, g.cfg.SASL, protocol, 500*time.Millisecond
				producer := g.producer(t, c.ListenAddrs())
				produce := func(from, to int) {
					t.Helper()
					for _, v := range numbers(from, to) {
						if err := producer.ProduceSync(t.Context(), kgo.StringRecord(v)).
							FirstErr(); err != nil {
							t.Fatal(err)
						}
					}
				}
				produce(0, 10)
				want := g.spoil()
				var log logged
				m := join(t, cfg, slog.NewTextHandler(&log, nil))
				log.await(t, want)
				g.mend()
				if got := rest(t, m, 10); !slices.Equal(got, numbers(0, 10)) {
					t.Fatalf("read %v", got)
				}
				if err := m.log("logs/0").Commit(t.Context(), 10, ""); err != nil {
					t.Fatal(err)
				}
				log.forget()
				g.spoil()
				g.gate.Bounce()
				log.await(t, want)
				g.mend()
				produce(10, 20)
				if got := rest(t, m, 10); !slices.Equal(got, numbers(10, 20)) {
					t.Fatalf("read %v after it was mended", got)
				}
				if n := g.gate.Seen().Strayed; n > 0 {
					t.Errorf("%d requests came unauthenticated", n)
				}
			})
		}
	}
}

func (g gated) producer(t *testing.T, brokers []string) *kgo.Client {
	t.Helper()
	conf := kafkaclient.DefaultConfig()
	conf.Brokers, conf.TLS, conf.SASL = brokers, g.cfg.TLS, g.cfg.SASL
	opts, err := conf.Options("producer", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(append(opts, kgo.DefaultProduceTopic("logs"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// rest reads n records from where the last commit was. A lease that is lost in the middle is
// followed by one that begins there again.
func rest(t *testing.T, m *member, n int) (out []string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); out = nil {
		l := m.log("logs/0")
		for len(out) < n {
			ctx, cancel := context.WithDeadline(t.Context(), deadline)
			b, err := l.Next(ctx)
			cancel()
			if errors.Is(err, record.ErrFenced) || errors.Is(err, context.Canceled) {
				break
			}
			if err != nil {
				t.Fatalf("after %d records: %v", len(out), err)
			}
			recs, err := b.Records()
			if err != nil {
				t.Fatal(err)
			}
			for r := range recs {
				out = append(out, string(r.Value))
			}
		}
		if len(out) >= n {
			return out
		}
		m.await(
			"the end of a lost lease",
			func(all map[string]*held) bool { return all["logs/0"] != l },
		)
	}
	t.Fatal("no lease lasts")
	return nil
}

// logged is what a component has logged.
type logged struct {
	mu   sync.Mutex
	text string
	more chan struct{}
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text += string(p)
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return len(p), nil
}

func (l *logged) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = ""
}

func (l *logged) await(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		text := l.text
		if l.more == nil {
			l.more = make(chan struct{})
		}
		more := l.more
		l.mu.Unlock()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("the log does not say %q:\n%s", want, text)
		}
	}
}
