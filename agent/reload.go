package agent

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/config"
)

type reload struct {
	cfg    *config.Config
	result chan error // capacity 1
}

// Reload makes the running agent follow cfg. What is unchanged goes on untouched. If something
// cannot be made, everything goes on as before, and the error says what. Reload does not wait for
// what is replaced to stop, so that an outage cannot hold it up.
func (a *Agent) Reload(ctx context.Context, cfg *config.Config) error {
	r := reload{cfg, make(chan error, 1)}
	select {
	case a.reloads <- r:
		return <-r.result
	case <-ctx.Done():
		return ctx.Err()
	case <-a.stopped:
		return errStopping
	}
}

// RefuseReload records that a new configuration could not be read.
func (a *Agent) RefuseReload(err error) {
	a.metrics.reloads.WithLabelValues("refused").Inc()
	a.set(func() { a.reloaded = admin.Reload{Time: time.Now(), Error: err.Error()} })
}

// apply runs on the goroutine of Run.
func (a *Agent) apply(cfg *config.Config) error {
	now := cfg.Agent
	old := a.cur.cfg.Agent
	note := ""
	if now.DataDir != old.DataDir || now.Name != old.Name ||
		!reflect.DeepEqual(now.Admin, old.Admin) || !reflect.DeepEqual(now.Metrics, old.Metrics) ||
		!reflect.DeepEqual(now.Audit, old.Audit) {
		note = "What has changed of data_dir, name, admin, metrics and audit is in force from the next start on."
		a.log.Warn(
			"data_dir, name, admin, metrics and audit of the agent change with its next start only",
			"data_dir", old.DataDir, "name", old.Name, "admin", old.Admin.Listen,
		)
	}
	cfg.Agent.DataDir, cfg.Agent.Name = old.DataDir, old.Name
	cfg.Agent.Admin, cfg.Agent.Metrics, cfg.Agent.Audit = old.Admin, old.Metrics, old.Audit
	a.processors.all()
	next, err := a.build(cfg, a.cur)
	if err == nil {
		if err = checkOwners(a.cur, next); err != nil {
			err = errors.Join(err, a.closeNew(next))
		}
	}
	if err != nil {
		a.RefuseReload(err)
		return err
	}
	a.setMemory(cfg.Agent.MemoryLimit)

	starts, stopped := a.changePipelines(next)
	for _, s := range starts {
		a.startPipeline(s.plan, s.after)
	}
	a.dismiss(next, stopped)
	a.show(next)
	a.set(func() {
		a.cur = next
		a.loaded, a.note = time.Now(), note
		a.reloaded = admin.Reload{Time: a.loaded}
	})
	a.metrics.reloads.WithLabelValues("applied").Inc()
	a.log.Info("configuration reloaded", "pipelines", len(next.plans), "stopped", len(stopped))
	return nil
}

// pipelineStart is a pipeline to be started, once after is closed if there is one.
type pipelineStart struct {
	plan  *plan
	after <-chan struct{}
}

// changePipelines gives the pipelines that go on their new plans, and retires those that do not.
// starts are still to be started; each of stopped is closed once what was stopped has ended.
func (a *Agent) changePipelines(next *built) (starts []pipelineStart, stopped []<-chan struct{}) {
	a.set(func() {
		seen := map[string]bool{}
		for _, pl := range next.plans {
			name := pl.spec.Name
			seen[name] = true
			p := a.pipelines[name]
			switch {
			case p == nil:
				starts = append(starts, pipelineStart{pl, a.leaving[name]})
			case p.plan.buffer != pl.buffer || !p.open:
				// Its buffer is opened anew: the new pipeline takes over when the old one is gone.
				p.retire(inputPatience)
				stopped = append(stopped, p.gone)
				starts = append(starts, pipelineStart{pl, p.gone})
			default:
				p.plan = pl
				if p.buf != nil {
					p.buf.SetCodec(pl.codec)
				}
				stopped = append(stopped, p.run()...)
				if p.buf != nil {
					p.orphans = p.findOrphans(p.buf)
				}
			}
		}
		for name, p := range a.pipelines {
			if !seen[name] {
				p.retire(inputPatience)
				stopped = append(stopped, p.gone)
				a.leaving[name] = p.gone
				delete(a.pipelines, name)
			}
		}
		a.lookForUnclaimed(next.plans)
	})
	return starts, stopped
}

// dismiss closes outputs that are not in use any more, once all that was stopped has ended, and
// hides the metrics of filters that are not.
func (a *Agent) dismiss(next *built, stopped []<-chan struct{}) {
	var leftover []*output
	for id, o := range a.cur.outputs {
		if next.outputs[id] != o {
			leftover = append(leftover, o)
		}
	}
	for id, f := range a.cur.filters {
		if next.filters[id] != f {
			a.registries.hide(f.reg)
		}
	}
	if len(stopped) > 0 || len(leftover) > 0 {
		a.closers = append(pending(a.closers), a.closeOutputs(leftover, stopped))
	}
}

// pending returns those channels that are not closed.
func pending(all []<-chan struct{}) []<-chan struct{} {
	var out []<-chan struct{}
	for _, c := range all {
		select {
		case <-c:
		default:
			out = append(out, c)
		}
	}
	return out
}
