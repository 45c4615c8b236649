package gatetest

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Mechanism is the broker's side of a SASL mechanism.
type Mechanism interface {
	Name() string
	// Check judges a client's message; round counts the messages of one authentication from 0. The
	// last returns who the client is, those before it what the client must answer.
	Check(round int, msg []byte) (answer []byte, who string, err error)
}

// Gate stands before the brokers of a cluster: its Listen is for kfake.ListenFn. The exported
// fields are set before the first connection.
type Gate struct {
	TLS      *tls.Config   // nil: none is spoken
	SASL     Mechanism     // nil: everybody is let in
	Lifetime time.Duration // after which a client must authenticate anew; 0: never
	Host     string        // the name that brokers go by; "" for their address

	mu      sync.Mutex
	changed chan struct{}
	seen    Seen
	conns   map[net.Conn]struct{}
}

// Seen is what came to the gate.
type Seen struct {
	Entered []string // who was let in, in that order
	Renewed []string // who authenticated anew on a connection that stayed open
	Refused []string // why somebody was not let in
	Strayed int      // requests of clients that were not authenticated, or not any more
}

// Seen returns what has come so far.
func (g *Gate) Seen() Seen {
	s, _ := g.look()
	return s
}

func (g *Gate) look() (Seen, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	s := g.seen
	s.Entered, s.Renewed, s.Refused = slices.Clone(
		s.Entered,
	), slices.Clone(
		s.Renewed,
	), slices.Clone(
		s.Refused,
	)
	return s, g.changed
}

// Await waits until ok holds.
func (g *Gate) Await(t testing.TB, what string, ok func(Seen) bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		s, changed := g.look()
		if ok(s) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: never; seen: %+v", what, s)
		}
	}
}

// Bounce closes all connections.
func (g *Gate) Bounce() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		c.Close()
	}
}

func (g *Gate) note(f func(*Seen)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.seen)
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

func (g *Gate) refuse(format string, args ...any) {
	g.note(func(s *Seen) { s.Refused = append(s.Refused, fmt.Sprintf(format, args...)) })
}

// Listen is net.Listen, but for the gate before what is accepted.
func (g *Gate) Listen(network, addr string) (net.Listener, error) {
	l, err := net.Listen(network, addr)
	return &listener{l, g}, err
}

type listener struct {
	net.Listener
	g *Gate
}

type named struct {
	net.Addr
	host string
}

func (n named) String() string {
	_, port, _ := net.SplitHostPort(n.Addr.String())
	return net.JoinHostPort(n.host, port)
}

func (l *listener) Addr() net.Addr {
	if l.g.Host == "" {
		return l.Listener.Addr()
	}
	return named{l.Listener.Addr(), l.g.Host}
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	mine, broker := net.Pipe()
	go l.g.guard(c, mine)
	return broker, nil
}

func (g *Gate) guard(client, broker net.Conn) {
	g.mu.Lock()
	if g.conns == nil {
		g.conns = map[net.Conn]struct{}{}
	}
	g.conns[client] = struct{}{}
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.conns, client)
		client.Close()
		broker.Close()
	}()
	v := &visit{g: g, client: client, broker: broker, isAuthenticated: g.SASL == nil}
	if g.TLS != nil {
		secure := tls.Server(client, g.TLS)
		if err := secure.Handshake(); err != nil {
			g.refuse("TLS: %v", err)
			return
		}
		v.client = secure
	}
	go v.answers()
	v.requests()
}

// visit is one connection of a client.
type visit struct {
	g              *Gate
	client, broker net.Conn
	writing        sync.Mutex

	isAuthenticated bool
	asked           bool // a handshake was taken, and what follows it is due
	round           int
	expires         time.Time // zero: never
}

func (v *visit) answers() {
	defer v.client.Close()
	for {
		frame, err := readFrame(v.broker)
		if err != nil {
			return
		}
		v.writing.Lock()
		_, err = v.client.Write(frame)
		v.writing.Unlock()
		if err != nil {
			return
		}
	}
}

func (v *visit) requests() {
	for {
		frame, err := readFrame(v.client)
		if err != nil {
			return
		}
		pass := true
		switch key := kmsg.Key(binary.BigEndian.Uint16(frame[4:])); {
		case v.g.SASL == nil, key == kmsg.ApiVersions:
		case key == kmsg.SASLHandshake, key == kmsg.SASLAuthenticate:
			pass = false
			if !v.sasl(frame[4:]) {
				return
			}
		case !v.isAuthenticated, !v.expires.IsZero() && time.Now().After(v.expires):
			v.g.note(func(s *Seen) { s.Strayed++ })
			return
		}
		if pass {
			if _, err := v.broker.Write(frame); err != nil {
				return
			}
		}
	}
}

// sasl answers a request of the SASL exchange and reports whether the connection may stay.
func (v *visit) sasl(frame []byte) (stay bool) {
	r := kbin.Reader{Src: frame}
	req := kmsg.RequestForKey(r.Int16())
	req.SetVersion(r.Int16())
	corr := r.Int32()
	r.NullableString()
	if req.IsFlexible() {
		kmsg.SkipTags(&r)
	}
	if err := req.ReadFrom(r.Src); err != nil {
		v.g.refuse("a request that cannot be read: %v", err)
		return false
	}
	resp := req.ResponseKind()
	switch req := req.(type) {
	case *kmsg.SASLHandshakeRequest:
		stay = v.handshake(req, resp.(*kmsg.SASLHandshakeResponse))
	case *kmsg.SASLAuthenticateRequest:
		stay = v.authenticate(req, resp.(*kmsg.SASLAuthenticateResponse))
	}
	out := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(corr))
	if resp.IsFlexible() {
		out = append(out, 0)
	}
	out = resp.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	v.writing.Lock()
	defer v.writing.Unlock()
	_, err := v.client.Write(out)
	return stay && err == nil
}

func (v *visit) handshake(req *kmsg.SASLHandshakeRequest, resp *kmsg.SASLHandshakeResponse) bool {
	switch {
	case req.Version == 0 || v.isAuthenticated && v.expires.IsZero():
		resp.ErrorCode = kerr.IllegalSaslState.Code
	case req.Mechanism != v.g.SASL.Name():
		resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		resp.SupportedMechanisms = []string{v.g.SASL.Name()}
	default:
		v.asked, v.round = true, 0
		return true
	}
	v.g.refuse("handshake: %v", kerr.ErrorForCode(resp.ErrorCode))
	return false
}

func (v *visit) authenticate(
	req *kmsg.SASLAuthenticateRequest, resp *kmsg.SASLAuthenticateResponse,
) bool {
	if !v.asked {
		resp.ErrorCode = kerr.IllegalSaslState.Code
		return false
	}
	answer, who, err := v.g.SASL.Check(v.round, req.SASLAuthBytes)
	if err != nil {
		resp.ErrorCode, resp.ErrorMessage = kerr.SaslAuthenticationFailed.Code, kmsg.StringPtr(
			err.Error(),
		)
		v.g.refuse("%v", err)
		return false
	}
	v.round++
	resp.SASLAuthBytes = answer
	if who == "" {
		return true
	}
	if v.g.Lifetime > 0 {
		v.expires = time.Now().Add(v.g.Lifetime)
		resp.SessionLifetimeMillis = v.g.Lifetime.Milliseconds()
	}
	again := v.isAuthenticated
	v.isAuthenticated, v.asked = true, false
	v.g.note(func(s *Seen) {
		if again {
			s.Renewed = append(s.Renewed, who)
		} else {
			s.Entered = append(s.Entered, who)
		}
	})
	return true
}

// readFrame returns a request or response with its size before it.
func readFrame(r io.Reader) ([]byte, error) {
	size := make([]byte, 4)
	if _, err := io.ReadFull(r, size); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size)
	if n < 8 || n > 100<<20 {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	frame := append(size, make([]byte, n)...)
	_, err := io.ReadFull(r, frame[4:])
	return frame, err
}
