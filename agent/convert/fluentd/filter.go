package fluentd

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
)

// filter adds what a <filter> is.
func (c *converter) filter(f *flow.Flow, e *element, m flow.Match, further string) {
	name := e.value("@id")
	switch typ := e.typ(); typ {
	case "record_transformer", "record_modifier":
		c.transform(f, e, m, further, cmp.Or(name, typ))
	case "grep":
		c.grep(f, e, m, further, cmp.Or(name, "grep"))
	case "parser":
		c.parserFilter(f, e, m, further, cmp.Or(name, "parser"))
	case "stdout":
		c.d.Left(f.Notes(), e.at, describe(e), "see /tap of the admin server, or penstock try")
	case "concat":
		c.concat(f, e, m, further, cmp.Or(name, "concat"))
	case "kubernetes_metadata":
		c.kubernetes(f, e, m, further, cmp.Or(name, "kubernetes"))
	case "detect_exceptions":
		c.exceptions(f, e, m, further, cmp.Or(name, "traces"))
	case "geoip", "dedot", "prometheus":
		c.d.Left(f.Notes(), e.at, describe(e), "there is no such filter")
	default:
		c.d.Lost(
			f.Notes(), e.at, describe(e),
			"there is no such filter; see penstock help for those there are",
		)
	}
}

var (
	placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)
	recordRef   = regexp.MustCompile(
		`^record\[\s*["']([^"']+)["']\s*\]((?:\[\s*["'][^"']+["']\s*\])*)$`,
	)
	recordDig = regexp.MustCompile(`^record\.dig\(\s*(.*)\)$`)
	bracketed = regexp.MustCompile(`["']([^"']+)["']`)
	tagPart   = regexp.MustCompile(`^tag_parts\[\s*(-?\d+)\s*\]$`)
)

// template turns the ${...} of record_transformer into those of a template; alone is set where it
// is one field.
func template(f *flow.Flow, value string, raw bool) (v draft.Value, ok bool) {
	pieces, ok := parts(value, raw)
	if !ok {
		return "", false
	}
	var out []draft.Part
	for _, p := range pieces {
		text, literal := draft.Literal([]draft.Part{p})
		if !literal {
			out = append(out, p)
			continue
		}
		for text != "" {
			m := placeholder.FindStringSubmatchIndex(text)
			if m == nil {
				out = append(out, draft.Lit(text))
				break
			}
			if m[0] > 0 {
				out = append(out, draft.Lit(text[:m[0]]))
			}
			expr, known := reference(f, strings.TrimSpace(text[m[2]:m[3]]))
			if !known {
				return "", false
			}
			if m[0] == 0 && m[1] == len(text) && len(pieces) == 1 &&
				strings.HasPrefix(expr, "field") {
				return draft.Value(expr), true
			}
			out = append(out, draft.Tmpl(expr))
			text = text[m[1]:]
		}
	}
	if len(out) == 0 {
		out = []draft.Part{draft.Lit("")}
	}
	return draft.Join(out...), true
}

// reference is what a placeholder of record_transformer names, in a template.
func reference(f *flow.Flow, name string) (string, bool) {
	switch name {
	case "tag":
		return f.Tag(""), true
	case "time":
		return name, true
	case "hostname":
		return "hostname()", true
	}
	if m := tagPart.FindStringSubmatch(name); m != nil {
		return f.Tag(m[1]), true
	}
	if m := recordRef.FindStringSubmatch(name); m != nil {
		names := []string{m[1]}
		for _, b := range bracketed.FindAllStringSubmatch(m[2], -1) {
			names = append(names, b[1])
		}
		return fieldOf(names...), true
	}
	if m := recordDig.FindStringSubmatch(name); m != nil {
		var names []string
		for _, b := range bracketed.FindAllStringSubmatch(m[1], -1) {
			names = append(names, b[1])
		}
		if names != nil {
			return fieldOf(names...), true
		}
	}
	return "", false
}

// fieldOf names a field in a template.
func fieldOf(names ...string) string {
	all := true
	for _, n := range names {
		all = all && plain.MatchString(n)
	}
	if all {
		return "field." + strings.Join(names, ".")
	}
	out := "field"
	for _, n := range names {
		out += "[" + string(draft.Text(n)) + "]"
	}
	return out
}

// accessor turns $.a.b or a key into the name of a field.
func accessor(key string) string {
	if rest, ok := strings.CutPrefix(key, "$."); ok {
		return rest
	}
	if strings.HasPrefix(key, "$[") {
		var names []string
		for _, b := range bracketed.FindAllStringSubmatch(key, -1) {
			names = append(names, b[1])
		}
		return strings.Join(names, ".")
	}
	return key
}

func (c *converter) transform(f *flow.Flow, e *element, m flow.Match, further, name string) {
	e.typ()
	if p := e.get("auto_typecast"); p != nil {
		c.carry(p)
	}
	record := e.sub("record")
	var fields []draft.Value
	var names []string
	var lost []*param
	if record != nil {
		for _, p := range record.params {
			p.used = true
			v, ok := template(f, p.value, p.raw)
			names = append(names, p.key)
			if !ok {
				lost = append(lost, p)
				continue
			}
			fields = append(fields, key(p.key), v)
			c.carry(p)
		}
	}
	if p := e.get("renew_time_key"); p != nil {
		t := f.Filter("time", name, m, further)
		t.Set("field", draft.Text(p.value))
		c.carry(p)
	}
	b := f.Notes()
	if len(fields) > 0 {
		b = f.Filter("add_fields", name, m, further)
		b.From(e.at)
		b.Set("fields", draft.Map(fields...))
	}
	for _, p := range lost {
		c.d.Left(
			b, p.at, p.key+" "+p.value,
			"Ruby is not evaluated; write the field here, or with filter \"set\" and an expression",
		)
	}
	renew, keepKeys := e.get("renew_record"), e.get("keep_keys", "whitelist_keys")
	if renew != nil && truth(renew.value) {
		keep := names
		if keepKeys != nil {
			keep = append(slices.Clone(names), list(keepKeys.value)...)
			c.carry(keepKeys)
		}
		b := f.Filter("keep_fields", name, m, further)
		b.Set("fields", draft.Texts(keep...))
		c.carry(renew)
	} else if keepKeys != nil {
		c.d.Left(f.Notes(), keepKeys.at, shown(keepKeys), "it counts with renew_record alone")
	}
	if p := e.get("remove_keys"); p != nil {
		b := f.Filter("remove_fields", name, m, further)
		var all []string
		for _, k := range list(p.value) {
			all = append(all, accessor(k))
		}
		b.Set("fields", draft.Texts(all...))
		c.carry(p)
	}
	c.unused(f.Notes(), e)
}

func (c *converter) grep(f *flow.Flow, e *element, m flow.Match, further, name string) {
	e.typ()
	add := func(field, attr, re string, at draft.Place) {
		out, err := flow.RE2(re)
		if err != nil {
			c.d.Lost(f.Notes(), at, describe(e)+" "+field+" "+re, err.Error())
			return
		}
		b := f.Filter("grep", name, m, further)
		b.Set("field", draft.Text(accessor(field)))
		b.Set(attr, draft.Texts(out))
		c.d.Carried(at, attr+" "+field+" "+re)
	}
	for _, s := range e.elements {
		field, re := s.value("key"), s.value("pattern")
		switch s.name {
		case "regexp":
			add(field, "include", re, s.at)
		case "exclude":
			add(field, "exclude", re, s.at)
		case "and", "or":
			c.grepGroup(f, s, m, further, name)
		}
	}
	for _, p := range e.params {
		attr := "include"
		switch {
		case strings.HasPrefix(p.key, "exclude"):
			attr = "exclude"
		case !strings.HasPrefix(p.key, "regexp"):
			continue
		}
		p.used = true
		field, re, _ := strings.Cut(p.value, " ")
		add(field, attr, strings.TrimSpace(re), p.at)
	}
	c.unused(f.Notes(), e)
}

// grepGroup is <and> or <or>, of regexp or of exclude.
func (c *converter) grepGroup(f *flow.Flow, s *element, m flow.Match, further, name string) {
	var conds []string
	exclude := false
	for _, in := range s.elements {
		exclude = exclude || in.name == "exclude"
		re, err := flow.RE2(in.value("pattern"))
		if err != nil {
			c.d.Lost(f.Notes(), s.at, s.title(), err.Error())
			return
		}
		conds = append(
			conds,
			"string("+expressionField(accessor(in.value("key")))+" ?? '') matches "+flow.Quote(re),
		)
	}
	if conds == nil {
		return
	}
	cond := strings.Join(conds, " "+s.name+" ")
	if exclude {
		cond = "not (" + cond + ")"
	}
	b := f.Filter("where", name, m, further)
	b.Set("condition", draft.Text(cond))
	c.d.Carried(s.at, s.title())
}

func expressionField(name string) string {
	for part := range strings.SplitSeq(name, ".") {
		if !plain.MatchString(part) {
			return "field[" + flow.Quote(name) + "]"
		}
	}
	return "field." + name
}

func (c *converter) parserFilter(f *flow.Flow, e *element, m flow.Match, further, name string) {
	e.typ()
	field := accessor(e.value("key_name"))
	spec := e.sub("parse")
	if spec == nil {
		spec = e
	}
	if p := e.get("reserve_time"); p != nil && truth(p.value) {
		spec.reserveTime = true
		c.carry(p)
	}
	b := c.parser(f, spec, name, m, field, further)
	if b == nil {
		return
	}
	reserve, removeKey := e.get("reserve_data"), e.get("remove_key_name_field")
	into := e.get("hash_value_field")
	if into != nil {
		b.Set("into", draft.Text(into.value))
		c.carry(into)
	}
	switch {
	case into != nil && (reserve == nil || !truth(reserve.value)):
		f.Filter("keep_fields", name, m, further).Set("fields", draft.Texts(into.value))
	case reserve == nil || !truth(reserve.value):
		c.d.Changed(
			b, e.at, describe(e)+" without reserve_data",
			"the other fields stay; remove them with keep_fields",
		)
	case removeKey == nil || !truth(removeKey.value):
		b.Set("keep", draft.Text(field))
	}
	for _, p := range []*param{reserve, removeKey} {
		if p != nil {
			c.carry(p)
		}
	}
	if p := e.get("emit_invalid_record_to_error"); p != nil {
		c.d.Changed(
			b, p.at, shown(p),
			"what cannot be parsed passes as it is, and is counted; see on_failure",
		)
	}
	c.unused(b, e)
}
