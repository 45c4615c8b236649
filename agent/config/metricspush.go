package config

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Metrics is the metrics block of the agent.
type Metrics struct {
	To       string            `hcl:"to" oneof:"statsd|dogstatsd|opentsdb|otlp" doc:"The protocol. StatsD has no labels, so that their values become parts of the names; counters go as what was added since the last time."`
	Address  string            `hcl:"address" doc:"Where to: host:port over UDP or unix:///PATH of a datagram socket (statsd, dogstatsd); host:port for lines or http://HOST:PORT/api/put (opentsdb); http://HOST:PORT/v1/metrics or https (otlp)."`
	Interval time.Duration     `hcl:"interval,optional" doc:"How often; each agent begins at a time of its own within it."`
	Timeout  time.Duration     `hcl:"timeout,optional" doc:"How long one attempt may take."`
	Prefix   string            `hcl:"prefix,optional" doc:"Put before each name."`
	Headers  map[string]string `hcl:"headers,optional" secret:"true" doc:"Further headers of requests over HTTP."`
}

// SetDefaults presets the optional attributes.
func (c *Metrics) SetDefaults() {
	*c = Metrics{Interval: 10 * time.Second, Timeout: 5 * time.Second}
}

// check reports what is wrong.
func (c *Metrics) check() []error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Interval < time.Second {
		add("metrics.interval: must be at least 1s")
	}
	if c.Timeout <= 0 {
		add("metrics.timeout: must be more than 0s")
	}
	http := strings.HasPrefix(c.Address, "http://") || strings.HasPrefix(c.Address, "https://")
	switch {
	case http && (c.To == "opentsdb" || c.To == "otlp"):
		if u, err := url.Parse(c.Address); err != nil || u.Host == "" {
			add("metrics.address: %q is no URL", c.Address)
		} else if u.User != nil {
			add("metrics.address: user and password do not belong there; write headers")
		}
	case c.To == "otlp":
		add("metrics.address: otlp goes over HTTP: write http://%s/v1/metrics", c.Address)
	case strings.HasPrefix(c.Address, "unix://"):
		if !strings.HasPrefix(c.Address, "unix:///") || c.To == "opentsdb" {
			add("metrics.address: %q is no path of a socket that %s has", c.Address, c.To)
		}
	default:
		if _, _, err := net.SplitHostPort(c.Address); err != nil || http {
			add("metrics.address: %q is no host:port", c.Address)
		}
	}
	if len(c.Headers) > 0 && !http {
		add("metrics.headers: only requests over HTTP have some")
	}
	return errs
}
