package forward

import (
	"bytes"
	"context"
	"crypto/sha512"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/network/wire"
)

// client is the client's side of the handshake.
type client struct{ host, key, user, password string }

func (c client) ping(h wire.Hello) wire.Ping {
	salt := []byte("salt")
	p := wire.Ping{
		Hostname:  c.host,
		Salt:      salt,
		KeyDigest: wire.KeyDigest(salt, c.host, h.Nonce, c.key),
	}
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
	if pong.OK &&
		pong.KeyDigest != wire.KeyDigest([]byte("salt"), pong.Hostname, hello.Nonce, c.key) {
		t.Fatal("the server does not know the key")
	}
	return pong
}

func secured(c *Config) {
	s := &Security{SharedKey: "common", UserAuth: true, Users: []User{{"ann", "pa"}, {"bob", "pb"}}}
	s.SetDefaults()
	c.Security = s
}

func TestHandshakeRefusesStrangers(t *testing.T) {
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
			r.in.auth.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
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
	if err != nil || bytes.Equal(second.Nonce, hello.Nonce) ||
		bytes.Equal(second.Auth, hello.Auth) {
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

// What fluent-bit and fluentd send as their part of the handshake, as their sources have it.
// Fluent-bit sends a salt of 16 bytes in a str and a user whether or not one is asked for, fluentd
// 32 digits.
func TestHandshakeOfFluentBitAndFluentd(t *testing.T) {
	for name, c := range map[string]struct{ salt, extra string }{
		"fluent-bit": {"\xb0", "\x00\xff salt of flb \n"},
		"fluentd":    {"\xd9\x20", "00112233445566778899aabbccddeeff"},
		"old":        {"\xc4\x10", "\x00\xff old fluentd\n\n"},
	} {
		for _, user := range []bool{true, false} {
			r := start(t, func(c *Config) { secured(c); c.Security.UserAuth = user })
			nc := r.dial()
			buf := make([]byte, 1023)
			n, err := nc.Read(buf) // fluent-bit reads once
			if err != nil || !bytes.HasPrefix(buf[:n], []byte("\x92\xa4HELO")) {
				t.Fatalf("%q %v", buf[:n], err)
			}
			hello, err := wire.NewHandshake(bytes.NewReader(buf[:n])).Hello()
			if err != nil || len(hello.Nonce) != 16 || (len(hello.Auth) > 0) != user {
				t.Fatalf("%+v %v", hello, err)
			}
			sum := func(parts ...string) string {
				return fmt.Sprintf("\xd9\x80%x", sha512.Sum512([]byte(strings.Join(parts, ""))))
			}
			io.WriteString(
				nc,
				"\x96\xa4PING\xa5web-1"+c.salt+c.extra+sum(
					c.extra, "web-1", string(hello.Nonce), "common",
				)+
					"\xa3ann"+sum(string(hello.Auth), "ann", "pa"),
			)
			n, err = nc.Read(buf)
			want := "\x95\xa4PONG\xc3\xa0\xa7agent-1" + sum(
				c.extra, "agent-1", string(hello.Nonce), "common",
			)
			if err != nil || string(buf[:n]) != want {
				t.Fatalf("%s: %q %v\nwant %q", name, buf[:n], err, want)
			}
			nc.Close()
			r.stop()
		}
	}
}

// A handshake that comes to nothing says what that probably means.
func TestBrokenHandshakeSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		client func(nc net.Conn)
		want   string
	}{
		"fluentd without a user":  {func(nc net.Conn) { wire.NewHandshake(nc).Hello() }, "give the client a user and password"},
		"half a PING":             {func(nc net.Conn) { io.WriteString(nc, "\x96\xa4PI") }, "in the middle of its PING"},
		"a message":               {func(nc net.Conn) { nc.Write(chunk("t", 1, "c")); io.ReadAll(nc) }, "give the client the shared_key"},
		"nothing":                 {func(nc net.Conn) { io.ReadAll(nc) }, "sends no PING"},
		"a client without a rule": {func(nc net.Conn) { client{"web-1", "guess", "", ""}.enter(t, nc) }, "the same shared_key on both sides"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(c *Config) {
				secured(c)
				if name == "nothing" {
					c.HandshakeTimeout = 50 * time.Millisecond
				}
			})
			nc := r.dial()
			c.client(nc)
			nc.Close()
			r.log.wait(t, c.want)
			r.stop()
		})
	}
}

func TestValidate(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	c.Listen, c.MaxDepth, c.Memory = "nowhere", 0, 1
	c.Security = &Security{
		UserAuth: true,
		Clients:  []Client{{}, {Network: "x", Users: []string{"eve"}}},
	}
	text := fmt.Sprint(c.Validate())
	for _, want := range []string{"listen: ", "max_depth: ", "memory: ", "security.user_auth: ", "security.client: ", "security.shared_key: ", `"eve"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}
