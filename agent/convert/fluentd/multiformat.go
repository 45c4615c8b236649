package fluentd

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

// multiFormat adds what tries several formats in turn: one filter for those that one can try, and
// further ones for what is still text behind it.
func (c *converter) multiFormat(
	f *flow.Flow, spec *element, p *param, name string, m flow.Match, field, further string,
) *draft.Block {
	t := tries{c: c, m: m, field: field, further: further, name: name, f: f, at: p.at}
	var timed []*draft.Block
	for _, s := range spec.elements {
		if s.name != "pattern" {
			continue
		}
		s.reserveTime = spec.reserveTime
		// What one of them needs is made apart, and put together with the others.
		parse, times := c.pattern(flow.New(draft.New(), name), s, name, field)
		if parse == nil {
			continue
		}
		t.add(parse)
		timed = append(timed, times...)
	}
	if t.first == nil {
		c.d.Lost(f.Notes(), p.at, shown(p), "it has no patterns")
		return nil
	}
	c.d.Carried(p.at, shown(p))
	c.times(f, p.at, timed, name, m, further)
	return t.first
}

// pattern makes the filters of one format.
func (c *converter) pattern(
	f *flow.Flow, s *element, name, field string,
) (parse *draft.Block, times []*draft.Block) {
	typ := s.value("format", "@type", "type")
	switch {
	case typ == "json" && field == "":
		parse = f.Filter("parse", name, flow.All(), "")
		parse.Set("format", draft.Text("json"))
		c.d.Carried(s.at, s.title()+" json")
		c.parseRest(f, parse, s, name, flow.All(), "time", "")
	case typ == "none" || typ == "":
		key := s.value("message_key")
		if !plain.MatchString(key) {
			key = "message"
		}
		parse = f.Filter("parse", name, flow.All(), "")
		parse.Set("format", draft.Text("regex"))
		parse.Set("pattern", draft.Text("^(?P<"+key+">(?s:.*))$"))
		c.d.Carried(s.at, s.title()+" none")
	default:
		parse = c.parser(f, s, name, flow.All(), field, "")
	}
	c.unused(f.Notes(), s)
	for _, b := range f.Filters() {
		if b != parse {
			times = append(times, b)
		}
	}
	return parse, times
}

// tries is a filter that tries formats in turn, and those behind it.
type tries struct {
	c              *converter
	f              *flow.Flow
	m              flow.Match
	name           string
	field, further string

	at       draft.Place
	lost     bool // the rest cannot be had
	first, b *draft.Block
	formats  []draft.Value
	patterns []draft.Value
}

// of are the attributes that belong to a format, and so cannot stand for two.
var of = []string{"columns", "delimiter", "pair_separator", "value_separator", "time", "header"}

func (t *tries) add(p *draft.Block) {
	format := p.Get("format")
	patterned := p.Get("pattern") != "" || p.Get("patterns") != ""
	last := len(t.formats) - 1
	goesOn := patterned && last >= 0 && t.formats[last] == format
	fits := t.b != nil && (goesOn || !slices.Contains(t.formats, format) &&
		(!patterned || t.patterns == nil))
	for _, attr := range of {
		if v := p.Get(attr); v != "" && t.b != nil && t.b.Get(attr) != "" && t.b.Get(attr) != v {
			fits = false
		}
	}
	if !fits && t.b != nil && t.field != "" {
		t.c.d.Lost(
			t.b, t.at, "multi_format: "+string(format),
			"write a filter \"parse\" for this format and those behind it",
		)
		t.lost = true
	}
	if t.lost {
		return
	}
	if !fits {
		t.next()
	}
	if !goesOn || !fits {
		t.formats = append(t.formats, format)
	}
	switch {
	case p.Get("patterns") != "":
		t.patterns = append(t.patterns, p.Get("patterns").Items()...)
	case patterned:
		t.patterns = append(t.patterns, p.Get("pattern"))
	}
	if len(t.formats) == 1 {
		t.b.Set("format", t.formats[0])
	} else {
		t.b.Unset("format")
		t.b.Set("formats", draft.List(t.formats...))
	}
	switch len(t.patterns) {
	case 0:
	case 1:
		t.b.Set("pattern", t.patterns[0])
	default:
		t.b.Unset("pattern")
		t.b.Set("patterns", draft.List(t.patterns...))
	}
	for _, attr := range of {
		if v := p.Get(attr); v != "" {
			t.b.Set(attr, v)
		}
	}
	if v := p.Get("types"); v != "" {
		if has := t.b.Get("types"); has == "" {
			t.b.Set("types", v)
		} else if has != v {
			t.b.Set("types", merge(has, v))
		}
	}
	t.b.MoveComments(p)
}

func merge(a, b draft.Value) draft.Value {
	lines := strings.Split(strings.Trim(string(a), "{}\n"), "\n")
	for _, l := range strings.Split(strings.Trim(string(b), "{}\n"), "\n") {
		name, _, _ := strings.Cut(l, " = ")
		if !slices.ContainsFunc(lines, func(s string) bool { return strings.HasPrefix(s, name+" = ") }) {
			lines = append(lines, l)
		}
	}
	return draft.Value("{\n" + strings.Join(lines, "\n") + "\n}")
}

// next begins a filter for what is still text.
func (t *tries) next() {
	cond := t.further
	if t.b != nil {
		cond = kit.And(cond, "len(field) == 0")
	}
	t.b = t.f.Filter("parse", t.name, t.m, cond)
	if t.field != "" {
		t.b.Set("field", draft.Text(t.field))
	}
	if t.first == nil {
		t.first = t.b
	}
	t.formats, t.patterns = nil, nil
}

// times adds one filter for each field that the time is taken from.
func (c *converter) times(
	f *flow.Flow, at draft.Place, from []*draft.Block, name string, m flow.Match, further string,
) {
	made := map[draft.Value]*draft.Block{}
	for _, t := range from {
		key := draft.Value(t.Type()) + t.Get("field") + t.Get("fields")
		b := made[key]
		if b == nil {
			b = f.Filter(t.Type(), name, m, further)
			made[key] = b
			b.Move(t)
			continue
		}
		if t.Type() != "time" {
			continue
		}
		var formats []draft.Value
		for _, v := range append(itemsOf(b), itemsOf(t)...) {
			if !slices.Contains(formats, v) {
				formats = append(formats, v)
			}
		}
		b.Set("formats", draft.List(formats...))
		if t.Get("zone") != "" && b.Get("zone") == "" {
			b.Set("zone", t.Get("zone"))
		}
		if t.Get("remove") != b.Get("remove") {
			b.Unset("remove")
			c.d.Changed(
				b, at, "keep_time_key "+string(key[len("time"):]),
				"the field stays with every format, as one of them keeps it",
			)
		}
		b.MoveComments(t)
	}
}

func itemsOf(t *draft.Block) []draft.Value {
	if t.Get("formats") == "" {
		return []draft.Value{`"auto"`}
	}
	return t.Get("formats").Items()
}
