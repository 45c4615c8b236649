package network

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// ParseAddress splits an address as written in a configuration: "host:port" for TCP, "unix:///path"
// for a unix socket.
func ParseAddress(s string) (network, address string, err error) {
	if path, ok := strings.CutPrefix(s, "unix://"); ok {
		if path == "" {
			return "", "", errors.New(`"unix://" needs a path, as in "unix:///run/penstock.sock"`)
		}
		return "unix", path, nil
	}
	s = strings.TrimPrefix(s, "tcp://")
	if _, _, err := net.SplitHostPort(s); err != nil {
		if _, number := strconv.ParseUint(s, 10, 16); number == nil {
			return "", "", fmt.Errorf(`must be "host:port", as in "0.0.0.0:%s", not %q`, s, s)
		}
		return "", "", fmt.Errorf(`must be "host:port" or "unix:///path", not %q`, s)
	}
	return "tcp", s, nil
}

// IsLocal reports whether only processes of this host reach what listens at host:port or unix:///path.
func IsLocal(listen string) bool {
	if strings.HasPrefix(listen, "unix://") {
		return true
	}
	host, _, err := net.SplitHostPort(listen)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}
