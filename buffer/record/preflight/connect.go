package preflight

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
)

// Connect reports whether the server of a URL can be connected to, with TLS if it is one of https,
// and asks it for nothing.
func Connect(ctx context.Context, address string, r *Report) {
	u, err := url.Parse(address)
	if err != nil {
		r.Unreachable(address, err)
		return
	}
	port, how := u.Port(), "can be connected to"
	if port == "" {
		port = u.Scheme
	}
	host := net.JoinHostPort(u.Hostname(), port)
	var conn net.Conn
	if u.Scheme == "https" {
		how += ", with TLS"
		conn, err = (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext(
			ctx, "tcp", host,
		)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", host)
	}
	if err != nil {
		r.Unreachable(u.Redacted(), err)
		return
	}
	r.OK(u.Redacted(), "%s; it was asked for nothing", how)
	conn.Close()
}
