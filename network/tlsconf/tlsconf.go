package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
)

// Client is the tls block of a component that connects to a server. An empty block means TLS with
// the system's roots.
type Client struct {
	CAFile             string `hcl:"ca_file,optional" doc:"File of PEM certificates to trust instead of the system's roots."`
	CertFile           string `hcl:"cert_file,optional" doc:"File of the PEM certificate chain to show to the server (mutual TLS)."`
	KeyFile            string `hcl:"key_file,optional" doc:"File of the PEM private key that belongs to cert_file."`
	ServerName         string `hcl:"server_name,optional" doc:"Name to expect in the server's certificate instead of the one connected to."`
	InsecureSkipVerify bool   `hcl:"insecure_skip_verify,optional" doc:"Accept any server certificate: for tests only."`
	MinVersion         string `hcl:"min_version,optional" oneof:"1.2|1.3" doc:"Lowest TLS version to accept."`
}

// WithoutFiles makes it a block that names no files, for what connects to nobody.
func (c *Client) WithoutFiles() {
	c.CAFile, c.CertFile, c.KeyFile = "", "", ""
}

// SetDefaults presets the block.
func (c *Client) SetDefaults() { c.MinVersion = "1.2" }

// Validate reports what cannot work, files that cannot be read included.
func (c *Client) Validate() error {
	errs := []error{
		readable("ca_file", c.CAFile),
		readable("cert_file", c.CertFile),
		readable("key_file", c.KeyFile),
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		errs = append(errs, errors.New("cert_file: cert_file and key_file go together"))
	}
	if c.InsecureSkipVerify && c.CAFile != "" {
		errs = append(
			errs,
			errors.New(
				"insecure_skip_verify: ca_file has no effect when nothing is verified; remove one of them",
			),
		)
	}
	_, err := version(c.MinVersion)
	return errors.Join(append(errs, err)...)
}

// NewClient reads the files and returns a config for client connections. Later handshakes use the
// files as they are then; while they cannot be read, the last good ones stay in use and log says
// so.
func NewClient(c Client, log *slog.Logger) (*tls.Config, error) {
	minVersion, err := version(c.MinVersion)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{
		MinVersion:         minVersion,
		ServerName:         c.ServerName,
		InsecureSkipVerify: c.InsecureSkipVerify,
	}
	if c.CertFile != "" {
		pair, err := newPair(c.CertFile, c.KeyFile, log)
		if err != nil {
			return nil, err
		}
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return pair.get(), nil
		}
	}
	if c.CAFile != "" {
		roots, err := newPool("ca_file", c.CAFile, log)
		if err != nil {
			return nil, err
		}
		// The standard verification takes its roots once, so it is done here, with the roots of the
		// moment.
		conf.InsecureSkipVerify = true
		conf.VerifyConnection = func(state tls.ConnectionState) error {
			return verifyServer(state, c.ServerName, roots.get())
		}
	}
	return conf, nil
}

// ForServer returns a copy of a config of NewClient for connections to host, a name or an address.
// A config without server_name must not be used for an address otherwise: TLS does not send
// addresses, so that the verification would not know what to look for.
func ForServer(conf *tls.Config, host string) *tls.Config {
	c := conf.Clone()
	if c.ServerName == "" {
		c.ServerName = host
	}
	if verify := conf.VerifyConnection; verify != nil {
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if state.ServerName == "" {
				state.ServerName = host
			}
			return verify(state)
		}
	}
	return c
}

func verifyServer(state tls.ConnectionState, name string, roots *x509.CertPool) error {
	if name == "" {
		name = state.ServerName
	}
	if name == "" {
		return errors.New("tls: no server name to verify: set server_name")
	}
	if len(state.PeerCertificates) == 0 {
		return errors.New("tls: the server showed no certificate")
	}
	opts := x509.VerifyOptions{Roots: roots, DNSName: name, Intermediates: x509.NewCertPool()}
	for _, cert := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	if _, err := state.PeerCertificates[0].Verify(opts); err != nil {
		return &tls.CertificateVerificationError{
			UnverifiedCertificates: state.PeerCertificates,
			Err:                    err,
		}
	}
	return nil
}

// Server is the tls block of a component that listens.
type Server struct {
	CertFile          string `hcl:"cert_file" doc:"File of the PEM certificate chain to show to clients."`
	KeyFile           string `hcl:"key_file" doc:"File of the PEM private key that belongs to cert_file."`
	ClientCAFile      string `hcl:"client_ca_file,optional" doc:"File of PEM certificates that client certificates must descend from."`
	RequireClientCert bool   `hcl:"require_client_cert,optional" doc:"Refuse clients without a certificate from client_ca_file (mutual TLS)."`
	MinVersion        string `hcl:"min_version,optional" oneof:"1.2|1.3" doc:"Lowest TLS version to accept."`

	withoutFiles bool
}

// WithoutFiles makes it a block that needs no files, for what nobody connects to.
func (s *Server) WithoutFiles() { s.withoutFiles = true }

// SetDefaults presets the block.
func (s *Server) SetDefaults() { s.MinVersion = "1.2" }

// Validate reports what cannot work, files that cannot be read included.
func (s *Server) Validate() error {
	if s.withoutFiles {
		return nil
	}
	errs := []error{
		readable("cert_file", s.CertFile),
		readable("key_file", s.KeyFile),
		readable("client_ca_file", s.ClientCAFile),
	}
	if s.CertFile == "" {
		errs = append(errs, errors.New("cert_file: a server needs a certificate"))
	}
	if s.KeyFile == "" {
		errs = append(errs, errors.New("key_file: a server needs the key of its certificate"))
	}
	if s.RequireClientCert && s.ClientCAFile == "" {
		errs = append(errs, errors.New("require_client_cert: needs client_ca_file"))
	}
	_, err := version(s.MinVersion)
	return errors.Join(append(errs, err)...)
}

// NewServer reads the files and returns a config for listeners, with the same care for changed
// files as NewClient.
func NewServer(s Server, log *slog.Logger) (*tls.Config, error) {
	minVersion, err := version(s.MinVersion)
	if err != nil {
		return nil, err
	}
	if s.withoutFiles {
		return &tls.Config{MinVersion: minVersion}, nil
	}
	pair, err := newPair(s.CertFile, s.KeyFile, log)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{
		MinVersion: minVersion,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return pair.get(), nil
		},
	}
	if s.ClientCAFile == "" {
		return conf, nil
	}
	roots, err := newPool("client_ca_file", s.ClientCAFile, log)
	if err != nil {
		return nil, err
	}
	conf.ClientAuth = tls.VerifyClientCertIfGiven
	if s.RequireClientCert {
		conf.ClientAuth = tls.RequireAndVerifyClientCert
	}
	conf.ClientCAs = roots.get()
	base := conf.Clone()
	conf.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := base.Clone()
		now.ClientCAs = roots.get()
		return now, nil
	}
	return conf, nil
}

func version(s string) (uint16, error) {
	switch s {
	case "", "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("min_version: %q is not a version; use \"1.2\" or \"1.3\"", s)
}
