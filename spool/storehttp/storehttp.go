package storehttp

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Configure makes tr give up on a connection over which no byte has moved, either way, for timeout
// while a request was waiting. A long upload over a slow line goes on as long as it moves at all.
// tr must not have been used yet.
//
// It speaks HTTP/1.1 only: with HTTP/2 one stream may hang while the others move, unseen from the
// connection.
func Configure(tr *http.Transport, timeout time.Duration) {
	dialer := &net.Dialer{Timeout: min(timeout, 30*time.Second), KeepAlive: 30 * time.Second}
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: c, timeout: timeout}, nil
	}
	tr.TLSHandshakeTimeout = min(timeout, 30*time.Second)
	// Idle connections are closed before the deadline set by their last read is reached.
	tr.IdleConnTimeout = timeout / 2
	tr.ForceAttemptHTTP2 = false
	tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	if tr.TLSClientConfig != nil {
		tr.TLSClientConfig.NextProtos = nil
	}
}

// conn moves its deadlines forward with each byte that moves. A write also moves the deadline of
// the read that the transport has waiting: the answer is due timeout after the last of the request.
type conn struct {
	net.Conn
	timeout time.Duration
}

// writeChunk bounds one write, so that a slow line moves the deadline often enough.
const writeChunk = 64 << 10

func (c *conn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *conn) Write(p []byte) (n int, err error) {
	for {
		if err := c.SetDeadline(time.Now().Add(c.timeout)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(p[n:min(len(p), n+writeChunk)])
		n += m
		if err != nil || n == len(p) {
			return n, err
		}
	}
}
