package fluentd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
)

// inputs is what adds one for a source, and the filters that parse what it reads.
var inputs = map[string]func(c *converter, f *flow.Flow, e *element){
	"tail":                      (*converter).fromFiles,
	"forward":                   (*converter).fromForward,
	"secure_forward":            (*converter).fromForward,
	"http":                      (*converter).fromHTTP,
	"syslog":                    (*converter).fromSyslog,
	"tcp":                       (*converter).fromSocket,
	"udp":                       (*converter).fromSocket,
	"unix":                      (*converter).fromUnix,
	"exec":                      (*converter).fromExec,
	"systemd":                   (*converter).fromSystemd,
	"monitor_agent":             (*converter).monitor,
	"prometheus":                (*converter).monitor,
	"prometheus_monitor":        (*converter).monitor,
	"prometheus_output_monitor": (*converter).monitor,
	"prometheus_tail_monitor":   (*converter).monitor,
	"debug_agent":               (*converter).monitor,
	"gc_stat":                   (*converter).monitor,
	"object_space":              (*converter).monitor,
	"dummy":                     (*converter).madeUp,
	"sample":                    (*converter).madeUp,
}

// source adds what there is for a source.
func (c *converter) source(f *flow.Flow, e *element) {
	if add := inputs[e.typ()]; add != nil {
		add(c, f, e)
		return
	}
	c.d.Lost(
		c.agent, e.at, e.title()+" "+e.typ(),
		"there is no such input; see penstock help for those there are",
	)
}

func (c *converter) fromHTTP(f *flow.Flow, e *element) {
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
}

func (c *converter) fromSyslog(f *flow.Flow, e *element) {
	b := c.input(f, "syslog", "syslog", e)
	proto := cmp.Or(e.value("protocol_type"), "udp")
	if t := e.sub("transport"); t != nil {
		proto = strings.Fields(t.arg + " udp")[0]
	}
	c.transport(b, e)
	b.Set("listen", draft.List(c.listen(e, "0.0.0.0", "5140", proto+"://")))
	c.set(b, "tag", e, "tag")
	c.d.Changed(
		b, e.at, e.title(),
		"facility and severity are fields, and do not follow the tag",
	)
	r := f.Filter(
		"rename_fields", "syslog", c.own(flow.Match{Patterns: []string{cmp.Or(e.value("tag"), "syslog")}}), "",
	)
	r.Set("fields", draft.Map("hostname", `"host"`, "app_name", `"ident"`, "proc_id", `"pid"`))
	c.byFacility(f, e.value("tag"))
	c.done(b, e)
}

func (c *converter) fromSocket(f *flow.Flow, e *element) {
	typ := e.typ()
	b := c.input(f, typ, typ, e)
	b.Set(
		"listen",
		c.listen(e, "0.0.0.0", map[string]string{"tcp": "5170", "udp": "5160"}[typ], ""),
	)
	if typ == "tcp" {
		c.transport(b, e)
	}
	tag := c.tag(b, e, typ)
	c.parse(f, e, typ, tag)
	c.done(b, e)
}

func (c *converter) fromUnix(f *flow.Flow, e *element) {
	b := c.input(f, "forward", "unix", e)
	b.Set("listen", draft.Text("unix://"+e.value("path")))
	c.done(b, e)
}

func (c *converter) fromExec(f *flow.Flow, e *element) {
	b := c.input(f, "exec", "exec", e)
	cmd, ok := parts(e.value("command"), false)
	if !ok {
		c.d.Lost(b, e.at, e.title(), "Ruby is not evaluated; write command")
	}
	b.Set("command", draft.List(draft.Text("/bin/sh"), draft.Text("-c"), draft.Join(cmd...)))
	c.duration(b, "interval", e, "run_interval")
	tag := c.tag(b, e, "exec")
	c.parse(f, e, "exec", tag)
	c.done(b, e)
}

func (c *converter) fromSystemd(f *flow.Flow, e *element) {
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
}

// monitor is what shows how fluentd is.
func (c *converter) monitor(_ *flow.Flow, e *element) {
	typ := e.typ()
	if p := e.get("port"); p != nil && typ == "monitor_agent" {
		if _, ok := parts(p.value, p.raw); ok &&
			regexp.MustCompile(`^\d+$`).MatchString(p.value) {
			c.agent.In("admin").Set("listen", draft.Text("127.0.0.1:"+p.value))
		}
	}
	c.d.Changed(
		c.agent, e.at, e.title()+" "+typ,
		"the agent has a status page, /api/status and /metrics of its own, at agent.admin.listen",
	)
}

// madeUp is what makes records up.
func (c *converter) madeUp(_ *flow.Flow, e *element) {
	c.d.Left(
		c.agent, e.at, e.title()+" "+e.typ(), "there is no input that makes records up; use exec",
	)
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

// own is the tags of an input, or all where nothing else comes into the pipeline.
func (c *converter) own(m flow.Match) flow.Match {
	if c.only {
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

func (c *converter) fromForward(f *flow.Flow, e *element) {
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
