package kafkaclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/penstock/penstock/network/tlsconf"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Options returns what a kgo.Client needs to reach the cluster. It reads certificate files, but
// connects to nothing. metrics must not have been given to Options before.
func (c *Config) Options(
	agent string, log *slog.Logger, metrics prometheus.Registerer,
) ([]kgo.Opt, error) {
	opts, dial, err := c.options(agent, log, metrics)
	return append(opts, kgo.Dialer(dial)), err
}

// Watched returns what Options does, and who knows of brokers that say nothing to its clients.
func (c *Config) Watched(
	agent string, log *slog.Logger, metrics prometheus.Registerer,
) ([]kgo.Opt, *Answers, error) {
	opts, dial, err := c.options(agent, log, metrics)
	a := newAnswers(dial, c.clientID(agent), log)
	return append(opts, kgo.Dialer(a.connect), kgo.WithHooks(a)), a, err
}

func (c *Config) clientID(agent string) string {
	if c.ClientID != "" {
		return c.ClientID
	}
	return "penstock-" + agent
}

// options returns those of Options but the dialer.
func (c *Config) options(
	agent string, log *slog.Logger, metrics prometheus.Registerer,
) ([]kgo.Opt, dialFunc, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.clientID(agent)),
		kgo.SoftwareNameAndVersion("penstock", "1"),
		kgo.RequestTimeoutOverhead(c.RequestTimeout),
		kgo.MetadataMaxAge(c.MetadataMaxAge),
		kgo.MetadataMinAge(min(c.MetadataMaxAge, 250*time.Millisecond)),
		kgo.DisableClientMetrics(),
		kgo.WithLogger(newLogger(log)),
		kgo.WithHooks(newHooks(log, metrics)),
	}
	dialer := &net.Dialer{Timeout: c.DialTimeout}
	dial := dialer.DialContext
	if c.TLS != nil {
		conf, err := tlsconf.NewClient(*c.TLS, log)
		if err != nil {
			return nil, nil, within("tls", err)
		}
		dial = dialTLS(dialer, conf)
	}
	if c.SASL != nil {
		m, err := c.SASL.mechanism(c.DialTimeout)
		if err != nil {
			return nil, nil, err
		}
		opts = append(opts, kgo.SASL(m))
	}
	return opts, newRedial(dial).connect, nil
}

func dialTLS(
	dialer *net.Dialer, conf *tls.Config,
) func(ctx context.Context, network, address string) (net.Conn, error) {
	hint := "does the listener ask for a client certificate (tls.cert_file)?"
	if conf.GetClientCertificate != nil {
		hint = "does the listener trust the certificate of tls.cert_file?"
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		secure := &tls.Dialer{NetDialer: dialer, Config: tlsconf.ForServer(conf, host)}
		conn, err := secure.DialContext(
			ctx, network, address,
		)
		if err != nil {
			if refused(err) {
				err = fmt.Errorf("%w: %s", err, hint)
			}
			return nil, err
		}
		return &tlsConn{Conn: conn, hint: hint}, nil
	}
}

// tlsConn is a connection on which the listener may still refuse the client: with TLS 1.3 it does
// so after the client's handshake.
type tlsConn struct {
	net.Conn
	hint  string
	heard bool
}

func (c *tlsConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.heard = c.heard || n > 0
	if err != nil && !c.heard &&
		(refused(err) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) {
		err = fmt.Errorf("%w: %s", err, c.hint)
	}
	return n, err
}

// refused reports whether the other side has said that it does not go on with a handshake.
func refused(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

type hooks struct {
	log               *slog.Logger
	connects          *prometheus.CounterVec
	requests          *prometheus.CounterVec
	disconnects       prometheus.Counter
	read, written     prometheus.Counter
	readErr, writeErr prometheus.Counter
	throttled         prometheus.Counter
}

func newHooks(log *slog.Logger, metrics prometheus.Registerer) *hooks {
	h := &hooks{log: log}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		metrics.MustRegister(c)
		return c
	}
	h.connects = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penstock_kafka_connects_total",
		Help: "Connections to brokers opened, authentication included, by result.",
	}, []string{"result"})
	h.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "penstock_kafka_requests_total",
		Help: "Requests written to brokers, by kind.",
	}, []string{"request"})
	metrics.MustRegister(h.connects, h.requests)
	h.disconnects = counter("penstock_kafka_disconnects_total", "Connections to brokers closed.")
	h.read = counter("penstock_kafka_read_bytes_total", "Bytes read from brokers.")
	h.written = counter("penstock_kafka_written_bytes_total", "Bytes written to brokers.")
	h.readErr = counter("penstock_kafka_read_errors_total", "Responses that could not be read.")
	h.writeErr = counter("penstock_kafka_write_errors_total", "Requests that could not be written.")
	h.throttled = counter(
		"penstock_kafka_throttled_seconds_total",
		"Time that brokers asked to wait for, for quotas.",
	)
	return h
}

func (h *hooks) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if isHeldBack(err) {
		return
	}
	if err != nil {
		h.connects.WithLabelValues("error").Inc()
		return
	}
	h.connects.WithLabelValues("ok").Inc()
}

func (h *hooks) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) { h.disconnects.Inc() }

func (h *hooks) OnBrokerWrite(
	_ kgo.BrokerMetadata, key int16, n int, _, _ time.Duration, err error,
) {
	h.requests.WithLabelValues(kmsg.NameForKey(key)).Inc()
	h.written.Add(float64(n))
	if err != nil {
		h.writeErr.Inc()
	}
}

func (h *hooks) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, n int, _, _ time.Duration, err error) {
	h.read.Add(float64(n))
	if err != nil {
		h.readErr.Inc()
	}
}

func (h *hooks) OnBrokerThrottle(_ kgo.BrokerMetadata, d time.Duration, _ bool) {
	h.throttled.Add(d.Seconds())
}
