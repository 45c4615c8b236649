package forward

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/penstock/penstock/inputs/forward/wire"
)

// client is the client's side of the handshake.
type client struct{ host, key, user, password string }

func (c client) ping(h wire.Hello) wire.Ping {
	salt := []byte("salt")
	p := wire.Ping{Hostname: c.host, Salt: salt, KeyDigest: wire.KeyDigest(salt, c.host, h.Nonce, c.key)}
	if len(h.Auth) > 0 {
		p.User, p.UserHash = c.user, wire.UserDigest(h.Auth, c.user, c.password)
	}
	return p
}

func (c client) enter(t *testing.T, nc net.Conn) wire.Pong {
	t.Helper()
	hs := wire.NewHandshake(nc)
	hello, err := hs.Hello()
	if err != nil {
		t.Fatal(err)
	}
	nc.Write(wire.AppendPing(nil, c.ping(hello)))
	pong, err := hs.Pong()
	if err != nil {
		t.Fatal(err)
	}
	if pong.OK && pong.KeyDigest != wire.KeyDigest([]byte("salt"), pong.Hostname, hello.Nonce, c.key) {
		t.Fatal("the server does not know the key")
	}
	return pong
}

func secured(c *Config) {
	s := &Security{SharedKey: "common", UserAuth: true, Users: []User{{"ann", "pa"}, {"bob", "pb"}}}
	s.SetDefaults()
	c.Security = s
}

func TestHandshake(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Security)
		who    client
		refuse string
	}{
		{"all right", nil, client{"web-1", "common", "ann", "pa"}, ""},
		{"wrong key", nil, client{"web-1", "guess", "ann", "pa"}, "shared_key"},
		{"wrong password", nil, client{"web-1", "common", "ann", "pb"}, "user"},
		{"unknown user", nil, client{"web-1", "common", "eve", ""}, "user"},
		{"no user asked", func(s *Security) { s.UserAuth = false }, client{"web-1", "common", "", ""}, ""},
		{"anonymous", func(s *Security) {
			s.AllowAnonymousSource = false
			s.Clients = []Client{{Network: "10.0.0.0/8"}}
		}, client{"web-1", "common", "ann", "pa"}, "anonymous"},
		{"key of the network", func(s *Security) { s.Clients = []Client{{Network: "127.0.0.0/8", SharedKey: "local"}} },
			client{"web-1", "local", "ann", "pa"}, ""},
		{"common key in a network with its own", func(s *Security) { s.Clients = []Client{{Network: "127.0.0.0/8", SharedKey: "local"}} },
			client{"web-1", "common", "ann", "pa"}, "shared_key"},
		{"user of another network", func(s *Security) { s.Clients = []Client{{Network: "127.0.0.1", Users: []string{"bob"}}} },
			client{"web-1", "common", "ann", "pa"}, "user"},
		{"by host name", func(s *Security) { s.Clients = []Client{{Host: "peer.test", SharedKey: "h"}} }, client{"web-1", "h", "bob", "pb"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, func(cfg *Config) {
				secured(cfg)
				if c.change != nil {
					c.change(cfg.Security)
				}
			})
			r.in.guard.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
				if host != "peer.test" {
					t.Errorf("looked up %q", host)
				}
				return []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1")}, nil
			}
			if c.refuse == "" {
				nc := r.dial()
				if pong := c.who.enter(t, nc); !pong.OK || pong.Hostname != "agent-1" {
					t.Fatalf("%+v", pong)
				}
				nc.Write(chunk("t", 1, "c"))
				wantAck(t, wire.NewAckReader(nc), "c")
				if rec := r.sink.Records()[0]; rec.Origin != "web-1" {
					t.Fatalf("origin %q", rec.Origin)
				}
				return
			}
			for range 3 {
				nc := r.dial()
				pong := c.who.enter(t, nc)
				if pong.OK || pong.Reason == "" || pong.KeyDigest != "" {
					t.Fatalf("%+v", pong)
				}
				nc.Write(chunk("t", 1, "c"))
				io.ReadAll(nc)
			}
			r.stop()
			if n := len(r.sink.Records()); n != 0 {
				t.Fatalf("%d records taken from a refused client", n)
			}
			log := r.log.String()
			if n := strings.Count(log, "connection refused: "+c.refuse); n != 1 {
				t.Fatalf("logged %d times: %s", n, log)
			}
			for _, secret := range []string{"common", "=pa", "=pb", "guess"} {
				if strings.Contains(log, secret) {
					t.Fatalf("the log shows %q: %s", secret, log)
				}
			}
		})
	}
}

func TestReplayedHandshakeIsRefused(t *testing.T) {
	r := start(t, secured)
	who := client{"web-1", "common", "ann", "pa"}
	nc := r.dial()
	hello, err := wire.NewHandshake(nc).Hello()
	if err != nil {
		t.Fatal(err)
	}
	recorded := wire.AppendPing(nil, who.ping(hello))
	nc.Write(recorded)
	if pong, err := wire.NewHandshake(nc).Pong(); err != nil || !pong.OK {
		t.Fatal(pong, err)
	}
	other := r.dial()
	hs := wire.NewHandshake(other)
	second, err := hs.Hello()
	if err != nil || bytes.Equal(second.Nonce, hello.Nonce) || bytes.Equal(second.Auth, hello.Auth) {
		t.Fatal(second, err)
	}
	other.Write(recorded)
	if pong, err := hs.Pong(); err != nil || pong.OK {
		t.Fatal(pong, err)
	}
}

func TestDataWithoutHandshake(t *testing.T) {
	r := start(t, secured)
	for range 3 {
		nc := r.dial()
		nc.Write(chunk("t", 1, "c"))
		io.ReadAll(nc)
	}
	r.stop()
	if n := len(r.sink.Records()); n != 0 {
		t.Fatalf("%d records", n)
	}
	if n := strings.Count(r.log.String(), "connection refused"); n != 1 {
		t.Fatalf("logged %d times: %s", n, r.log.String())
	}
}

func TestValidate(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	c.Listen, c.MaxDepth, c.Memory = "nowhere", 0, 1
	c.Security = &Security{UserAuth: true, Clients: []Client{{}, {Network: "x", Users: []string{"eve"}}}}
	text := fmt.Sprint(c.Validate())
	for _, want := range []string{"listen: ", "max_depth: ", "memory: ", "security.user_auth: ", "security.client: ", "security.shared_key: ", `"eve"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}
