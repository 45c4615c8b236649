package syslog

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/network/tlsconf"
)

// Config of the input.
type Config struct {
	Listen         []string        `hcl:"listen,optional" doc:"Where to listen: udp://host:port, tcp://host:port, tls://host:port, unixgram:///path or unix:///path."`
	Tag            string          `hcl:"tag,optional" doc:"Tag of the records."`
	Framing        string          `hcl:"framing,optional" oneof:"auto|newline|octets" doc:"How messages are told apart in streams: by a newline or a NUL behind each, or by a length before it; auto looks at each."`
	Timezone       string          `hcl:"timezone,optional" doc:"Zone of times that name none, as in Europe/Berlin; the machine's unless set."`
	MaxMessageSize int64           `hcl:"max_message_size,optional" unit:"bytes" doc:"Longer messages become several records; longer datagrams are truncated by the kernel."`
	MaxConnections int             `hcl:"max_connections,optional" doc:"Stream connections served at a time, per address; more are closed at once."`
	IdleTimeout    time.Duration   `hcl:"idle_timeout,optional" doc:"Close a stream connection on which nothing came for so long; 0s never does."`
	ReceiveBuffer  int64           `hcl:"receive_buffer,optional" unit:"bytes" doc:"Kernel buffer of datagram sockets: what bursts need."`
	TLS            *tlsconf.Server `hcl:"tls,block" doc:"Certificates for tls:// addresses."`
}

// Default returns the presets.
func Default() Config {
	return Config{
		Listen:         []string{"udp://0.0.0.0:514", "tcp://0.0.0.0:514"},
		Tag:            "syslog",
		Framing:        "auto",
		MaxMessageSize: 64 << 10,
		MaxConnections: 10_000,
		IdleTimeout:    24 * time.Hour,
		ReceiveBuffer:  8 << 20,
	}
}

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Listen) == 0 {
		bad("listen: needs at least one address")
	}
	for _, l := range c.Listen {
		network, addr, err := splitAddress(l)
		switch {
		case err != nil:
			bad("listen: %w", err)
		case network == "tls" && c.TLS == nil:
			bad("listen: %s://%s needs a tls block with the certificate", network, addr)
		}
	}
	if c.Tag == "" {
		bad("tag: must not be empty")
	}
	if c.Framing != "auto" && c.Framing != "newline" && c.Framing != "octets" {
		bad("framing: must be auto, newline or octets")
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil {
		bad("timezone: %w", err)
	}
	if c.MaxMessageSize < 480 || c.MaxMessageSize > 64<<20 {
		bad("max_message_size: must be from 480 to 64MiB")
	}
	if c.MaxConnections < 1 {
		bad("max_connections: must be at least 1")
	}
	if c.IdleTimeout < 0 {
		bad("idle_timeout: must not be negative")
	}
	if c.ReceiveBuffer < 0 || c.ReceiveBuffer > 1<<30 {
		bad("receive_buffer: must be from 0 to 1GiB")
	}
	if c.TLS != nil && len(c.Listen) > 0 && !c.encrypts() {
		bad("tls: no address in listen uses it: write tls://host:port for what clients reach by TLS")
	}
	if c.TLS != nil {
		if err := c.TLS.Validate(); err != nil {
			bad("tls.%w", err)
		}
	}
	return errors.Join(errs...)
}

// encrypts reports whether an address is for TLS.
func (c *Config) encrypts() bool {
	return slices.ContainsFunc(c.Listen, func(l string) bool { return strings.HasPrefix(l, "tls://") })
}

// Listens returns where it listens.
func (c *Config) Listens() []string {
	var out []string
	for _, l := range c.Listen {
		out = append(out, strings.Replace(l, "tls://", "tcp://", 1))
	}
	return out
}

func splitAddress(s string) (network, addr string, err error) {
	network, addr, ok := strings.Cut(s, "://")
	if !ok {
		return "", "", fmt.Errorf(
			"%q must begin with udp://, tcp://, tls://, unixgram:// or unix://", s,
		)
	}
	switch network {
	case "udp", "tcp", "tls":
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return "", "", fmt.Errorf("%q: the address must be host:port", s)
		}
	case "unix", "unixgram":
		if addr == "" {
			return "", "", fmt.Errorf("%q: needs a path", s)
		}
	default:
		return "", "", fmt.Errorf(
			"%q must begin with udp://, tcp://, tls://, unixgram:// or unix://", s,
		)
	}
	return network, addr, nil
}
