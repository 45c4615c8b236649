package fluentbit

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// parsed adds what an input's parser does, or makes an object of the line.
func (c *converter) parsed(s *section, m flow.Match, name string) {
	p := s.get("parser")
	if p == nil {
		c.logField(s, m)
		return
	}
	c.orLogField(c.parser(c.flow, p, c.parsers[p.value], m, c.inputName(s), ""), s)
}

var quotedText = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

func quotedFields(v string) []string {
	var out []string
	for _, m := range quotedText.FindAllStringSubmatch(v, -1) {
		out = append(out, strings.ReplaceAll(m[1], `\\`, `\`))
	}
	return out
}

// builtIn are the parsers that fluent-bit comes with.
var builtIn = map[string]string{
	"json":                 "json",
	"docker":               "docker",
	"cri":                  "cri",
	"logfmt":               "logfmt",
	"nginx":                "nginx",
	"apache2":              "apache_combined",
	"apache":               "apache_combined",
	"apache_error":         "apache_error",
	"syslog-rfc5424":       "syslog",
	"syslog-rfc3164":       "syslog",
	"syslog-rfc3164-local": "syslog",
}

// parser adds the filters of a [PARSER], on a field unless that is "".
func (c *converter) parser(
	f *flow.Flow, at *prop, s *section, m flow.Match, name, from string,
) *draft.Block {
	var b *draft.Block
	add := func(format string) {
		b = f.Filter("parse", name, m, "")
		b.Set("format", draft.Text(format))
		if from != "" {
			b.Set("field", draft.Text(from))
		}
	}
	if s == nil {
		format, ok := builtIn[at.value]
		if !ok {
			c.d.Lost(
				f.Notes(), at.at, shown(at),
				"there is no such parser in these files; name the file that has it, too",
			)
			return nil
		}
		add(format)
		if format == "json" {
			c.carry(at)
		} else {
			b.Set("time", draft.Bool(true))
			c.d.Changed(
				b, at.at, shown(at),
				"fields are called as penstock calls them: see penstock help filter.parse",
			)
		}
		return b
	}
	switch format := s.value("format"); format {
	case "json":
		add(format)
	case "logfmt":
		add(format)
		c.d.Changed(
			b, s.at, s.title()+" format logfmt",
			"a text that has no pair in it stays as it is; there its words became fields",
		)
	case "ltsv":
		add("key_value")
		b.Set("pair_separator", draft.Text("\t"))
		b.Set("value_separator", draft.Text(":"))
	case "regex":
		add("regex")
		re, err := flow.RE2(s.value("regex"))
		if err != nil {
			re = "^(?P<log>.*)$"
			c.d.Lost(b, s.at, s.title()+" regex", err.Error()+"; write pattern")
		}
		if c.joins {
			re = flow.OfLines(re)
		}
		b.Set("pattern", draft.Text(re))
	default:
		c.d.Lost(
			f.Notes(), s.at, s.title()+" format "+format,
			"there is no such format; see penstock help filter.parse",
		)
		return nil
	}
	c.carry(at)
	c.parserTypes(b, s)
	c.parserTime(f, s, m, name)
	for _, p := range s.all("decode_field_as") {
		d := f.Filter("parse", name, m, "")
		words := append(strings.Fields(p.value), "", "")
		d.Set("format", draft.Text("json"))
		d.Set("field", draft.Text(words[1]))
		d.Set("into", draft.Text(words[1]))
		c.carry(p)
	}
	return b
}

// parserTypes carries over the types of what a parser takes out.
func (c *converter) parserTypes(b *draft.Block, s *section) {
	p := s.get("types")
	if p == nil {
		return
	}
	var pairs []draft.Value
	for _, t := range strings.Fields(p.value) {
		k, typ, _ := strings.Cut(t, ":")
		known := map[string]string{
			"integer": "int", "float": "float", "bool": "bool", "string": "string",
		}[typ]
		if known == "" {
			c.d.Left(b, p.at, p.key+" "+t, "there is no such type: it stays text")
			continue
		}
		pairs = append(pairs, plainKey(k), draft.Text(known))
	}
	if pairs != nil {
		b.Set("types", draft.Map(pairs...))
		c.carry(p)
	}
}

// parserTime has the record's time read from where a parser finds it.
func (c *converter) parserTime(f *flow.Flow, s *section, m flow.Match, name string) {
	key := s.get("time_key")
	if key == nil {
		return
	}
	t := f.Filter("time", name, m, "")
	t.Set("field", draft.Text(key.value))
	if p := s.get("time_format"); p != nil {
		pattern := strings.NewReplacer("%S.%L", "%S.%f", "%s.%L", "epoch_s").Replace(p.value)
		if pattern, err := timepattern.Read(pattern); err != nil {
			c.d.Lost(t, p.at, shown(p), err.Error())
		} else {
			t.Set("formats", draft.Texts(pattern))
			c.carry(p)
		}
	}
	if p := s.get("time_offset"); p != nil {
		if zone := timepattern.Zone(p.value); strings.Contains(s.value("time_format"), "%z") {
			c.d.Left(t, p.at, shown(p), "the time names its zone")
		} else if zone != "" {
			t.Set("zone", draft.Text(zone))
			c.carry(p)
		} else {
			c.d.Left(t, p.at, shown(p), "write zone by its name, such as Asia/Kolkata")
		}
	}
	if p := s.get("time_keep"); p == nil || !on(p.value) {
		t.Set("remove", draft.Bool(true))
	}
	c.carry(key)
}
