package tlsconf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir, file string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(
			time.Now().UnixNano(),
		),
		Subject:               pkix.Name{CommonName: file},
		IsCA:                  true,
		BasicConstraintsValid: true,
		NotBefore: time.Now().
			Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	writePEM(t, filepath.Join(dir, file), "CERTIFICATE", der)
	return &authority{cert, key}
}

func (a *authority) issue(t *testing.T, dir, name, host string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(
			time.Now().UnixNano(),
		),
		Subject:     pkix.Name{CommonName: host},
		DNSNames:    []string{host},
		NotBefore:   time.Now().Add(-time.Hour),
		NotAfter:    time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, _ := x509.MarshalECPrivateKey(key)
	certFile, keyFile = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "EC PRIVATE KEY", keyDER)
	return certFile, keyFile
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(
		path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600,
	); err != nil {
		t.Fatal(err)
	}
}

// handshake connects the two configs and returns the name each side saw, or the first error.
func handshake(
	t *testing.T, client, server *tls.Config,
) (serverName, clientName string, err error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	type served struct {
		name string
		err  error
	}
	result := make(chan served, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			result <- served{err: err}
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		srv := tls.Server(conn, server)
		if err := srv.Handshake(); err != nil {
			result <- served{err: err}
			return
		}
		var name string
		if certs := srv.ConnectionState().PeerCertificates; len(certs) > 0 {
			name = certs[0].Subject.CommonName
		}
		_, err = srv.Write([]byte("x"))
		result <- served{name, err}
	}()
	conf := client.Clone()
	if conf.ServerName == "" {
		conf.ServerName = "broker"
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	cli, err := tls.DialWithDialer(dialer, "tcp", ln.Addr().String(), conf)
	if err != nil {
		return "", "", err
	}
	defer cli.Close()
	cli.SetDeadline(time.Now().Add(10 * time.Second))
	_, readErr := io.ReadFull(cli, make([]byte, 1))
	r := <-result
	if err := errors.Join(r.err, readErr); err != nil {
		return "", "", err
	}
	return cli.ConnectionState().PeerCertificates[0].Subject.CommonName, r.name, nil
}

func TestMutualTLSAndReload(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	ca := newAuthority(t, dir, "ca.pem")
	cert, key := ca.issue(t, dir, "server", "broker")
	ccert, ckey := ca.issue(t, dir, "client", "edge-1")
	sc := Server{
		CertFile:          cert,
		KeyFile:           key,
		ClientCAFile:      filepath.Join(dir, "ca.pem"),
		RequireClientCert: true,
	}
	cc := Client{CAFile: filepath.Join(dir, "ca.pem"), CertFile: ccert, KeyFile: ckey}
	server, err := NewServer(sc, log)
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient(cc, log)
	if err != nil {
		t.Fatal(err)
	}
	if s, c, err := handshake(t, client, server); err != nil || s != "broker" || c != "edge-1" {
		t.Fatalf("server %q, client %q, %v", s, c, err)
	}
	bare, err := NewClient(Client{CAFile: cc.CAFile}, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := handshake(t, bare, server); err == nil {
		t.Fatal("a client without a certificate was let in")
	}
	wrongName, err := NewClient(
		Client{CAFile: cc.CAFile, CertFile: ccert, KeyFile: ckey, ServerName: "other"}, log,
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := handshake(t, wrongName, server); err == nil ||
		!strings.Contains(err.Error(), "other") {
		t.Fatalf("wrong name: %v", err)
	}

	// All files change: certificates of another authority, and that authority as the one to trust.
	old := client.Clone()
	ca2 := newAuthority(t, dir, "ca.pem")
	ca2.issue(t, dir, "server", "broker")
	ca2.issue(t, dir, "client", "edge-2")
	later := time.Now().Add(time.Minute)
	for _, f := range []string{"ca.pem", "server.crt", "server.key", "client.crt", "client.key"} {
		if err := os.Chtimes(filepath.Join(dir, f), later, later); err != nil {
			t.Fatal(err)
		}
	}
	if s, c, err := handshake(t, old, server); err != nil || s != "broker" || c != "edge-2" {
		t.Fatalf("after reload: server %q, client %q, %v", s, c, err)
	}

	// Broken files leave the last good ones in use.
	if err := os.WriteFile(ccert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, c, err := handshake(t, client, server); err != nil || c != "edge-2" {
		t.Fatalf("with a broken file: client %q, %v", c, err)
	}
}

func TestUntrustedServer(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	log := slog.New(slog.DiscardHandler)
	cert, key := newAuthority(t, dir, "ca.pem").issue(t, dir, "server", "broker")
	newAuthority(t, other, "ca.pem")
	server, err := NewServer(Server{CertFile: cert, KeyFile: key}, log)
	if err != nil {
		t.Fatal(err)
	}
	for name, cc := range map[string]Client{"other roots": {CAFile: filepath.Join(other, "ca.pem")}, "system roots": {}} {
		client, err := NewClient(cc, log)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := handshake(t, client, server); err == nil {
			t.Errorf("%s: an unknown server was trusted", name)
		}
	}
	client, err := NewClient(Client{InsecureSkipVerify: true}, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := handshake(t, client, server); err != nil {
		t.Errorf("insecure_skip_verify: %v", err)
	}
}

func TestValidate(t *testing.T) {
	x := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(x, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, err := range map[string]error{
		"cert_file: ":            (&Client{CertFile: x}).Validate(),
		"ca_file: open ":         (&Client{CAFile: "/nowhere"}).Validate(),
		"key_file: open ":        (&Client{CertFile: x, KeyFile: "/nowhere"}).Validate(),
		"client_ca_file: open ":  (&Server{CertFile: x, KeyFile: x, ClientCAFile: "/nowhere"}).Validate(),
		"min_version: ":          (&Client{MinVersion: "1.1"}).Validate(),
		"insecure_skip_verify: ": (&Client{InsecureSkipVerify: true, CAFile: x}).Validate(),
		"key_file: ":             (&Server{CertFile: x}).Validate(),
		"require_client_cert: ":  (&Server{CertFile: x, KeyFile: x, RequireClientCert: true}).Validate(),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := NewClient(Client{CAFile: "/nowhere"}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a missing ca_file was accepted")
	}
}
