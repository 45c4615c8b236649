package forward

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs/forward/wire"
)

// greeter is a server that shakes hands by the book but for what change makes of its words, and then takes messages.
func greeter(t *testing.T, hello wire.Hello, answer func(ping wire.Ping) wire.Pong, got chan<- []string) *fluentd {
	t.Helper()
	return newFluentd(t, func(_ *fluentd, nc net.Conn, _ int) {
		hs := wire.NewHandshake(nc)
		nc.Write(wire.AppendHello(nil, hello))
		ping, err := hs.Ping()
		if err != nil {
			return
		}
		nc.Write(wire.AppendPong(nil, answer(ping)))
		r := wire.NewReader(nc, limits)
		for {
			events, chunk, err := take(r)
			if err != nil {
				return
			}
			got <- events
			nc.Write(wire.AppendAck(nil, chunk, false))
		}
	})
}

var nonce = []byte("0123456789abcdef")

func right(ping wire.Ping) wire.Pong {
	return wire.Pong{OK: true, Hostname: "tron", KeyDigest: wire.KeyDigest(ping.Salt, "tron", nonce, "k")}
}

// A server that cannot prove that it knows the key gets nothing.
func TestImpostorIsSentNothing(t *testing.T) {
	for name, answer := range map[string]func(wire.Ping) wire.Pong{
		"no digest": func(wire.Ping) wire.Pong { return wire.Pong{OK: true, Hostname: "tron"} },
		"another key": func(p wire.Ping) wire.Pong {
			return wire.Pong{OK: true, Hostname: "tron", KeyDigest: wire.KeyDigest(p.Salt, "tron", nonce, "guess")}
		},
		"our own digest":  func(p wire.Ping) wire.Pong { return wire.Pong{OK: true, Hostname: "tron", KeyDigest: p.KeyDigest} },
		"another name":    func(p wire.Ping) wire.Pong { pong := right(p); pong.Hostname = "norn"; return pong },
		"without consent": func(p wire.Ping) wire.Pong { pong := right(p); pong.OK, pong.Reason = false, "no room"; return pong },
	} {
		got := make(chan []string, 10)
		srv := greeter(t, wire.Hello{Nonce: nonce, Keepalive: true}, answer, got)
		cfg := config(srv.ln.Addr().String())
		cfg.SharedKey = "k"
		err := open(t, cfg).Write(testCtx(t), batch("t", "o", sample...))
		if err == nil || !strings.Contains(err.Error(), "handshake refused") || len(got) > 0 {
			t.Errorf("%s: %v, %d chunks sent", name, err, len(got))
		}
		srv.stop()
	}
}

// Some fluentds send an auth salt although they ask for no user; some want a new connection for each message.
func TestHelloOfFluentd(t *testing.T) {
	got := make(chan []string, 10)
	auth := []byte("fedcba9876543210")
	srv := greeter(t, wire.Hello{Nonce: nonce, Auth: auth, Keepalive: false}, func(p wire.Ping) wire.Pong {
		if p.User != "ann" || p.UserHash != wire.UserDigest(auth, "ann", "hush") || p.KeyDigest != wire.KeyDigest(p.Salt, "edge-1", nonce, "k") {
			return wire.Pong{Reason: fmt.Sprintf("%+v", p)}
		}
		return right(p)
	}, got)
	cfg := config(srv.ln.Addr().String())
	cfg.SharedKey, cfg.User, cfg.Password = "k", "ann", "hush"
	f := open(t, cfg)
	for range 3 {
		if err := f.Write(testCtx(t), batch("t", "o", sample...)); err != nil {
			t.Fatal(err)
		}
		<-got
	}
	if n := srv.connections(); n != 3 {
		t.Errorf("%d connections", n)
	}
	cfg.User, cfg.Password = "", ""
	anyone := greeter(t, wire.Hello{Nonce: nonce, Auth: auth, Keepalive: true}, right, got)
	cfg.Servers[0].Address = anyone.ln.Addr().String()
	if err := open(t, cfg).Write(testCtx(t), batch("t", "o", sample...)); err != nil {
		t.Error("without a user: ", err)
	}
}

// A server that says nothing is given up within connect_timeout.
func TestServerWithoutAWord(t *testing.T) {
	srv := newFluentd(t, func(_ *fluentd, nc net.Conn, _ int) { _, _ = io.Copy(io.Discard, nc) })
	cfg := config(srv.ln.Addr().String())
	cfg.SharedKey, cfg.ConnectTimeout = "k", 200*time.Millisecond
	if err := open(t, cfg).Write(testCtx(t), batch("t", "o", sample...)); err == nil || !strings.Contains(err.Error(), "connect_timeout") {
		t.Error(err)
	}
}

// A server that takes nothing more is given up within send_timeout.
func TestServerThatStopsReading(t *testing.T) {
	release := make(chan struct{})
	srv := newFluentd(t, func(*fluentd, net.Conn, int) { <-release })
	t.Cleanup(srv.stop)
	t.Cleanup(func() { close(release) })
	cfg := config(srv.ln.Addr().String())
	cfg.SendTimeout = 200 * time.Millisecond
	big := batch("t", "o", record.Record{Value: make([]byte, 32<<20)})
	if err := open(t, cfg).Write(testCtx(t), big); err == nil || !strings.Contains(err.Error(), "send: timed out") {
		t.Error(err)
	}
}
