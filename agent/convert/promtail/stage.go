package promtail

import (
	"regexp"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// stage is one of a pipeline while it is read.
type stage struct {
	*converter
	x          *kit.Node
	in         *draft.Block
	name, cond string // of the filters that it becomes
}

func (s *stage) add(typ string) *draft.Block {
	b := s.p.Filter(typ, s.name, s.cond)
	b.From(s.x.At)
	s.D.Carried(s.x.At, s.x.Name)
	return b
}

// lost leaves the stage out, and all that it may have taken out of the line is not known.
func (s *stage) lost(why string) {
	s.unsure = true
	s.Lost(s.p.Notes, s.x, why)
}

// whole has a filter read the source that the stage names, or else the line.
func (s *stage) whole(b *draft.Block) {
	s.parsed = true
	if src := s.x.Take("source"); src != nil {
		b.Set("field", draft.Text(src.Value))
		b.Set("keep", draft.Text(src.Value))
		return
	}
	if s.line != "" {
		b.Set("field", draft.Text(s.line))
		b.Set("keep", draft.Text(s.line))
		return
	}
	s.line = "message"
	b.Set("keep", draft.Text(s.line))
	s.D.Changed(
		b, s.x.At, s.x.Name,
		"the record becomes an object with what is taken out, and the line as message",
	)
}

func (s *stage) convert() {
	switch s.x.Key {
	case "json":
		s.json()
	case "logfmt":
		s.logfmt()
	case "regex":
		s.regex()
	case "docker", "cri":
		s.containers(s.x, s.in, s.name, s.cond)
	case "timestamp":
		s.timestamp()
	case "labels", "structured_metadata", "static_labels":
		s.headers()
	case "template":
		s.template(s.x, s.name, s.cond)
	case "drop":
		s.drop(s.x, s.name, s.cond)
	case "match":
		s.match(s.x, s.in, s.name, s.cond)
	case "multiline":
		s.multiline(s.x, s.in, s.name, s.cond)
	case "replace":
		s.replace()
	case "sampling":
		s.add("sample").Set("keep", draft.Value(s.x.Text("rate")))
	case "output":
		s.output()
	case "decolorize":
		s.decolorize()
	case "tenant":
		s.tenant()
	case "limit":
		s.limit(s.x, s.name, s.cond)
	case "geoip":
		s.geoip()
	case "metrics":
		s.Left(s.p.Notes, s.x, "see filter \"count\": counters and histograms on /metrics")
	case "labeldrop", "labelallow":
		s.Left(s.p.Notes, s.x, "each header is one that a filter or the input sets: take it out there")
	case "pack":
		s.Lost(s.p.Notes, s.x, "records keep their headers, where an output sends them: filter \"set\" makes fields of them")
	case "eventlogmessage":
		s.lost("penstock does not run on Windows: write filter \"parse\" for the message")
	default:
		s.lost("there is no filter that does this; see penstock help")
	}
}

func (s *stage) json() {
	b := s.add("parse")
	b.Set("format", draft.Text("json"))
	s.parsed = true
	within, field := "", s.line
	if src := s.x.Take("source"); src != nil {
		field = src.Value
		if s.x.On("drop_malformed") {
			b.Set("if", draft.Text(kit.And(s.cond, s.ref(field)+" != nil")))
		}
	}
	if field != "" {
		within = "promtail_json"
		b.Set("field", draft.Text(field))
		b.Set("keep", draft.Text(field))
		b.Set("into", draft.Text(within))
	}
	if s.x.On("drop_malformed") {
		b.Set("on_failure", draft.Text("discard"))
	}
	s.names(b, s.x.Find("expressions"), within, s.name, s.cond)
	if within != "" {
		s.p.Filter("remove_fields", s.name, s.cond).Set("fields", draft.Texts(within))
	}
}

func (s *stage) logfmt() {
	b := s.add("parse")
	b.Set("format", draft.Text("logfmt"))
	s.whole(b)
	s.names(b, s.x.Find("mapping"), "", s.name, s.cond)
	if m := s.x.Find("mapping"); m != nil {
		for _, k := range m.Kids {
			s.texts[k.Key] = true
		}
	}
}

func (s *stage) regex() {
	pattern := s.x.Text("expression")
	if _, err := regexp.Compile(pattern); err != nil {
		s.lost("RE2 has it not: " + err.Error())
		return
	}
	groups := regexp.MustCompile(pattern).SubexpNames()
	if src := s.x.Find("source"); src != nil && s.isLabel(src.Value) {
		s.ofLabel(s.x, pattern, groups, s.x.Text("source"))
		return
	}
	for _, g := range groups {
		s.extracted[g], s.texts[g] = true, true
	}
	s.overwritten(groups[1:]...)
	b := s.add("parse")
	b.Set("format", draft.Text("regex"))
	b.Set("pattern", draft.Text(pattern))
	s.whole(b)
}

func (s *stage) timestamp() {
	src := s.x.Text("source")
	if s.isLabel(src) {
		s.Lost(s.p.Notes, s.x, "no time is read from a header: "+src)
		return
	}
	if s.isMissing(src) {
		s.Left(s.p.Notes, s.x, missing)
		return
	}
	b := s.add("time")
	b.Set("field", draft.Text(src))
	var formats []string
	for _, f := range append([]string{s.x.Text("format")}, s.x.Texts("fallback_formats")...) {
		read, err := timepattern.ReadGo(f)
		if err != nil {
			s.D.Lost(b, s.x.At, s.x.Name+" "+f, err.Error())
			continue
		}
		formats = append(formats, read...)
	}
	if formats != nil {
		b.Set("formats", draft.Texts(formats...))
	}
	s.Set(b, "zone", s.x, "location")
	if s.x.Text("action_on_failure") != "skip" {
		s.D.Changed(
			b, s.x.At, s.x.Name,
			"where it cannot be read, the time is that of reading, not of the line before",
		)
	}
}

func (s *stage) headers() {
	var pairs []draft.Value
	for _, k := range s.x.Kids {
		src := k.Value
		if s.x.Key == "static_labels" {
			pairs = append(pairs, kit.Key(k.Key), draft.Text(quoted(src)))
			continue
		}
		if src == "" {
			src = k.Key
		}
		if s.isMissing(src) {
			s.Left(s.p.Notes, k, missing)
			continue
		}
		if s.emptied[src] {
			e := s.ref(src)
			pairs = append(pairs, kit.Key(k.Key), draft.Text(e+" == '' ? nil : "+e))
			continue
		}
		if e := s.ref(src); e != "header["+kit.Quote(k.Key)+"]" {
			pairs = append(pairs, kit.Key(k.Key), draft.Text(e))
		}
	}
	s.x.Done()
	for _, k := range s.x.Kids {
		s.labels[k.Key] = true
	}
	if pairs != nil {
		s.add("set").Set("headers", draft.Map(pairs...))
	} else {
		s.D.Carried(s.x.At, s.x.Name)
	}
}

func (s *stage) replace() {
	expression, with := s.x.Text("expression"), s.x.Text("replace")
	src := s.x.Text("source")
	re, err := regexp.Compile(expression)
	switch {
	case err == nil && re.NumSubexp() == 0:
		s.Left(s.p.Notes, s.x, "only groups are replaced, and it has none: it does nothing")
		return
	case src != "" && s.isMissing(src):
		s.Left(s.p.Notes, s.x, missing)
		return
	}
	pattern, with, ok := aroundGroup(expression, with)
	if !ok {
		s.unsure = true
		s.Lost(s.p.Notes, s.x, "only the groups of it are replaced: write filter \"replace\" with the whole pattern")
		return
	}
	b := s.add("replace")
	if src == "" {
		src = s.line
	}
	if src != "" {
		b.Set("field", draft.Text(src))
	}
	b.Set("pattern", draft.Text(pattern))
	b.Set("with", draft.Text(with))
	for _, g := range re.SubexpNames() {
		if g != "" {
			s.unsure = true
			s.D.Left(b, s.x.At, s.x.Name+" ?P<"+g+">", "what a group is replaced by is no field: write filter \"set\" for it")
		}
	}
}

func (s *stage) output() {
	src := s.x.Text("source")
	if s.isMissing(src) {
		s.Left(s.p.Notes, s.x, missing)
		return
	}
	if !s.parsed {
		o := s.p.Filter("parse", s.name, s.cond)
		o.Set("format", draft.Text("regex"))
		o.Set("pattern", draft.Text("^(?s:(?P<message>.*))$"))
		s.parsed = true
	}
	b := s.add("set")
	if s.line == "" {
		s.line = "message"
	}
	b.Set("fields", draft.Map(kit.Key(s.line), draft.Text(s.asText(src))))
	s.D.Changed(b, s.x.At, s.x.Name, "the record stays an object, whose message is the line")
}

func (s *stage) decolorize() {
	b := s.add("replace")
	if s.line != "" {
		b.Set("field", draft.Text(s.line))
	}
	b.Set("pattern", draft.Text(`\x1b\[[0-9;]*[A-Za-z]`))
	b.Set("with", draft.Text(""))
}

func (s *stage) tenant() {
	e := quoted(s.x.Text("value"))
	if src := s.x.Text("source", "label"); src != "" {
		if s.isMissing(src) {
			s.Left(s.p.Notes, s.x, missing)
			return
		}
		e = s.ref(src)
	}
	b := s.add("set")
	b.Set("headers", draft.Map("tenant", draft.Text(e)))
	s.D.Changed(b, s.x.At, s.x.Name, "it is a header, which a topic or a route may name")
}

func (s *stage) geoip() {
	b := s.add("lookup")
	b.Set("table", kit.Text(s.x.Text("db")))
	b.Set("key", draft.Text(s.ref(s.x.Text("source"))))
	b.Set("into", draft.Text("geoip"))
	s.D.Changed(b, s.x.At, s.x.Name, "fields are called as the database calls them, such as geoip.country.iso_code")
	if t := s.x.Take("db_type"); t != nil {
		s.Left(b, t, "the database says what it is")
	}
}
