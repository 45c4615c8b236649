package agent

import (
	"maps"
	"reflect"
	"runtime/metrics"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/overflow"
	dto "github.com/prometheus/client_model/go"
)

var _ admin.Agent = (*Agent)(nil)

// canLock tells that what the agent's state is guarded by can be had.
func (a *Agent) canLock() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return true
}

// Ready implements admin.Agent.
func (a *Agent) Ready() (bool, []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ready, reasons := a.readyLocked()
	for i, r := range reasons {
		reasons[i] = a.opts.Secrets.Mask(r)
	}
	return ready, reasons
}

func (a *Agent) readyLocked() (bool, []string) {
	switch {
	case a.phase.stopping:
		return false, []string{"the agent is stopping"}
	case !a.phase.ready:
		return false, []string{"the agent is starting"}
	}
	var reasons []string
	unready := a.cur.cfg.Agent.Admin.NotReady
	for _, p := range a.statesLocked() {
		for _, pr := range p.Problems {
			if slices.Contains(unready, pr.Kind) {
				reasons = append(reasons, pr.Component+" "+pr.Text)
			}
		}
	}
	for _, pr := range a.ownLocked() {
		if slices.Contains(unready, pr.Kind) {
			reasons = append(reasons, pr.Component+" "+pr.Text)
		}
	}
	slices.Sort(reasons)
	return len(reasons) == 0, reasons
}

// States implements admin.Agent.
func (a *Agent) States() []state.PipelineState {
	out := a.states()
	maskStrings(reflect.ValueOf(&out).Elem(), a.opts.Secrets)
	return out
}

// Own implements admin.Agent.
func (a *Agent) Own() []state.Problem {
	a.mu.Lock()
	defer a.mu.Unlock()
	own := a.ownLocked()
	maskStrings(reflect.ValueOf(&own).Elem(), a.opts.Secrets)
	return own
}

// ownLocked may tell secrets. Agent.mu is held.
func (a *Agent) ownLocked() []state.Problem {
	if a.reloaded.Error == "" {
		return nil
	}
	return []state.Problem{{
		Component: "agent", Kind: state.ReloadRefused, Level: state.Warning, Since: a.reloaded.Time,
		Text: "goes on with the configuration of before, the new one is refused: " + a.reloaded.Error,
		Do:   "penstock validate tells every mistake; mend them, and reload",
	}}
}

// sentence may tell secrets.
func (a *Agent) sentence(all []state.PipelineState) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return state.Sentence(all, a.ownLocked()...)
}

// states may tell secrets.
func (a *Agent) states() []state.PipelineState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.statesLocked()
}

// Gather implements prometheus.Gatherer.
func (a *Agent) Gather() ([]*dto.MetricFamily, error) { return a.registries.Gather() }

// Status implements admin.Agent.
func (a *Agent) Status() admin.Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := admin.Status{
		Agent:   a.cur.cfg.Agent.Name,
		Version: a.opts.Version,
		Started: a.started,
		Reload:  a.reloaded,
		Loaded:  a.loaded,
		Memory:  memoryInUse(),

		Pipelines: []admin.Pipeline{},
		Recent:    a.recent.get(),
	}
	s.Ready, s.Reasons = a.readyLocked()
	states := a.statesLocked()
	s.Own = a.ownLocked()
	s.Sentence = state.Sentence(states, s.Own...)
	for _, pr := range s.Own {
		s.Level = max(s.Level, pr.Level)
	}
	for i, name := range slices.Sorted(maps.Keys(a.pipelines)) {
		p := a.pipelines[name].status(a.phase.stopping)
		p.Now = states[i]
		s.Pipelines = append(s.Pipelines, p)
		s.Level = max(s.Level, p.Now.Level)
	}
	for _, gone := range states[len(a.pipelines):] {
		s.Pipelines = append(s.Pipelines, unclaimedStatus(gone))
		s.Level = max(s.Level, gone.Level)
	}
	maskStrings(reflect.ValueOf(&s).Elem(), a.opts.Secrets)
	return s
}

// Configuration implements admin.Agent.
func (a *Agent) Configuration() admin.Configuration {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := admin.Configuration{Loaded: a.loaded, Note: a.note, Files: []admin.ConfigFile{}}
	for _, f := range a.cur.cfg.Files {
		c.Files = append(c.Files, admin.ConfigFile{
			Path: f.Path, Text: a.opts.Secrets.hide(f.Text, config.Hidden),
		})
	}
	return c
}

// maskStrings masks every text below v, which can be set.
func maskStrings(v reflect.Value, secrets *Secrets) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(secrets.Mask(v.String()))
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		own := reflect.New(v.Type().Elem()) // what it points to may be shared
		own.Elem().Set(v.Elem())
		maskStrings(own.Elem(), secrets)
		v.Set(own)
	case reflect.Slice:
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(own, v)
		for i := range own.Len() {
			maskStrings(own.Index(i), secrets)
		}
		if v.Len() > 0 {
			v.Set(own)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			maskStrings(v.Field(i), secrets)
		}
	}
}

func (p *pipeline) status(stopping bool) admin.Pipeline {
	s := admin.Pipeline{
		Name: p.name, State: "running",
		Inputs: []admin.Component{}, Outputs: []admin.Component{},
	}
	for _, o := range p.orphans {
		s.OrphanedCursors = append(s.OrphanedCursors, o.ID)
	}
	switch {
	case p.openErr != nil:
		s.State, s.Error = "failed", p.openErr.Error()
	case stopping:
		s.State = "stopping"
	case !p.open:
		s.State = "opening"
	}
	cursors := map[string][2]int64{}
	if p.buf != nil {
		st := p.buf.Stats()
		s.Buffer = &admin.Buffer{
			Bytes:       st.Bytes,
			Segments:    st.Segments,
			First:       st.First,
			End:         st.End,
			OldestAge:   st.OldestAge,
			Fill:        st.Fill,
			Blocked:     st.Blocked,
			LowSpace:    st.LowSpace,
			WriteError:  st.WriteError,
			Spill:       st.Spill,
			Memory:      st.Memory,
			WindowBytes: st.WindowBytes,
			WindowFill:  st.WindowFill,
			LastSpill:   st.LastSpill.Reason,
			LastSpillAt: st.LastSpill.At,
		}
		for _, c := range st.Cursors {
			cursors[c.Name] = [2]int64{c.Pos, c.Lag}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.inputs)) {
		u := p.inputs[id]
		u.mu.Lock()
		reg := u.reg
		u.mu.Unlock()
		c := u.component(reg)
		c.Said = u.plan.lastLine.get()
		u.list(&c)
		s.Inputs = append(s.Inputs, c)
	}
	for _, id := range slices.Sorted(maps.Keys(p.outputs)) {
		u := p.outputs[id]
		c := u.component(u.plan.output.reg)
		c.Said = u.plan.output.lastLine.get()
		if d, ok := u.plan.output.Output.(*drain.Drainer); ok {
			drainerStatus(&c, d.Status(), LogName(p.name, id), u.stored[LogName(p.name, id)])
		}
		if o, ok := u.plan.output.Output.(archive); ok {
			for _, x := range o.Cuts() {
				if len(c.Cuts) < admin.ListMost {
					c.Cuts = append(c.Cuts, admin.Cut(x))
				}
			}
		}
		if at, ok := cursors[id]; ok {
			c.Position, c.Lag = &at[0], &at[1]
		}
		s.Outputs = append(s.Outputs, c)
	}
	if p.plan.spec.Source {
		for _, u := range p.outputs { // the only one
			s.Inputs = append(s.Inputs, u.sourceStatus(p.plan.inputs)...)
		}
	}
	return s
}

// list adds the files that the input follows.
func (u *inputUnit) list(c *admin.Component) {
	u.mu.Lock()
	own := u.own
	u.mu.Unlock()
	if l, ok := own.(inputs.FileLister); ok {
		var files []inputs.File
		files, c.FilesBehind = l.Files(admin.ListMost)
		for _, f := range files {
			c.Files = append(c.Files, admin.File(f))
		}
	}
}

// sourceStatus describes the inputs whose logs the output drains: they run where it does.
func (u *outputUnit) sourceStatus(plans []*inputPlan) []admin.Component {
	var out []admin.Component
	for _, in := range plans {
		u.mu.Lock()
		source := u.sources[in.id]
		u.mu.Unlock()
		c := u.component(source.reg)
		if l, ok := source.own.(inputs.Lagging); ok {
			for _, x := range l.Lags() {
				if len(c.Partitions) < admin.ListMost {
					c.Partitions = append(c.Partitions, admin.Partition(x))
				}
			}
		}
		c.ID, c.Said = in.id, in.lastLine.get()
		out = append(out, c)
	}
	return out
}

// drainerStatus adds what the shared drain loop knows, and of a log that it does not drain for now
// what waited in its overflow when that was last looked at.
func drainerStatus(c *admin.Component, s drain.Status, log string, last overflow.State) {
	if s.Failing {
		c.Failing, c.FailingSince = s.LastError, s.FailingSince
	}
	c.DeadLetter = s.DeadLetterBusy
	if last.Objects > 0 || last.StoreError != "" {
		c.Overflow = &admin.Overflow{
			Objects: last.Objects, Bytes: last.Bytes, Oldest: last.Oldest, Error: last.StoreError,
		}
	}
	for _, l := range s.Logs {
		if l.Log != log {
			continue
		}
		c.Overflow = nil
		if l.State != overflow.StateDirect || l.Objects > 0 {
			c.Overflow = &admin.Overflow{
				State:   l.State,
				Objects: l.Objects,
				Bytes:   l.ObjectBytes,
				Oldest:  l.Oldest,
				Error:   l.StoreError,
			}
		}
	}
}

// component describes a unit, with the counters and gauges of its registry.
func (u *supervised) component(reg *registry) admin.Component {
	c := admin.Component{ID: u.id, Conditions: map[string]float64{}}
	var state State
	state, c.Since, c.Error = u.status()
	c.State = string(state)
	if reg == nil {
		return c
	}
	families, err := reg.all.Gather()
	if err != nil {
		c.Error = strings.TrimSpace(c.Error + " " + err.Error())
	}
	for _, f := range families {
		for _, m := range f.Metric {
			v := 0.0
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				v = m.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				v = m.GetGauge().GetValue()
			default:
				continue
			}
			switch name := f.GetName(); {
			case strings.HasSuffix(name, "put_records_total"):
				c.Records += v
			case strings.HasSuffix(name, "put_bytes_total"):
				c.Bytes += v
			case len(c.Conditions) < 64:
				c.Conditions[strings.TrimPrefix(name, "penstock_")+labels(m)] = v
			}
		}
	}
	return c
}

func labels(m *dto.Metric) string {
	var out []string
	for _, l := range m.Label {
		if l.GetName() != "component" {
			out = append(out, l.GetName()+"="+l.GetValue())
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "{" + strings.Join(out, ",") + "}"
}

// memoryInUse returns the memory that the Go runtime has from the system and has not given back.
func memoryInUse() int64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
