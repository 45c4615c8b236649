package fluentd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// The fields of these formats are called as fluentd's parsers call them.
const (
	nginxLine = `^(?P<remote>\S+) (?P<host>\S+) (?P<user>\S+) \[(?P<time>[^\]]*)\] "(?P<method>\S+)(?: +(?P<path>[^"]*?)(?: +\S*)?)?" ` +
		`(?P<code>\S+) (?P<size>\S+)(?: "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"(?:\s+"?(?P<http_x_forwarded_for>[^"]*)"?)?)?$`
	apacheLine = `^(?P<host>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]*)\] "(?P<method>\S+)(?: +(?P<path>(?:[^"]|\\")*?)(?: +\S*)?)?" ` +
		`(?P<code>\S+) (?P<size>\S+)(?: "(?P<referer>(?:[^"]|\\")*)" "(?P<agent>(?:[^"]|\\")*)")?$`
	apacheErrorLine = `^\[[^ ]* (?P<time>[^\]]*)\] \[(?P<level>[^\]]*)\](?: \[pid (?P<pid>[^\]:]*)[^\]]*\])?(?: \[client (?P<client>[^\]]*)\])? (?P<message>.*)$`
	clf             = "%d/%b/%Y:%H:%M:%S %z"
)

// joins reports whether something puts lines together.
func (c *converter) joins() bool {
	is := func(p *param) bool {
		isType := p.key == "@type" || p.key == "type"
		return isType && (p.value == "concat" || p.value == "detect_exceptions")
	}
	var within func(e *element) bool
	within = func(e *element) bool {
		return slices.ContainsFunc(e.elements, within) || slices.ContainsFunc(e.params, is)
	}
	found := within(c.root)
	for _, l := range c.labels {
		found = found || within(l)
	}
	return found
}

// parse adds the filters that do what a source's <parse>, or format of v0.12, did.
func (c *converter) parse(f *flow.Flow, e *element, name string, tags flow.Match) {
	spec := e.sub("parse")
	if spec == nil {
		spec = e
		if e.get("format") == nil {
			c.parseNone(f, name, c.own(tags), e)
			return
		}
	}
	c.parser(f, spec, name, c.own(tags), "", "")
	if typ := spec.value("format", "@type", "type"); !takesAll[typ] && !c.raw && !takesRest(spec) {
		if strings.HasPrefix(typ, "/") {
			typ = "regexp"
		}
		c.unmatched(f, e, spec, typ)
	}
	if spec != e {
		c.unused(f.Notes(), spec)
	}
}

// unmatched tells what becomes of a line, or several, that a source's parser does not take.
func (c *converter) unmatched(f *flow.Flow, e, spec *element, typ string) {
	c.d.Changed(f.Notes(), spec.at, describe(e)+" "+typ,
		"a line that does not match passes as it is; fluentd leaves it out, with a warning")
}

// takesAll are the parsers that every line matches.
var takesAll = map[string]bool{
	"none": true, "": true, "csv": true, "tsv": true, "ltsv": true,
}

// takesRest reports whether the last of several formats is one that every line matches.
func takesRest(spec *element) bool {
	n := len(spec.elements)
	return n > 0 && spec.elements[n-1].name == "pattern" &&
		takesAll[spec.elements[n-1].value("format", "@type", "type")]
}

// parseNone makes {"message": line} of a line, as fluentd does.
func (c *converter) parseNone(f *flow.Flow, name string, m flow.Match, spec *element) {
	if c.raw {
		return
	}
	field := spec.value("message_key")
	if !plain.MatchString(field) {
		field = "message"
	}
	b := f.Filter("parse", name, m, "")
	b.Set("format", draft.Text("regex"))
	b.Set("pattern", draft.Text("^(?P<"+field+">(?s:.*))$"))
}

// parser adds the filters of a parser, on a field unless that is "". It returns the first, or nil
// if it needs none.
func (c *converter) parser(
	f *flow.Flow, spec *element, name string, m flow.Match, field, further string,
) *draft.Block {
	p := spec.get("format", "@type", "type")
	if p == nil {
		p = &param{key: "@type", value: "none", at: spec.at}
	}
	typ, expression := p.value, spec.value("expression")
	if strings.HasPrefix(typ, "/") {
		typ, expression = "regexp", p.value
	}
	timeKey, timeFormat := "time", ""
	add := func(format string) *draft.Block {
		b := f.Filter("parse", name, m, further)
		b.Set("format", draft.Text(format))
		if field != "" {
			b.Set("field", draft.Text(field))
		}
		c.d.Carried(p.at, shown(p))
		return b
	}
	var b *draft.Block
	switch typ {
	case "none":
		if field == "" {
			c.parseNone(f, name, m, spec)
		}
		return nil
	case "json":
		if field != "" {
			b = add("json")
		} else {
			c.d.Carried(p.at, shown(p))
		}
	case "regexp":
		b = add("regex")
		re, err := flow.RE2(expression)
		if err != nil {
			b.Set("pattern", draft.Text("^(?P<message>.*)$"))
			c.d.Lost(b, p.at, "expression "+expression, err.Error()+"; write pattern")
		} else {
			if c.joins() {
				re = flow.OfLines(re)
			}
			b.Set("pattern", draft.Text(re))
		}
	case "nginx":
		b, timeFormat = add("regex"), clf
		b.Set("pattern", draft.Text(nginxLine))
	case "apache2", "apache":
		b, timeFormat = add("regex"), clf
		b.Set("pattern", draft.Text(apacheLine))
		if typ == "apache2" {
			b.Set("types", draft.Map("code", `"int"`, "size", `"int"`))
			c.d.Changed(b, p.at, shown(p), "a field that is - stays so; fluentd made null of it")
		}
	case "apache_error":
		b, timeFormat = add("regex"), "%b %d %H:%M:%S %Y"
		b.Set("pattern", draft.Text(apacheErrorLine))
	case "syslog":
		b = add("syslog")
		b.Set("time", draft.Bool(true))
		c.d.Changed(
			b, p.at, shown(p),
			"fields are called as penstock calls them: see penstock help filter.parse",
		)
		for _, k := range []string{"time_format", "with_priority", "message_format"} {
			if p := spec.get(k); p != nil {
				c.d.Left(b, p.at, shown(p), "RFC 3164 and RFC 5424 are told apart, with their times")
			}
		}
		return b
	case "csv", "tsv":
		b = add(typ)
		if k := spec.get("keys"); k != nil {
			b.Set("columns", draft.Texts(list(k.value)...))
			c.carry(k)
		}
		if d := spec.get("delimiter"); d != nil && (typ == "csv" || d.value != `"\t"` && d.value != "\t") {
			b.Set("format", draft.Text("csv"))
			b.Set("delimiter", draft.Text(d.value))
			c.carry(d)
		}
	case "ltsv":
		b = add("key_value")
		b.Set("pair_separator", draft.Text("\t"))
		b.Set("value_separator", draft.Text(":"))
		if d := spec.get("label_delimiter"); d != nil {
			b.Set("value_separator", draft.Text(d.value))
			c.carry(d)
		}
	case "grok":
		b = add("grok")
		if g := spec.get("grok_pattern"); g != nil {
			b.Set("pattern", draft.Text(g.value))
			c.carry(g)
		} else if patterns := c.groks(spec); patterns != nil {
			b.Set("patterns", draft.Texts(patterns...))
		} else {
			b.Set("pattern", draft.Text("%{GREEDYDATA:message}"))
			c.d.Lost(b, p.at, shown(p), "write patterns")
		}
	case "cri":
		b = add("regex")
		b.Set("pattern", draft.Text(criLine))
		if inner := spec.sub("parse"); inner != nil { // of what stands in the line
			c.parseRest(f, b, spec, name, m, timeKey, timeFormat, further)
			c.parser(f, inner, name, m, "message", further)
			return b
		}
	case "multi_format", "multi-format-parser":
		return c.multiFormat(f, spec, p, name, m, field, further)
	default:
		c.d.Lost(
			f.Notes(), p.at, shown(p),
			"there is no such parser; records stay what they are: see penstock help filter.parse",
		)
		return nil
	}
	c.parseRest(f, b, spec, name, m, timeKey, timeFormat, further)
	return b
}

// parseRest carries over types and where the time comes from.
func (c *converter) parseRest(
	f *flow.Flow, b *draft.Block, spec *element, name string, m flow.Match,
	timeKey, timeFormat string, further ...string,
) {
	cond := strings.Join(further, "")
	if t := spec.get("types"); t != nil {
		if b == nil {
			b = f.Filter("convert", name, m, cond)
		}
		var pairs []draft.Value
		for _, s := range list(t.value) {
			field, typ, _ := strings.Cut(s, ":")
			known := map[string]string{"integer": "int", "float": "float", "bool": "bool", "string": "string"}[strings.TrimSpace(typ)]
			if known == "" {
				c.d.Left(b, t.at, "types "+s, "there is no such type")
				continue
			}
			pairs = append(pairs, key(field), draft.Text(known))
		}
		if len(pairs) > 0 {
			b.Set("types", draft.Map(pairs...))
			c.carry(t)
		}
	}
	if p := spec.get("time_key"); p != nil {
		timeKey = p.value
		c.carry(p)
	}
	estimate := spec.get("estimate_current_event")
	keep := spec.get("keep_time_key")
	format := spec.get("time_format")
	kind := spec.get("time_type")
	if estimate != nil {
		c.carry(estimate)
	}
	if timeKey == "" || b != nil && spec.get("time_key") == nil && !mayHave(b, timeKey) {
		return
	}
	if spec.reserveTime {
		if keep == nil || !truth(keep.value) {
			f.Filter("remove_fields", name, m, cond).Set("fields", draft.Texts(timeKey))
		}
		return
	}
	t := f.Filter("time", name, m, cond)
	t.Set("field", draft.Text(timeKey))
	zoneless := timepattern.Zoneless(timeFormat) ||
		b != nil && b.Get("pattern") != "" && timeFormat == ""
	switch {
	case kind != nil && (kind.value == "unixtime" || kind.value == "float"):
		t.Set("formats", draft.Texts("epoch_s"))
		c.carry(kind)
		zoneless = false
	case format != nil:
		if pattern, err := timepattern.Read(format.value); err != nil {
			c.d.Lost(t, format.at, shown(format), err.Error())
		} else {
			t.Set("formats", draft.Texts(pattern))
			c.carry(format)
			zoneless = timepattern.Zoneless(pattern)
		}
	case timeFormat != "":
		t.Set("formats", draft.Texts(timeFormat))
	}
	if z := spec.get("timezone"); z != nil {
		if name := timepattern.Zone(z.value); name != "" {
			t.Set("zone", draft.Text(name))
			c.carry(z)
		} else {
			c.d.Left(t, z.at, shown(z), "write zone by its name, such as Europe/Berlin")
		}
	}
	utc := spec.get("utc") != nil && truth(spec.value("utc"))
	if local := spec.get("localtime"); local != nil {
		c.d.Changed(t, local.at, shown(local), "times without a zone are UTC unless zone is written")
	} else if zoneless && !utc && t.Get("zone") == "" {
		c.d.Changed(t, spec.at, describe(spec)+" "+timeKey, timepattern.Local)
	}
	if utc {
		c.carry(spec.get("utc"))
	}
	if keep == nil || !truth(keep.value) {
		t.Set("remove", draft.Bool(true))
	}
	if keep != nil {
		c.carry(keep)
	}
}

// mayHave reports whether what a filter parses may have a field of that name.
func mayHave(b *draft.Block, field string) bool {
	if p := string(b.Get("pattern")); p != "" {
		return strings.Contains(p, "<"+field+">")
	}
	if c := string(b.Get("columns")); c != "" {
		return strings.Contains(c, `"`+field+`"`)
	}
	return true
}

func describe(e *element) string { return strings.TrimSpace(fmt.Sprint(e.title(), " ", e.typ())) }

// groks returns the patterns of <grok> sections, of which the first that fits is taken.
func (c *converter) groks(spec *element) []string {
	var patterns []string
	for _, s := range spec.elements {
		if p := s.get("pattern"); s.name == "grok" && p != nil {
			patterns = append(patterns, p.value)
			c.carry(p)
		}
	}
	return patterns
}
