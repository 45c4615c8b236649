package fluentd

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

// dateInName is what stands for a date in one part of a path.
var dateInName = regexp.MustCompile(`%[A-Za-z](?:[-_.:]?%[A-Za-z])*`)

func (c *converter) fromFiles(f *flow.Flow, e *element) {
	name := "tail"
	paths := list(e.value("path"))
	if len(paths) > 0 {
		base := path.Base(paths[0])
		name = strings.TrimSuffix(base, path.Ext(base))
		if strings.ContainsAny(name, "*?%") {
			name = path.Base(path.Dir(paths[0]))
		}
	}
	b := c.input(f, "tail", name, e)
	globs := func(attr string, all []string, p *param) {
		var out []draft.Value
		for _, g := range all {
			v, ok := parts(g, false)
			if !ok {
				c.d.Lost(b, p.at, shown(p), "Ruby is not evaluated; write "+attr)
			}
			if strings.Contains(g, "%") && attr == "paths" {
				g = dateInName.ReplaceAllString(g, "*")
				v = []draft.Part{draft.Lit(g)}
				c.d.Changed(b, p.at, shown(p), "dates in a path are matched by *")
			}
			out = append(out, draft.Join(v...))
		}
		b.Set(attr, draft.List(out...))
		c.carry(p)
	}
	if p := e.get("path"); p != nil && len(paths) > 0 {
		globs("paths", paths, p)
	} else {
		b.Set("paths", draft.Texts("/var/log/CHANGE-ME.log"))
		c.d.Lost(b, e.at, e.title(), "it has no path")
	}
	if p := e.get("exclude_path"); p != nil {
		if l := list(p.value); len(l) > 0 {
			globs("exclude", l, p)
		}
	}
	tags := flow.All()
	if p := e.get("tag"); p != nil {
		v, ok := parts(p.value, p.raw)
		text, literal := draft.Literal(v)
		switch {
		case !ok:
			c.d.Lost(b, p.at, shown(p), "Ruby is not evaluated; write tag")
			b.Set("tag", draft.Join(v...))
		case literal && strings.Contains(text, "*"):
			before, after, _ := strings.Cut(text, "*")
			b.Set("tag", draft.Join(draft.Lit(before), draft.Tmpl("path_dots"), draft.Lit(after)))
			tags = ofPath(text)
			c.carry(p)
		default:
			b.Set("tag", draft.Join(v...))
			tags = tagged(v)
			c.carry(p)
		}
	}
	if p := e.get("read_from_head"); p == nil || !truth(p.value) {
		b.Set("start_at", draft.Text("end"))
		if p != nil {
			c.carry(p)
		}
	} else {
		c.carry(p)
	}
	if p := e.get("path_key"); p != nil {
		b.Set("path_header", draft.Text("path"))
		c.carry(p)
	}
	c.duration(b, "rescan_interval", e, "refresh_interval")
	c.duration(b, "rotate_wait", e, "rotate_wait")
	c.duration(b, "ignore_older", e, "limit_recently_modified")
	c.size(b, "max_line_size", e, "max_line_size")
	if p := e.get("encoding"); p != nil && e.get("from_encoding") != nil &&
		!strings.EqualFold(p.value, "utf-8") {
		c.d.Left(b, p.at, shown(p), "what goes on is UTF-8")
	}
	if p := e.get("from_encoding", "encoding"); p != nil {
		enc, ok := kit.Encoding(p.value)
		switch {
		case !ok:
			c.d.Left(b, p.at, shown(p), "write encoding with a name of IANA's")
		case enc != "utf-8":
			b.Set("encoding", draft.Text(enc))
			fallthrough
		default:
			c.carry(p)
		}
	}
	spec := e.sub("parse")
	if spec == nil {
		spec = e
	}
	unfold(spec)
	if c.ofPods(f, b, e, spec, name, tags) {
		c.d.Carried(spec.at, spec.title())
	} else if strings.HasPrefix(spec.value("format", "@type"), "multiline") {
		c.multiline(f, b, e, spec, tags)
	} else {
		c.parse(f, e, name, tags)
	}
	if p := e.get("path_key"); p != nil { // a field of the object that the line has become
		f.Filter("add_fields", p.value, c.own(tags), "").
			Set("fields", draft.Map(key(p.value), `header.path`))
	}
	c.done(b, e)
}

func (c *converter) multiline(
	f *flow.Flow, b *draft.Block, e, spec *element, tags flow.Match,
) {
	m := b.In("multiline")
	first := spec.get("format_firstline", "multiline_start_regexp")
	if first != nil {
		re, err := flow.RE2(first.value)
		if err != nil {
			c.d.Lost(m, first.at, shown(first), err.Error()+"; write start")
			re = "^[^ \t]"
		} else {
			c.carry(first)
		}
		m.Set("start", draft.Text(re))
	} else {
		m.Set("start", draft.Text("^[^ \t]"))
		c.d.Lost(
			m, e.at, e.title()+" multiline",
			"it has no format_firstline: a line that does not begin with a space begins an event",
		)
	}
	c.duration(m, "timeout", e, "multiline_flush_interval")
	var whole strings.Builder
	for i := 1; i <= 20; i++ {
		p := spec.get(fmt.Sprint("format", i))
		if p == nil {
			break
		}
		whole.WriteString(strings.TrimSuffix(strings.TrimPrefix(p.value, "/"), "/"))
		c.carry(p)
	}
	if whole.Len() == 0 {
		c.parseNone(f, "multiline", c.own(tags), spec)
		return
	}
	re, err := flow.RE2("/" + whole.String() + "/m")
	if err != nil {
		c.d.Lost(m, spec.at, "format1 and further", err.Error())
		return
	}
	p := f.Filter("parse", b.Label(), c.own(tags), "")
	p.Set("format", draft.Text("regex"))
	p.Set("pattern", draft.Text(re))
	c.parseRest(f, p, spec, b.Label(), c.own(tags), "time", "")
	if !c.raw {
		c.unmatched(f, e, spec, "multiline")
	}
}
