package fluentbit

import (
	"cmp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// outputs are what there is for those of fluent-bit.
var outputs = map[string]struct {
	typ string
	set func(c *converter, b *draft.Block, s *section)
}{
	"kafka":         {"kafka", (*converter).kafka},
	"forward":       {"forward", (*converter).forward},
	"s3":            {"s3", (*converter).s3},
	"es":            {"elasticsearch", (*converter).elasticsearch},
	"elasticsearch": {"elasticsearch", (*converter).elasticsearch},
	"opensearch":    {"elasticsearch", (*converter).elasticsearch},
	"http":          {"http", (*converter).http},
	"stdout":        {"stdout", (*converter).stdout},
	"file":          {"file", (*converter).file},
}

func (c *converter) output(s *section) {
	m := c.flow.Effective(c.match(s))
	name := s.value("name")
	to, ok := outputs[name]
	switch {
	case name == "null":
		c.d.Carried(s.at, s.title())
		return
	case !ok:
		c.d.Lost(
			c.flow.Notes(), s.at, s.title(),
			"there is no such output; see penstock help for those there are",
		)
		return
	}
	want := to.typ
	if a := s.value("alias"); a != "" {
		want = a
	}
	b := c.d.Add("output", to.typ, c.d.Name("output", to.typ, want))
	b.From(s.at)
	to.set(c, b, s)
	c.d.Carried(s.at, s.title())
	c.outputProcessors(b, s, m)
	c.rest(b, s)
	c.flow.Send(m, b)
}

// hostPort returns where an output sends to, on port unless it names another.
func (c *converter) hostPort(s *section, port string) []draft.Part {
	return c.address(s, "host", "127.0.0.1", port)
}

// address is the host that key names and the port, or what they are by default.
func (c *converter) address(s *section, key, host, port string) []draft.Part {
	parts := append(c.parts(cmp.Or(s.value(key), host)), draft.Lit(":"))
	return append(parts, c.parts(cmp.Or(s.value("port"), port))...)
}

func (s *section) scheme() string {
	if on(s.value("tls")) {
		return "https://"
	}
	return "http://"
}

func (c *converter) forward(b *draft.Block, s *section) {
	b.Set("peer", draft.Text("fluentd"))
	up := s.get("upstream")
	if up == nil || !c.upstream(b, up.value) {
		b.Add("server", "main").Set("address", draft.Join(c.hostPort(s, "24224")...))
	}
	c.set(b, "shared_key", s, "shared_key")
	c.set(b, "self_hostname", s, "self_hostname")
	c.set(b, "user", s, "username")
	c.set(b, "password", s, "password")
	if p := s.get("require_ack_response"); p == nil || !on(p.value) {
		c.d.Changed(
			b, s.at, s.title()+" without require_ack_response",
			"chunks are acknowledged: without acks some are lost whenever a connection breaks; write require_ack = false for that",
		)
	}
	if p := s.get("compress"); p != nil && p.value == "gzip" {
		b.Set("compression", draft.Text("gzip"))
		c.carry(p)
	}
	if _, known := c.upstreams[s.value("upstream")]; known {
		c.carry(up)
	} else if up != nil {
		c.d.Lost(b, up.at, s.title()+" "+shown(up), "write a server block for each node")
	}
	c.tlsClient(b, s)
}

// upstream adds a server for each node of an upstream, and reports whether there are any.
func (c *converter) upstream(b *draft.Block, name string) bool {
	for _, n := range c.upstreams[name] {
		called := n.value("name")
		if called == "" {
			called = n.value("host")
		}
		in := b.Add("server", called)
		host, port := n.value("host"), n.value("port")
		if port == "" {
			port = "24224"
		}
		in.Set("address", draft.Join(append(append(c.parts(host), draft.Lit(":")), c.parts(port)...)...))
		c.set(in, "shared_key", n, "shared_key")
		c.set(in, "user", n, "username")
		c.set(in, "password", n, "password")
		if p := n.get("tls"); p != nil && on(p.value) {
			c.tlsClient(b, n)
		}
		c.d.Carried(n.at, "NODE "+called)
		c.rest(in, n)
	}
	return len(c.upstreams[name]) > 0
}

func (c *converter) elasticsearch(b *draft.Block, s *section) {
	url := append([]draft.Part{draft.Lit(s.scheme())}, c.hostPort(s, "9200")...)
	if p := s.get("path"); p != nil {
		url = append(url, c.parts(p.value)...)
		c.carry(p)
	}
	b.Set("urls", draft.List(draft.Join(url...)))
	c.set(b, "timestamp_field", s, "time_key")
	if p := s.get("logstash_format"); p != nil && on(p.value) {
		prefix, format := s.value("logstash_prefix"), s.value("logstash_dateformat")
		if prefix == "" {
			prefix = "logstash"
		}
		if format == "" {
			format = "%Y.%m.%d"
		}
		if known, err := timepattern.Write(format); err != nil {
			c.d.Lost(b, s.at, s.title()+" logstash_dateformat "+format, err.Error()+"; write index")
			format = "%Y.%m.%d"
		} else {
			format = known
		}
		b.Set(
			"index",
			draft.Join(
				append(
					c.parts(prefix), draft.Lit("-"),
					draft.Tmpl("strftime("+string(draft.Text(format))+")"),
				)...),
		)
		c.carry(p)
	} else {
		b.Set("operation", draft.Text("index"))
		c.index(b, s)
	}
	c.set(b, "user", s, "http_user")
	c.set(b, "password", s, "http_passwd")
	c.set(b, "pipeline", s, "pipeline")
	if p := s.get("include_tag_key"); p != nil && on(p.value) {
		tag := s.value("tag_key")
		if tag == "" {
			tag = "_flb-key"
		}
		b.Set("tag_field", draft.Text(tag))
		c.carry(p)
	}
	if p := s.get("type"); p != nil {
		c.d.Left(b, p.at, shown(p), "Elasticsearch has no types any more")
	}
	c.tlsClient(b, s)
}

func (c *converter) http(b *draft.Block, s *section) {
	uri := s.value("uri")
	if uri == "" {
		uri = "/"
	}
	b.Set(
		"url",
		draft.Join(
			append(
				append([]draft.Part{draft.Lit(s.scheme())}, c.hostPort(s, "80")...),
				c.parts(uri)...)...),
	)
	switch p := s.get("format"); {
	case p == nil || p.value == "msgpack":
		c.d.Changed(b, s.at, s.title()+" format msgpack", "bodies are JSON")
	case p.value == "json":
		b.Set("format", draft.Text("json"))
		c.carry(p)
	default:
		c.carry(p)
	}
	c.dateKey(b, s)
	if p := s.get("compress"); p == nil || p.value != "gzip" {
		b.Set("compression", draft.Text("none"))
	}
	var headers []draft.Value
	for _, p := range s.all("header") {
		k, v, _ := strings.Cut(p.value, " ")
		headers = append(headers, plainKey(k), draft.Join(c.parts(strings.TrimSpace(v))...))
		c.carry(p)
	}
	if p := s.get("bearer_token"); p != nil {
		bearer := append([]draft.Part{draft.Lit("Bearer ")}, c.parts(p.value)...)
		headers = append(headers, draft.Value("Authorization"), draft.Join(bearer...))
		c.carry(p)
	}
	if headers != nil {
		b.Set("headers", draft.Map(headers...))
	}
	c.set(b, "user", s, "http_user")
	c.set(b, "password", s, "http_passwd")
	c.tlsClient(b, s)
}

func (c *converter) stdout(b *draft.Block, s *section) {
	b.Set("format", draft.Text("full"))
	if p := s.get("format"); p != nil {
		c.d.Changed(b, p.at, shown(p), "lines are JSON, with time and tag")
	}
}

func (c *converter) file(b *draft.Block, s *section) {
	dir, file := s.value("path"), s.value("file")
	if dir == "" {
		dir = "/var/log/penstock"
	}
	if file == "" {
		file = "out.log"
		c.d.Lost(
			b, s.at, s.title(), "a file for each tag: output \"local\" writes a directory by tag",
		)
	}
	b.Set(
		"path",
		draft.Join(
			append(
				append(c.parts(strings.TrimRight(dir, "/")), draft.Lit("/")),
				c.parts(file)...)...),
	)
	b.Set("format", draft.Text("ndjson"))
	at, what := s.at, s.title()+" format"
	if p := s.get("format"); p != nil {
		at, what = p.at, shown(p)
	}
	c.d.Changed(
		b, at, what, "lines are the JSON of the record, without tag and time before it",
	)
}

func (c *converter) tlsClient(b *draft.Block, s *section) {
	if p := s.get("tls"); p == nil || !on(p.value) {
		return
	}
	t := b.In("tls")
	c.set(t, "ca_file", s, "tls.ca_file")
	c.set(t, "cert_file", s, "tls.crt_file")
	c.set(t, "key_file", s, "tls.key_file")
	if p := s.get("tls.verify"); p != nil && !on(p.value) {
		t.Set("insecure_skip_verify", draft.Bool(true))
		c.carry(p)
	}
}
