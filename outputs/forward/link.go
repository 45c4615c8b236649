package forward

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network"
	"github.com/penstock/penstock/network/wire"
)

var errTimedOut = errors.New("timed out")

// link is one connection to a server, past the handshake. One goroutine uses it at a time.
type link struct {
	raw       net.Conn
	nc        net.Conn // raw, or TLS over it
	acks      *wire.AckReader
	packer    wire.Packer
	scratch   record.Scratch
	keepalive bool
	opened    time.Time
	used      time.Time
}

// dial connects and, where there is a shared key, shakes hands. The name is looked up each time.
func (s *server) dial(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, s.out.cfg.ConnectTimeout)
	defer cancel()
	kind, address, err := network.ParseAddress(s.cfg.Address)
	if err != nil {
		return nil, err
	}
	raw, err := s.out.dialer.DialContext(ctx, kind, address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	l, err := s.openLink(ctx, raw)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		raw.Close()
		if ctx.Err() != nil && !errors.Is(err, errRefused) {
			err = fmt.Errorf("connect_timeout: %w", err)
		}
		return nil, err
	}
	return l, nil
}

func (s *server) openLink(ctx context.Context, raw net.Conn) (*link, error) {
	cfg := &s.out.cfg
	l := &link{raw: raw, nc: raw, keepalive: cfg.Keepalive, opened: time.Now(), used: time.Now()}
	if s.tls != nil {
		secure := tls.Client(raw, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		l.nc = secure
	}
	l.packer = wire.Packer{
		Compression: cfg.Compression,
		Metadata:    cfg.TimeFormat == "v1.5",
		Exact:       cfg.Peer == "penstock",
	}
	if key := first(s.cfg.SharedKey, cfg.SharedKey); key != "" {
		if err := s.handshake(l, key); err != nil {
			return nil, err
		}
	}
	l.acks = wire.NewAckReader(l.nc)
	return l, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// handshake proves that this client knows the key, and that the server does.
func (s *server) handshake(l *link, key string) error {
	cfg := &s.out.cfg
	hs := wire.NewHandshake(l.nc)
	hello, err := hs.Hello()
	if err != nil {
		return s.broken(atHello, err)
	}
	self := s.out.self
	salt := []byte(rand.Text()) // as text, for servers that take nothing else
	ping := wire.Ping{
		Hostname:  self,
		Salt:      salt,
		KeyDigest: wire.KeyDigest(salt, self, hello.Nonce, key),
	}
	if len(hello.Auth) > 0 {
		ping.User = first(s.cfg.User, cfg.User)
		ping.UserHash = wire.UserDigest(hello.Auth, ping.User, first(s.cfg.Password, cfg.Password))
	}
	if _, err := l.nc.Write(wire.AppendPing(nil, ping)); err != nil {
		return s.broken(atPing, err)
	}
	pong, err := hs.Pong()
	switch {
	case err != nil:
		return s.broken(atPing, err)
	case !pong.OK:
		return refused(pong.Reason)
	case pong.Hostname == self:
		return &handshakeError{
			err: fmt.Errorf("%w: the server has this client's own name %q", errRefused, self),
			do:  "set self_hostname on one side, unless this sends to itself",
		}
	case !wire.SameDigest(pong.KeyDigest, wire.KeyDigest(salt, pong.Hostname, hello.Nonce, key)):
		return &handshakeError{
			err: fmt.Errorf("%w: the server does not know the shared key", errRefused),
			do:  sameKey,
		}
	}
	l.keepalive = l.keepalive && hello.Keepalive
	if cfg.Peer == "auto" {
		l.packer.Exact = hello.Exact
	}
	l.packer.Maps = hello.Maps
	return nil
}

// isAlive reports whether an idle connection is still open at the other end, without waiting.
func (l *link) isAlive() bool {
	sc, ok := l.raw.(syscall.Conn)
	if !ok {
		return true
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = rc.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, rerr := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		// Nothing to read is what is expected. TLS peers may have sent session tickets.
		open = errors.Is(rerr, unix.EAGAIN) || rerr == nil && n > 0 && l.nc != l.raw
		return true
	})
	return err == nil && open
}

// send delivers one batch as one chunk.
func (l *link) send(ctx context.Context, out *Forward, b *record.Batch, chunk string) error {
	l.packer.Reset(b.Tag, b.Origin)
	each, add := b.Each, l.packer.Append
	if b.Form() == record.Msgpack && l.packer.TakesMaps() {
		each, add = b.EachAsKept, l.packer.AppendMap
	}
	err := each(&l.scratch, func(r *record.Record) error {
		add(r)
		return nil
	})
	if err != nil {
		return err
	}
	if !out.cfg.RequireAck {
		chunk = ""
	}
	msg, err := l.packer.Message(chunk)
	if err != nil {
		return err
	}
	_ = l.nc.SetDeadline(time.Now().Add(out.cfg.SendTimeout))
	stop := context.AfterFunc(ctx, func() { _ = l.nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := l.nc.Write(msg); err != nil {
		return l.explain(ctx, "send", err)
	}
	l.used = time.Now()
	if chunk == "" {
		return nil
	}
	_ = l.nc.SetReadDeadline(time.Now().Add(out.cfg.AckTimeout))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	got, err := l.acks.Next()
	if errors.Is(err, wire.ErrHello) {
		return &handshakeError{err: err, do: "set shared_key to the server's"}
	}
	if err != nil {
		return l.explain(ctx, "wait for the ack", err)
	}
	if got != chunk {
		return fmt.Errorf("ack for chunk %q, want %q", got, chunk)
	}
	now := time.Now()
	out.metrics.ack.Observe(now.Sub(l.used).Seconds())
	l.used = now
	return nil
}

func (l *link) explain(ctx context.Context, doing string, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s: %w", doing, errTimedOut)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (l *link) close() { l.nc.Close() }
