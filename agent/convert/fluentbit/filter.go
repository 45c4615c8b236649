package fluentbit

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
)

func (c *converter) filter(s *section) {
	c.filterOf(s, c.flow.Effective(c.match(s)))
}

func (c *converter) filterOf(s *section, m flow.Match) {
	name := s.value("name")
	title := s.title()
	f := c.flow
	label := name
	if a := s.value("alias"); a != "" {
		label = a
	}
	switch name {
	case "grep":
		c.grep(s, m, label)
	case "modify", "record_modifier":
		c.modify(s, m, label)
	case "parser":
		from := field(s.value("key_name"))
		for _, p := range s.all("parser") {
			b := c.parser(f, p, c.parsers[p.value], m, label, from)
			if b == nil {
				continue
			}
			if keep := s.get("preserve_key"); keep != nil && on(keep.value) {
				b.Set("keep", draft.Text(from))
			}
			if reserve := s.get("reserve_data"); reserve == nil || !on(reserve.value) {
				c.d.Changed(
					b, s.at, title+" without reserve_data",
					"the other fields stay; remove them with keep_fields",
				)
			}
		}
	case "nest":
		c.nest(s, m, label)
	case "kubernetes":
		c.kubernetes(s, m, label)
		return
	case "geoip2":
		c.geoip(s, m, label)
	case "log_to_metrics":
		c.d.Left(f.Notes(), s.at, title, "see filter \"count\": counters and histograms on /metrics")
		return
	case "expect":
		c.d.Left(f.Notes(), s.at, title, "see penstock test")
		return
	case "aws", "nightfall", "checklist":
		c.d.Left(
			f.Notes(), s.at, title,
			"nothing is asked of others; path_pattern of input \"tail\" takes out of the path what that tells",
		)
		return
	case "stdout":
		c.d.Left(f.Notes(), s.at, title, "see /tap of the admin server, or penstock try")
		return
	case "throttle":
		c.throttle(s, m, label)
	case "type_converter":
		c.convertTypes(s, m, label)
	case "rewrite_tag":
		c.retag(s, m, label)
		c.rest(f.Notes(), s)
		return
	case "multiline":
		if !c.joinRecords(s, m, label) {
			return
		}
	default:
		why := elsewhere[strings.ToLower(s.value("name"))]
		if why == "" {
			why = "there is no such filter; see penstock help for those there are"
		}
		c.d.Lost(f.Notes(), s.at, title, why)
		return
	}
	c.d.Carried(s.at, title)
	c.rest(f.Notes(), s)
}

// elsewhere says what does the work of filters that are not carried over.
var elsewhere = map[string]string{
	"lua":  "code of one's own does not run here; see filter \"set\" and penstock help expressions",
	"wasm": "code of one's own does not run here; see filter \"set\" and penstock help expressions",
}

// modify does add, set, remove, rename, copy and record, each in its order.
func (c *converter) modify(s *section, m flow.Match, label string) {
	f := c.flow
	further, err := conditions(s)
	if err != nil {
		c.d.Lost(f.Notes(), s.at, s.title(), err.Error()+": write its filters with if")
		for _, p := range s.props {
			p.used = true
		}
		return
	}
	for _, p := range s.props {
		key, value, _ := strings.Cut(p.value, " ")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch p.key {
		case "add", "set", "record":
			b := f.Filter("add_fields", label, m, further)
			b.Set("fields", draft.Map(plainKey(key), draft.Join(c.parts(value)...)))
			if p.key == "add" {
				b.Set("overwrite", draft.Bool(false))
			}
		case "remove", "remove_key":
			f.Filter("remove_fields", label, m, further).Set("fields", draft.Texts(field(key)))
		case "rename", "hard_rename":
			b := f.Filter("rename_fields", label, m, further)
			b.Set("fields", draft.Map(plainKey(key), draft.Text(value)))
			if p.key == "rename" {
				b.Set("overwrite", draft.Bool(false))
			}
		case "copy", "hard_copy":
			b := f.Filter("set", label, m, further)
			b.Set("fields", draft.Map(plainKey(value), draft.Text("field["+flow.Quote(key)+"]")))
			if p.key == "copy" {
				b.Set("overwrite", draft.Bool(false))
			}
		case "allowlist_key", "whitelist_key":
			if p.used {
				continue
			}
			var keep []string
			for _, k := range []string{"allowlist_key", "whitelist_key"} {
				for _, a := range s.all(k) {
					keep = append(keep, field(a.value))
				}
			}
			for _, r := range s.all("record") { // they are added to what was kept
				name, _, _ := strings.Cut(r.value, " ")
				keep = append(keep, name)
			}
			f.Filter("keep_fields", label, m, further).Set("fields", draft.Texts(keep...))
			if len(s.all("record")) == 0 { // there are no records without fields
				f.Filter("drop", label, m, "value == '{}'")
			}
		case "uuid_key":
			f.Filter("uuid", label, m, further).Set("field", draft.Text(key))
		case "condition":
		case "remove_wildcard":
			b := f.Filter("remove_fields", label, m, further)
			b.Set("matching", draft.Texts("^"+regexp.QuoteMeta(key)))
		case "remove_regex":
			re, err := flow.RE2(key)
			if err != nil {
				c.d.Left(f.Notes(), p.at, s.title()+" "+shown(p), err.Error()+": write matching")
				p.used = true
				continue
			}
			f.Filter("remove_fields", label, m, further).Set("matching", draft.Texts(re))
		default:
			continue
		}
		p.used = true
		c.carry(p)
	}
}

func (c *converter) nest(s *section, m flow.Match, label string) {
	f := c.flow
	if strings.EqualFold(s.value("operation"), "lift") {
		b := f.Filter("flatten", label, m, "")
		b.Set("field", draft.Text(s.value("nested_under")))
		b.Set("separator", draft.Text("_"))
		name := s.value("nested_under") + "_NAME"
		if was := s.value("add_prefix") + "NAME"; was != name {
			c.d.Changed(
				b, s.at, s.title()+" lift",
				"the fields are called "+name+", not "+was+": rename them with rename_fields",
			)
		}
		c.d.Changed(
			b, s.at, s.title()+" lift "+s.value("nested_under"),
			"objects within it come to the top as well, by names such as "+
				s.value("nested_under")+"_NAME_OTHER",
		)
		return
	}
	b := f.Filter("nest", label, m, "")
	var fields []string
	for _, p := range s.all("wildcard") {
		if prefix, ok := strings.CutSuffix(p.value, "*"); ok && prefix != "" {
			b.Set("prefix", draft.Text(prefix))
			if r := s.get("remove_prefix"); r == nil || r.value != prefix {
				c.d.Changed(b, p.at, shown(p), "the fields lose the prefix")
			}
		} else {
			fields = append(fields, p.value)
		}
	}
	if fields != nil {
		b.Set("fields", draft.Texts(fields...))
	}
	b.Set("into", draft.Text(s.value("nest_under")))
}
