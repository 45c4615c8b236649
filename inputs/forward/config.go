package forward

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/penstock/penstock/network"
	"github.com/penstock/penstock/network/tlsconf"
)

// Config of the input.
type Config struct {
	Listen           string          `hcl:"listen,optional" doc:"Address to listen on: host:port, or unix:///path for a unix socket."`
	UDPHeartbeat     bool            `hcl:"udp_heartbeat,optional" doc:"Answer UDP heartbeats on the same port, as fluentd does."`
	TagPrefix        string          `hcl:"tag_prefix,optional" doc:"Put before every tag, with a dot between."`
	Keepalive        bool            `hcl:"keepalive,optional" doc:"Let clients send many messages over one connection; otherwise it is closed after one message and its ack."`
	MaxConnections   int             `hcl:"max_connections,optional" doc:"Connections served at a time; more are closed at once."`
	MaxMessageSize   int64           `hcl:"max_message_size,optional" unit:"bytes" doc:"Largest message on the wire; the excess goes to the dead letter and is acknowledged."`
	MaxInflatedSize  int64           `hcl:"max_inflated_size,optional" unit:"bytes" doc:"Largest size of a compressed chunk after inflating; a chunk beyond goes to the dead letter and is acknowledged."`
	MaxRecordSize    int64           `hcl:"max_record_size,optional" unit:"bytes" doc:"Largest single event; a larger one goes to the dead letter."`
	MaxDepth         int             `hcl:"max_depth,optional" doc:"Deepest nesting of a record; a deeper one goes to the dead letter."`
	Memory           int64           `hcl:"memory,optional" unit:"bytes" doc:"Memory that all connections together may use for compressed chunks, large events and, while the buffer is full, the first messages of clients. One that finds none waits for half of message_timeout, and is closed."`
	IdleTimeout      time.Duration   `hcl:"idle_timeout,optional" doc:"Close a connection on which nothing came for so long; 0s never does. A client that asks for no acks loses what it next writes to a closed connection."`
	MessageTimeout   time.Duration   `hcl:"message_timeout,optional" doc:"Close a connection on which neither 16 KiB of a message nor its end came for so long."`
	HandshakeTimeout time.Duration   `hcl:"handshake_timeout,optional" doc:"Time for the TLS handshake and for the one of the protocol; then the connection is closed."`
	TLS              *tlsconf.Server `hcl:"tls,block" doc:"Serve TLS."`
	Security         *Security       `hcl:"security,block" doc:"Ask clients for a shared key and users."`
}

// Security is the handshake's side of the configuration, in fluentd's words.
type Security struct {
	SelfHostname         string   `hcl:"self_hostname,optional" doc:"Name of this server in the handshake; the agent's name unless set. Clients refuse a server of their own name."`
	SharedKey            string   `hcl:"shared_key,optional" secret:"true" doc:"Key that clients must know, unless their client block has one of its own."`
	AllowAnonymousSource bool     `hcl:"allow_anonymous_source,optional" doc:"Accept clients that no client block names."`
	UserAuth             bool     `hcl:"user_auth,optional" doc:"Ask for a user and password as well."`
	Users                []User   `hcl:"user,block" doc:"A user that may send."`
	Clients              []Client `hcl:"client,block" doc:"A host or network with rules of its own; the first that matches counts."`
}

// User is one of the users.
type User struct {
	Name     string `hcl:"name,label" doc:"User name."`
	Password string `hcl:"password" secret:"true" doc:"Password."`
}

// Client is a rule for a host or network.
type Client struct {
	Network   string   `hcl:"network,optional" doc:"Address or CIDR network, as in 10.0.0.0/8."`
	Host      string   `hcl:"host,optional" doc:"Host name, looked up when a client connects."`
	SharedKey string   `hcl:"shared_key,optional" secret:"true" doc:"Key for these clients instead of the common one."`
	Users     []string `hcl:"users,optional" doc:"Users that may send from there; all when empty."`
}

// SetDefaults presets the block.
func (s *Security) SetDefaults() { s.AllowAnonymousSource = true }

// Default returns the presets.
func Default() Config {
	return Config{
		Listen:           "0.0.0.0:24224",
		UDPHeartbeat:     true,
		Keepalive:        true,
		MaxConnections:   10_000,
		MaxMessageSize:   256 << 20,
		MaxInflatedSize:  256 << 20,
		MaxRecordSize:    16 << 20,
		MaxDepth:         100,
		Memory:           384 << 20,
		IdleTimeout:      24 * time.Hour,
		MessageTimeout:   time.Minute,
		HandshakeTimeout: 10 * time.Second,
	}
}

// Listens returns where it listens.
func (c *Config) Listens() []string {
	kind, addr, err := network.ParseAddress(c.Listen)
	out := []string{kind + "://" + addr}
	if err == nil && kind == "tcp" && c.UDPHeartbeat {
		out = append(out, "udp://"+addr)
	}
	return out
}

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	kind, _, err := network.ParseAddress(c.Listen)
	if err != nil {
		bad("listen: %w", err)
	}
	if kind == "unix" && c.TLS != nil {
		bad("tls: a unix socket needs no TLS; remove the block")
	}
	if c.MaxConnections < 1 {
		bad("max_connections: must be at least 1")
	}
	if c.MaxMessageSize < 1<<10 {
		bad("max_message_size: must be at least 1KiB")
	}
	if c.MaxInflatedSize < 1<<10 {
		bad("max_inflated_size: must be at least 1KiB")
	}
	if c.MaxRecordSize < 1<<10 || c.MaxRecordSize > 512<<20 {
		bad("max_record_size: must be from 1KiB to 512MiB")
	}
	if c.MaxDepth < 1 || c.MaxDepth > 1000 {
		bad("max_depth: must be from 1 to 1000")
	}
	if need := c.MaxMessageSize + 2*c.MaxRecordSize; c.Memory < need {
		bad(
			"memory: must be at least %d: one message of max_message_size and one event of twice max_record_size",
			need,
		)
	}
	if c.IdleTimeout < 0 {
		bad("idle_timeout: must not be negative")
	}
	if c.MessageTimeout <= 0 {
		bad("message_timeout: must be positive")
	}
	if c.HandshakeTimeout <= 0 {
		bad("handshake_timeout: must be positive")
	}
	if c.TLS != nil {
		if err := c.TLS.Validate(); err != nil {
			bad("tls.%w", err)
		}
	}
	if c.Security != nil {
		errs = append(errs, c.Security.validate()...)
	}
	return errors.Join(errs...)
}

func (s *Security) validate() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("security."+format, args...)) }
	known := map[string]bool{}
	for _, u := range s.Users {
		if known[u.Name] {
			bad("user: %q is defined twice", u.Name)
		}
		known[u.Name] = true
		if u.Password == "" {
			bad("user: %q needs a password", u.Name)
		}
	}
	if s.UserAuth && len(s.Users) == 0 {
		bad("user_auth: needs at least one user block")
	}
	keyless := len(s.Clients) == 0 || s.AllowAnonymousSource
	for i, c := range s.Clients {
		if (c.Network == "") == (c.Host == "") {
			bad("client: number %d needs either network or host", i+1)
		}
		if c.Network != "" {
			if _, err := parseNetwork(c.Network); err != nil {
				bad("client: network %q is neither an address nor a CIDR network", c.Network)
			}
		}
		keyless = keyless || c.SharedKey == ""
		for _, u := range c.Users {
			if !known[u] {
				bad("client: there is no user block for %q", u)
			}
		}
	}
	if keyless && s.SharedKey == "" {
		bad(
			"shared_key: must be set, or allow_anonymous_source = false and a shared_key in every client block",
		)
	}
	return errs
}

func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}
