package socket

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type input interface {
	inputs.Input
	Addr(context.Context) (net.Addr, error)
}

func run(t *testing.T, in input, want int, send func(nc net.Conn)) []inputstest.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	until, stop := context.WithCancel(ctx)
	sink := inputstest.New()
	ended := make(chan error, 1)
	go func() { ended <- in.Run(until, sink) }()
	a, err := in.Addr(ctx)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	send(nc)
	if !sink.Wait(ctx, func(rs []inputstest.Record) bool { return len(rs) >= want }) {
		t.Fatalf("got %q", sink.Values())
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return sink.Records()
}

func show(rs []inputstest.Record) string {
	var b strings.Builder
	for _, r := range rs {
		fmt.Fprintf(&b, "%s %s %q %s\n", r.Tag, r.Origin, r.Value, r.Headers)
	}
	return b.String()
}

func TestTCP(t *testing.T) {
	cfg := DefaultTCP()
	cfg.Listen, cfg.MaxLineSize = "127.0.0.1:0", 10
	in, err := NewTCP(cfg, inputstest.Env("input.tcp.test", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, in, 5, func(nc net.Conn) {
		io.WriteString(nc, "one\r\n\n0123456789abc\ngelf\x00last")
		nc.(*net.TCPConn).CloseWrite()
	})
	want := "tcp 127.0.0.1 \"one\" []\ntcp 127.0.0.1 \"0123456789\" []\ntcp 127.0.0.1 \"abc\" [{continued true}]\ntcp 127.0.0.1 \"gelf\" []\ntcp 127.0.0.1 \"last\" []\n"
	if s := show(got); s != want {
		t.Fatalf("got\n%s", s)
	}
}

func TestUDP(t *testing.T) {
	for _, split := range []bool{true, false} {
		cfg := DefaultUDP()
		cfg.Listen, cfg.SplitLines = "127.0.0.1:0", split
		in, err := NewUDP(cfg, inputstest.Env("input.udp.test", t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		want, n := "udp 127.0.0.1 \"a\\n\\nb\\x00\" []\n", 1
		if split {
			want, n = "udp 127.0.0.1 \"a\" []\nudp 127.0.0.1 \"b\" []\n", 2
		}
		if s := show(
			run(t, in, n, func(nc net.Conn) { io.WriteString(nc, "a\n\nb\x00") }),
		); s != want {
			t.Fatalf("got\n%s", s)
		}
	}
}

// What a stop loses is told of all connections, though they come from one host.
func TestWhatAStopLosesIsTold(t *testing.T) {
	t.Parallel()
	cfg := DefaultTCP()
	cfg.Listen = "127.0.0.1:0"
	env := inputstest.Env("input.tcp.test", t.TempDir())
	var log runtest.LogBuffer
	env.Log = slog.New(slog.NewTextHandler(&log, nil))
	in, err := NewTCP(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	inputstest.TellsLosses(t, in, in.Addr, &log)
}

func TestValidate(t *testing.T) {
	tcp, udp := TCPConfig{Listen: "x", IdleTimeout: -1}, UDPConfig{Listen: "unixgram://"}
	text := fmt.Sprint(tcp.Validate(), udp.Validate())
	for _, want := range []string{"listen: must be \"host:port\" or \"unix:", "listen: must be \"host:port\" or \"unixgram:", "tag: ", "max_line_size: ", "max_connections: ", "idle_timeout: "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}
