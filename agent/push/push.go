package push

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/spool/storehttp"
	"github.com/prometheus/client_golang/prometheus"
)

// kept is how many snapshots wait for a receiver that is away; with more the oldest goes.
const kept = 30

// Pusher sends snapshots at intervals.
type Pusher struct {
	cfg     Config
	from    prometheus.Gatherer
	log     *slog.Logger
	failing bool
	client  *http.Client
	statsd  statsd
	tsdb    opentsdb
	otlp    otlp

	waiting  [][][]byte // requests of snapshots, the oldest first
	sent     prometheus.Counter
	failures prometheus.Counter
	dropped  prometheus.Counter
}

// New returns a pusher of what from gathers. agent names whose metrics they are.
func New(cfg Config, agent, version string, from prometheus.Gatherer, log *slog.Logger) *Pusher {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.HTTP2 = storehttp.Pings()
	p := &Pusher{
		cfg: cfg, from: from, log: log,
		client: &http.Client{Timeout: cfg.Timeout, Transport: transport},
		statsd: statsd{
			tags: cfg.To == "dogstatsd", prefix: cfg.Prefix, host: agent, largest: udpDatagram,
			last: map[string]float64{},
		},
		tsdb: opentsdb{cfg.Prefix, agent},
		otlp: otlp{cfg.Prefix, agent, version, time.Now()},
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "penstock_push_snapshots_total", Help: "Snapshots of metrics that were pushed.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "penstock_push_failures_total", Help: "Pushes of metrics that failed.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "penstock_push_dropped_snapshots_total",
			Help: "Snapshots of metrics that were given up because newer ones waited.",
		}),
	}
	if strings.HasPrefix(cfg.Address, "unix://") {
		p.statsd.largest = unixDatagram
	}
	return p
}

// Collectors are the metrics about the push itself.
func (p *Pusher) Collectors() []prometheus.Collector {
	return []prometheus.Collector{p.sent, p.failures, p.dropped}
}

// Run pushes until ctx ends, and once more then. It begins at a random time, so that a thousand
// agents that start at once do not push at once ever after.
func (p *Pusher) Run(ctx context.Context) {
	defer p.client.CloseIdleConnections()
	for wait := rand.N(p.cfg.Interval); fault.Sleep(ctx, wait) == nil; wait = p.cfg.Interval {
		p.push(ctx)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(p.cfg.Timeout, time.Second))
	defer cancel()
	p.push(last)
}

// push takes a snapshot and sends it, after those that wait.
func (p *Pusher) push(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	families, err := p.from.Gather()
	if err != nil { // what could be had is sent
		p.log.Debug("some metrics cannot be gathered", "error", err)
	}
	at := time.Now()
	if p.cfg.To == "statsd" || p.cfg.To == "dogstatsd" {
		datagrams, accept := p.statsd.encode(points(families))
		sent, err := p.datagrams(ctx, datagrams)
		accept(sent)
		p.tell(err)
		return
	}
	p.waiting = append(p.waiting, p.requests(families, at))
	if more := len(p.waiting) - kept; more > 0 {
		p.waiting = p.waiting[more:]
		p.dropped.Add(float64(more))
	}
	for len(p.waiting) > 0 {
		err := p.send(ctx, p.waiting[0])
		var refused *refusedError
		if errors.As(err, &refused) { // it would be for ever
			p.waiting = p.waiting[1:]
			p.dropped.Inc()
		}
		p.tell(err)
		if err != nil {
			return
		}
		p.waiting = p.waiting[1:]
	}
}

func (p *Pusher) tell(err error) {
	if err != nil {
		p.failures.Inc()
		if !p.failing {
			p.failing = true
			p.log.Warn(
				"metrics cannot be pushed; it is tried again, and nothing else waits for it",
				"to", p.cfg.To, "address", p.cfg.Address, "error", err,
				"do", "see whether something listens there; penstock_push_failures_total counts on",
			)
		}
		return
	}
	p.sent.Inc()
	if p.failing {
		p.failing = false
		p.log.Info("metrics are pushed again", "to", p.cfg.To, "address", p.cfg.Address)
	}
}
