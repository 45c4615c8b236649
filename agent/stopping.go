package agent

import (
	"context"
	"math"
	"time"

	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/overflow"
)

// silence is for how long an output that fails has delivered nothing once a stop does not wait for
// it. What it has not delivered is on disk, in the overflow, or in the source's own log.
const silence = time.Second

// noLimit is for what may take as long as it takes.
const noLimit = time.Duration(math.MaxInt64)

// stopInputs stops all inputs, and lets pipelines that get records from another's buffer take what
// is there for as long as patience lasts: what is left is on disk in that one. It reports whether
// all inputs ended before ctx.
func (a *Agent) stopInputs(ctx context.Context, all []*pipeline, patience time.Duration) bool {
	var own, readers []*inputUnit
	for _, p := range all {
		p.endLogs()
		for _, u := range p.inputs {
			if u.plan.owner != "" {
				readers = append(readers, u)
				continue
			}
			u.stop()
			own = append(own, u)
		}
	}
	ended := func(units []*inputUnit) (done []<-chan struct{}) {
		for _, u := range units {
			done = append(done, u.done)
		}
		return done
	}
	ok := waitAll(ctx, ended(own)...)
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	waitAll(patient, ended(readers)...)
	for _, u := range readers {
		u.stop()
	}
	return waitAll(ctx, ended(readers)...) && ok
}

// awaitOutputs waits until all outputs have ended, or those that are left deliver nothing, or ctx
// ends. It reports whether all have ended.
func (a *Agent) awaitOutputs(ctx context.Context, all []*pipeline) bool {
	tick := time.NewTicker(silence / 20)
	defer tick.Stop()
	for {
		left, hopeful := 0, 0
		for _, p := range all {
			for _, u := range p.outputs {
				select {
				case <-u.done:
					continue
				default:
				}
				if left++; !p.isStuck(u, time.Now()) {
					hopeful++
				}
			}
		}
		if left == 0 || hopeful == 0 {
			return left == 0
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// isStuck reports whether u will soon deliver nothing, nor move it elsewhere.
func (p *pipeline) isStuck(u *outputUnit, now time.Time) bool {
	if since, _ := p.a.paused.get(u.id); !since.IsZero() {
		return true
	}
	f := u.facts(LogName(p.name, u.id), now)
	lasts := func(since time.Time) bool { return !since.IsZero() && now.Sub(since) >= silence }
	switch {
	case f.Unit == string(Waiting):
		return lasts(f.UnitSince)
	case f.Mode == overflow.StateOverflow, f.Mode == overflow.StateReplay && f.Down:
		return f.StoreError != ""
	case f.Mode == overflow.StateStandby:
		return false
	case f.DeadLetter != "":
		return true
	}
	d, drains := u.plan.output.Output.(*drain.Drainer)
	if !drains {
		return lasts(f.FailingSince) || u.sourcesFail(lasts)
	}
	s := d.Status()
	if p.buf == nil && s.FlyingBatches == 0 {
		for _, l := range s.Logs {
			if !l.CommitFails {
				return false
			}
		}
		return true
	}
	return lasts(f.FailingSince) && (p.buf == nil || f.Stalled >= silence || s.FlyingBatches == 0)
}

// sourcesFail reports whether nothing that the output reads from answers, for a while: it can
// commit nothing there.
func (u *outputUnit) sourcesFail(lasts func(since time.Time) bool) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.sources {
		own, ok := s.own.(inputs.Failing)
		if !ok {
			return false
		}
		if f := own.Failing(); f.InPart || f.Refused || !lasts(f.Since) {
			return false
		}
	}
	return len(u.sources) > 0
}
