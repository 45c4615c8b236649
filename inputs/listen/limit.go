package listen

import (
	"net"
	"sync"
	"sync/atomic"
)

// Limit returns ln with at most max connections open at a time; more are closed at once, and
// refused is told of them.
func Limit(ln net.Listener, max int, refused func(host string)) net.Listener {
	return &limited{Listener: ln, max: int64(max), onRefused: refused}
}

type limited struct {
	net.Listener
	max       int64
	open      atomic.Int64
	onRefused func(host string)
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.max {
			return &counted{Conn: conn, release: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
		}
		l.open.Add(-1)
		l.onRefused(Host(conn.RemoteAddr()))
		conn.Close()
	}
}

type counted struct {
	net.Conn
	release func()
}

func (c *counted) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}
