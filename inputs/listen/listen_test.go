package listen

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBudgetIsSharedAndWaitedFor(t *testing.T) {
	b := NewBudget(100, 20*time.Millisecond)
	if err := b.Acquire(80); err != nil {
		t.Fatal(err)
	}
	if err := b.Acquire(50); !errors.Is(err, ErrNoMemory) {
		t.Fatal(err)
	}
	b.Wait = 20 * time.Second
	got := make(chan error, 1)
	go func() { got <- b.Acquire(50) }()
	if err := b.Acquire(20); err != nil { // fits, whoever else waits
		t.Fatal(err)
	}
	b.Release(80)
	if err := <-got; err != nil || b.Free() != 30 {
		t.Fatal(err, b.Free())
	}
}

func TestNotesAreFew(t *testing.T) {
	var buf bytes.Buffer
	n := NewThrottledLog(slog.New(slog.NewTextHandler(&buf, nil)))
	for range 100 {
		n.Warn("10.0.0.1", "bad")
		n.Warn("10.0.0.2", "bad")
	}
	if c := strings.Count(buf.String(), "\n"); c != 2 {
		t.Fatalf("%d lines", c)
	}
	if since, ok := n.due(warning{"10.0.0.1", "bad"}, time.Now().Add(logEvery)); !ok || since != 100 {
		t.Fatal(since, ok)
	}
	for i := range 10 * maxLogged {
		n.Warn(fmt.Sprint(i), "bad")
	}
	if len(n.seen) > maxLogged+1 {
		t.Fatalf("%d sources remembered", len(n.seen))
	}
}

func TestUnixSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first, err := Open(t.Context(), "unix://"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), "unix://"+path); err == nil ||
		!strings.Contains(err.Error(), "in use") {
		t.Fatal(err)
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false) // as a killed process leaves it
	first.Close()
	second, err := Open(t.Context(), "unix://"+path)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}
