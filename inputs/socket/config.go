package socket

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/penstock/penstock/network"
	"github.com/penstock/penstock/network/tlsconf"
)

// TCPConfig is the configuration of the input "tcp".
type TCPConfig struct {
	Listen         string          `hcl:"listen" doc:"Address to listen on: host:port, or unix:///path for a unix socket."`
	Tag            string          `hcl:"tag,optional" doc:"Tag of the records."`
	MaxLineSize    int64           `hcl:"max_line_size,optional" unit:"bytes" doc:"Longer lines become several records."`
	MaxConnections int             `hcl:"max_connections,optional" doc:"Connections served at a time; more are closed at once."`
	IdleTimeout    time.Duration   `hcl:"idle_timeout,optional" doc:"Close a connection on which nothing came for so long; 0s never does."`
	TLS            *tlsconf.Server `hcl:"tls,block" doc:"Serve TLS."`
}

// DefaultTCP returns the presets.
func DefaultTCP() TCPConfig {
	return TCPConfig{
		Tag:            "tcp",
		MaxLineSize:    1 << 20,
		MaxConnections: 10_000,
		IdleTimeout:    24 * time.Hour,
	}
}

// Listens returns where it listens.
func (c *TCPConfig) Listens() []string {
	kind, addr, _ := network.ParseAddress(c.Listen) // Validate tells of a mistake
	return []string{kind + "://" + addr}
}

// Validate reports every mistake.
func (c *TCPConfig) Validate() error {
	var errs []error
	if _, _, err := network.ParseAddress(c.Listen); err != nil {
		errs = append(errs, fmt.Errorf("listen: %w", err))
	}
	errs = append(errs, common(c.Tag, c.MaxLineSize)...)
	if c.MaxConnections < 1 {
		errs = append(errs, errors.New("max_connections: must be at least 1"))
	}
	if c.IdleTimeout < 0 {
		errs = append(errs, errors.New("idle_timeout: must not be negative"))
	}
	if c.TLS != nil {
		if err := c.TLS.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("tls.%w", err))
		}
	}
	return errors.Join(errs...)
}

func common(tag string, size int64) (errs []error) {
	if tag == "" {
		errs = append(errs, errors.New("tag: must not be empty"))
	}
	if size < 1 || size > 256<<20 {
		errs = append(errs, errors.New("max_line_size: must be from 1 to 256MiB"))
	}
	return errs
}

// UDPConfig is the configuration of the input "udp".
type UDPConfig struct {
	Listen        string `hcl:"listen" doc:"Address to listen on: host:port, or unixgram:///path for a unix datagram socket."`
	Tag           string `hcl:"tag,optional" doc:"Tag of the records."`
	SplitLines    bool   `hcl:"split_lines,optional" doc:"Make a record of each line of a datagram instead of each datagram."`
	MaxLineSize   int64  `hcl:"max_line_size,optional" unit:"bytes" doc:"Longer datagrams are truncated by the kernel."`
	ReceiveBuffer int64  `hcl:"receive_buffer,optional" unit:"bytes" doc:"Kernel buffer of the socket: what bursts need."`
}

// DefaultUDP returns the presets.
func DefaultUDP() UDPConfig {
	return UDPConfig{Tag: "udp", SplitLines: true, MaxLineSize: 64 << 10, ReceiveBuffer: 8 << 20}
}

// Listens returns where it listens.
func (c *UDPConfig) Listens() []string {
	kind, addr := c.address()
	return []string{kind + "://" + addr}
}

// Validate reports every mistake.
func (c *UDPConfig) Validate() error {
	errs := common(c.Tag, c.MaxLineSize)
	if _, path := c.address(); path == "" {
		errs = append(
			errs, fmt.Errorf(`listen: must be "host:port" or "unixgram:///path", not %q`, c.Listen),
		)
	}
	if c.ReceiveBuffer < 0 || c.ReceiveBuffer > 1<<30 {
		errs = append(errs, errors.New("receive_buffer: must be from 0 to 1GiB"))
	}
	return errors.Join(errs...)
}

// address returns an empty address when Listen is none.
func (c *UDPConfig) address() (network, address string) {
	if path, ok := strings.CutPrefix(c.Listen, "unixgram://"); ok {
		return "unixgram", path
	}
	addr := strings.TrimPrefix(c.Listen, "udp://")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return "udp", ""
	}
	return "udp", addr
}
