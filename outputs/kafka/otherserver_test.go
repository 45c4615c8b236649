package kafka

import (
	"crypto/rand"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/outputs"
	"github.com/twmb/franz-go/pkg/kfake"
)

// peer listens and hands each connection to serve, which need not close it.
func peer(t *testing.T, serve func(c net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// What answers is not the broker that the configuration describes: the batch comes back within the
// delivery timeout, to be retried, and the error names what to look at.
func TestNotTheBrokerThatWasMeant(t *testing.T) {
	t.Parallel()
	plain := startCluster(t, nil, kfake.SeedTopics(1, "logs")).ListenAddrs()[0]
	guarded := startCluster(t, nil, kfake.SeedTopics(1, "logs"), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "me", "good")).ListenAddrs()[0]
	for name, tc := range map[string]struct {
		addr   string
		change func(*Config)
		want   string
	}{
		"random bytes": {peer(t, func(c net.Conn) {
			garbage := append([]byte{0xff}, make([]byte, 4095)...)
			_, _ = rand.Read(garbage[1:])
			_, _ = io.ReadFull(c, make([]byte, 4))
			_, _ = c.Write(garbage)
		}), nil, "response size"},
		"a web server": {peer(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 512))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}), nil, "is your broker port correct?"},
		"an echo":              {peer(t, func(c net.Conn) { _, _ = io.Copy(c, c) }), nil, "no broker has told"},
		"silence":              {peer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), nil, "no broker has told"},
		"no TLS there":         {plain, func(c *Config) { c.TLS = &tlsconf.Client{MinVersion: "1.2"} }, "is TLS spoken on this port?"},
		"authentication asked": {guarded, nil, "is SASL missing?"},
		"a wrong password": {guarded, func(c *Config) {
			c.SASL = &kafkaclient.SASL{Mechanism: "SCRAM-SHA-256", Username: "me", Password: "bad"}
		}, "does not accept the SASL mechanism, user or password"},
		"an unknown mechanism": {guarded, func(c *Config) {
			c.SASL = &kafkaclient.SASL{Mechanism: "SCRAM-SHA-512", Username: "me", Password: "good"}
		}, "does not accept the SASL mechanism, user or password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Default()
			cfg.Brokers = []string{tc.addr}
			cfg.Topic = template.MustParse("logs")
			cfg.DeliveryTimeout, cfg.DialTimeout, cfg.RequestTimeout = 5*time.Second, time.Second, 2*time.Second
			if tc.change != nil {
				tc.change(&cfg)
			}
			w, _ := newWriter(t, cfg)
			begun := time.Now()
			told := make(chan error, 100)
			w.Report(func(err error) { told <- err })
			w.Start(t.Context(), lines("o", 0, 3, 10), func(err error) { told <- err })
			err := <-told
			if err == nil {
				t.Fatal("delivered")
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			if outputs.IsPermanent(err) {
				t.Errorf("given up for good: %v", err)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("the error does not say %q: %v", tc.want, err)
			}
		})
	}
}
