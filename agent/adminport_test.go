package agent

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// The port of the admin server may be taken for a moment, by a predecessor that was killed.
func TestTheAdminPortIsWaitedFor(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	cfg := loadTest(t, w, t.TempDir(), simple)
	cfg.Agent.Admin.Listen = l.Addr().String()
	var log runtest.LogBuffer
	ready := make(chan string, 1)
	a, err := New(cfg, Options{
		Catalogue: w.catalogue(), Log: slog.New(slog.NewTextHandler(&log, nil)), restart: fast,
		OnReady: func(addr string) { ready <- addr },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	runtest.Within(t, 5*time.Second, func() bool {
		return strings.Contains(log.String(), "is taken; it is waited for")
	}, log.String)
	l.Close()
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("%v\n%s", err, log.String())
	case <-time.After(8 * time.Second):
		t.Fatal(log.String())
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
