package socket

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/framing"
	"github.com/penstock/penstock/inputs/listen"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/prometheus/client_golang/prometheus"
)

// handshakeTimeout is for TLS.
const handshakeTimeout = 10 * time.Second

var continued = []record.Header{{Key: "continued", Value: []byte("true")}}

// TCP is the input "tcp". Make one with NewTCP.
type TCP struct {
	cfg      TCPConfig
	env      inputs.Env
	tls      *tls.Config
	warnings *fault.ThrottledLog
	bound    listen.Bound
	refused  prometheus.Counter
}

// NewTCP returns the input. Files that the tls block names are read now.
func NewTCP(cfg TCPConfig, env inputs.Env) (*TCP, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t := &TCP{cfg: cfg, env: env, warnings: fault.NewThrottledLog(env.Log)}
	t.refused = prometheus.NewCounter(
		prometheus.CounterOpts{
			Name: "penstock_tcp_refused_connections_total",
			Help: "Connections that were not served.",
		},
	)
	env.Metrics.MustRegister(t.refused)
	if cfg.TLS != nil {
		var err error
		if t.tls, err = tlsconf.NewServer(*cfg.TLS, env.Log); err != nil {
			return nil, fmt.Errorf("tls.%w", err)
		}
	}
	return t, nil
}

// Addr returns the address that Run listens on, once it does.
func (t *TCP) Addr(ctx context.Context) (net.Addr, error) { return t.bound.Wait(ctx) }

// Run implements inputs.Input.
func (t *TCP) Run(ctx context.Context, sink inputs.Sink) error {
	ln, err := listen.Open(ctx, t.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", t.cfg.Listen, err)
	}
	late, end := framing.Stopping(ctx)
	defer end()
	t.bound.Set(ln.Addr())
	var losses framing.Losses
	server := listen.Server{
		TLS: t.tls, MaxConnections: t.cfg.MaxConnections, HandshakeTimeout: handshakeTimeout,
		OnRefused: func(host, label string, err error) {
			t.refused.Inc()
			t.warnings.Warn(host, "connection refused", "reason", label, "error", err)
		},
		Handle: func(ctx context.Context, nc net.Conn) {
			host := listen.Host(nc.RemoteAddr())
			g := framing.NewGather(late, sink, t.cfg.Tag, onAppendFailure(t.warnings))
			st := framing.Stream{
				Mode: framing.Text,
				Max:  int(t.cfg.MaxLineSize),
				Idle: t.cfg.IdleTimeout,
				Handle: func(line []byte, more bool) error {
					return g.Add(host, time.Now().UnixNano(), line, headers(more))
				},
			}
			err := losses.Take(st.Serve(ctx, nc, g))
			if err != nil && !errors.Is(err, framing.ErrIdle) {
				t.warnings.Warn(host, "connection ended", "error", err)
			}
		},
	}
	err = server.Serve(ctx, ln)
	if lost := losses.Err(); lost != nil {
		t.warnings.Warn("", "stopped before all was stored", "error", lost)
	}
	return err
}

func headers(more bool) []record.Header {
	if more {
		return continued
	}
	return nil
}

func onAppendFailure(notes *fault.ThrottledLog) func(error) {
	return func(err error) {
		notes.Warn("", "records are not stored yet; they are kept and offered again", "error", err)
	}
}

// UDP is the input "udp". Make one with NewUDP.
type UDP struct {
	cfg      UDPConfig
	env      inputs.Env
	warnings *fault.ThrottledLog
	bound    listen.Bound
	*framing.KernelDrops
	truncated prometheus.Counter
}

// NewUDP returns the input.
func NewUDP(cfg UDPConfig, env inputs.Env) (*UDP, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	u := &UDP{cfg: cfg, env: env, warnings: fault.NewThrottledLog(env.Log)}
	dropped := prometheus.NewCounter(
		prometheus.CounterOpts{Name: "penstock_udp_kernel_dropped_datagrams_total",
			Help: "Datagrams that the kernel dropped for want of room in receive_buffer."},
	)
	u.KernelDrops = framing.NewKernelDrops(dropped, u.warnings)
	u.truncated = prometheus.NewCounter(
		prometheus.CounterOpts{Name: "penstock_udp_truncated_datagrams_total",
			Help: "Datagrams longer than max_line_size."},
	)
	env.Metrics.MustRegister(dropped, u.truncated)
	return u, nil
}

// Addr returns the address that Run listens on, once it does.
func (u *UDP) Addr(ctx context.Context) (net.Addr, error) { return u.bound.Wait(ctx) }

// Run implements inputs.Input.
func (u *UDP) Run(ctx context.Context, sink inputs.Sink) error {
	network, addr := u.cfg.address()
	pc, err := listen.OpenPacket(ctx, network, addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", u.cfg.Listen, err)
	}
	defer pc.Close()
	late, end := framing.Stopping(ctx)
	defer end()
	u.bound.Set(pc.LocalAddr())
	g := framing.NewGather(late, sink, u.cfg.Tag, onAppendFailure(u.warnings))
	d := framing.Datagrams{
		Max: int(u.cfg.MaxLineSize), ReceiveBuffer: int(u.cfg.ReceiveBuffer),
		Handle: func(host string, msg []byte, truncated bool) error {
			if truncated {
				u.truncated.Inc()
			}
			return u.add(g, host, msg)
		},
		Dropped: u.KernelDrops,
	}
	if err = d.Serve(ctx, pc, g); err != nil && ctx.Err() != nil {
		u.warnings.Warn("", "stopped before all was stored", "error", err)
		return nil
	}
	return err
}

func (u *UDP) add(g *framing.Gather, host string, msg []byte) error {
	now := time.Now().UnixNano()
	if !u.cfg.SplitLines {
		return g.Add(host, now, msg, nil)
	}
	for len(msg) > 0 {
		line, rest := msg, []byte(nil)
		if i := bytes.IndexAny(msg, "\n\x00"); i >= 0 {
			line, rest = msg[:i], msg[i+1:]
		}
		msg = rest
		if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) > 0 {
			if err := g.Add(host, now, line, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
