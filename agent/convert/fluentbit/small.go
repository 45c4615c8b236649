package fluentbit

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// textMatches asks whether a field is a text that matches: numbers and booleans never do.
func textMatches(f, re string) string {
	return "type(" + f + ") == 'string' and " + f + " matches " + flow.Quote(re)
}

func (c *converter) grepBy(set, cond string, m flow.Match, label string) {
	if set == "exclude" {
		c.flow.Filter("drop", label, m, cond)
		return
	}
	c.flow.Filter("where", label, m, "").Set("condition", draft.Text(cond))
}

// grep lets records pass whose fields match; with an operator, those that all or some match are
// meant together.
func (c *converter) grep(s *section, m flow.Match, label string) {
	op := strings.ToLower(cmp.Or(s.value("logical_op"), "legacy"))
	for _, attr := range []struct{ key, set string }{{"regex", "include"}, {"exclude", "exclude"}} {
		var conds []string
		for _, p := range s.all(attr.key) {
			key, pattern, _ := strings.Cut(p.value, " ")
			re, err := flow.RE2(strings.TrimSpace(pattern))
			if err != nil {
				c.d.Lost(c.flow.Notes(), p.at, s.title()+" "+shown(p), err.Error())
				continue
			}
			cond := textMatches(kit.Field(field(key)), re)
			if op == "or" {
				cond = "(" + cond + ")"
			}
			conds = append(conds, cond)
			if op == "legacy" {
				c.grepBy(attr.set, conds[len(conds)-1], m, label)
			}
			c.carry(p)
		}
		if conds != nil && op != "legacy" {
			cond := strings.Join(conds, " "+op+" ")
			if op == "or" {
				cond = "(" + cond + ")"
			}
			c.grepBy(attr.set, cond, m, label)
		}
	}
	if p := s.get("logical_op"); p != nil {
		c.carry(p)
	}
}

func (c *converter) throttle(s *section, m flow.Match, label string) {
	rate, err := strconv.ParseInt(cmp.Or(s.value("rate"), "1"), 10, 64)
	window, err2 := strconv.ParseInt(cmp.Or(s.value("window"), "5"), 10, 64)
	b := c.flow.Filter("throttle", label, m, "")
	if err != nil || err2 != nil || rate*window <= 0 {
		rate, window = 1, 1
		c.d.Lost(b, s.at, s.title()+" rate", "it is no number that is known now: write limit")
	}
	b.Set("limit", draft.Int(rate*window))
	per := &section{props: []*prop{{
		key: "interval", at: s.at, value: scaled(cmp.Or(s.value("interval"), "1s"), window),
	}}}
	c.duration(b, "per", per, 1e9, "interval")
	c.d.Changed(b, s.at, s.title(), "the first records of each window pass, by their own times")
}

// scaled multiplies the number of a time such as 5s.
func scaled(v string, by int64) string {
	unit := strings.TrimLeft(v, "0123456789.")
	f, err := strconv.ParseFloat(strings.TrimSuffix(v, unit), 64)
	if err != nil {
		return v
	}
	return strconv.FormatFloat(f*float64(by), 'f', -1, 64) + unit
}

// convertTypes gives fields of other types further names.
func (c *converter) convertTypes(s *section, m flow.Match, label string) {
	functions := map[string]string{
		"int": "int", "uint": "int", "float": "float", "str": "string", "string": "string",
	}
	for _, from := range []string{"str_key", "int_key", "uint_key", "float_key"} {
		for _, p := range s.all(from) {
			words := strings.Fields(p.value)
			if len(words) != 3 || functions[words[2]] == "" {
				c.d.Lost(c.flow.Notes(), p.at, s.title()+" "+shown(p), "write filter \"convert\"")
				continue
			}
			b := c.flow.Filter("set", label, m, "")
			value := functions[words[2]] + "(" + kit.Field(field(words[0])) + ")"
			b.Set("fields", draft.Map(plainKey(words[1]), draft.Text(value)))
			c.carry(p)
		}
	}
}

// index writes the name of an index, in which there may be a time.
func (c *converter) index(b *draft.Block, s *section) {
	p := s.get("index")
	if p == nil {
		b.Set("index", draft.Text("fluent-bit"))
		return
	}
	if !strings.Contains(p.value, "%") || strings.Contains(p.value, "${") {
		c.set(b, "index", s, "index")
		return
	}
	before, pattern := p.value, ""
	if i := strings.IndexByte(p.value, '%'); i >= 0 {
		before, pattern = p.value[:i], p.value[i:]
	}
	known, err := timepattern.Write(pattern)
	if err != nil {
		c.set(b, "index", s, "index")
		c.d.Lost(b, p.at, shown(p), err.Error()+"; write index")
		return
	}
	b.Set("index", draft.Join(
		draft.Lit(before), draft.Tmpl("strftime("+string(draft.Text(known))+")"),
	))
	c.carry(p)
}

// dateKey tells of the time that is written into each record.
func (c *converter) dateKey(b *draft.Block, s *section) {
	if s.value("name") == "http" && !strings.HasPrefix(s.value("format"), "json") {
		return
	}
	at, key := s.at, "date"
	if p := s.get("json_date_key"); p != nil {
		at, key = p.at, p.value
	}
	if strings.EqualFold(key, "false") {
		return
	}
	if p := s.get("json_date_format"); p != nil {
		c.d.Left(b, p.at, shown(p), "see json_date_key")
	}
	c.d.Changed(
		b, at, s.title()+" json_date_key "+key,
		"the time is not written into records: write filter \"add_fields\" with ${time} for that",
	)
}

// topicKey writes the topic that a field names, or the first of topics.
func (c *converter) topicKey(b *draft.Block, s *section, key, topics *prop) {
	f := kit.Field(field(key.value))
	if topics == nil {
		b.Set("topic", draft.Join(draft.Tmpl("field["+string(draft.Text(key.value))+"]")))
		c.d.Changed(b, key.at, shown(key), "records without the field go to the dead letter")
		return
	}
	var names []string
	for t := range strings.SplitSeq(topics.value, ",") {
		names = append(names, flow.Quote(strings.TrimSpace(t)))
	}
	expr := f + " in [" + strings.Join(names, ", ") + "] ? " + f + " : " + names[0]
	if on(s.value("dynamic_topic")) {
		expr = f + " ?? " + names[0]
	}
	if strings.Contains(topics.value, "${") {
		c.d.Lost(b, topics.at, shown(topics), "write topic: a template of an expression reads no environment")
	} else {
		c.carry(topics)
	}
	b.Set("topic", draft.Join(draft.Tmpl("expr("+string(draft.Text(expr))+")")))
	c.carry(key)
}
