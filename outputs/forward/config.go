package forward

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/network"
	"github.com/penstock/penstock/network/tlsconf"
)

// Config of the output.
type Config struct {
	Servers           []Server        `hcl:"server,block" doc:"A server; with several, chunks are spread by weight."`
	Balance           string          `hcl:"balance,optional" oneof:"round_robin|origin" doc:"Spread chunks in turn, as fluentd does, or by origin, so that each source's records stay on one server, in order, while it is up."`
	Compression       string          `hcl:"compression,optional" oneof:"none|gzip|zstd" doc:"Compression of chunks. fluentd understands zstd from 1.19 on."`
	RequireAck        bool            `hcl:"require_ack,optional" doc:"Count a chunk as delivered only when the server acknowledges it; otherwise when it is handed to the network, which loses chunks."`
	AckTimeout        time.Duration   `hcl:"ack_timeout,optional" doc:"How long to wait for an ack before the chunk is sent again."`
	ConnectTimeout    time.Duration   `hcl:"connect_timeout,optional" doc:"Time for connecting, TLS and the handshake."`
	SendTimeout       time.Duration   `hcl:"send_timeout,optional" doc:"Time for sending one chunk."`
	Keepalive         bool            `hcl:"keepalive,optional" doc:"Keep connections for the next chunk."`
	KeepaliveTimeout  time.Duration   `hcl:"keepalive_timeout,optional" doc:"Close a connection that was not used for so long."`
	ReconnectAfter    time.Duration   `hcl:"reconnect_after,optional" doc:"Replace a connection after so long, looking its name up again; 0s never does."`
	Heartbeat         string          `hcl:"heartbeat,optional" oneof:"transport|udp|none" doc:"How servers are watched while nothing is sent: by connecting, by UDP, or not."`
	HeartbeatInterval time.Duration   `hcl:"heartbeat_interval,optional" doc:"Time between heartbeats."`
	HardTimeout       time.Duration   `hcl:"hard_timeout,optional" doc:"A server that gives no sign of life for so long counts as down, and what waits for its acks goes to the others."`
	RecoverWait       time.Duration   `hcl:"recover_wait,optional" doc:"How long a server that was down must be well before it is used again; doubled each time it is down again without having taken a chunk, five times at most."`
	Peer              string          `hcl:"peer,optional" oneof:"auto|fluentd|penstock" doc:"What the servers are: penstocks get key, headers and bytes exactly. auto asks in the handshake, so it needs shared_key to find a penstock."`
	TimeFormat        string          `hcl:"time_format,optional" oneof:"v1|v1.5" doc:"v1.5 sends [time, {}] as newer fluent-bits do; older fluentds fail on it."`
	SelfHostname      string          `hcl:"self_hostname,optional" doc:"Name of this client in the handshake; the agent's name unless set."`
	SharedKey         string          `hcl:"shared_key,optional" secret:"true" doc:"Key for the handshake; no handshake without."`
	User              string          `hcl:"user,optional" doc:"User, for servers that ask for one."`
	Password          string          `hcl:"password,optional" secret:"true" doc:"Password of the user."`
	TLS               *tlsconf.Client `hcl:"tls,block" doc:"Connect with TLS."`
}

// Server is one of the servers.
type Server struct {
	Name      string `hcl:"name,label" doc:"Name in logs and metrics."`
	Address   string `hcl:"address" doc:"host:port, or unix:///path."`
	Weight    int    `hcl:"weight,optional" doc:"Share of the chunks, relative to the other servers' weights."`
	Standby   bool   `hcl:"standby,optional" doc:"Use this server only while others are down, for as much weight as they had."`
	SharedKey string `hcl:"shared_key,optional" secret:"true" doc:"Key for this server instead of the common one."`
	User      string `hcl:"user,optional" doc:"User for this server instead of the common one."`
	Password  string `hcl:"password,optional" secret:"true" doc:"Password of this server's user."`
}

// SetDefaults presets the block.
func (s *Server) SetDefaults() { s.Weight = 60 }

// Default returns the presets.
func Default() Config {
	return Config{
		Balance:           "round_robin",
		Compression:       "none",
		RequireAck:        true,
		AckTimeout:        190 * time.Second,
		ConnectTimeout:    10 * time.Second,
		SendTimeout:       time.Minute,
		Keepalive:         true,
		KeepaliveTimeout:  5 * time.Minute,
		ReconnectAfter:    10 * time.Minute,
		Heartbeat:         "transport",
		HeartbeatInterval: 5 * time.Second,
		HardTimeout:       time.Minute,
		RecoverWait:       10 * time.Second,
		Peer:              "auto",
		TimeFormat:        "v1",
	}
}

// TakesMaps reports whether maps in msgpack are passed on as they came. A penstock that is not
// asked in the handshake may be an earlier release, which takes their JSON alone.
func (c *Config) TakesMaps() bool {
	return c.Peer != "penstock" || c.SharedKey != "" ||
		slices.ContainsFunc(c.Servers, func(s Server) bool { return s.SharedKey != "" })
}

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(name, value string, allowed ...string) {
		for _, a := range allowed {
			if value == a {
				return
			}
		}
		bad("%s: must be one of %v, not %q", name, allowed, value)
	}
	if len(c.Servers) == 0 {
		bad("server: at least one server block is needed")
	}
	names, regular := map[string]bool{}, false
	for _, s := range c.Servers {
		if names[s.Name] {
			bad("server: %q is defined twice", s.Name)
		}
		names[s.Name] = true
		if _, _, err := network.ParseAddress(s.Address); err != nil {
			bad("server: %q: address %w", s.Name, err)
		}
		if s.Weight < 0 || s.Weight > 10_000 {
			bad("server: %q: weight must be from 0 to 10000", s.Name)
		}
		regular = regular || !s.Standby && s.Weight > 0
	}
	if len(c.Servers) > 0 && !regular {
		bad("server: at least one server must have a weight and not be standby")
	}
	oneOf("balance", c.Balance, "round_robin", "origin")
	oneOf("compression", c.Compression, "none", "gzip", "zstd")
	oneOf("heartbeat", c.Heartbeat, "transport", "udp", "none")
	oneOf("peer", c.Peer, "auto", "fluentd", "penstock")
	oneOf("time_format", c.TimeFormat, "v1", "v1.5")
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"ack_timeout", c.AckTimeout}, {"connect_timeout", c.ConnectTimeout}, {"send_timeout", c.SendTimeout}, {"keepalive_timeout", c.KeepaliveTimeout},
		{"heartbeat_interval", c.HeartbeatInterval}, {"hard_timeout", c.HardTimeout}} {
		if d.value <= 0 {
			bad("%s: must be more than 0s", d.name)
		}
	}
	if c.RecoverWait < 0 {
		bad("recover_wait: must not be negative")
	}
	if c.ReconnectAfter < 0 {
		bad("reconnect_after: must not be negative")
	}
	if c.TLS != nil {
		if err := c.TLS.Validate(); err != nil {
			bad("tls.%w", err)
		}
	}
	return errors.Join(errs...)
}
