package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/inputs/listen"
	"github.com/penstock/penstock/network"
	kafkaout "github.com/penstock/penstock/outputs/kafka"
)

// Looked is what was found where one component looks: what a preflight says of it.
type Looked struct {
	Component string // "output.kafka.events", or "agent"
	preflight.Finding
}

// overrun is how long a component may take to end once its time is over.
const overrun = 2 * time.Second

// Preflight looks, side by side, at what all components that a pipeline reaches would talk to,
// until ctx ends. It starts nothing, and write says whether small objects may be put into stores
// and deleted again. What is found is in the order of the configuration.
func Preflight(ctx context.Context, cfg *config.Config, write bool) []Looked {
	p := &preflights{cfg: cfg, reports: map[string]*preflight.Report{}}
	p.look(ctx, "agent", p.agent)
	pipelines, holds := reached(cfg)
	env := func(id string) preflight.Env {
		return preflight.Env{
			Name: id, Agent: cfg.Agent.Name, Pipelines: pipelines[id], Holds: holds[id],
			Log: slog.New(slog.DiscardHandler), Metrics: newRegistry(id), Write: write,
		}
	}
	p.audit(ctx, env)
	for _, inst := range cfg.Components {
		id := inst.ID()
		if pipelines[id] == nil && !holds[id] {
			continue
		}
		if c, ok := inst.Config.(interface{ Listens() []string }); ok {
			p.look(ctx, id, func(ctx context.Context, r *preflight.Report) {
				p.ports(ctx, c.Listens(), r)
			})
		}
		c, ok := inst.Config.(preflight.Checker)
		if !ok {
			continue
		}
		p.look(ctx, id, func(ctx context.Context, r *preflight.Report) {
			c.Preflight(ctx, env(id), r)
		})
	}
	return p.wait(ctx)
}

// reached returns the pipelines that name each component, and which are held by others: for their
// overflow or dead letters, or the counts of the audit.
func reached(cfg *config.Config) (pipelines map[string][]string, holds map[string]bool) {
	pipelines, holds = map[string][]string{}, map[string]bool{}
	var hold func(id string)
	hold = func(id string) {
		if inst := cfg.Find(id); inst != nil {
			for _, ref := range inst.Refs {
				if !holds[ref.Target] {
					holds[ref.Target] = true
					hold(ref.Target)
				}
			}
		}
	}
	if a := cfg.Agent.Audit; a != nil && a.Topic == "" {
		holds[a.To] = true
		hold(a.To)
	}
	for _, p := range cfg.Pipelines {
		for _, id := range slices.Concat(p.From, p.Filter, p.Outputs()) {
			pipelines[id] = append(pipelines[id], p.Name)
			hold(id)
		}
	}
	return pipelines, holds
}

// preflights is those under way.
type preflights struct {
	cfg     *config.Config
	wg      sync.WaitGroup
	mu      sync.Mutex
	order   []string
	reports map[string]*preflight.Report
	pending map[string]int
}

func (p *preflights) look(
	ctx context.Context, id string, f func(context.Context, *preflight.Report),
) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending == nil {
		p.pending = map[string]int{}
	}
	r := p.reports[id]
	if r == nil {
		r = &preflight.Report{}
		p.reports[id] = r
		p.order = append(p.order, id)
	}
	p.pending[id]++
	p.wg.Go(func() {
		f(ctx, r)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pending[id]--
	})
}

// wait returns what was found once all have ended, or have had their time: a file system that does
// not answer holds whoever asks it.
func (p *preflights) wait(ctx context.Context) []Looked {
	done := make(chan struct{})
	go func() {
		p.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		select {
		case <-done:
		case <-time.After(overrun):
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Looked
	for _, id := range p.order {
		for _, f := range p.reports[id].Findings() {
			out = append(out, Looked{id, f})
		}
		if p.pending[id] > 0 {
			out = append(out, Looked{id, preflight.Finding{
				Level: preflight.Failed, Target: id, Text: "no answer in time",
				Do: "see that what it talks to is well, or give it longer with --timeout",
			}})
		}
	}
	return out
}

// agent looks at what belongs to the agent itself.
func (p *preflights) agent(ctx context.Context, r *preflight.Report) {
	preflight.Directory(p.cfg.Agent.DataDir, r)
	p.room(r)
	if addr := p.cfg.Agent.Admin.Listen; addr != "" {
		if !strings.HasPrefix(addr, "unix://") {
			addr = "tcp://" + addr
		}
		p.ports(ctx, []string{addr}, r)
	}
}

// room looks whether buffers would have any now, and not only on a file system of that size.
func (p *preflights) room(r *preflight.Report) {
	dir := p.cfg.Agent.DataDir
	free, err := preflight.Free(dir)
	if err != nil {
		return
	}
	for _, spec := range p.cfg.Pipelines {
		if b, ok := spec.Buffer.(*buffer.Config); ok && !spec.Source && free <= b.MinFree {
			r.Warn(
				dir, "free some space, or write less for buffer { min_free }",
				"%s are free there, and pipeline.%s leaves %s free: it would take no record",
				config.FormatSize(free), spec.Name, config.FormatSize(b.MinFree),
			)
		}
	}
}

// audit looks at the topic that takes the counts of the audit, of an output that need not be in a
// pipeline.
func (p *preflights) audit(ctx context.Context, env func(id string) preflight.Env) {
	a := p.cfg.Agent.Audit
	if a == nil || a.Topic == "" {
		return
	}
	inst := p.cfg.Find(a.To)
	if inst == nil {
		return
	}
	if c, ok := inst.Config.(*kafkaout.Config); ok {
		p.look(ctx, "agent.audit", func(ctx context.Context, r *preflight.Report) {
			c.PreflightAudit(ctx, env(a.To), a.Topic, a.Keep, r)
		})
	}
}

// ports listens on addresses for a moment.
func (p *preflights) ports(ctx context.Context, addresses []string, r *preflight.Report) {
	for _, address := range addresses {
		err := bind(ctx, address)
		switch {
		case err == nil:
			r.OK(address, "is free")
		case errors.Is(err, syscall.EADDRINUSE) && p.running(ctx):
			r.OK(address, "is taken, as the agent is running")
		case errors.Is(err, syscall.EADDRINUSE):
			r.Fail(address, listenAdvice(err), "is taken: %v", err)
		case errors.Is(err, syscall.EACCES):
			r.Fail(address, listenAdvice(err), "may not be listened on: %v", err)
		default:
			r.Fail(address, listenAdvice(err), "%v", err)
		}
	}
}

// listenAdvice says what to do where an address cannot be listened on.
func listenAdvice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "end what listens there, or write another port"
	case errors.Is(err, syscall.EACCES):
		return "write a port over 1023, or give the agent CAP_NET_BIND_SERVICE"
	}
	return "write an address of this machine"
}

// bind listens on an address and closes it again.
func bind(ctx context.Context, address string) error {
	kind, addr, _ := strings.Cut(address, "://")
	if strings.HasPrefix(kind, "unix") {
		return bindUnix(kind, addr)
	}
	if strings.HasPrefix(kind, "udp") {
		conn, err := listen.OpenPacket(ctx, kind, addr)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	ln, err := listen.Open(ctx, addr)
	if err != nil {
		return err
	}
	return ln.Close()
}

// bindUnix looks whether a socket can be made at a path: making it would take it from whoever
// listens there.
func bindUnix(kind, path string) error {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&os.ModeSocket == 0 {
			return fmt.Errorf("%s is there and is no socket", path)
		}
		switch stale, err := network.IsStale(kind, path); {
		case err != nil:
			return fmt.Errorf("somebody may listen on it: %w", err)
		case !stale:
			return fmt.Errorf("somebody listens on it: %w", syscall.EADDRINUSE)
		}
	}
	var r preflight.Report
	preflight.Directory(filepath.Dir(path), &r)
	for _, f := range r.Findings() {
		if f.Level == preflight.Failed {
			return errors.New(f.Text)
		}
	}
	return nil
}

// running reports whether an agent with this name answers on the admin address.
func (p *preflights) running(ctx context.Context) bool {
	a := p.cfg.Agent
	if a.Admin.Listen == "" {
		return false
	}
	client, url := http.DefaultClient, "http://"+a.Admin.Listen+"/api/status"
	if path, ok := strings.CutPrefix(a.Admin.Listen, "unix://"); ok {
		url = "http://localhost/api/status"
		client = &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			},
		}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	if token := cmp.Or(a.Admin.Token, a.Admin.ReadToken); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var s admin.Status
	return json.NewDecoder(resp.Body).Decode(&s) == nil && s.Agent == a.Name && s.Version != ""
}
