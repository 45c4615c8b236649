package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/buffer/record/dataformat"
	"github.com/penstock/penstock/network/tlsconf"
)

const defaultAdmin = "127.0.0.1:9600"

// The environment of commands that ask a running agent.
const (
	adminVar      = "PENSTOCK_ADMIN"
	adminTokenVar = "PENSTOCK_ADMIN_TOKEN"
	adminCAVar    = "PENSTOCK_ADMIN_CA_FILE"
	adminCertVar  = "PENSTOCK_ADMIN_CERT_FILE"
	adminKeyVar   = "PENSTOCK_ADMIN_KEY_FILE"
)

// socketName is that of the socket in an agent's data directory, unless it is configured.
var socketName = config.DefaultAgent().Admin.Socket

// defaultSocket is that of an agent whose data directory is the usual one.
func defaultSocket() string { return filepath.Join(config.DefaultAgent().DataDir, socketName) }

// answers reports whether somebody listens on a socket whom this user may ask.
func answers(socket string) bool {
	c, err := net.DialTimeout("unix", socket, time.Second)
	return err == nil && c.Close() == nil
}

// isData reports whether a directory is an agent's data directory, or one that this user may not
// look into.
func isData(dir string) bool {
	_, socket := os.Lstat(filepath.Join(dir, socketName))
	_, format := os.Lstat(filepath.Join(dir, dataformat.Name))
	return socket == nil || format == nil || errors.Is(socket, fs.ErrPermission)
}

// adminServer is how a running agent is asked.
type adminServer struct {
	name   string // for errors
	url    string
	socket string // instead of the host in url
	token  string
	tls    tlsconf.Client
}

// server returns what an address, a configuration and the environment say.
func (a adminAddress) server() (s adminServer, err error) {
	addr := cmp.Or(string(a), os.Getenv(adminVar))
	if addr == "" {
		if addr = defaultAdmin; answers(defaultSocket()) {
			addr = "unix://" + defaultSocket()
		}
	}
	s.tls.SetDefaults()
	info, err := os.Stat(addr)
	switch isPath := (strings.Contains(addr, "/") || filepath.Ext(addr) == ".hcl") &&
		!strings.Contains(addr, "://"); {
	case err != nil && isPath:
		return s, fmt.Errorf("--admin: %w%s", err, rightsHint(err))
	case err == nil:
		switch inside := filepath.Join(addr, socketName); {
		case info.Mode().Type() == os.ModeSocket:
			addr = "unix://" + addr
		case info.IsDir() && isData(addr):
			addr = "unix://" + inside
		default:
			if addr, err = s.configured(addr); err != nil {
				return s, err
			}
		}
	}
	s.name, s.token = addr, cmp.Or(os.Getenv(adminTokenVar), s.token)
	if ca := os.Getenv(adminCAVar); ca != "" {
		s.tls.CAFile, s.tls.ServerName = ca, ""
	}
	s.tls.CertFile, s.tls.KeyFile = os.Getenv(adminCertVar), os.Getenv(adminKeyVar)
	if socket, ok := strings.CutPrefix(addr, "unix://"); ok {
		s.socket, addr = socket, "localhost"
	}
	if s.url = "http://" + addr; strings.HasPrefix(addr, "https://") {
		s.url = strings.TrimSuffix(addr, "/")
	}
	return s, nil
}

// configured returns the address of the admin server of a configuration: its socket where that
// answers, which needs no token, and else where it listens, whose token it takes. Its
// own certificate is trusted: it is the one that the server shows.
func (s *adminServer) configured(path string) (string, error) {
	agent, err := loadAgent([]string{path}, nil)
	if err != nil {
		return "", fmt.Errorf("--admin %s: %w", path, err)
	}
	if socket := agent.AdminSocket(); socket != "" && answers(socket) {
		return "unix://" + socket, nil
	}
	admin := agent.Admin
	s.token = cmp.Or(admin.Token, admin.ReadToken)
	if strings.HasPrefix(admin.Listen, "unix://") {
		return admin.Listen, nil
	}
	host, port, err := net.SplitHostPort(admin.Listen)
	if err != nil {
		return "", fmt.Errorf("--admin %s: its agent has no admin server (admin.listen)", path)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	addr := net.JoinHostPort(host, port)
	if admin.TLS == nil {
		return addr, nil
	}
	return "https://" + addr, s.trust(admin)
}

func (s *adminServer) trust(admin config.Admin) error {
	data, err := os.ReadFile(admin.TLS.CertFile)
	if err != nil {
		return fmt.Errorf("admin.tls.cert_file: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return fmt.Errorf("admin.tls.cert_file: %s holds no certificate", admin.TLS.CertFile)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("admin.tls.cert_file: %s: %w", admin.TLS.CertFile, err)
	}
	s.tls.CAFile = admin.TLS.CertFile
	switch {
	case len(cert.DNSNames) > 0:
		s.tls.ServerName = strings.Replace(cert.DNSNames[0], "*", "any", 1)
	case len(cert.IPAddresses) > 0:
		s.tls.ServerName = cert.IPAddresses[0].String()
	}
	return nil
}

func (s *adminServer) client() (*http.Client, error) {
	if s.socket == "" && !strings.HasPrefix(s.url, "https://") {
		return http.DefaultClient, nil
	}
	t := &http.Transport{DisableKeepAlives: true}
	if s.socket != "" {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.socket)
		}
		return &http.Client{Transport: t}, nil
	}
	err := s.tls.Validate()
	if err == nil {
		t.TLSClientConfig, err = tlsconf.NewClient(s.tls, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		return nil, fmt.Errorf("$%s, $%s and $%s: %w", adminCAVar, adminCertVar, adminKeyVar, err)
	}
	if u, err := url.Parse(s.url); err == nil {
		t.TLSClientConfig = tlsconf.ForServer(t.TLSClientConfig, u.Hostname())
	}
	return &http.Client{Transport: t}, nil
}

// rightsHint says who may ask where this user may not.
func rightsHint(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "; root and the agent's own user may ask there"
	}
	return ""
}

// certificateHint says what to do where certificates are what is wrong.
func certificateHint(err error) string {
	var unknown x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	var remote *net.OpError
	switch {
	case errors.As(err, &unknown), errors.As(err, &verification):
		return "; name who has signed its certificate in $" + adminCAVar
	case errors.As(err, &remote) && remote.Op == "remote error":
		return "; it wants a client certificate: name it in $" + adminCertVar + " and $" + adminKeyVar
	}
	return ""
}
