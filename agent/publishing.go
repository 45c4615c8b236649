package agent

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/ledger"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
	kafkain "github.com/penstock/penstock/inputs/kafka"
	"github.com/penstock/penstock/outputs"
	forwardout "github.com/penstock/penstock/outputs/forward"
	kafkaout "github.com/penstock/penstock/outputs/kafka"
	"github.com/penstock/penstock/spool"
)

// auditing is what publishing the counts of the audit takes.
type auditing struct {
	outputs *Outputs // with the store: its own, which a reload leaves alone
	cfg     ledger.Config
	counter *ledger.Counter
	run     string
}

// newAuditing returns nil if nothing is to be published.
func newAuditing(cfg *config.Config, opts Options, started time.Time) (*auditing, error) {
	c := cfg.Agent.Audit
	if c == nil {
		return nil, nil
	}
	outs, store, err := OpenAuditStore(cfg, opts)
	if err != nil {
		return nil, err
	}
	return &auditing{
		outputs: outs, counter: ledger.NewCounter(),
		cfg: ledger.Config{
			Store: store, Prefix: c.Prefix, Interval: c.Interval, Keep: c.Keep,
		},
		run: strconv.FormatInt(started.UnixMilli(), 36),
	}, nil
}

// OpenAuditStore opens the store that the configuration's audit block names. Closing the outputs
// closes it.
func OpenAuditStore(cfg *config.Config, opts Options) (*Outputs, spool.Store, error) {
	to := cfg.Agent.Audit.To
	outs, err := OpenOutputs(cfg, opts, to)
	if err != nil {
		return nil, nil, fmt.Errorf("agent.audit: %w", err)
	}
	s, ok := outs.Get(to).(outputs.Storer)
	if !ok {
		_ = outs.Close()
		return nil, nil, fmt.Errorf(
			"agent.audit: to: %s is no object store; name an s3, gcs or local output", to,
		)
	}
	return outs, s.Store(), nil
}

// startAuditing publishes counts, if that is configured, until stop, which waits for the last of
// them.
func (a *Agent) startAuditing(ctx context.Context) (stop func()) {
	if a.audit == nil {
		return func() {}
	}
	cfg := a.cur.cfg
	hosts := knownAs(cfg)
	p := ledger.NewPublisher(
		a.audit.cfg, cfg.Agent.Name,
		func(now time.Time) []ledger.Page { return a.pages(now, hosts) },
		func(page *ledger.Page) {
			if page.Run != "" && page.Hour.Before(time.Now().Truncate(time.Hour)) {
				a.audit.counter.Forget(page.Pipeline, page.Hour)
			}
		},
		a.log.With("component", "audit"),
	)
	stopTelling := a.tell(ctx, "audit", p)
	return func() {
		stopTelling()
		if err := a.audit.outputs.Close(); err != nil {
			a.log.Warn("closing the store of the audit failed", "error", err)
		}
	}
}

// knownAs returns the names and addresses by which a forwarder may know this agent.
func knownAs(cfg *config.Config) []string {
	hosts := []string{cfg.Agent.Name}
	for _, c := range cfg.Components {
		if f, ok := c.Config.(*forwardout.Config); ok && f.SelfHostname != "" {
			hosts = append(hosts, f.SelfHostname)
		}
	}
	addrs, _ := net.InterfaceAddrs() // without them it is known by its names alone
	for _, addr := range addrs {
		if ip, ok := addr.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			hosts = append(hosts, ip.IP.String())
		}
	}
	return hosts
}

// pages returns what is to be published.
func (a *Agent) pages(now time.Time, hosts []string) []ledger.Page {
	a.mu.Lock()
	cfg := a.cur.cfg
	books := map[string]tally.Books{}
	var specs []*config.Pipeline
	for _, name := range slices.Sorted(maps.Keys(a.pipelines)) {
		p := a.pipelines[name]
		specs = append(specs, p.plan.spec)
		if p.buf != nil {
			books[name] = p.buf.Books()
		}
	}
	a.mu.Unlock()
	var out []ledger.Page
	for _, spec := range specs {
		page := ledger.Page{
			Agent: cfg.Agent.Name, Hosts: hosts, Pipeline: spec.Name,
			From: ends(cfg, spec.From), To: ends(cfg, spec.Outputs()),
		}
		var states map[time.Time]*ledger.State
		if b, ok := books[spec.Name]; ok {
			b.Pipeline = spec.Name
			states = ledger.ByHour(Audit(b, time.Time{}), now)
		} else if spec.Source {
			page.Run = a.audit.run
			states = a.audit.counter.States(spec.Name, now)
		}
		for hour, s := range states {
			if now.Sub(hour) < a.audit.cfg.Keep {
				page.Hour, page.State = hour, *s
				out = append(out, page)
			}
		}
	}
	return out
}

// ends returns the components of these names, with what others may share with them.
func ends(cfg *config.Config, ids []string) []ledger.End {
	out := make([]ledger.End, 0, len(ids))
	for _, id := range ids {
		e := ledger.End{ID: id}
		if inst := cfg.Find(id); inst != nil {
			switch c := inst.Config.(type) {
			case *kafkain.Config:
				e.Topics, e.Brokers = c.Topics, c.Brokers
			case *kafkaout.Config:
				e.Brokers = c.Brokers
				if topic, ok := c.Topic.Constant(); ok {
					e.Topics = []string{topic}
				}
			}
		}
		out = append(out, e)
	}
	return out
}

// countLog returns what begins to count a log of a source, each time that an output begins to drain
// it, if counts are published.
func (p *pipeline) countLog(
	u *outputUnit, log record.Log,
) (begin func() *ledger.LogCounter, stop func()) {
	if p.a.audit == nil {
		return func() *ledger.LogCounter { return nil }, func() {}
	}
	var end func() int64
	if e, ok := log.(record.Ender); ok {
		end = e.End
	}
	var current *ledger.LogCounter
	begin = func() *ledger.LogCounter {
		pos, _ := log.Committed()
		current = p.a.audit.counter.Log(p.name, log.Name(), u.id, pos, end)
		return current
	}
	return begin, func() {
		if current != nil {
			current.Close()
		}
	}
}
