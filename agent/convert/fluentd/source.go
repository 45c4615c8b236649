package fluentd

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

// dateInName is what stands for a date in one part of a path.
var dateInName = regexp.MustCompile(`%[A-Za-z](?:[-_.:]?%[A-Za-z])*`)

// source adds an input and the filters that parse what it reads.
func (c *converter) source(f *flow.Flow, e *element, only bool) {
	typ := e.typ()
	switch typ {
	case "tail":
		c.tail(f, e, only)
	case "forward", "secure_forward":
		c.forwardSource(f, e)
	case "http":
		b := c.input(f, "http", "http", e)
		b.Set("listen", c.listen(e, "0.0.0.0", "9880", ""))
		c.size(b, "max_body_size", e, "body_size_limit")
		c.transport(b, e)
		if v := e.get("cors_allow_origins"); v != nil {
			b.Set("cors_origins", draft.Texts(list(v.value)...))
			c.carry(v)
		}
		c.d.Changed(
			b, e.at, e.title(),
			"bodies are read by their content type, as fluentd reads them; the tag is the path",
		)
		c.done(b, e)
	case "syslog":
		b := c.input(f, "syslog", "syslog", e)
		proto := e.value("protocol_type")
		if t := e.sub("transport"); t != nil {
			proto = strings.Fields(t.arg + " udp")[0]
		}
		if proto == "" {
			proto = "udp"
		}
		c.transport(b, e)
		b.Set("listen", draft.List(c.listen(e, "0.0.0.0", "5140", proto+"://")))
		c.set(b, "tag", e, "tag")
		c.d.Changed(
			b, e.at, e.title(),
			"facility and severity are fields, and do not follow the tag",
		)
		r := f.Filter(
			"rename_fields", "syslog", c.own(flow.Match{Patterns: []string{orElse(e.value("tag"), "syslog")}}, only), "",
		)
		r.Set("fields", draft.Map("hostname", `"host"`, "app_name", `"ident"`, "proc_id", `"pid"`))
		c.byFacility(f, e.value("tag"))
		c.done(b, e)
	case "tcp", "udp":
		b := c.input(f, typ, typ, e)
		b.Set(
			"listen",
			c.listen(e, "0.0.0.0", map[string]string{"tcp": "5170", "udp": "5160"}[typ], ""),
		)
		if typ == "tcp" {
			c.transport(b, e)
		}
		tag := c.tag(b, e, typ)
		c.parse(f, e, typ, tag, only)
		c.done(b, e)
	case "unix":
		b := c.input(f, "forward", "unix", e)
		b.Set("listen", draft.Text("unix://"+e.value("path")))
		c.done(b, e)
	case "exec":
		b := c.input(f, "exec", "exec", e)
		cmd, ok := parts(e.value("command"), false)
		if !ok {
			c.d.Lost(b, e.at, e.title(), "Ruby is not evaluated; write command")
		}
		b.Set("command", draft.List(draft.Text("/bin/sh"), draft.Text("-c"), draft.Join(cmd...)))
		c.duration(b, "interval", e, "run_interval")
		tag := c.tag(b, e, "exec")
		c.parse(f, e, "exec", tag, only)
		c.done(b, e)
	case "systemd":
		b := c.input(f, "journald", "journal", e)
		c.tag(b, e, "journald")
		c.set(b, "directory", e, "path")
		if truth(e.value("read_from_head")) && e.get("read_from_head") != nil {
			b.Set("from", draft.Text("beginning"))
		}
		if p := e.get("matches"); p != nil {
			if matches := journalMatches(p.value); matches != nil {
				b.Set("matches", draft.Texts(matches...))
				c.carry(p)
			} else {
				c.d.Lost(b, p.at, shown(p), "write matches, as journalctl takes them")
			}
		}
		if s := e.sub("storage"); s != nil {
			c.d.Left(b, s.at, s.title(), positions)
		}
		c.done(b, e)
	case "monitor_agent",
		"prometheus",
		"prometheus_monitor",
		"prometheus_output_monitor",
		"prometheus_tail_monitor",
		"debug_agent",
		"gc_stat",
		"object_space":
		what := e.title() + " " + typ
		if p := e.get("port"); p != nil && typ == "monitor_agent" {
			if _, ok := parts(p.value, p.raw); ok &&
				regexp.MustCompile(`^\d+$`).MatchString(p.value) {
				c.agent.In("admin").Set("listen", draft.Text("127.0.0.1:"+p.value))
			}
		}
		c.d.Changed(
			c.agent, e.at, what,
			"the agent has a status page, /api/status and /metrics of its own, at agent.admin.listen",
		)
	case "dummy", "sample":
		c.d.Left(
			c.agent, e.at, e.title()+" "+typ, "there is no input that makes records up; use exec",
		)
	default:
		c.d.Lost(
			c.agent, e.at, e.title()+" "+typ,
			"there is no such input; see penstock help for those there are",
		)
	}
}

// byFacility tells of patterns that ask for the facility of syslog messages behind the tag.
func (c *converter) byFacility(f *flow.Flow, tag string) {
	scopes := []*element{c.root}
	for _, l := range c.labels {
		scopes = append(scopes, l)
	}
	for _, scope := range scopes {
		for _, e := range scope.elements {
			for _, word := range strings.Fields(e.arg) {
				rest, ok := strings.CutPrefix(word, tag+".")
				if ok && e.name != "source" && !strings.HasPrefix(rest, "*") {
					c.d.Lost(
						f.Notes(), e.at, e.title()+" "+word,
						"the tag is "+tag+" for all: write a route with if, and field.facility in it",
					)
				}
			}
		}
	}
}

// journalMatches writes maps, any of which is to match, as journalctl takes them.
func journalMatches(value string) (out []string) {
	var all []map[string]any
	if json.Unmarshal([]byte(value), &all) != nil {
		return nil
	}
	for i, m := range all {
		if i > 0 {
			out = append(out, "+")
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			list, isList := m[name].([]any)
			if !isList {
				list = []any{m[name]}
			}
			for _, v := range list {
				out = append(out, fmt.Sprintf("%s=%v", name, v))
			}
		}
	}
	return out
}

// used marks all parameters as seen.
func (e *element) used() {
	for _, p := range e.params {
		p.used = true
	}
	for _, s := range e.elements {
		s.used()
	}
}

// input adds an input of a type.
func (c *converter) input(f *flow.Flow, typ, want string, e *element) *draft.Block {
	if id := e.value("@id", "id"); id != "" {
		want = id
	}
	b := c.d.Add("input", typ, c.d.Name("input", typ, want))
	b.From(e.at)
	f.From(b)
	return b
}

func (c *converter) done(b *draft.Block, e *element) {
	c.d.Carried(e.at, e.title()+" "+e.typ())
	c.unused(b, e)
}

// listen returns an address.
func (c *converter) listen(e *element, host, port, before string) draft.Value {
	if v := e.value("bind"); v != "" {
		host = v
	}
	out := []draft.Part{draft.Lit(before + host + ":")}
	if strings.Contains(host, ":") {
		out = []draft.Part{draft.Lit(before + "[" + host + "]:")}
	}
	p, ok := parts(port, false)
	if v := e.get("port"); v != nil {
		p, ok = parts(v.value, v.raw)
	}
	if !ok {
		p = []draft.Part{draft.Lit(port)}
		c.d.Lost(c.agent, e.at, e.title()+" port", "Ruby is not evaluated; write listen")
	}
	return draft.Join(append(out, p...)...)
}

// tag sets the tag of an input, and returns which tags its records have.
func (c *converter) tag(b *draft.Block, e *element, preset string) flow.Match {
	p := e.get("tag")
	if p == nil {
		return flow.Match{Patterns: []string{preset}}
	}
	v, ok := parts(p.value, p.raw)
	if !ok {
		c.d.Lost(b, p.at, shown(p), "Ruby is not evaluated; write tag")
	} else {
		c.carry(p)
	}
	b.Set("tag", draft.Join(v...))
	return tagged(v)
}

// tagsOf is the tags that a source gives; false if it is none that penstock takes.
func tagsOf(e *element) (flow.Match, bool) {
	preset := ""
	switch e.typ() {
	case "tail", "forward", "http", "unix":
	case "tcp", "udp", "exec", "syslog":
		preset = e.typ()
	case "systemd":
		preset = "journald"
	default:
		return flow.Match{}, false
	}
	p := e.get("tag")
	if p == nil && preset != "" {
		return flow.Match{Patterns: []string{preset}}, true
	}
	if p != nil {
		if v, ok := parts(p.value, p.raw); ok {
			if text, literal := draft.Literal(v); literal && e.typ() == "tail" {
				return ofPath(text), true
			}
			return tagged(v), true
		}
	}
	return flow.All(), true
}

// ofPath is the tags of a tail, in which * stands for the path.
func ofPath(tag string) flow.Match {
	before, _, isPath := strings.Cut(tag, "*")
	switch {
	case !isPath:
		return flow.Match{Patterns: []string{tag}}
	case before == "":
		return flow.All()
	}
	return flow.Match{Patterns: []string{strings.TrimSuffix(before, ".") + ".**"}}
}

// tagged is the tags that parts make: what the machine decides stands for anything.
func tagged(parts []draft.Part) flow.Match {
	pattern := ""
	for _, p := range parts {
		text, literal := draft.Literal([]draft.Part{p})
		if !literal {
			text = "**"
		}
		pattern += text
	}
	if pattern == "**" {
		return flow.All()
	}
	return flow.Match{Patterns: []string{pattern}}
}

func list(v string) []string {
	v = strings.Trim(strings.TrimSpace(v), "[]")
	var out []string
	for s := range strings.SplitSeq(v, ",") {
		if s = strings.Trim(strings.TrimSpace(s), `"'`); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (c *converter) tail(f *flow.Flow, e *element, only bool) {
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
	if c.ofPods(f, b, e, spec, name, tags, only) {
		c.d.Carried(spec.at, spec.title())
	} else if strings.HasPrefix(spec.value("format", "@type"), "multiline") {
		c.multiline(f, b, e, spec, tags, only)
	} else {
		c.parse(f, e, name, tags, only)
	}
	if p := e.get("path_key"); p != nil { // a field of the object that the line has become
		f.Filter("add_fields", p.value, c.own(tags, only), "").
			Set("fields", draft.Map(key(p.value), `header.path`))
	}
	c.done(b, e)
}

// own is the tags of an input, or all where nothing else comes into the pipeline.
func (c *converter) own(m flow.Match, only bool) flow.Match {
	if only {
		return flow.All()
	}
	m, _ = m.Of(c.others)
	return m
}

// key is a name of a map.
func key(name string) draft.Value {
	if plain.MatchString(name) {
		return draft.Value(name)
	}
	return draft.Text(name)
}

var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (c *converter) multiline(
	f *flow.Flow, b *draft.Block, e, spec *element, tags flow.Match, only bool,
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
		c.parseNone(f, "multiline", c.own(tags, only), spec)
		return
	}
	re, err := flow.RE2("/" + whole.String() + "/m")
	if err != nil {
		c.d.Lost(m, spec.at, "format1 and further", err.Error())
		return
	}
	p := f.Filter("parse", b.Label(), c.own(tags, only), "")
	p.Set("format", draft.Text("regex"))
	p.Set("pattern", draft.Text(re))
	c.parseRest(f, p, spec, b.Label(), c.own(tags, only), "time", "")
	if !c.raw {
		c.unmatched(f, e, spec, "multiline")
	}
}

func (c *converter) forwardSource(f *flow.Flow, e *element) {
	b := c.input(f, "forward", "forward", e)
	b.Set("listen", c.listen(e, "0.0.0.0", "24224", ""))
	c.set(b, "tag_prefix", e, "add_tag_prefix")
	if p := e.get("tag"); p != nil {
		c.d.Lost(
			b, p.at, shown(p), "tags are the clients' own; rename them with filter \"rename_tag\"",
		)
	}
	c.size(b, "max_message_size", e, "chunk_size_limit")
	c.transport(b, e)
	sec := e.sub("security")
	if sec == nil && (e.get("shared_key") != nil) {
		sec = e
	}
	if sec != nil {
		s := b.In("security")
		c.set(s, "self_hostname", sec, "self_hostname")
		c.set(s, "shared_key", sec, "shared_key")
		c.bool(s, "allow_anonymous_source", true, sec, "allow_anonymous_source")
		c.bool(s, "user_auth", false, sec, "user_auth")
		for _, u := range sec.elements {
			switch u.name {
			case "user":
				name := u.get("username")
				if name == nil {
					continue
				}
				text, _ := parts(name.value, name.raw)
				user, named := s.User(text)
				c.set(user, "password", u, "password")
				if !named {
					c.d.Lost(user, name.at, shown(name), draft.NoUser)
				}
			case "client":
				client := s.Add("client")
				c.set(client, "host", u, "host")
				c.set(client, "network", u, "network")
				c.set(client, "shared_key", u, "shared_key")
				if p := u.get("users"); p != nil {
					client.Set("users", draft.Texts(list(p.value)...))
					c.carry(p)
				}
			}
		}
		if sec != e {
			c.unused(s, sec)
		}
	}
	c.done(b, e)
}

// transport carries over <transport tls>.
func (c *converter) transport(b *draft.Block, e *element) {
	t := e.sub("transport")
	if t == nil || !strings.Contains(t.arg, "tls") {
		return
	}
	tls := b.In("tls")
	c.set(tls, "cert_file", t, "cert_path")
	c.set(tls, "key_file", t, "private_key_path")
	if tls.Get("cert_file") == "" || tls.Get("key_file") == "" {
		b.RemoveBlock("tls")
		t.used()
		c.d.Lost(
			b, t.at, t.title(),
			"it names no certificate of its own: write tls { }, with cert_file and key_file: it listens without now",
		)
		return
	}
	if c.set(tls, "client_ca_file", t, "ca_path") {
		c.bool(tls, "require_client_cert", false, t, "client_cert_auth")
	}
	c.unused(tls, t)
}
