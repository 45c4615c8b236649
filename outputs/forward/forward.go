package forward

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/network/wire"
	"github.com/penstock/penstock/outputs"
)

// Forward is the output. It implements outputs.Writer and outputs.Prober. Make one with New; Close
// ends its heartbeats.
type Forward struct {
	cfg     Config
	env     outputs.Env
	self    string
	servers []*server
	balance *balance
	metrics metrics
	dialer  net.Dialer // looks names up each time

	begin sync.Once // of the monitor
	ctx   context.Context
	end   context.CancelFunc
	wg    sync.WaitGroup
}

type metrics struct {
	up     *prometheus.GaugeVec
	resent prometheus.Counter
	ack    prometheus.Histogram
}

// New returns the output. It connects to nothing yet; files that the tls block names are read.
func New(cfg Config, env outputs.Env) (*Forward, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f := &Forward{cfg: cfg, env: env, self: first(cfg.SelfHostname, env.Agent)}
	f.metrics = metrics{
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "penstock_forward_server_up",
			Help: "1 while the server is used, 0 while it counts as down."}, []string{"server"}),
		resent: prometheus.NewCounter(
			prometheus.CounterOpts{Name: "penstock_forward_resent_chunks_total",
				Help: "Chunks sent again: on a new connection or to another server."},
		),
		ack: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "penstock_forward_ack_seconds",
			Help:    "Time from sending a chunk to its ack.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}),
	}
	env.Metrics.MustRegister(f.metrics.up, f.metrics.resent, f.metrics.ack)
	for _, s := range cfg.Servers {
		srv := &server{out: f, cfg: s, solo: make(chan struct{}, 1)}
		srv.seen = time.Now()
		if cfg.TLS != nil {
			conf := *cfg.TLS
			if conf.ServerName == "" {
				conf.ServerName, _, _ = net.SplitHostPort(s.Address)
			}
			var err error
			if srv.tls, err = tlsconf.NewClient(conf, env.Log); err != nil {
				return nil, fmt.Errorf("tls.%w", err)
			}
		}
		f.servers = append(f.servers, srv)
		f.metrics.up.WithLabelValues(s.Name).Set(1)
	}
	f.balance = newBalance(f.servers)
	f.ctx, f.end = context.WithCancel(context.Background())
	return f, nil
}

// Write implements outputs.Writer: it tries each server once, and returns nil when one has taken
// the batch.
func (f *Forward) Write(ctx context.Context, b *record.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	f.watch()
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	chunk := wire.ChunkID(id)
	origin := ""
	if f.cfg.Balance == "origin" {
		origin = b.Origin
		if origin == "" {
			origin = b.Tag
		}
	}
	var errs []error
	for _, s := range f.balance.turn(origin) {
		err := s.write(ctx, b, chunk)
		if err == nil {
			s.took()
			f.onSuccess(s)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, record.ErrCorrupt) {
			return err // by no fault of the server
		}
		f.onFailure(s, err)
		errs = append(errs, fmt.Errorf("server %q (%s): %w", s.cfg.Name, s.cfg.Address, err))
		if len(errs) < len(f.servers) {
			f.metrics.resent.Inc()
		}
	}
	return errors.Join(errs...)
}

// Probe implements outputs.Prober.
func (f *Forward) Probe(ctx context.Context) error {
	var errs []error
	for _, s := range f.balance.turn("") {
		l, _, err := s.take(ctx)
		if err == nil {
			s.give(l)
			return nil
		}
		errs = append(errs, fmt.Errorf("server %q (%s): %w", s.cfg.Name, s.cfg.Address, err))
	}
	return errors.Join(errs...)
}

// Close implements outputs.Writer.
func (f *Forward) Close() error {
	f.end()
	f.wg.Wait()
	for _, s := range f.servers {
		s.close()
	}
	return nil
}

func (f *Forward) onSuccess(s *server) {
	if s.sign(time.Now(), f.cfg.RecoverWait) {
		f.onUp(s)
	}
}

func (f *Forward) onUp(s *server) {
	f.env.Log.Info("server is up again", "server", s.cfg.Name, "address", s.cfg.Address)
	f.metrics.up.WithLabelValues(s.cfg.Name).Set(1)
	f.balance.rebuild()
}

func (f *Forward) onFailure(s *server, err error) {
	if s.failed() {
		f.onDown(s, err)
	}
}

func (f *Forward) onDown(s *server, err error) {
	f.env.Log.Warn(
		"server is down; others take its share where there are any", "server", s.cfg.Name,
		"address", s.cfg.Address, "error", err, "do", advice(err),
	)
	f.metrics.up.WithLabelValues(s.cfg.Name).Set(0)
	f.balance.rebuild()
}
