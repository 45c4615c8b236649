package preflight

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// Advice says what to do when a server could not be reached.
func Advice(err error) string {
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		plain     tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &dns):
		return "mend the name, or the name server of this machine"
	case errors.As(err, &authority):
		return "name the authority that has signed the server's certificate: tls { ca_file = \"...\" }"
	case errors.As(err, &host):
		return "connect by a name that is in the certificate, or expect another: " +
			"tls { server_name = \"...\" }"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the server's certificate, or set this machine's clock"
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS"):
		return "TLS is not spoken on this port: mend the port, or leave TLS out"
	case strings.HasPrefix(root(err).Error(), "tls: "), strings.Contains(err.Error(), "remote error: tls"):
		return "see that the tls block is as the server expects: certificate, authority, version"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "see that the server runs and listens on this port"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "let this user do that, or see what forbids it"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, syscall.ETIMEDOUT):
		return "see that a firewall lets this host through, and that TLS is set as on that port"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "mend the address, or the routes of this machine"
	}
	return "see that address, TLS and credentials are as the server expects"
}

var errLate = errors.New("it does not answer")

// Plain returns what went wrong on the network without what clients wrap around it.
func Plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errLate
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func root(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
