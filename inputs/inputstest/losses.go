package inputstest

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs"
)

// TellsLosses stops an input while the lines of three connections of one host cannot be stored: one
// line of its log tells of all.
func TellsLosses(
	t *testing.T, in inputs.Input, addr func(context.Context) (net.Addr, error),
	log *runtest.LogBuffer,
) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	sink := New()
	sink.Block()
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx, sink) }()
	a, err := addr(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		nc, err := net.Dial(a.Network(), a.String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		io.WriteString(nc, "line\n")
	}
	runtest.Until(t, "appends wait", func() bool { return sink.Waiting() == 3 })
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if len(log.Lines("WARN", "3 records are lost")) != 1 {
		t.Fatal(log.String())
	}
}
