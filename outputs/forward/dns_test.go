package forward

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/penstock/penstock/buffer/record"
	in "github.com/penstock/penstock/inputs/forward"
)

// names is a name server that has one address for every name.
func names(t *testing.T, address *atomic.Value, asked *atomic.Int64) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				asked.Add(1)
				m.Answers = []dnsmessage.Resource{
					{
						Header: dnsmessage.ResourceHeader{
							Name:  q.Name,
							Type:  q.Type,
							Class: q.Class,
							TTL:   3600,
						},
						Body: &dnsmessage.AResource{
							A: [4]byte(net.ParseIP(address.Load().(string)).To4()),
						},
					},
				}
			}
			answer, err := m.Pack()
			if err == nil {
				_, _ = pc.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() { pc.Close(); <-ended })
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "udp", pc.LocalAddr().String())
		},
	}
}

// A name that points elsewhere is noticed when a connection breaks, and at the latest after
// reconnect_after although the old server is still well.
func TestNamesAreLookedUpAgain(t *testing.T) {
	first, sink1, stop1 := peer(t, nil)
	_, port, _ := net.SplitHostPort(first)
	_, sink2, _ := peer(
		t, func(c *in.Config) { c.Listen, c.UDPHeartbeat = "127.0.0.2:"+port, false },
	)
	_, sink3, _ := peer(
		t, func(c *in.Config) { c.Listen, c.UDPHeartbeat = "127.0.0.3:"+port, false },
	)
	var address atomic.Value
	var asked atomic.Int64
	address.Store("127.0.0.1")
	cfg := config("relay.example.:" + port)
	cfg.Heartbeat = "none"
	f := open(t, cfg)
	f.dialer.Resolver = names(t, &address, &asked)
	write := func() {
		t.Helper()
		if err := f.Write(
			testCtx(t), batch("t", "o", record.Record{Value: []byte(`{}`)}),
		); err != nil {
			t.Fatal(err)
		}
	}
	counts := func() string {
		return fmt.Sprint(len(sink1.Records()), len(sink2.Records()), len(sink3.Records()))
	}
	write()
	address.Store("127.0.0.2")
	write() // on the connection there is
	if s := counts(); s != "2 0 0" || asked.Load() != 1 {
		t.Fatalf("%s, %d times looked up", s, asked.Load())
	}
	stop1()
	write()
	if s := counts(); s != "2 1 0" {
		t.Fatalf("after the old server has gone: %s", s)
	}
	address.Store("127.0.0.3")
	f.cfg.ReconnectAfter = time.Nanosecond
	write()
	if s := counts(); s != "2 1 1" {
		t.Fatalf("after reconnect_after: %s", s)
	}
}
