package forward

import (
	"bytes"
	"crypto/sha512"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network/wire"
)

// greeter is a server that shakes hands by the book but for what change makes of its words, and
// then takes messages.
func greeter(
	t *testing.T, hello wire.Hello, answer func(ping wire.Ping) wire.Pong, got chan<- []string,
) *fluentd {
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
	return wire.Pong{
		OK:        true,
		Hostname:  "tron",
		KeyDigest: wire.KeyDigest(ping.Salt, "tron", nonce, "k"),
	}
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

// Some fluentds send an auth salt although they ask for no user; some want a new connection for
// each message.
func TestHelloOfFluentd(t *testing.T) {
	got := make(chan []string, 10)
	auth := []byte("fedcba9876543210")
	srv := greeter(
		t,
		wire.Hello{Nonce: nonce, Auth: auth, Keepalive: false},
		func(p wire.Ping) wire.Pong {
			if p.User != "ann" || p.UserHash != wire.UserDigest(auth, "ann", "hush") ||
				p.KeyDigest != wire.KeyDigest(p.Salt, "edge-1", nonce, "k") {
				return wire.Pong{Reason: fmt.Sprintf("%+v", p)}
			}
			return right(p)
		},
		got,
	)
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
	if err := open(t, cfg).Write(testCtx(t), batch("t", "o", sample...)); err == nil ||
		!strings.Contains(err.Error(), "connect_timeout") {
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
	if err := open(t, cfg).Write(testCtx(t), big); err == nil ||
		!strings.Contains(err.Error(), "send: timed out") {
		t.Error(err)
	}
}

// What goes over the wire when this client meets fluent-bit, byte by byte as its sources have it.
// It is a server that takes every element of PING as str, the digests over the salt's own bytes,
// and a PONG of str. https://github.com/fluent/fluent-bit/blob/master/plugins/in_forward/fw_prot.c
func TestHandshakeWithFluentBit(t *testing.T) {
	auth := []byte("fedcba9876543210")
	got := make(chan []string, 1)
	wrong := make(chan string, 1)
	srv := newFluentd(t, func(_ *fluentd, nc net.Conn, _ int) {
		// No keepalive, nonce and salt as str, and a salt though no user is asked for.
		io.WriteString(
			nc, "\x92\xa4HELO\x82\xa5nonce\xb0"+string(nonce)+"\xa4auth\xb0"+string(auth),
		)
		buf := make([]byte, 1023)
		n, err := nc.Read(buf) // once: what has not come then is an error
		if err != nil {
			return
		}
		rest := buf[:n]
		if !bytes.HasPrefix(rest, []byte("\x96\xa4PING")) {
			wrong <- fmt.Sprintf("%q", rest)
			return
		}
		rest = rest[6:]
		var words []string
		for range 5 {
			if rest[0] < 0xa0 || rest[0] > 0xbf && rest[0] != 0xd9 {
				wrong <- fmt.Sprintf("element %d of PING begins with %#x, which is no str", len(words)+1, rest[0])
				return
			}
			var s string
			s, rest, _ = msgp.ReadStringBytes(rest)
			words = append(words, s)
		}
		host, salt, key, user, hash := words[0], words[1], words[2], words[3], words[4]
		sum := func(parts ...string) string { return fmt.Sprintf("%x", sha512.Sum512([]byte(strings.Join(parts, "")))) }
		if len(rest) > 0 || host != "edge-1" || key != sum(salt, host, string(nonce), "k") || user != "ann" ||
			hash != sum(string(auth), "ann", "hush") ||
			strings.ContainsRune(salt, 0) ||
			len(salt) < 16 {
			wrong <- fmt.Sprintf("%q, then %q", words, rest)
			return
		}
		io.WriteString(
			nc,
			"\x95\xa4PONG\xc3\xa0\xa9localhost\xd9\x80"+sum(salt, "localhost", string(nonce), "k"),
		)
		r := wire.NewReader(nc, limits)
		if events, chunk, err := take(r); err == nil {
			got <- events
			nc.Write(wire.AppendAck(nil, chunk, false))
		}
	})
	cfg := config(srv.ln.Addr().String())
	cfg.SharedKey, cfg.User, cfg.Password = "k", "ann", "hush"
	err := open(t, cfg).Write(testCtx(t), batch("t", "o", sample...))
	select {
	case text := <-wrong:
		t.Fatal(text)
	case <-got:
	default:
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A handshake that ends without an answer says what that probably means.
func TestBrokenHandshakeSaysWhatToDo(t *testing.T) {
	hello := wire.AppendHello(nil, wire.Hello{Nonce: nonce})
	for name, c := range map[string]struct {
		serve func(nc net.Conn)
		key   string
		want  []string
	}{
		"closed at once": {func(nc net.Conn) {}, "k", []string{"before its HELO", "tls block"}},
		"closed on PING": {func(nc net.Conn) {
			nc.Write(hello)
			wire.NewHandshake(nc).Ping()
		}, "k", []string{"closed the connection on our PING", "another shared_key", "its own log"}},
		"half a HELO":  {func(nc net.Conn) { nc.Write(hello[:9]) }, "k", []string{"before its HELO"}},
		"no handshake": {func(nc net.Conn) { io.Copy(io.Discard, nc) }, "k", []string{"connect_timeout", "no HELO", "remove shared_key"}},
		"another protocol": {func(nc net.Conn) {
			io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\n\r\n")
			io.Copy(io.Discard, nc)
		}, "k", []string{"something else than HELO"}},
		"refused": {func(nc net.Conn) {
			nc.Write(hello)
			wire.NewHandshake(nc).Ping()
			nc.Write(wire.AppendPong(nil, wire.Pong{Reason: "shared_key mismatch"}))
		}, "k", []string{"handshake refused: shared_key mismatch", "check shared_key"}},
		"a key is wanted": {func(nc net.Conn) {
			nc.Write(hello)
			io.Copy(io.Discard, nc)
		}, "", []string{"asks for a handshake", "set shared_key"}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newFluentd(t, func(_ *fluentd, nc net.Conn, _ int) { c.serve(nc) })
			defer srv.stop()
			cfg := config(srv.ln.Addr().String())
			cfg.SharedKey, cfg.ConnectTimeout = c.key, 5*time.Second
			if name == "no handshake" {
				cfg.ConnectTimeout = 100 * time.Millisecond
			}
			err := open(t, cfg).Write(testCtx(t), batch("t", "o", sample...))
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant %q", err, want)
				}
			}
			if err != nil && !strings.Contains(err.Error(), advice(err)) {
				t.Errorf("%v\nadvice %q", err, advice(err))
			}
		})
	}
}
