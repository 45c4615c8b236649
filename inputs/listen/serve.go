package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

// Server accepts connections and runs one goroutine for each.
type Server struct {
	TLS              *tls.Config   // nil for plain connections
	MaxConnections   int           // more are closed at once
	HandshakeTimeout time.Duration // of TLS
	// OnRefused is told of a connection that was not served, and why: a short label, and the error.
	OnRefused func(host, label string, err error)
	// Handle serves one connection, which is closed when it returns. It must return soon after ctx
	// has ended.
	Handle func(ctx context.Context, conn net.Conn)
}

// Labels that Refused is called with.
const (
	TooMany = "too_many_connections"
	BadTLS  = "tls"
)

// ErrTooMany is the error of TooMany.
var ErrTooMany = errors.New("there are max_connections connections already")

// Serve accepts from ln until ctx ends, closes ln, and returns after all connections have been
// served; nil when ctx ended.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer ln.Close()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	slots := make(chan struct{}, s.MaxConnections)
	wait := 5 * time.Millisecond
	for {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil && err != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept: %w", err)
		case err != nil: // out of file descriptors, say: it passes
			s.OnRefused("", "accept", err)
			_ = fault.Sleep(ctx, wait)
			wait = min(2*wait, time.Second)
			continue
		}
		wait = 5 * time.Millisecond
		select {
		case slots <- struct{}{}:
		default:
			s.OnRefused(Host(conn.RemoteAddr()), TooMany, ErrTooMany)
			conn.Close()
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			s.serve(ctx, conn)
		})
	}
}

func (s *Server) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	if s.TLS != nil {
		secure := tls.Server(conn, s.TLS)
		hs, cancel := context.WithTimeout(ctx, s.HandshakeTimeout)
		err := secure.HandshakeContext(hs)
		cancel()
		if err != nil {
			// a load balancer only looks whether the port is open
			if ctx.Err() == nil && !errors.Is(err, io.EOF) {
				var plain tls.RecordHeaderError
				if errors.As(err, &plain) {
					err = fmt.Errorf("the client does not use TLS: %w", err)
				}
				s.OnRefused(Host(conn.RemoteAddr()), BadTLS, fmt.Errorf("TLS handshake: %w", err))
			}
			return
		}
		conn = secure
		defer secure.Close()
	}
	s.Handle(ctx, conn)
}
