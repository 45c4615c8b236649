package flow

import (
	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// Flow is one pipeline that is being put together.
type Flow struct {
	D    *draft.Draft
	Name string

	from    []*draft.Block
	filters []*draft.Block
	matches []Match // of filters
	taken   []Match
	routes  []route
	Buffer  *draft.Block // settings of the pipeline's buffer
	notes   *draft.Block
	drops   bool
	retags  []Retag // all that are known
	placed  []Retag // those that have their filter
}

type route struct {
	match   Match
	outputs []*draft.Block
	shared  bool // it takes nothing from others
}

// New returns an empty pipeline.
func New(d *draft.Draft, name string) *Flow {
	return &Flow{D: d, Name: name, Buffer: &draft.Block{}, notes: &draft.Block{}}
}

// From adds an input.
func (f *Flow) From(b *draft.Block) { f.from = append(f.from, b) }

// HasInputs reports whether anything comes in.
func (f *Flow) HasInputs() bool { return len(f.from) > 0 }

// Filters returns the filters so far.
func (f *Flow) Filters() []*draft.Block { return f.filters }

// Shorten takes out the filters but the first n.
func (f *Flow) Shorten(n int) {
	for _, b := range f.filters[n:] {
		f.D.Remove(b, f.notes)
	}
	f.filters, f.matches = f.filters[:n], f.matches[:n]
}

// Notes is where comments about the pipeline itself go.
func (f *Flow) Notes() *draft.Block { return f.notes }

// Filter adds a filter for the events with certain tags that no output has taken, and that meet a
// further condition unless that is "".
func (f *Flow) Filter(typ, name string, m Match, further string) *draft.Block {
	b := f.D.Add("filter", typ, f.D.Name("filter", typ, name))
	if cond := f.condition(m, further); cond != "" {
		b.Set("if", draft.Text(cond))
	}
	f.filters, f.matches = append(f.filters, b), append(f.matches, m)
	return b
}

// PartOfLine holds for records that another one of the same line follows, as Docker marks them for
// programs that it sends to.
const PartOfLine = "field.partial_message == 'true' and field.partial_last != 'true'"

// CannotJoin tells why the flow can have no filter multiline for m now; "" if it can. Several stand
// next to each other, each for tags of its own.
func (f *Flow) CannotJoin(m Match) string {
	for i, b := range f.filters {
		if b.Type() != "multiline" {
			continue
		}
		if f.filters[len(f.filters)-1].Type() != "multiline" {
			return "filters that join lines stand next to each other: write its patterns in a multiline beside the one that is there"
		}
		if f.matches[i].Overlaps(m) {
			return "a line is joined by one filter: write its patterns in the multiline that is there"
		}
	}
	for _, b := range f.from {
		if b.Type() == "kafka" {
			return "records of a topic are joined before they come to it"
		}
	}
	return ""
}

// condition is m and further and not taken.
func (f *Flow) condition(m Match, further string) string {
	var parts []string
	if c := m.Condition(); c != "" {
		parts = append(parts, c)
	}
	for _, t := range f.taken {
		if !t.Overlaps(m) {
			continue
		}
		if c := t.Condition(); c != "" {
			parts = append(parts, "not ("+c+")")
		} else {
			parts = append(parts, "false")
		}
	}
	if further != "" {
		parts = append(parts, further)
	}
	return kit.And(parts...)
}

// Send sends the events with certain tags to an output, whoever else gets them.
func (f *Flow) Send(m Match, output *draft.Block) {
	f.routes = append(f.routes, route{match: m, outputs: []*draft.Block{output}, shared: true})
}

// Take sends the events with certain tags to outputs, all of them, and no further.
func (f *Flow) Take(m Match, outputs []*draft.Block) {
	if len(outputs) > 0 {
		f.routes = append(f.routes, route{match: m, outputs: outputs})
	}
	f.taken = append(f.taken, m)
}

// Drop discards the events with certain tags that no output has taken.
func (f *Flow) Drop(m Match, name string) *draft.Block {
	b := f.Filter("drop", name, m, "")
	if b.Get("if") == "" {
		b.Set("if", draft.Text("true"))
	}
	f.taken = append(f.taken, m)
	f.drops = true
	return b
}

// Finish writes the pipeline.
func (f *Flow) Finish() {
	if len(f.routes) == 0 {
		out := f.D.Add("output", "stdout", f.D.Name("output", "stdout", "nothing"))
		if f.drops {
			out.Comment("All is discarded before it comes here; a pipeline needs an output.")
		} else {
			f.D.Lost(
				out, draft.Place{}, "the output of pipeline "+f.Name,
				"none was found that could be carried over",
			)
		}
		f.routes = append(f.routes, route{match: All(), outputs: []*draft.Block{out}})
	}
	f.tellTags()
	p := f.D.Add("pipeline", f.D.Name("pipeline", "", f.Name))
	p.Set("from", refs(f.from))
	if len(f.filters) > 0 {
		p.Set("filter", refs(f.filters))
	}
	p.Move(f.notes)
	if !f.Buffer.Empty() {
		b := p.Add("buffer")
		b.Move(f.Buffer)
	}
	if len(f.routes) == 1 && f.routes[0].match.IsAll() {
		p.Set("to", refs(f.routes[0].outputs))
		return
	}
	var all []*draft.Block
	for _, r := range f.routes {
		if r.shared && r.match.IsAll() {
			all = append(all, r.outputs...)
		}
	}
	if all != nil {
		p.Set("to", refs(all))
	}
	for i, r := range f.routes {
		last := i == len(f.routes)-1
		if r.shared && r.match.IsAll() {
			continue
		}
		if r.match.IsAll() && last && !r.shared {
			p.Set("otherwise", refs(r.outputs))
			continue
		}
		in := p.Add("route")
		// All routes that match apply, so that what an earlier one takes has to be said where they
		// overlap.
		cond := ""
		if r.match.Regexp != "" || r.match.Retagged != "" {
			cond = r.match.Condition()
		}
		for _, before := range f.routes[:i] {
			if r.shared || !before.match.Overlaps(r.match) {
				continue
			}
			if cond == "" {
				cond = orTrue(r.match.Condition())
			}
			cond = kit.And(cond, "not ("+orTrue(before.match.Condition())+")")
		}
		if cond != "" {
			in.Set("if", draft.Text(cond))
		} else {
			in.Set("match", draft.Texts(r.match.Patterns...))
		}
		in.Set("to", refs(r.outputs))
	}
}

func orTrue(cond string) string {
	if cond == "" {
		return "true"
	}
	return cond
}

func refs(blocks []*draft.Block) draft.Value {
	var out []draft.Value
	seen := map[*draft.Block]bool{}
	for _, b := range blocks {
		if !seen[b] {
			seen[b] = true
			out = append(out, b.Ref())
		}
	}
	return draft.List(out...)
}
