package agent

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/agent/joining"
	"github.com/penstock/penstock/buffer/record"
)

// Sample is something for an input to take in.
type Sample struct {
	Input string // its id; may be empty where there is one alone
	Path  string // of the file, or the sender; the topic, of a log that is Kafka's
	Tag   string // instead of the one that the input gives
	Key   string
	Time  time.Time // when it is taken in
	Data  []byte    // lines
	// Partitions of the topics of Kafka; where it is 0, partitions are not told.
	Partitions int
	Pipeline   string // one of those that name the input; all where it is empty
}

// Trial is what would become of one record.
type Trial struct {
	Pipeline string
	In       Trialed
	Steps    []Step
	Out      []Trialed
	Refused  string // why filters refuse it, or ""
}

// Step is what one filter makes of what the filters before it have left.
type Step struct {
	Filter  string
	Out     []Trialed
	Refused string
}

// Trialed is a record on its way.
type Trialed struct {
	Tag     string
	Record  record.Record
	Deliver []Delivery // where it goes, of those that leave the filters
}

// Delivery is one output that gets a record.
type Delivery struct {
	Output      string
	Destination [][2]string // topic, key, partition, index or path, with its value
	Dead        string      // why it goes to the output's dead letter instead, or ""
}

// sampler is implemented by the configurations of inputs that do more with lines than pass them on.
type sampler interface {
	// Sample returns the records that the input called name makes of data, which stood at path, or
	// came from there.
	Sample(name, path string, data []byte, at time.Time) (*record.Batch, error)
}

// destinationBinder is implemented by the configurations of outputs that choose by the record.
type destinationBinder interface {
	// BindDestination returns a function that tells where a record goes, as pairs of a name and a
	// value, or why it is refused. Its topic has so many partitions; 0 if that is not known.
	BindDestination(agent string, partitions int) (
		func(*record.Batch, *record.Record) ([][2]string, error), error,
	)
}

// Try tells what would become of a sample, without starting anything or reaching anybody: through
// what the input makes of lines, the filters, the routes and the templates of the outputs. The
// agent must not have been run.
func (a *Agent) Try(s Sample) ([]Trial, error) {
	plans, in, err := a.findInput(s.Input)
	if err != nil {
		return nil, err
	}
	var out []Trial
	if s.Pipeline != "" {
		plans = slices.DeleteFunc(plans, func(p *plan) bool { return p.spec.Name != s.Pipeline })
		if len(plans) == 0 {
			return nil, fmt.Errorf("no pipeline %s reads %s", s.Pipeline, in.ID())
		}
	}
	for _, p := range plans {
		all, err := a.try(p, in, s)
		if err != nil {
			return nil, err
		}
		out = append(out, all...)
	}
	return out, nil
}

// try is Try in one of the pipelines that name the input.
func (a *Agent) try(p *plan, in *config.Instance, s Sample) ([]Trial, error) {
	b, err := sampleBatch(in, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.ID(), err)
	}
	t := &trier{
		a:            a,
		plan:         p,
		partitions:   s.Partitions,
		destinations: map[string]func(*record.Batch, *record.Record) ([][2]string, error){},
	}
	if err := t.prepare(); err != nil {
		return nil, err
	}
	var out []Trial
	if p.front != nil {
		if b, out, err = t.inFront(b); err != nil {
			return nil, err
		}
	}
	recs, err := b.Records()
	if err != nil {
		return nil, err
	}
	for r := range recs {
		out = append(out, t.record(b, r.Clone()))
	}
	return out, nil
}

// inFront takes a sample through the filters in front of the buffer, of which the last joins
// records. It returns what comes out, and what these filters refuse.
func (t *trier) inFront(b *record.Batch) (*record.Batch, []Trial, error) {
	f := t.plan.front
	result := f.chain.Apply(b)
	var refused []Trial
	for _, r := range result.Refused {
		refused = append(refused, Trial{
			Pipeline: t.plan.spec.Name, In: Trialed{Tag: b.Tag, Record: r.Record.Clone()},
			Refused: r.Reason,
		})
	}
	joined, err := joining.All(f.multilines, result.Batch)
	return joined, refused, err
}

// Foreseen is what would go wrong with all the lines that a file begins with.
type Foreseen struct {
	Output *config.Instance
	Path   string
	Reason string
}

// Foresee takes the first lines of files that inputs would read through the pipelines, and returns
// the outputs to whose dead letters all of them would go. The agent must not have been run.
func (a *Agent) Foresee() []Foreseen {
	var out []Foreseen
	for _, p := range a.cur.plans {
		for _, id := range p.spec.From {
			in, ok := a.cur.cfg.Find(id).Config.(interface{ FirstLines() (string, []byte) })
			if !ok || p.spec.Feeds[id] != "" {
				continue
			}
			path, lines := in.FirstLines()
			trials, err := a.Try(Sample{Input: id, Path: path, Time: time.Now(), Data: lines})
			if err != nil || path == "" {
				continue
			}
			out = append(out, a.deadInAll(path, trials)...)
		}
	}
	return out
}

// deadInAll returns the outputs that refuse all that they get of trials.
func (a *Agent) deadInAll(path string, trials []Trial) (out []Foreseen) {
	reasons, taken := map[string]string{}, map[string]bool{}
	for _, t := range trials {
		for _, o := range t.Out {
			for _, d := range o.Deliver {
				if d.Dead == "" {
					taken[d.Output] = true
				} else if reasons[d.Output] == "" {
					reasons[d.Output] = d.Dead
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(reasons)) {
		if !taken[id] {
			out = append(out, Foreseen{a.cur.cfg.Find(id), path, reasons[id]})
		}
	}
	return out
}

// findInput returns an input and the pipelines that name it.
func (a *Agent) findInput(id string) (plans []*plan, found *config.Instance, err error) {
	var all []string
	for _, p := range a.cur.plans {
		for _, in := range p.spec.From {
			all = append(all, in)
			if in == id || strings.TrimPrefix(in, "input.") == id {
				plans, found = append(plans, p), a.cur.cfg.Find(in)
			}
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	switch {
	case found != nil:
		return plans, found, nil
	case id != "":
		return nil, nil, fmt.Errorf(
			"no pipeline reads %s; there are %s", id, strings.Join(all, ", "),
		)
	case len(all) != 1:
		return nil, nil, fmt.Errorf("say which input it is for: %s", strings.Join(all, ", "))
	}
	return a.findInput(all[0])
}

func sampleBatch(in *config.Instance, s Sample) (*record.Batch, error) {
	path := s.Path
	if path == "" {
		path = in.Name
	}
	var b *record.Batch
	if c, ok := in.Config.(sampler); ok {
		var err error
		if b, err = c.Sample(in.Name, path, s.Data, s.Time); err != nil {
			return nil, err
		}
	} else {
		tag := in.Name
		if f := reflect.ValueOf(in.Config).
			Elem().
			FieldByName("Tag"); f.IsValid() &&
			f.Kind() == reflect.String {
			tag = f.String()
		}
		if in.Component.Source {
			tag = path
		}
		var recs []record.Record
		for line := range bytes.Lines(s.Data) {
			recs = append(
				recs, record.Record{Time: s.Time.UnixNano(), Value: bytes.TrimRight(line, "\r\n")},
			)
		}
		b = record.FromRecords(tag, path, recs)
	}
	if s.Tag == "" && s.Key == "" {
		return b, nil
	}
	tag := b.Tag
	if s.Tag != "" {
		tag = s.Tag
	}
	all, err := b.Records()
	if err != nil {
		return nil, err
	}
	var recs []record.Record
	for r := range all {
		if r := r.Clone(); s.Key != "" {
			r.Key = []byte(s.Key)
			recs = append(recs, r)
		} else {
			recs = append(recs, r)
		}
	}
	return record.FromRecords(tag, b.Origin, recs), nil
}

// trier takes records through a pipeline one by one.
type trier struct {
	a            *Agent
	plan         *plan
	partitions   int
	filters      []string // those behind the buffer
	chain        filter.Chain
	steps        []filter.Chain
	destinations map[string]func(*record.Batch, *record.Record) ([][2]string, error)
}

func (t *trier) prepare() error {
	var all filter.Chain
	t.filters = t.plan.spec.Filter
	if f := t.plan.front; f != nil { // these have been at work before
		t.filters = t.filters[len(f.chain)+len(f.multilines):]
	}
	for _, id := range t.filters {
		all = append(all, t.a.cur.filters[id].Filter)
	}
	t.chain = all.ForLog("trial")
	for _, f := range all {
		t.steps = append(t.steps, filter.Chain{f}.ForLog("trial"))
	}
	for _, o := range t.plan.outputs {
		c, ok := t.a.cur.cfg.Find(o.id).Config.(destinationBinder)
		if !ok {
			continue
		}
		bound, err := c.BindDestination(t.a.cur.cfg.Agent.Name, t.partitions)
		if err != nil {
			return fmt.Errorf("%s: %w", o.id, err)
		}
		t.destinations[o.id] = bound
	}
	return nil
}

func (t *trier) record(b *record.Batch, r record.Record) Trial {
	one := single(b.Tag, b.Origin, r)
	out := Trial{Pipeline: t.plan.spec.Name, In: Trialed{Tag: b.Tag, Record: r}}
	now := []*record.Batch{one}
	for i, id := range t.filters {
		step := Step{Filter: id}
		var next []*record.Batch
		for _, b := range now {
			result := t.steps[i].Apply(b)
			for _, refusal := range result.Refused {
				step.Refused = refusal.Reason
			}
			for _, r := range recordsOf(result.Batch) {
				step.Out = append(step.Out, Trialed{Tag: result.Batch.Tag, Record: r})
				next = append(next, single(result.Batch.Tag, b.Origin, r))
			}
		}
		out.Steps = append(out.Steps, step)
		if now = next; len(now) == 0 {
			break
		}
	}
	result := t.chain.Apply(single(b.Tag, b.Origin, r))
	for _, refusal := range result.Refused {
		out.Refused = refusal.Reason
	}
	for _, r := range recordsOf(result.Batch) {
		left := Trialed{Tag: result.Batch.Tag, Record: r}
		refused := ""
		for _, o := range t.plan.outputs {
			if o.matches != nil && !o.matches(result.Batch.Tag) {
				continue
			}
			// Behind the filters of all stands what chooses for this output.
			own := o.chain[len(t.chain):].Apply(single(result.Batch.Tag, b.Origin, r))
			for _, refusal := range own.Refused {
				refused = refusal.Reason
			}
			if own.Batch.Len() > 0 {
				left.Deliver = append(left.Deliver, t.deliver(o.id, result.Batch, &r))
			}
		}
		if refused != "" {
			out.Refused = refused
			out.Steps = append(out.Steps, Step{Filter: "route", Refused: refused})
			continue
		}
		out.Out = append(out.Out, left)
	}
	return out
}

func (t *trier) deliver(id string, b *record.Batch, r *record.Record) Delivery {
	d := Delivery{Output: id}
	if destination, ok := t.destinations[id]; ok {
		var err error
		if d.Destination, err = destination(b, r); err != nil {
			d.Dead = err.Error()
		}
	}
	return d
}

func single(tag, origin string, r record.Record) *record.Batch {
	return record.FromRecords(tag, origin, []record.Record{r})
}

func recordsOf(b *record.Batch) []record.Record {
	recs, err := b.Records()
	if err != nil {
		return nil // it was made here, and is whole
	}
	var out []record.Record
	for r := range recs {
		out = append(out, r.Clone())
	}
	return out
}
