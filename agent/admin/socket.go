package admin

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
)

// maxSocketPath is how long the path of a socket may be: the kernel's structure has room for no
// more.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// addSocket serves on the socket beside the address, too. The agent runs without it where there can
// be none.
func (s *Server) addSocket(ctx context.Context, o Options, agent Agent, log *slog.Logger) {
	o, err := o.onSocket()
	if err == nil {
		l, lerr := listenUnix(o.Socket, o)
		if err = lerr; err == nil {
			s.socket = o.Socket
			s.serve(ctx, l, Handler(o, agent, log), log)
			return
		}
	}
	log.Info(
		"there is no admin socket", "error", err, "instead", s.addr,
		"do", "nothing if that address is enough; else set admin.socket to a path where there can be one",
	)
}

// onSocket returns what holds on the socket. Who alone may open it needs no token, which only that
// user could have.
func (o Options) onSocket() (Options, error) {
	if len(o.Socket) > maxSocketPath {
		return o, fmt.Errorf(
			"the path %s has %d bytes, of which a socket can have %d", o.Socket, len(o.Socket),
			maxSocketPath,
		)
	}
	if o.Mode == "" {
		if o.Mode = "0600"; o.Group != "" {
			o.Mode = "0660"
		}
	}
	mode, _, err := permissions(o)
	if err != nil {
		return o, err
	}
	o.Listen, o.TLS = "unix://"+o.Socket, nil
	if mode&0o066 == 0 {
		o.Token, o.ReadToken, o.Anonymous = "", "", ""
	}
	return o, nil
}
