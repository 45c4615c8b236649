package agent

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
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
	"github.com/prometheus/client_golang/prometheus"
)

// auditing is what publishing the counts of the audit takes.
type auditing struct {
	place   *AuditPlace // its own, which a reload leaves alone
	cfg     ledger.Config
	counter *ledger.Counter
	started time.Time
	run     string
}

// newAuditing returns nil if nothing is to be published.
func newAuditing(cfg *config.Config, opts Options, started time.Time) (*auditing, error) {
	c := cfg.Agent.Audit
	if c == nil {
		return nil, nil
	}
	place, err := OpenAuditPlace(cfg, opts)
	if err != nil {
		return nil, err
	}
	do := "see that the output named by agent.audit can be written to"
	if c.Topic != "" {
		do = "see that topic " + c.Topic + " exists and takes records of this user, up to 512 KiB"
	}
	return &auditing{
		place: place, counter: ledger.NewCounter(),
		cfg: ledger.Config{
			Place: place, Prefix: c.Prefix, Interval: c.Interval, Keep: c.Keep, Do: do,
		},
		started: started,
		run:     fmt.Sprintf("%s-%04x", strconv.FormatInt(started.UnixMilli(), 36), rand.N(1<<16)),
	}, nil
}

// AuditPlace is where the counts of all agents are.
type AuditPlace struct {
	ledger.Place
	Name  string // for messages
	close func() error
}

// Close closes what was opened for it.
func (p *AuditPlace) Close() error { return p.close() }

// OpenAuditPlace opens the store or the topic that the configuration's audit block names. It waits
// for nobody: a topic that does not answer fails what is asked of it.
func OpenAuditPlace(cfg *config.Config, opts Options) (*AuditPlace, error) {
	to, topic := cfg.Agent.Audit.To, cfg.Agent.Audit.Topic
	if inst := cfg.Find(to); inst != nil && topic != "" {
		c, ok := inst.Config.(*kafkaout.Config)
		if !ok {
			return nil, fmt.Errorf("agent.audit: to: %s has no topics; name an output kafka", to)
		}
		kafka, err := c.Options(cfg.Agent.Name, opts.Log, prometheus.NewRegistry())
		if err != nil {
			return nil, fmt.Errorf("agent.audit: %s: %w", to, err)
		}
		t, err := ledger.NewTopic(topic, kafka...)
		if err != nil {
			return nil, fmt.Errorf("agent.audit: %s: %w", to, err)
		}
		return &AuditPlace{Place: t, Name: "topic " + topic + " of " + to, close: t.Close}, nil
	}
	outs, err := OpenOutputs(cfg, opts, to)
	if err != nil {
		return nil, fmt.Errorf("agent.audit: %w", err)
	}
	s, ok := outs.Get(to).(outputs.Storer)
	if !ok {
		_ = outs.Close()
		return nil, fmt.Errorf(
			"agent.audit: to: %s is no object store; name an s3, gcs, local or kafka output", to,
		)
	}
	return &AuditPlace{Place: ledger.Objects{Store: s.Store()}, Name: to, close: outs.Close}, nil
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
		if err := a.audit.place.Close(); err != nil {
			a.log.Warn("closing what the audit writes to failed", "error", err)
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
			Agent: cfg.Agent.Name, Hosts: hosts, Pipeline: spec.Name, Started: a.audit.started,
			From: ends(cfg, spec.From), To: ends(cfg, spec.Outputs()),
		}
		var states map[time.Time]*ledger.State
		if b, ok := books[spec.Name]; ok {
			b.Pipeline = spec.Name
			page.Buffer, page.Began = b.ID, b.Began
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
				e.Topics, e.Brokers, e.Group = c.Topics, c.Brokers, c.Group
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
	if e, ok := record.As[record.Ender](log); ok {
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
