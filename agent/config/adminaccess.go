package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/penstock/penstock/network"
	"github.com/penstock/penstock/network/tlsconf"
)

// AdminSocket returns the path of the admin server's socket beside the address that it listens on;
// "" for none.
func (a *Agent) AdminSocket() string {
	switch s := a.Admin.Socket; {
	case s == "", a.Admin.Listen == "", strings.HasPrefix(a.Admin.Listen, "unix://"):
		return ""
	case filepath.IsAbs(s):
		return s
	default:
		return filepath.Join(a.DataDir, s)
	}
}

// checkTLS reports files that cannot be read or hold no certificate.
func (a *Admin) checkTLS() error {
	if a.Listen == "" || a.TLS == nil {
		return nil
	}
	err := a.TLS.Validate()
	if err == nil {
		_, err = tlsconf.NewServer(*a.TLS, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		return fmt.Errorf("admin.tls.%w", err)
	}
	return nil
}

// check reports what is wrong with where the admin server listens, and who may use it.
func (a *Admin) check() []error {
	if a.Listen == "" {
		return nil
	}
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	path, isSocket := strings.CutPrefix(a.Listen, "unix://")
	if isSocket {
		if !strings.HasPrefix(path, "/") {
			add("admin.listen: %q is no path of a socket, such as unix:///run/penstock/admin.sock", a.Listen)
		}
	} else {
		_, port, err := net.SplitHostPort(a.Listen)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err != nil {
			add(
				"admin.listen: %q is neither host:port, such as 127.0.0.1:9600, nor unix:///PATH",
				a.Listen,
			)
		}
	}
	if _, err := strconv.ParseUint(a.Mode, 8, 9); a.Mode != "" && err != nil {
		add("admin.mode: %q is no mode in octal, such as 0660", a.Mode)
	}
	if !isSocket && a.Socket == "" && (a.Mode != "" || a.Group != "") {
		add("admin: mode and group are those of a unix socket; there is none")
	}
	if isSocket && a.TLS != nil {
		add("admin.tls: a unix socket has none")
	}
	for name, token := range map[string]string{"token": a.Token, "read_token": a.ReadToken} {
		if token != "" && len(token) < 8 {
			add("admin.%s: must have at least 8 characters", name)
		}
	}
	if a.Token != "" && a.Token == a.ReadToken {
		add("admin.read_token: must not be token, which may command")
	}
	guarded := a.Token != "" || a.ReadToken != "" || a.Anonymous != "" ||
		a.TLS != nil && a.TLS.ClientCAFile != ""
	if len(errs) == 0 && !network.IsLocal(a.Listen) && !guarded {
		errs = append(errs, errors.New(
			"admin.listen: other hosts can reach "+a.Listen+": say what they may do there. "+
				`Write anonymous = "metrics" for metrics and readiness alone, anonymous = "read" for all but `+
				"commands, or give token = env(\"PENSTOCK_TOKEN\"), read_token or tls with client_ca_file; or listen on 127.0.0.1",
		))
	}
	return errs
}
