package http

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/network"
	"github.com/penstock/penstock/network/tlsconf"
)

// Config of the input.
type Config struct {
	Listen          string          `hcl:"listen,optional" doc:"Address to listen on: host:port, or unix:///path for a unix socket."`
	Tag             string          `hcl:"tag,optional" doc:"Tag of records whose request says nothing better; POST /app/web says app.web."`
	TagPrefix       string          `hcl:"tag_prefix,optional" doc:"Put before every tag, with a dot between."`
	Elasticsearch   bool            `hcl:"elasticsearch,optional" doc:"Take Elasticsearch requests: /_bulk, /INDEX/_bulk, /INDEX/_doc. The index is the tag."`
	Splunk          bool            `hcl:"splunk,optional" doc:"Take Splunk HTTP Event Collector requests: /services/collector, and /event and /raw below it."`
	OTLP            bool            `hcl:"otlp,optional" doc:"Take OTLP/HTTP logs: /v1/logs."`
	MaxBodySize     int64           `hcl:"max_body_size,optional" unit:"bytes" doc:"Largest body on the wire; a larger one is answered 413."`
	MaxInflatedSize int64           `hcl:"max_inflated_size,optional" unit:"bytes" doc:"Largest body after inflating; a larger one is answered 413."`
	MaxDepth        int             `hcl:"max_depth,optional" doc:"Deepest nesting of a JSON or msgpack record; a deeper one is answered 400."`
	MaxConnections  int             `hcl:"max_connections,optional" doc:"Connections served at a time; more are closed at once."`
	Memory          int64           `hcl:"memory,optional" unit:"bytes" doc:"Memory that the bodies of all requests together may use; one that finds none within wait is answered 429."`
	Wait            time.Duration   `hcl:"wait,optional" doc:"How long a request waits for room in the buffer before it is answered 429."`
	HeaderTimeout   time.Duration   `hcl:"header_timeout,optional" doc:"Time for a request's headers; then the connection is closed."`
	ReadTimeout     time.Duration   `hcl:"read_timeout,optional" doc:"Time for a whole request; then it is answered 408."`
	IdleTimeout     time.Duration   `hcl:"idle_timeout,optional" doc:"Close a connection without a request for so long."`
	CORSOrigins     []string        `hcl:"cors_origins,optional" doc:"Web origins whose pages may send; \"*\" for all. What pages of other origins send is refused."`
	TLS             *tlsconf.Server `hcl:"tls,block" doc:"Serve TLS."`
	Auth            *Auth           `hcl:"auth,block" doc:"Ask for a token or a user; any one of them lets in."`
}

// Auth lists who may send.
type Auth struct {
	Tokens []string `hcl:"tokens,optional" secret:"true" doc:"Tokens taken as \"Authorization: Bearer\", or \"Splunk\", or ApiKey."`
	Users  []User   `hcl:"user,block" doc:"Users for basic authentication."`
}

// User is one of the users.
type User struct {
	Name     string `hcl:"name,label" doc:"User name."`
	Password string `hcl:"password" secret:"true" doc:"Password."`
}

// Default returns the presets.
func Default() Config {
	return Config{
		Listen:          "0.0.0.0:9880",
		Tag:             "http",
		Elasticsearch:   true,
		Splunk:          true,
		OTLP:            true,
		MaxBodySize:     32 << 20,
		MaxInflatedSize: 128 << 20,
		MaxDepth:        100,
		MaxConnections:  10_000,
		Memory:          512 << 20,
		Wait:            5 * time.Second,
		HeaderTimeout:   10 * time.Second,
		ReadTimeout:     2 * time.Minute,
		IdleTimeout:     2 * time.Minute,
	}
}

// Listens returns where it listens.
func (c *Config) Listens() []string {
	kind, addr, _ := network.ParseAddress(c.Listen) // Validate tells of a mistake
	return []string{kind + "://" + addr}
}

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, _, err := network.ParseAddress(c.Listen); err != nil {
		bad("listen: %w", err)
	}
	if c.MaxBodySize < 1 {
		bad("max_body_size: must be at least 1")
	}
	if c.MaxInflatedSize < c.MaxBodySize {
		bad("max_inflated_size: must be at least max_body_size")
	}
	if c.MaxDepth < 1 || c.MaxDepth > 1000 {
		bad("max_depth: must be from 1 to 1000")
	}
	if c.MaxConnections < 1 {
		bad("max_connections: must be at least 1")
	}
	if need := 4 * c.MaxInflatedSize; c.Memory < need {
		bad(
			"memory: must be at least four times max_inflated_size, %d: the body, its records and room to grow",
			need,
		)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"wait", c.Wait}, {"header_timeout", c.HeaderTimeout}, {"read_timeout", c.ReadTimeout}, {"idle_timeout", c.IdleTimeout}} {
		if d.value <= 0 {
			bad("%s: must be more than 0s", d.name)
		}
	}
	if c.TLS != nil {
		if err := c.TLS.Validate(); err != nil {
			bad("tls.%w", err)
		}
	}
	if c.Auth != nil {
		if len(c.Auth.Tokens)+len(c.Auth.Users) == 0 {
			bad("auth: needs tokens or a user block; without either nobody could send")
		}
		for _, t := range c.Auth.Tokens {
			if t == "" {
				bad("auth.tokens: a token must not be empty")
			}
		}
		for _, u := range c.Auth.Users {
			if u.Password == "" {
				bad("auth.user: %q needs a password", u.Name)
			}
		}
	}
	return errors.Join(errs...)
}
