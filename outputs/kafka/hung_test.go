package kafka

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/outputs/outputtest"
)

// A broker that takes connections and says nothing on them: a question is given up when nobody
// waits for the answer any more, and so is the writer.
func TestAHungBrokerHoldsUpNobody(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	connected := make(chan net.Conn, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connected <- c
		}
	}()
	cfg := Default()
	cfg.Brokers, cfg.Topic = []string{l.Addr().String()}, template.MustParse("app")
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	w, err := New(cfg, outputtest.Env(t, "output.kafka.a"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() { asked <- w.Probe(ctx) }()
	c := <-connected
	defer c.Close()
	begun := time.Now()
	cancel()
	if err := <-asked; err == nil {
		t.Error("it is alive")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 4*time.Second { // a connection is waited for for 10 s
		t.Errorf("that took %v", took)
	}
}
