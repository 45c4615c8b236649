package admin

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"github.com/penstock/penstock/network"
	"github.com/penstock/penstock/network/tlsconf"
)

// listen opens what o says. A socket file that nobody listens on is replaced.
func listen(o Options, log *slog.Logger) (net.Listener, error) {
	if path, ok := strings.CutPrefix(o.Listen, "unix://"); ok {
		return listenUnix(path, o)
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil || o.TLS == nil {
		return l, err
	}
	conf, err := tlsconf.NewServer(*o.TLS, log)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return tls.NewListener(l, conf), nil
}

func listenUnix(path string, o Options) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	mode, gid, err := permissions(o)
	if err != nil {
		return nil, err
	}
	// Nobody else gets in before the permissions are as they should be.
	old := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, err
	}
	if gid >= 0 {
		err = os.Chown(path, -1, gid)
	}
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// permissions returns those of a socket; gid is -1 for the process's own.
func permissions(o Options) (mode os.FileMode, gid int, err error) {
	mode, gid = 0o660, -1
	if o.Mode != "" {
		m, err := strconv.ParseUint(o.Mode, 8, 9)
		if err != nil {
			return 0, 0, fmt.Errorf("mode %q: write it in octal, such as 0660", o.Mode)
		}
		mode = os.FileMode(m)
	}
	if o.Group != "" {
		g, err := user.LookupGroup(o.Group)
		if err != nil {
			return 0, 0, fmt.Errorf("group: %w", err)
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return 0, 0, fmt.Errorf("group %s: %w", o.Group, err)
		}
	}
	return mode, gid, nil
}

// removeStale removes a socket that a process which was killed has left.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("%s is there and is no socket", path)
	}
	stale, err := network.IsStale("unix", path)
	switch {
	case err != nil:
		return fmt.Errorf("listen unix %s: it may be in use by another process: %w", path, err)
	case !stale:
		return fmt.Errorf("listen unix %s: %w", path, syscall.EADDRINUSE)
	}
	return os.Remove(path)
}

// addressOf returns where l listens, as it is configured.
func addressOf(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix://" + l.Addr().String()
	}
	return l.Addr().String()
}
