package filebeat

import (
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

func (c *converter) output(kind string, n *kit.Node) *draft.Block {
	var b *draft.Block
	add := func(typ string) { b = c.Add("output", typ, typ, n) }
	if f := n.Take("codec.format.string"); f != nil && !messageAlone(f) {
		c.Lost(c.p.Notes, f, "records go out as JSON objects: nothing makes other text of them")
	}
	switch kind {
	case "kafka":
		add("kafka")
		c.Brokers(b, n, n.Texts("hosts"))
		c.topic(b, n)
		if k := n.Take("key"); k != nil {
			b.Set("key", draft.Join(c.format(b, k, k.Value)...))
			c.Carry(k)
		}
		switch {
		case n.Find("partition.round_robin") != nil:
			b.Set("partitioner", draft.Text("round_robin"))
		case n.Find("partition.random") != nil:
			b.Set("partitioner", draft.Text("sticky"))
		case n.Find("partition.hash") != nil && b.Get("key") != "":
			b.Set("partitioner", draft.Text("hash"))
		}
		c.Set(b, "compression", n, "compression")
		if b.Get("compression") == "" {
			b.Set("compression", draft.Text("gzip"))
		}
		c.Size(b, "batch_max_bytes", n, "max_message_bytes")
		c.Set(b, "client_id", n, "client_id")
		if hs := n.List("headers"); hs != nil {
			var pairs []draft.Value
			for _, h := range hs {
				pairs = append(pairs, kit.Key(h.Text("key")), draft.Text(h.Text("value")))
			}
			b.Set("headers", draft.Map(pairs...))
			c.Carry(n.Find("headers"))
		}
		if user := n.Take("username"); user != nil {
			mechanism := n.Text("sasl.mechanism")
			if mechanism == "" {
				mechanism = "PLAIN"
			}
			kit.SASL(b, mechanism, user.Value, n.Text("password"))
			c.Carry(user)
		}
		c.ssl(b, n)
	case "elasticsearch":
		add("elasticsearch")
		protocol := n.Text("protocol")
		if protocol == "" {
			protocol = "http"
		}
		var urls []string
		for _, h := range n.Texts("hosts") {
			if !strings.Contains(h, "://") {
				if !strings.Contains(h, ":") {
					h += ":9200"
				}
				h = protocol + "://" + h
			}
			urls = append(urls, h)
		}
		if urls == nil {
			urls = []string{"http://localhost:9200"}
			c.D.Lost(b, n.At, n.Name, "it names no hosts")
		}
		b.Set("urls", kit.Texts(urls))
		c.choose(b, n, "index", "index", "indices", `filebeat-8-%{+yyyy.MM.dd}`)
		c.Set(b, "user", n, "username")
		c.Set(b, "password", n, "password")
		c.Set(b, "api_key", n, "api_key")
		c.SetAlike(b, "pipeline", n, kit.EventReference, "pipeline")
		c.ssl(b, n)
	case "logstash":
		add("http")
		hosts := n.Texts("hosts")
		host := "CHANGE-ME"
		if hosts != nil {
			host, _, _ = strings.Cut(hosts[0], ":")
		}
		b.Set("url", kit.Text("http://"+host+":8080"))
		c.D.Lost(
			b, n.At, n.Name,
			"penstock does not speak the Beats protocol: give Logstash an input http, or let penstock do what Logstash does and write to where it writes",
		)
		c.ssl(b, n)
	case "file":
		add("file")
		name := n.Text("filename")
		if name == "" {
			name = "filebeat"
		}
		path := strings.TrimRight(n.Text("path"), "/") + "/" + name
		if refs := kit.EventReference.FindAllString(path, -1); refs != nil {
			c.D.Lost(
				b, n.At, "path "+path, "it is one file, which is rotated: output \"local\" writes a directory by "+
					"day with path = \"${strftime(\"%Y-%m-%d\")}\", or by a field with \"${field.NAME}\"",
			)
			path = kit.EventReference.ReplaceAllString(path, "all")
		}
		b.Set("path", kit.Text(path))
		if !c.plain {
			b.Set("format", draft.Text("ndjson"))
		}
	case "console":
		add("stdout")
		if !c.plain {
			b.Set("format", draft.Text("ndjson"))
		}
	default:
		c.Lost(c.Agent, n, "there is no such output; see penstock help for those there are")
	}
	return b
}

func (c *converter) topic(b *draft.Block, n *kit.Node) {
	if n.Find("topic") == nil && n.Find("topics") == nil {
		c.D.Lost(b, n.At, n.Name+".topic", "it is not said: write topic")
	}
	c.choose(b, n, "topic", "topic", "topics", "filebeat")
}

// choose writes a topic or an index; where conditions choose it, by a header.
func (c *converter) choose(b *draft.Block, n *kit.Node, attr, one, many, preset string) {
	value := preset
	at := n
	if x := n.Take(one); x != nil {
		value, at = x.Value, x
		c.Carry(x)
	}
	rules := n.List(many)
	if rules == nil {
		b.Set(attr, draft.Join(c.format(b, at, value)...))
		return
	}
	last, lastNeeds, known := formatted(value)
	if !known {
		last = "nil"
	} else if lastNeeds != "" {
		last = lastNeeds + " ? " + last + " : nil"
	}
	expr := ""
	for _, r := range rules {
		name := r.Text(one)
		when := r.Find("when")
		e, ok := "true", true
		if when != nil {
			e, ok = c.condition(when)
		}
		text, needs, known := formatted(name)
		if !known || !ok || r.Find("mappings") != nil {
			c.Lost(b, r, "write a route with an output of its own")
			continue
		}
		if needs != e {
			e = kit.And(e, needs)
		}
		if e == "" {
			e = "true"
		}
		expr += "(" + e + ") ? " + text + " : "
		c.D.Carried(r.At, r.Name)
	}
	if expr == "" {
		b.Set(attr, draft.Join(c.format(b, at, value)...))
		return
	}
	f := c.p.Filter("set", attr, "")
	f.Set("headers", draft.Map(draft.Value(attr), draft.Text(expr+last)))
	b.Set(attr, draft.Join(draft.Tmpl("header."+attr)))
	if !known {
		c.Lost(b, at, "what no condition chooses goes to the dead letter: write it as plain text")
	}
}

var fieldFormat = regexp.MustCompile(`%\{\[([^{}:]+)\](?::([^{}]*))?\}`)

// ofBeats are the objects that Filebeat adds to events, and that are no fields here.
var ofBeats = []string{
	"agent", "host", "ecs", "input", "log", "cloud", "beat", "event", "@timestamp", "@metadata",
}

// formatted is a text with fields in it as an expression, with the condition that they are there;
// dates are not known.
func formatted(text string) (expr, needs string, known bool) {
	var parts, there []string
	for text != "" {
		m := fieldFormat.FindStringSubmatchIndex(text)
		end := len(text)
		if m != nil {
			end = m[0]
		}
		if strings.Contains(text[:end], "%{") {
			return "", "", false
		}
		if end > 0 {
			parts = append(parts, kit.Quote(text[:end]))
		}
		if m == nil {
			break
		}
		name := strings.ReplaceAll(text[m[2]:m[3]], "][", ".")
		if first, _, _ := strings.Cut(name, "."); slices.Contains(ofBeats, first) {
			return "", "", false
		}
		field := kit.Field(name)
		if m[4] >= 0 {
			parts = append(parts, "string("+field+" ?? "+kit.Quote(text[m[4]:m[5]])+")")
		} else {
			parts = append(parts, "string("+field+")")
			there = append(there, field+" != nil")
		}
		text = text[m[1]:]
	}
	if parts == nil {
		parts = []string{"''"}
	}
	return strings.Join(parts, " + "), kit.And(there...), true
}

func (c *converter) ssl(b *draft.Block, n *kit.Node) {
	s := n.Find("ssl")
	if s == nil {
		return
	}
	if s.Text("enabled") == "false" {
		c.Left(b, s, "it is not enabled")
		return
	}
	t := b.In("tls")
	if ca := s.Texts("certificate_authorities"); ca != nil {
		t.Set("ca_file", kit.Text(ca[0]))
		c.D.Carried(s.At, s.Name)
		if len(ca) > 1 {
			c.D.Left(t, s.At, s.Name+".certificate_authorities", "put them into one file")
		}
	}
	c.Set(t, "cert_file", s, "certificate")
	c.Set(t, "key_file", s, "key")
	if s.Text("verification_mode") == "none" {
		t.Set("insecure_skip_verify", draft.Bool(true))
	}
}

// messageAlone reports whether a format is that of lines that stay as they are.
func messageAlone(format *kit.Node) bool { return strings.TrimSpace(format.Value) == "%{[message]}" }
