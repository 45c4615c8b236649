package framing

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/prometheus/client_golang/prometheus"
)

// What the kernel drops behind the last datagram that it has taken is counted, too, also if no
// other one comes.
func TestDropsBehindTheLastDatagramAreCounted(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if err := pc.(*net.UDPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("udp", pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	const sent = 200
	for range sent {
		if _, err := client.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	drops := NewKernelDrops(
		prometheus.NewCounter(prometheus.CounterOpts{Name: "dropped"}),
		fault.NewThrottledLog(slog.New(slog.DiscardHandler)),
	)
	ctx, stop := context.WithCancel(t.Context())
	sink := inputstest.New()
	g := NewGather(t.Context(), sink, "t", func(err error) { t.Error(err) })
	d := Datagrams{
		Max: 1 << 10, Dropped: drops,
		Handle: func(host string, msg []byte, _ bool) error { return g.Add(host, 0, msg, nil) },
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Serve(ctx, pc, g) }()
	runtest.Until(t, "datagrams are taken", func() bool { return len(sink.Records()) > 0 })
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if taken, lost := len(sink.Records()), drops.Dropped().Count; int(lost) != sent-taken {
		t.Fatalf("%d are counted of %d that were dropped", lost, sent-taken)
	}
}
