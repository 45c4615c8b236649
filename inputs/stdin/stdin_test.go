package stdin

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock/penstock/inputs/inputstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (*Stdin, *os.File) {
	t.Helper()
	cfg := Default()
	cfg.MaxLineSize = 10
	s, err := New(cfg, inputstest.Env("input.stdin.test", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	s.file = r
	return s, w
}

func TestReadsToTheEnd(t *testing.T) {
	s, w := open(t)
	io.WriteString(w, "one\n0123456789abc\nlast")
	w.Close()
	sink := inputstest.New()
	if err := s.Run(context.Background(), sink); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(
		sink.Values(),
	); got != "[one 0123456789 abc last]" ||
		len(sink.Records()[2].Headers) != 1 {
		t.Fatal(got)
	}
}

func TestStopsWhileWaiting(t *testing.T) {
	s, w := open(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	until, stop := context.WithCancel(ctx)
	sink := inputstest.New()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(until, sink) }()
	io.WriteString(w, "one\n")
	if !sink.Wait(ctx, func(rs []inputstest.Record) bool { return len(rs) == 1 }) {
		t.Fatal("a line waits for more")
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestStopTakesWhatWasWritten(t *testing.T) {
	s, w := open(t)
	const count = 5000 // many reads
	for i := range count {
		fmt.Fprintln(w, i)
	}
	io.WriteString(w, "last")
	stopped, stop := context.WithCancel(context.Background())
	stop()
	sink := inputstest.New()
	if err := s.Run(stopped, sink); err != nil {
		t.Fatal(err)
	}
	if got := sink.Values(); len(got) != count+1 || got[count] != "last" {
		t.Fatalf("%d lines of %d", len(got), count+1)
	}
}
