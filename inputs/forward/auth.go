package forward

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/penstock/penstock/network/wire"
)

// authenticator is the server's side of the handshake. Safe for concurrent use.
type authenticator struct {
	cfg       Security
	self      string
	keepalive bool
	rules     []rule
	passwords map[string]string
	lookup    func(ctx context.Context, host string) ([]netip.Addr, error)

	mu    sync.Mutex
	hosts map[string]resolved
}

type rule struct {
	Client
	network netip.Prefix
}

type resolved struct {
	addrs []netip.Addr
	at    time.Time
}

// hostAge is how long a host name's addresses are believed.
const hostAge = time.Minute

func newAuthenticator(cfg Security, agent string, keepalive bool) *authenticator {
	g := &authenticator{
		cfg:       cfg,
		self:      cfg.SelfHostname,
		keepalive: keepalive,
		passwords: map[string]string{},
		hosts:     map[string]resolved{},
	}
	if g.self == "" {
		g.self = agent
	}
	for _, u := range cfg.Users {
		g.passwords[u.Name] = u.Password
	}
	for _, c := range cfg.Clients {
		r := rule{Client: c}
		if c.Network != "" {
			r.network, _ = parseNetwork(c.Network) // validated
		}
		g.rules = append(g.rules, r)
	}
	g.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	return g
}

// refusal is a client that is not let in. The client hears what, and no more.
type refusal struct{ label, what, do string }

func (r *refusal) Error() string { return r.what }

var (
	errAnonymous = &refusal{"anonymous", "anonymous source is not allowed",
		"add a client block for this address, or set allow_anonymous_source"}
	errKey  = &refusal{"shared_key", "shared_key mismatch", "set the same shared_key on both sides"}
	errUser = &refusal{"user", "username/password mismatch",
		"compare the client's user and password with the user blocks, and its client block's users"}
)

// admit runs the handshake on conn, within its deadline, and returns the client's host name.
func (g *authenticator) admit(ctx context.Context, conn net.Conn) (hostname string, err error) {
	hello := wire.Hello{Nonce: random(), Keepalive: g.keepalive, Exact: true, Maps: true}
	if g.cfg.UserAuth {
		hello.Auth = random()
	}
	if _, err := conn.Write(wire.AppendHello(nil, hello)); err != nil {
		return "", err
	}
	ping, err := wire.NewHandshake(conn).Ping()
	if err != nil {
		return "", g.broken(err)
	}
	key, err := g.check(ctx, conn.RemoteAddr(), hello, ping)
	pong := wire.Pong{OK: err == nil, Hostname: g.self}
	var no *refusal
	if errors.As(err, &no) {
		pong.Reason = no.what
	} else if err == nil {
		pong.KeyDigest = wire.KeyDigest(ping.Salt, g.self, hello.Nonce, key)
	}
	if _, werr := conn.Write(wire.AppendPong(nil, pong)); err == nil {
		err = werr
	}
	return ping.Hostname, err
}

// handshakeError is a client that does not go through with the handshake: what it does, and what to
// do about it.
type handshakeError struct {
	what, do string
	err      error
}

func (e *handshakeError) Error() string { return "handshake: " + e.what + ": " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// broken explains why no PING came.
func (g *authenticator) broken(err error) error {
	var late net.Error
	switch {
	case err == io.EOF:
		e := &handshakeError{what: "the client closed the connection on our HELO", err: err}
		if g.cfg.UserAuth {
			e.do = "if it is no health check, give the client a user and password: fluentd ends here without them"
		}
		return e
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return &handshakeError{
			"the client went away in the middle of its PING",
			"see the client's log",
			err,
		}
	case errors.Is(err, wire.ErrMalformed):
		return &handshakeError{
			"the client sends something else than a PING",
			"give the client the shared_key; if it has one, see whether it speaks the forward protocol",
			err,
		}
	case errors.As(err, &late) && late.Timeout():
		return &handshakeError{"the client sends no PING",
			"give the client the shared_key, and a tls block where this input has one", err}
	}
	return fmt.Errorf("handshake: %w", err)
}

// advice says what to do about a client that was not let in; "" when there is nothing to say.
func advice(err error) string {
	var broken *handshakeError
	var no *refusal
	switch {
	case errors.As(err, &broken):
		return broken.do
	case errors.As(err, &no):
		return no.do
	}
	return ""
}

func random() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return b
}

func (g *authenticator) check(
	ctx context.Context, from net.Addr, hello wire.Hello, ping wire.Ping,
) (key string, err error) {
	key = g.cfg.SharedKey
	r := g.match(ctx, from)
	switch {
	case r == nil && !g.cfg.AllowAnonymousSource:
		return "", errAnonymous
	case r != nil && r.SharedKey != "":
		key = r.SharedKey
	}
	if !wire.SameDigest(
		ping.KeyDigest, wire.KeyDigest(ping.Salt, ping.Hostname, hello.Nonce, key),
	) {
		return "", errKey
	}
	if !g.cfg.UserAuth {
		return key, nil
	}
	// An unknown user costs the same work as a known one.
	password, known := g.passwords[ping.User]
	same := wire.SameDigest(ping.UserHash, wire.UserDigest(hello.Auth, ping.User, password))
	if !known || !same || r != nil && len(r.Users) > 0 && !slices.Contains(r.Users, ping.User) {
		return "", errUser
	}
	return key, nil
}

// match returns the first rule for the address, or nil.
func (g *authenticator) match(ctx context.Context, from net.Addr) *rule {
	tcp, ok := from.(*net.TCPAddr)
	if !ok {
		return nil
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	for i := range g.rules {
		r := &g.rules[i]
		if r.Host == "" && r.network.Contains(addr) ||
			r.Host != "" && slices.Contains(g.addresses(ctx, r.Host), addr) {
			return r
		}
	}
	return nil
}

func (g *authenticator) addresses(ctx context.Context, host string) []netip.Addr {
	g.mu.Lock()
	known := g.hosts[host]
	g.mu.Unlock()
	if time.Since(known.at) < hostAge {
		return known.addrs
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addrs, err := g.lookup(ctx, host)
	if err != nil { // what was true a while ago is the best guess
		return known.addrs
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	g.mu.Lock()
	g.hosts[host] = resolved{addrs, time.Now()}
	g.mu.Unlock()
	return addrs
}
