package agent

import (
	"maps"
	"slices"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/penstock/penstock/outputs/replay"
	"github.com/penstock/penstock/spool"
)

// growingAfter is how long records must have waited before a buffer counts as growing: less is what
// the way through it takes.
const growingAfter = 10 * time.Second

// facts returns what is known of a pipeline. Agent.mu is held.
func (p *pipeline) facts(stopping bool, now time.Time) state.Pipeline {
	f := state.Pipeline{
		Name: p.name, Opening: !p.open, Stopping: stopping,
	}
	if p.openErr != nil {
		f.Error = p.openErr.Error()
	}
	cursors := map[string]bufferCursor{}
	var unresolved []string
	var st buffer.Stats
	if p.buf != nil {
		st = p.buf.Stats()
		f.Buffer = &state.Buffer{
			Used:       st.Bytes,
			Room:       p.buf.Room(),
			Waiting:    st.Waiting,
			Oldest:     st.OldestAge,
			Fill:       st.Fill,
			Blocked:    st.Blocked,
			LowSpace:   st.LowSpace,
			WriteError: st.WriteError,
			Dropped:    st.Dropped,
			Damaged:    st.Damaged,
		}
		for _, c := range st.Cursors {
			cursors[c.Name] = bufferCursor{c.Lag, c.Oldest}
		}
		unresolved = p.buf.UnresolvedCursors()
		if a := p.auditor.Load(); a != nil {
			f.Unaccounted = a.look(now)
		}
	}
	for _, o := range p.orphans {
		o.Records = cursors[o.ID].lag
		f.Orphans = append(f.Orphans, o)
	}
	for _, id := range slices.Sorted(maps.Keys(p.inputs)) {
		in := p.inputs[id].facts(now)
		if f.Buffer != nil {
			in.Blocked, in.WriteError = f.Buffer.Blocked, f.Buffer.WriteError
			in.Unresolved = unresolved
		}
		if in.Owner = p.inputs[id].plan.owner; in.Owner != "" {
			in.Waiting = p.waitingAt(in.Owner, id)
		}
		f.Inputs = append(f.Inputs, in)
	}
	for _, id := range slices.Sorted(maps.Keys(p.outputs)) {
		u := p.outputs[id]
		o := u.facts(LogName(p.name, id), now)
		o.PausedSince, _ = p.a.paused.get(id)
		o.ByHand = byHand(p.a.byHand[id], now)
		o.Dead = max(o.Dead-p.a.returned[id], 0)
		o.In = p.inputRate.Rate(now)
		o.Waiting, o.Oldest = cursors[id].lag, cursors[id].oldest
		f.Outputs = append(f.Outputs, o)
	}
	if f.Buffer != nil && f.Buffer.Oldest >= growingAfter {
		f.Buffer.Grows = grows(f, p.inputRate.Rate(now), st.PerRecord)
	}
	if p.plan.spec.Source {
		for _, u := range p.outputs { // the only one
			for _, in := range p.plan.inputs {
				f.Inputs = append(f.Inputs, u.sourceFacts(in.id, now))
			}
		}
	}
	return f
}

// byHand tells how far a replay by hand has come.
func byHand(p *replay.Progress, now time.Time) *state.ByHand {
	r := p.Now()
	if r.Since.IsZero() {
		return nil
	}
	return &state.ByHand{Since: r.Since, Done: r.Records, Of: r.OfRecords, ToGo: r.ToGo(now)}
}

// grows returns how many bytes a second the buffer grows by, with so many records a second coming
// in. What an output collects is no growth where there is room for all of it.
func grows(f state.Pipeline, in, perRecord float64) (most float64) {
	for _, o := range f.Outputs {
		rate := (in - o.Takes()) * perRecord
		isRoom := rate*o.Collects.Seconds() < float64(f.Buffer.Room)
		if o.Collects == 0 || o.Behind() || !isRoom {
			most = max(most, rate)
		}
	}
	return most
}

// waitingAt returns how many records in its owner's buffer an input is behind. Agent.mu is held.
func (p *pipeline) waitingAt(owner, input string) int64 {
	o := p.a.pipelines[owner]
	if o == nil || o.buf == nil {
		return 0
	}
	return o.lag(readerCursor(p.name, input))
}

type bufferCursor struct {
	lag    int64
	oldest time.Duration
}

func (u *inputUnit) facts(at time.Time) state.Input {
	f := state.Input{ID: u.id}
	s, since, err := u.status()
	f.Unit, f.UnitError, f.UnitDo, f.UnitSince = string(s), err, u.advice(), since
	u.mu.Lock()
	own, sink := u.own, u.sink
	u.mu.Unlock()
	if sink != nil {
		f.HeldEvents, f.Rate = sink.held(), sink.rate.Rate(at)
	}
	if d, ok := own.(inputs.Dropping); ok {
		f.Drops = state.Drops(d.Dropped())
	}
	if follower, ok := own.(inputs.Follower); ok {
		var now inputs.Following
		now, f.OfFiles = follower.Following()
		f.Files, f.Lag = now.Files, now.Lag
		f.HeldEvents += now.Held
		for _, x := range now.Unread {
			f.Unread = append(f.Unread, state.UnreadFile(x))
		}
	}
	return f
}

// sourceFacts returns what is known of an input whose logs the output drains.
func (u *outputUnit) sourceFacts(id string, now time.Time) state.Input {
	one := u.unitFacts()
	f := state.Input{
		ID: id, Unit: one.Unit, UnitError: one.UnitError, UnitDo: one.UnitDo,
		UnitSince: one.UnitSince,
	}
	u.mu.Lock()
	source := u.sources[id]
	u.mu.Unlock()
	if source.rate != nil {
		f.Rate = source.rate.Rate(now)
	}
	if s, ok := source.own.(inputs.Failing); ok {
		x := s.Failing()
		f.FailingSince, f.Error, f.Do = x.Since, x.Error, x.Do
		f.InPart, f.Refused = x.InPart, x.Refused
	}
	if l, ok := source.own.(inputs.Lagging); ok {
		if b, ok := l.Behind(); ok {
			f.Behind = (*state.Behind)(&b)
		}
	}
	return f
}

func (u *outputUnit) unitFacts() state.Output {
	s, since, err := u.status()
	return state.Output{
		ID: u.id, Unit: string(s), UnitError: err, UnitDo: u.advice(), UnitSince: since, Mode: "direct",
	}
}

// archive is an output that cuts logs into objects.
type archive interface {
	Failing() (since time.Time, what, do string)
	StoreFailing() (since time.Time, why, do string)
	Collects() time.Duration
	Cuts() []spool.CutState
	Flush() *spool.Flushed
	DeadLettered() int64
}

var _ archive = (*spool.Output)(nil)

// facts returns what is known of the output as far as log is concerned. Agent.mu is held.
func (u *outputUnit) facts(log string, now time.Time) state.Output {
	f := u.unitFacts()
	f.Out = u.out.Rate(now)
	f.Broken, f.BrokenSince = u.broken.errors(now)
	out := u.plan.output.Output
	if o, ok := out.(interface{ Stuck() []string }); ok {
		f.Refusals = o.Stuck()
	}
	if h, ok := out.(outputs.Holder); ok {
		f.Held = h.Held()
	}
	switch o := out.(type) {
	case *drain.Drainer:
		s := o.Status()
		f.FailingSince, f.Error, f.Do = s.FailingSince, s.LastError, s.Do
		f.HasAnswered = s.HasAnswered
		f.HoldsAll = o.ExactlyOnce()
		f.DeadLetter, f.Dead = s.DeadLetterBusy, s.DeadLettered
		f.To = o.FailoverTo()
		last := u.stored[log] // while it is paused
		f.Objects, f.ObjectRecords, f.StoreError = last.Objects, last.Records, last.StoreError
		for _, l := range s.Logs {
			if l.Log != log {
				continue
			}
			f.Mode, f.Stalled, f.StoreError = l.State, l.Stalled, l.StoreError
			f.StoreDo, f.StoreSince = l.StoreDo, l.StoreSince
			f.Objects, f.ObjectRecords = l.Objects, l.ObjectRecords
			f.Stranded, f.Collects = l.Stranded, l.Collects
			u.remember(log, overflow.State{
				Objects: l.Objects, Bytes: l.ObjectBytes, Records: l.ObjectRecords,
				Oldest: l.Oldest,
			})
			f.ModeSince, f.Down = l.Since, l.Down
			f.Answers, f.Trial = l.Answers, l.Trial
			if since := now.Sub(l.Since); l.Replayed > 0 && since > 0 {
				f.Back = float64(l.Replayed) / since.Seconds()
			}
		}
	case archive:
		f.FailingSince, f.Error, f.Do = o.Failing()
		if since, why, do := o.StoreFailing(); !since.IsZero() {
			f.StoreSince, f.StoreError, f.StoreDo = since, why, do
		}
		f.Collects, f.Dead = o.Collects(), o.DeadLettered()
	}
	if u.plan.output.letters != nil {
		f.LettersSince, f.LettersError, f.LettersDo = u.plan.output.letters.Failing()
	}
	return f
}

// statesLocked returns how all pipelines are. Agent.mu is held.
func (a *Agent) statesLocked() []state.PipelineState {
	now := time.Now()
	out := []state.PipelineState{}
	for _, name := range slices.Sorted(maps.Keys(a.pipelines)) {
		out = append(out, a.pipelines[name].facts(a.phase.stopping, now).State(now))
	}
	out = append(out, a.unclaimedStates(now)...)
	a.sinceWhen = sinceWhen(a.sinceWhen, out, now)
	return out
}

// sinceWhen has each problem say since when it is, where nobody tells: since it was first seen in
// an unbroken row. It returns what was seen, for the next time.
func sinceWhen(
	seen map[string]time.Time, all []state.PipelineState, now time.Time,
) map[string]time.Time {
	next := map[string]time.Time{}
	for _, p := range all {
		for i := range p.Problems {
			pr := &p.Problems[i]
			if !pr.Since.IsZero() {
				continue
			}
			key := p.Name + " " + pr.Component + " " + pr.Kind
			if pr.Since = seen[key]; pr.Since.IsZero() {
				pr.Since = now
			}
			next[key] = pr.Since
		}
	}
	return next
}
