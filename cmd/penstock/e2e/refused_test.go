package e2e

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/network/wire"
	"github.com/penstock/penstock/outputs/forward"
)

const guardedConfig = `
agent {
  data_dir = "DIR/data"
  name     = "relay-1"
  shutdown_timeout = "2s"
  admin { listen = "ADMIN" }
}
input "forward" "fluent" {
  listen = "LISTEN"
  handshake_timeout = "2s"
  tls {
    cert_file           = "CERT"
    key_file            = "KEY"
    client_ca_file      = "AUTHORITY"
    require_client_cert = true
  }
  security {
    shared_key = env("TRON_SECRET")
    user_auth  = true
    user "ann" { password = env("ANNS_PASSWORD") }
  }
}
output "local" "files" {
  directory = "DIR/out"
  path      = "all"
}
pipeline "relay" {
  from = [input.forward.fluent]
  to   = [output.local.files]
}
`

// TestRefusedClients tries to get past the handshake with a wrong key, user, password or
// certificate and with a recorded handshake. Each is refused, logged once per source, nothing of
// theirs is stored, and no secret is told.
func TestRefusedClients(t *testing.T) {
	parallel(t)
	const sharedKey, password = "the-shared-key-itself", "the-password-of-ann"
	ours, others := certtest.New(t), certtest.New(t)
	cert, key := ours.Issue("relay")
	clientCert, clientKey := ours.Issue("edge")
	otherCert, otherKey := others.Issue("edge")
	listen := servers.FreeAddr(t)
	relay := newAgent(
		t,
		"relay",
		replaceAll(
			guardedConfig, "DIR", t.TempDir(), "LISTEN", listen, "CERT", cert, "KEY", key,
			"AUTHORITY", ours.File,
		),
	)
	relay.env = []string{"TRON_SECRET=" + sharedKey, "ANNS_PASSWORD=" + password}
	relay.start()

	rightTLS := &tlsconf.Client{
		CAFile:     ours.File,
		CertFile:   clientCert,
		KeyFile:    clientKey,
		ServerName: "relay",
	}
	right := func(c *forward.Config) {
		c.SharedKey, c.User, c.Password, c.TLS = sharedKey, "ann", password, rightTLS
		c.ConnectTimeout = 5 * time.Second
	}
	one := record.FromRecords(
		"app", "", []record.Record{{Time: time.Now().UnixNano(), Value: []byte(`{"a":1}`)}},
	)
	stored := func() float64 {
		n, err := relay.metric("penstock_input_records_total")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	good := forwardWriter(t, listen, right)
	runtest.Within(
		t, 20*time.Second, func() bool { return good.Write(t.Context(), one) == nil },
		func() string { return "the right client is refused\n" + lastLines(relay.logPath, 5) },
	)

	secrets := []string{sharedKey, password}
	for _, c := range []struct {
		name, reason string
		change       func(*forward.Config)
	}{
		{"wrong key", "shared_key", func(c *forward.Config) { c.SharedKey = "a-guess-at-the-key" }},
		{"wrong password", "user", func(c *forward.Config) { c.Password = "a-guess-at-the-password" }},
		{"unknown user", "user", func(c *forward.Config) { c.User, c.Password = "eve", "" }},
		{"certificate of another authority", "tls", func(c *forward.Config) {
			c.TLS = &tlsconf.Client{CAFile: ours.File, CertFile: otherCert, KeyFile: otherKey, ServerName: "relay"}
		}},
		{"no certificate", "tls", func(c *forward.Config) { c.TLS = &tlsconf.Client{CAFile: ours.File, ServerName: "relay"} }},
	} {
		before, err := relay.metric(
			"penstock_forward_refused_connections_total", fmt.Sprintf("reason=%q", c.reason),
		)
		if err != nil {
			t.Fatal(err)
		}
		f := forwardWriter(t, listen, func(cfg *forward.Config) { right(cfg); c.change(cfg) })
		for range 5 {
			if err := f.Write(t.Context(), one); err == nil {
				t.Errorf("%s: let in", c.name)
			} else if strings.Contains(err.Error(), sharedKey) || strings.Contains(err.Error(), password) {
				t.Errorf("%s: the error tells a secret: %v", c.name, err)
			}
		}
		runtest.Within(t, 10*time.Second, func() bool {
			n, err := relay.metric(
				"penstock_forward_refused_connections_total", fmt.Sprintf("reason=%q", c.reason),
			)
			return err == nil && n >= before+5
		}, func() string { return c.name + ": refusals are not counted" })
		if n := relay.logged("connection refused: " + c.reason); n != 1 {
			t.Errorf("%s: logged %d times", c.name, n)
		}
	}

	// A client that does not trust the relay's certificate says so, and sends nothing.
	wary := forwardWriter(t, listen, func(cfg *forward.Config) {
		right(cfg)
		cfg.TLS = &tlsconf.Client{
			CAFile:     others.File,
			CertFile:   clientCert,
			KeyFile:    clientKey,
			ServerName: "relay",
		}
	})
	if err := wary.Write(t.Context(), one); err == nil ||
		!strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown relay: %v", err)
	}

	// A right PING, recorded and played again on another connection.
	pair, err := tls.LoadX509KeyPair(clientCert, clientKey)
	if err != nil {
		t.Fatal(err)
	}
	// the relay's certificate is not the point here
	conf := &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true}
	connect := func() (net.Conn, *wire.Handshake, wire.Hello) {
		t.Helper()
		c, err := tls.Dial("tcp", listen, conf)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		hs := wire.NewHandshake(c)
		hello, err := hs.Hello()
		if err != nil {
			t.Fatal(err)
		}
		return c, hs, hello
	}
	c, hs, hello := connect()
	salt := []byte("0123456789abcdef")
	ping := wire.AppendPing(
		nil,
		wire.Ping{
			Hostname:  "edge",
			Salt:      salt,
			KeyDigest: wire.KeyDigest(salt, "edge", hello.Nonce, sharedKey),
			User:      "ann",
			UserHash:  wire.UserDigest(hello.Auth, "ann", password),
		},
	)
	if _, err := c.Write(ping); err != nil {
		t.Fatal(err)
	}
	if pong, err := hs.Pong(); err != nil || !pong.OK {
		t.Fatalf("the handshake to be recorded: %+v, %v", pong, err)
	}
	secrets = append(
		secrets, wire.KeyDigest(salt, "edge", hello.Nonce, sharedKey),
		wire.UserDigest(hello.Auth, "ann", password),
	)
	before := stored()
	c, hs, again := connect()
	if bytes.Equal(again.Nonce, hello.Nonce) || bytes.Equal(again.Auth, hello.Auth) {
		t.Error("the nonces of two connections are the same")
	}
	if _, err := c.Write(ping); err != nil {
		t.Fatal(err)
	}
	pong, err := hs.Pong()
	if err != nil || pong.OK || pong.KeyDigest != "" {
		t.Errorf("a replayed handshake: %+v, %v", pong, err)
	}
	event := append([]byte{0x93, 0xa3, 'a', 'p', 'p', 1}, 0x81, 0xa1, 'k', 1)
	_, _ = c.Write(event)
	if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
		t.Errorf("after the refusal: %v", err)
	}
	// A client that never answers is let go.
	c, _, _ = connect()
	closed(t, c, 8*time.Second)

	if err := good.Write(t.Context(), one); err != nil {
		t.Errorf("the right client is refused after all that: %v", err)
	}
	if n := stored(); n != before+1 {
		t.Errorf("%v records were stored, want %v: somebody's who was refused", n, before+1)
	}
	said, err := os.ReadFile(relay.logPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"/metrics", "/api/status", "/"} {
		_, body, err := relay.get(page)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, body...)
	}
	for _, s := range slices.Concat(secrets, []string{"a-guess-at-the-key", "a-guess-at-the-password"}) {
		if bytes.Contains(said, []byte(s)) {
			t.Errorf("the log or the admin server tells %q", s)
		}
	}
}

func isReset(err error) bool {
	return strings.Contains(err.Error(), "reset") || strings.Contains(err.Error(), "EOF")
}
