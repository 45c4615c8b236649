package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
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

// Syslog is the input. Make one with New.
type Syslog struct {
	cfg      Config
	env      inputs.Env
	tls      *tls.Config
	zone     *time.Location
	warnings *fault.ThrottledLog
	bound    []listen.Bound
	bad      prometheus.Counter
	long     prometheus.Counter
	*framing.KernelDrops
	refused prometheus.Counter
}

// New returns the input. Files that the tls block names are read now.
func New(cfg Config, env inputs.Env) (*Syslog, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		env.Metrics.MustRegister(c)
		return c
	}
	s := &Syslog{
		cfg:      cfg,
		env:      env,
		warnings: fault.NewThrottledLog(env.Log),
		bound:    make([]listen.Bound, len(cfg.Listen)),
		bad: counter(
			"penstock_syslog_malformed_messages_total",
			"Messages kept raw because they are not syslog.",
		),
		long: counter(
			"penstock_syslog_long_messages_total",
			"Parts of messages over max_message_size, and datagrams truncated.",
		),
		refused: counter(
			"penstock_syslog_refused_connections_total", "Stream connections that were not served.",
		),
	}
	s.KernelDrops = framing.NewKernelDrops(
		counter(
			"penstock_syslog_kernel_dropped_datagrams_total",
			"Datagrams that the kernel dropped for want of room in receive_buffer.",
		),
		s.warnings,
	)
	var err error
	s.zone = time.Local
	if cfg.Timezone != "" {
		if s.zone, err = time.LoadLocation(cfg.Timezone); err != nil {
			return nil, fmt.Errorf("timezone: %w", err)
		}
	}
	if cfg.TLS != nil {
		if s.tls, err = tlsconf.NewServer(*cfg.TLS, env.Log); err != nil {
			return nil, fmt.Errorf("tls.%w", err)
		}
	}
	return s, nil
}

// Addr returns the address of the i-th listen entry, once Run listens on it.
func (s *Syslog) Addr(ctx context.Context, i int) (net.Addr, error) { return s.bound[i].Wait(ctx) }

// Run implements inputs.Input.
func (s *Syslog) Run(ctx context.Context, sink inputs.Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late, end := framing.Stopping(ctx)
	defer end()
	errs := make([]error, len(s.cfg.Listen))
	var wg sync.WaitGroup
	for i, l := range s.cfg.Listen {
		wg.Go(func() {
			if errs[i] = s.listen(ctx, late, i, sink); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", l, errs[i])
				cancel()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *Syslog) listen(ctx, late context.Context, i int, sink inputs.Sink) error {
	network, addr, err := splitAddress(s.cfg.Listen[i])
	if err != nil {
		return err
	}
	if network == "udp" || network == "unixgram" {
		pc, err := listen.OpenPacket(ctx, network, addr)
		if err != nil {
			return err
		}
		defer pc.Close()
		s.bound[i].Set(pc.LocalAddr())
		s.env.Log.Info("listening", "address", s.cfg.Listen[i])
		return s.datagrams(ctx, late, pc, sink)
	}
	open := addr
	if network == "unix" {
		open = "unix://" + addr
	}
	ln, err := listen.Open(ctx, open)
	if err != nil {
		return err
	}
	s.bound[i].Set(ln.Addr())
	s.env.Log.Info("listening", "address", s.cfg.Listen[i])
	var losses framing.Losses
	server := listen.Server{
		MaxConnections: s.cfg.MaxConnections, HandshakeTimeout: handshakeTimeout,
		OnRefused: func(host, label string, err error) {
			s.refused.Inc()
			s.warnings.Warn(host, "connection refused", "reason", label, "error", err)
		},
		Handle: func(ctx context.Context, nc net.Conn) {
			s.stream(ctx, late, nc, sink, &losses)
		},
	}
	if network == "tls" {
		server.TLS = s.tls
	}
	err = server.Serve(ctx, ln)
	if lost := losses.Err(); lost != nil {
		s.warnings.Warn(s.cfg.Listen[i], "stopped before all was stored", "error", lost)
	}
	return err
}

func (s *Syslog) gather(late context.Context, sink inputs.Sink) *framing.Gather {
	return framing.NewGather(late, sink, s.cfg.Tag, func(err error) {
		s.warnings.Warn(
			"", "messages are not stored yet; they are kept and offered again", "error", err,
		)
	})
}

func (s *Syslog) datagrams(ctx, late context.Context, pc net.PacketConn, sink inputs.Sink) error {
	g := s.gather(late, sink)
	w := writer{s: s, g: g}
	d := framing.Datagrams{
		Max: max(64<<10, int(s.cfg.MaxMessageSize)), ReceiveBuffer: int(s.cfg.ReceiveBuffer),
		Handle: func(host string, msg []byte, truncated bool) error {
			if truncated {
				s.long.Inc()
			}
			return w.add(host, trimEnd(msg), false)
		},
		Dropped: s.KernelDrops,
	}
	if err := d.Serve(ctx, pc, g); err != nil {
		if ctx.Err() == nil {
			return err
		}
		s.warnings.Warn(pc.LocalAddr().String(), "stopped before all was stored", "error", err)
	}
	return nil
}

func trimEnd(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == 0 || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

func (s *Syslog) stream(
	ctx, late context.Context, nc net.Conn, sink inputs.Sink, losses *framing.Losses,
) {
	host := listen.Host(nc.RemoteAddr())
	g := s.gather(late, sink)
	w := writer{s: s, g: g}
	mode := map[string]framing.Mode{"auto": framing.Auto, "newline": framing.Text, "octets": framing.Octets}[s.cfg.Framing]
	st := framing.Stream{
		Mode: mode,
		Max:  int(s.cfg.MaxMessageSize),
		Idle: s.cfg.IdleTimeout,
		Handle: func(frame []byte, continued bool) error {
			return w.add(host, trimEnd(frame), continued)
		},
	}
	err := losses.Take(st.Serve(ctx, nc, g))
	if err != nil && !errors.Is(err, framing.ErrIdle) {
		s.warnings.Warn(host, "connection ended", "error", err)
	}
}

// writer turns messages into records. One goroutine uses it.
type writer struct {
	s   *Syslog
	g   *framing.Gather
	buf []byte
}

func (w *writer) add(host string, b []byte, continued bool) error {
	now := time.Now().In(w.s.zone)
	if continued {
		w.s.long.Inc()
		w.buf = appendRaw(w.buf[:0], b, "continued", "")
		return w.g.Add(host, now.UnixNano(), w.buf, nil)
	}
	m, err := parse(b, now)
	if err != nil {
		w.s.bad.Inc()
		w.buf = appendRaw(w.buf[:0], b, "malformed", err.Error())
		return w.g.Add(host, now.UnixNano(), w.buf, nil)
	}
	w.buf = m.appendJSON(w.buf[:0])
	at, ok := record.Nanos(m.time)
	if !ok {
		at = now.UnixNano() // what the message says of its time is in the record
	}
	return w.g.Add(host, at, w.buf, nil)
}
