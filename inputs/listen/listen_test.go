package listen

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// What a client sent that was accepted while the stop came is not thrown away.
func TestServesWhatWasAcceptedAtTheStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	client, conn := net.Pipe()
	defer client.Close()
	served := 0
	s := Server{MaxConnections: 1, Handle: func(context.Context, net.Conn) { served++ }}
	if err := s.Serve(ctx, &stoppingListener{conn: conn, stop: stop}); err != nil || served != 1 {
		t.Fatalf("%v; %d connections were served", err, served)
	}
}

// stoppingListener accepts one connection, and stops the server meanwhile.
type stoppingListener struct {
	net.Listener
	conn net.Conn
	stop func()
}

func (l *stoppingListener) Accept() (net.Conn, error) {
	conn := l.conn
	if l.conn = nil; conn == nil {
		return nil, net.ErrClosed
	}
	l.stop()
	return conn, nil
}

func (l *stoppingListener) Close() error { return nil }

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

// A socket whose owner cannot be reached just now is not taken away from it.
func TestUnixSocketsOfOthersStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	theirs, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if _, err := OpenPacket(t.Context(), "unixgram", path); err == nil ||
		!strings.Contains(err.Error(), "in use") {
		t.Fatal(err)
	}
	for err == nil { // until as many wait to be accepted as may
		var nc net.Conn
		if nc, err = net.Dial("unix", path); err == nil {
			defer nc.Close()
		}
	}
	if !errors.Is(err, syscall.EAGAIN) {
		t.Skip(err)
	}
	if _, err := Open(t.Context(), "unix://"+path); err == nil ||
		!strings.Contains(err.Error(), "in use") {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
}
