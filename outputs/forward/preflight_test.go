package forward

import (
	"net"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/network/wire"
	"github.com/penstock/penstock/outputs/outputtest"
)

// Each server is connected to and greeted; one that has another key is told of, and gets nothing.
func TestPreflight(t *testing.T) {
	t.Parallel()
	look := func(cfg Config) string {
		o := outputtest.Env(t, "output.forward.test")
		var r preflight.Report
		cfg.Preflight(
			testCtx(t), preflight.Env{Name: o.Name, Agent: o.Agent, Log: o.Log, Metrics: o.Metrics},
			&r,
		)
		var out []string
		for _, f := range r.Findings() {
			out = append(out, f.Level.String()+" "+f.Target+": "+f.Text+" -> "+f.Do)
		}
		return strings.Join(out, "\n")
	}
	got := make(chan []string, 10)
	key := "k"
	srv := greeter(t, wire.Hello{Nonce: nonce, Keepalive: true}, func(p wire.Ping) wire.Pong {
		if string(p.KeyDigest) != string(wire.KeyDigest(p.Salt, p.Hostname, nonce, key)) {
			return wire.Pong{Reason: "shared_key mismatch"}
		}
		return right(p)
	}, got)
	defer srv.stop()
	addr := srv.ln.Addr().String()
	cfg := config(addr)
	cfg.SharedKey = "k"
	for _, c := range []struct{ key, want string }{
		{"k", "ok server s0 (" + addr + "): can be connected to, and knows the shared key"},
		{"wrong", "failed server s0 (" + addr + "): handshake refused: shared_key mismatch -> check shared_key"},
	} {
		cfg.SharedKey = c.key
		if out := look(cfg); !strings.HasPrefix(out, c.want) {
			t.Errorf("got %s\nwant %s", out, c.want)
		}
	}
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	cfg = config(dead.Addr().String())
	if out := look(cfg); !strings.HasPrefix(out, "failed ") ||
		!strings.Contains(out, "see that the server runs") {
		t.Errorf("got %s", out)
	}
	cfg = config(addr)
	cfg.TLS = &tlsconf.Client{MinVersion: "1.2"}
	if out := look(cfg); !strings.Contains(out, "TLS is not spoken on this port") {
		t.Errorf("got %s", out)
	}
	if len(got) > 0 {
		t.Error("something was sent")
	}
}
