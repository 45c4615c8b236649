package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/listen"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/network/wire"
)

// grace is how long after a stop what was read is still stored, and acks of what is durable are
// still sent.
const grace = 5 * time.Second

// Forward is the input. Make one with New.
type Forward struct {
	cfg      Config
	env      inputs.Env
	tls      *tls.Config
	auth     *authenticator // nil without a security block
	metrics  *metrics
	warnings *fault.ThrottledLog
	memory   *listen.Budget // that of limits
	limits   wire.Limits
	bound    listen.Bound
	open     atomic.Int64 // batches being gathered
	lost     atomic.Int64 // records that are not stored, and whose sender asked for no acks
}

// New returns the input. Files that the tls block names are read now.
func New(cfg Config, env inputs.Env) (*Forward, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f := &Forward{
		cfg:      cfg,
		env:      env,
		metrics:  newMetrics(env.Metrics),
		warnings: fault.NewThrottledLog(env.Log),
		memory:   listen.NewBudget(cfg.Memory, cfg.MessageTimeout/2),
	}
	f.limits = wire.Limits{
		Message:  cfg.MaxMessageSize,
		Inflated: cfg.MaxInflatedSize,
		Record:   int(cfg.MaxRecordSize),
		Depth:    cfg.MaxDepth,
		Memory:   f.memory,
	}
	if cfg.TLS != nil {
		var err error
		if f.tls, err = tlsconf.NewServer(*cfg.TLS, env.Log); err != nil {
			return nil, fmt.Errorf("tls.%w", err)
		}
	}
	if cfg.Security != nil {
		f.auth = newAuthenticator(*cfg.Security, env.Agent, cfg.Keepalive)
	}
	return f, nil
}

// Addr returns the address that Run listens on, once it does.
func (f *Forward) Addr(ctx context.Context) (net.Addr, error) { return f.bound.Wait(ctx) }

// Run implements inputs.Input.
func (f *Forward) Run(ctx context.Context, sink inputs.Sink) error {
	ln, err := listen.Open(ctx, f.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", f.cfg.Listen, err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok && f.cfg.UDPHeartbeat {
		udp, err := listen.OpenPacket(ctx, "udp", tcp.String())
		if err != nil {
			ln.Close()
			return fmt.Errorf(
				"listen for UDP heartbeats (udp_heartbeat = false turns them off): %w", err,
			)
		}
		wg.Go(func() { heartbeat(ctx, udp) })
	}
	f.bound.Set(ln.Addr())
	f.env.Log.Info(
		"listening", "address", ln.Addr().String(), "tls", f.tls != nil,
		"handshake", f.auth != nil,
	)
	server := listen.Server{
		TLS: f.tls, MaxConnections: f.cfg.MaxConnections, HandshakeTimeout: f.cfg.HandshakeTimeout,
		OnRefused: f.refused,
		Handle: func(ctx context.Context, nc net.Conn) {
			f.metrics.connections.Inc()
			defer f.metrics.connections.Dec()
			f.serve(ctx, nc, sink)
		},
	}
	err = server.Serve(ctx, ln)
	if n := f.lost.Load(); n > 0 {
		f.env.Log.Warn(
			"records are lost: they could not be stored, and their clients asked for no acks",
			"records", n, "do", "set require_ack_response in the clients",
		)
	}
	return err
}

func (f *Forward) refused(host, label string, err error) {
	f.metrics.refused.WithLabelValues(label).Inc()
	args := []any{"error", err}
	if do := advice(err); do != "" {
		args = append(args, "do", do)
	}
	f.warnings.Warn(host, "connection refused: "+label, args...)
}

// heartbeat echoes one-byte datagrams until ctx ends.
func heartbeat(ctx context.Context, udp net.PacketConn) {
	defer udp.Close()
	stop := context.AfterFunc(ctx, func() { udp.Close() })
	defer stop()
	var buf [16]byte
	for {
		n, from, err := udp.ReadFrom(buf[:])
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		case err == nil && n == 1 && buf[0] == 0:
			_, _ = udp.WriteTo(buf[:1], from) // whoever does not hear it asks again
		}
	}
}
