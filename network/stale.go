package network

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// IsStale reports whether nobody listens to the unix socket at path any more, as after a kill, so
// that it may be removed. kind is "unix" or "unixgram". An error leaves open whether somebody does:
// one who is busy, or whose socket is of another type.
func IsStale(kind, path string) (bool, error) {
	c, err := net.DialTimeout(kind, path, time.Second)
	switch {
	case err == nil:
		return false, c.Close()
	case errors.Is(err, syscall.ECONNREFUSED):
		return true, nil
	}
	return false, err
}
