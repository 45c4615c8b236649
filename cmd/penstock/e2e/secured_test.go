package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/penstock/penstock/network/kafkaclient/gatetest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const securedEdge = `
agent {
  data_dir = "DIR/data"
  name     = "edge-1"
  shutdown_timeout = "2s"
  admin { listen = "ADMIN" }
}
input "tail" "app" { paths = ["DIR/logs/*.log"] }
output "kafka" "events" {
  brokers          = ["BROKER"]
  topic            = "TOPIC"
  dial_timeout     = "2s"
  delivery_timeout = "2s"
  SECURITY
  failover {
    to         = output.local.overflow
    after      = "500ms"
    recover    = "500ms"
    object_age = "1s"
  }
}
output "local" "overflow" { directory = "DIR/overflow" }
pipeline "logs" {
  from = [input.tail.app]
  to   = [output.kafka.events]
}
`

const securedConsumer = `
agent {
  data_dir = "DIR/data"
  name     = "lake-1"
  admin { listen = "ADMIN" }
}
input "kafka" "events" {
  brokers = ["BROKER"]
  topics  = ["TOPIC"]
  group   = "lake-of-TOPIC"
  SECURITY
}
output "local" "lake" {
  directory = "DIR/lake"
  roll { idle = "500ms" }
}
pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.local.lake]
}
`

// mistake is a client that a listener does not let in.
type mistake struct {
	listener  string // its address
	bad, good string // blocks of the configuration
	// makes bad good, in files; nil: the configuration is changed to good and read again
	mend func()
	want string // in the log
}

// securedRig starts an agent with the given blocks in its Kafka output.
func securedRig(
	t *testing.T, listener, topic, blocks string, read func(context.Context, *demo.Ledger) error,
) *rig {
	r := &rig{t: t, dir: t.TempDir(), ledger: demo.NewLedger()}
	r.must(os.MkdirAll(filepath.Join(r.dir, "logs"), 0o755))
	r.app = &demo.App{
		Source: "a",
		Path:   filepath.Join(r.dir, "logs", "a.log"),
		Rand:   rand.New(rand.NewPCG(1, 1)),
	}
	t.Cleanup(func() { _ = r.app.Close() })
	stop := background(t.Context(), func(ctx context.Context) error { return read(ctx, r.ledger) })
	t.Cleanup(func() { r.must(stop()) })
	edge := replaceAll(securedEdge, "DIR", r.dir, "BROKER", listener, "TOPIC", topic)
	r.agent = newAgent(t, "edge", strings.ReplaceAll(edge, "SECURITY", blocks))
	r.agent.start()
	return r
}

// secured runs an agent with a mistake: nothing gets into the topic, the log says why, and the
// records go to the overflow. Once the mistake is mended each line is in the topic, once and in
// order, and the Kafka input reads them with the same blocks. read enters the topic into a ledger.
func secured(
	t *testing.T, m mistake, topic string, read func(context.Context, *demo.Ledger) error,
) {
	r := securedRig(t, m.listener, topic, m.bad, read)
	r.write(2000)
	runtest.Within(t, 30*time.Second, func() bool {
		n, err := r.agent.metric("penstock_overflow_records_written_total")
		return err == nil && n >= 2000
	}, func() string { return "the records are not in the overflow" })
	if log, err := os.ReadFile(
		r.agent.logPath,
	); err != nil ||
		!strings.Contains(string(log), m.want) {
		t.Errorf("the log does not say %q", m.want)
	}
	if n := r.ledger.Distinct(); n > 0 {
		t.Fatalf("%d lines got in", n)
	}
	if m.mend != nil {
		m.mend()
	} else {
		text, err := os.ReadFile(r.agent.config)
		r.must(err)
		r.must(
			os.WriteFile(
				r.agent.config, []byte(strings.Replace(string(text), m.bad, m.good, 1)), 0o644,
			),
		)
		r.agent.signal(syscall.SIGHUP)
	}
	r.write(1000)
	r.arrives(30 * time.Second)

	consumer := replaceAll(
		securedConsumer, "DIR", t.TempDir(), "BROKER", m.listener, "TOPIC", topic,
	)
	lake := newAgent(t, "lake", strings.ReplaceAll(consumer, "SECURITY", m.good))
	lake.start()
	runtest.Within(t, 30*time.Second, func() bool {
		n, err := lake.metric("penstock_archive_records_total")
		return err == nil && n >= 3000
	}, func() string { return "the Kafka input did not read the topic" })
	if n, err := lake.metric("penstock_archive_records_total"); err != nil || n != 3000 {
		t.Errorf("%v records archived, %v", n, err)
	}
}

// follow enters the topic into the ledger.
func follow(topic string, opts ...kgo.Opt) func(context.Context, *demo.Ledger) error {
	return func(ctx context.Context, ledger *demo.Ledger) error {
		cl, err := kgo.NewClient(
			append(
				opts, kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
				kgo.FetchMaxWait(200*time.Millisecond),
			)...)
		if err != nil {
			return err
		}
		defer cl.Close()
		for ctx.Err() == nil {
			for r := range cl.PollFetches(ctx).RecordsAll() {
				ledger.See(r.Value)
			}
		}
		return nil
	}
}

func tlsBlock(ca, cert, key string) string {
	block := fmt.Sprintf("tls {\n    ca_file = %q\n", ca)
	if cert != "" {
		block += fmt.Sprintf("    cert_file = %q\n    key_file = %q\n", cert, key)
	}
	return block + "  }"
}

func tokenBlock(file string) string {
	return fmt.Sprintf(
		"sasl {\n    mechanism = \"OAUTHBEARER\"\n    oauth { token_file = %q }\n  }", file,
	)
}

func iamBlock(secret string) string {
	return fmt.Sprintf(
		"sasl {\n    mechanism = \"AWS_MSK_IAM\"\n    aws {\n      region = \"eu-west-1\"\n      access_key_id = \"AKIDEXAMPLE\"\n      secret_access_key = %q\n    }\n  }",
		secret,
	)
}

// certs are what mutual TLS takes, and what is wrong for it.
type certs struct {
	ca, other                            *certtest.Authority
	brokerCert, brokerKey                string
	cert, key, strangeCert, strangeKey   string
	mendable                             string // a file with the wrong authority
	noCert, wrongCA, wrongCert, goodAuth string // blocks
}

func newCerts(t *testing.T) *certs {
	c := &certs{ca: certtest.New(t), other: certtest.New(t)}
	c.brokerCert, c.brokerKey = c.ca.Issue("broker")
	c.cert, c.key = c.ca.Issue("edge-1")
	c.strangeCert, c.strangeKey = c.other.Issue("edge-1")
	c.mendable = filepath.Join(t.TempDir(), "ca.pem")
	certtest.Replace(t, c.mendable, certtest.Read(t, c.other.File))
	c.noCert, c.wrongCA = tlsBlock(c.ca.File, "", ""), tlsBlock(c.mendable, c.cert, c.key)
	c.wrongCert, c.goodAuth = tlsBlock(c.ca.File, c.strangeCert, c.strangeKey), tlsBlock(c.ca.File, c.cert, c.key)
	return c
}

// mistakes are those with a listener that demands a client certificate.
func (c *certs) mistakes(t *testing.T, listener string) map[string]mistake {
	return map[string]mistake{
		"no-client-certificate": {
			listener,
			c.noCert,
			c.goodAuth,
			nil,
			"does the listener ask for a client certificate (tls.cert_file)?",
		},
		"wrong-client-certificate": {
			listener,
			c.wrongCert,
			c.goodAuth,
			nil,
			"does the listener trust the certificate of tls.cert_file?",
		},
		"wrong-ca": {
			listener,
			c.wrongCA,
			c.wrongCA,
			func() { certtest.Replace(t, c.mendable, certtest.Read(t, c.ca.File)) },
			"certificate signed by unknown authority",
		},
	}
}

// TestSecuredKafka is for the ways in that kfake does not have: mutual TLS, OAUTHBEARER and
// AWS_MSK_IAM.
func TestSecuredKafka(t *testing.T) {
	parallel(t)
	start := func(t *testing.T, g *gatetest.Gate) string {
		c, err := kfake.NewCluster(
			kfake.NumBrokers(1), kfake.SeedTopics(3, topic), kfake.ListenFn(g.Listen),
		)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c.ListenAddrs()[0]
	}
	run := func(name string, prepare func(t *testing.T) (mistake, kafkaclient.Config)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, conf := prepare(t)
			base := kafkaclient.DefaultConfig()
			base.Brokers, base.TLS, base.SASL = []string{m.listener}, conf.TLS, conf.SASL
			opts, err := base.Options(
				"reader", slog.New(slog.DiscardHandler), prometheus.NewRegistry(),
			)
			if err != nil {
				t.Fatal(err)
			}
			secured(t, m, topic, follow(topic, opts...))
		})
	}
	for _, name := range []string{"no-client-certificate", "wrong-client-certificate", "wrong-ca"} {
		run(name, func(t *testing.T) (mistake, kafkaclient.Config) {
			c := newCerts(t)
			pair, err := tls.LoadX509KeyPair(c.brokerCert, c.brokerKey)
			if err != nil {
				t.Fatal(err)
			}
			conf := &tls.Config{
				Certificates: []tls.Certificate{pair},
				ClientAuth:   tls.RequireAndVerifyClientCert,
				ClientCAs:    x509.NewCertPool(),
			}
			conf.ClientCAs.AppendCertsFromPEM(certtest.Read(t, c.ca.File))
			return c.mistakes(t, start(t, &gatetest.Gate{TLS: conf}))[name],
				kafkaclient.Config{
					TLS: &tlsconf.Client{
						MinVersion: "1.2",
						CAFile:     c.ca.File,
						CertFile:   c.cert,
						KeyFile:    c.key,
					},
				}
		})
	}
	run("OAUTHBEARER", func(t *testing.T) (mistake, kafkaclient.Config) {
		g := &gatetest.Gate{SASL: new(gatetest.OAuthBearer).Accept("good")}
		file := filepath.Join(t.TempDir(), "token")
		certtest.Replace(t, file, []byte("bad"))
		return mistake{
				start(t, g),
				tokenBlock(file),
				tokenBlock(file),
				func() { certtest.Replace(t, file, []byte("good")) },
				"invalid_token",
			},
			kafkaclient.Config{
				SASL: &kafkaclient.SASL{Mechanism: "OAUTHBEARER", OAuth: kafkaclient.OAuth{Token: "good"}},
			}
	})
	run("AWS_MSK_IAM", func(t *testing.T) (mistake, kafkaclient.Config) {
		g := &gatetest.Gate{
			SASL: &gatetest.IAM{
				Region:    "eu-west-1",
				AccessKey: "AKIDEXAMPLE",
				Secret:    "secret",
				Hosts:     []string{"127.0.0.1"},
			},
		}
		return mistake{
				start(t, g),
				iamBlock("wrong"),
				iamBlock("secret"),
				nil,
				"the signature does not match",
			},
			kafkaclient.Config{
				SASL: &kafkaclient.SASL{
					Mechanism: "AWS_MSK_IAM",
					AWS: kafkaclient.AWS{
						Region:          "eu-west-1",
						AccessKeyID:     "AKIDEXAMPLE",
						SecretAccessKey: "secret",
					},
				},
			}
	})
}

// unsecuredToken is a token that brokers accept whose OAUTHBEARER has no other settings: claims
// without a signature.
func unsecuredToken(life time.Duration) string {
	now := time.Now()
	claims := fmt.Sprintf(`{"sub":"edge-1","iat":%d,"exp":%d}`, now.Unix(), now.Add(life).Unix())
	return base64.RawURLEncoding.EncodeToString(
		[]byte(`{"alg":"none"}`),
	) + "." + base64.RawURLEncoding.EncodeToString(
		[]byte(claims),
	) + "."
}

// keyStore returns the settings that give a listener the broker's certificate and the authority of
// clients.
func (c *certs) keyStore(t *testing.T, listener string) []string {
	t.Helper()
	block, _ := pem.Decode(certtest.Read(t, c.brokerKey))
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keystore.pem")
	certtest.Replace(
		t,
		file,
		append(
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
			certtest.Read(t, c.brokerCert)...),
	)
	of := "listener.name." + listener + ".ssl."
	return []string{
		of + "keystore.type=PEM",
		of + "keystore.location=" + file,
		of + "truststore.type=PEM",
		of + "truststore.location=" + c.ca.File,
	}
}

// TestSecuredRealKafka is the same with Apache Kafka's own listeners: SSL that demands client
// certificates, and SASL_SSL with OAUTHBEARER, whose sessions are short.
func TestSecuredRealKafka(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	c := newCerts(t)
	settings := append(
		append(c.keyStore(t, "mtls"), c.keyStore(t, "oauth")...),
		"listener.name.mtls.ssl.client.auth=required",
		"listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER",
		"listener.name.oauth.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
		"listener.name.oauth.oauthbearer.connections.max.reauth.ms=2500",
	)
	k, err := servers.NewKafkaWith(
		t.TempDir(),
		[]servers.Listener{{Name: "MTLS", Protocol: "SSL"}, {Name: "OAUTH", Protocol: "SASL_SSL"}},
		settings...)
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the broker:\n%s", lastLines(k.LogPath(), 40))
		}
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	inside := func(t *testing.T, name string) func(context.Context, *demo.Ledger) error {
		if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, 1, nil, name); err != nil {
			t.Fatal(err)
		}
		return follow(name, kgo.SeedBrokers(k.Addr()))
	}
	for name, m := range c.mistakes(t, k.ListenerAddr("MTLS")) {
		t.Run("mutual-tls-"+name, func(t *testing.T) { secured(t, m, name, inside(t, name)) })
	}
	listener := k.ListenerAddr("OAUTH")
	block := func(file string) string { return tlsBlock(c.ca.File, "", "") + "\n  " + tokenBlock(file) }
	t.Run("oauthbearer", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "token")
		certtest.Replace(t, file, []byte(unsecuredToken(-time.Hour)))
		mend := func() { certtest.Replace(t, file, []byte(unsecuredToken(time.Hour))) }
		secured(
			t, mistake{listener, block(file), block(file), mend, "invalid_token"}, "oauth",
			inside(t, "oauth"),
		)
	})
	t.Run(
		"oauthbearer-renewed",
		func(t *testing.T) { renewed(t, listener, block, inside(t, "renewed")) },
	)
}

// renewed lets an agent write through the lives of several tokens. The file gets a new one long
// before the last one ends, however long the records take: what is late then is the agent.
func renewed(
	t *testing.T, listener string, block func(file string) string,
	read func(context.Context, *demo.Ledger) error,
) {
	const life = 8 * time.Second
	file := filepath.Join(t.TempDir(), "token")
	certtest.Replace(t, file, []byte(unsecuredToken(life)))
	stop, stopped := make(chan struct{}), make(chan struct{})
	defer func() { close(stop); <-stopped }()
	go func() {
		defer close(stopped)
		tick := time.NewTicker(life / 4)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				certtest.Replace(t, file, []byte(unsecuredToken(life)))
			}
		}
	}()
	r := securedRig(t, listener, "renewed", block(file), read)
	for end := time.Now().Add(2 * life); time.Now().Before(end); {
		r.write(50)
		r.arrives(20 * time.Second)
	}
	if n, err := r.agent.metric("penstock_kafka_connects_total", `result="error"`); err != nil ||
		n > 0 {
		t.Errorf("%v connections failed, %v", n, err)
	}
	if n, err := r.agent.metric("penstock_kafka_disconnects_total"); err != nil || n > 0 {
		t.Errorf("%v connections ended, %v", n, err)
	}
}
