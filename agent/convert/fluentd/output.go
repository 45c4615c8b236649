package fluentd

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

var (
	conversion = regexp.MustCompile(`%[A-Za-z](?:[-_/.:]?%[A-Za-z])*`)
	chunkTag   = regexp.MustCompile(`^tag\[\s*(-?\d+)\s*\]$`)
)

// placeholders turns ${tag}, ${tag[1]}, ${key} and %Y%m%d of a buffer's chunk keys into a template.
func placeholders(value string, raw bool) ([]draft.Part, error) {
	pieces, ok := parts(value, raw)
	if !ok {
		return pieces, errRuby
	}
	var out []draft.Part
	var bad error
	dates := func(text string) {
		for text != "" {
			m := conversion.FindStringIndex(text)
			if m == nil {
				out = append(out, draft.Lit(text))
				return
			}
			if m[0] > 0 {
				out = append(out, draft.Lit(text[:m[0]]))
			}
			format, err := timepattern.Write(text[m[0]:m[1]])
			if err != nil {
				bad, format = err, "%Y%m%d"
			}
			out = append(out, draft.Tmpl("strftime("+string(draft.Text(format))+")"))
			text = text[m[1]:]
		}
	}
	for _, p := range pieces {
		text, literal := draft.Literal([]draft.Part{p})
		if !literal {
			out = append(out, p)
			continue
		}
		for text != "" {
			m := placeholder.FindStringSubmatchIndex(text)
			if m == nil {
				dates(text)
				break
			}
			dates(text[:m[0]])
			name := text[m[2]:m[3]]
			switch {
			case name == "tag":
				out = append(out, draft.Tmpl("tag"))
			case chunkTag.MatchString(name):
				out = append(out, draft.Tmpl("tag["+chunkTag.FindStringSubmatch(name)[1]+"]"))
			case name == "chunk_id":
				out = append(out, draft.Tmpl("start"))
			default:
				out = append(out, draft.Tmpl(fieldOf(strings.Split(accessor(name), ".")...)))
			}
			text = text[m[1]:]
		}
	}
	return out, bad
}

// template sets an attribute that is a template.
func (c *converter) template(b *draft.Block, attr string, p *param) {
	v, err := placeholders(p.value, p.raw)
	if err != nil {
		c.d.Lost(b, p.at, shown(p), err.Error()+"; write "+attr)
	} else {
		c.carry(p)
	}
	b.Set(attr, draft.Join(v...))
}

// texts sets a list of strings.
func (c *converter) texts(b *draft.Block, attr string, p *param, each func(string) string) {
	var out []draft.Value
	bad := false
	for _, s := range list(p.value) {
		v, ok := parts(each(s), p.raw)
		bad = bad || !ok
		out = append(out, draft.Join(v...))
	}
	b.Set(attr, draft.List(out...))
	if bad {
		c.d.Lost(b, p.at, shown(p), "Ruby is not evaluated; write "+attr)
	} else {
		c.carry(p)
	}
}

func same(s string) string { return s }

func (c *converter) kafka(f *flow.Flow, b *draft.Block, e *element, m flow.Match) {
	if p := e.get("brokers"); p != nil {
		c.texts(b, "brokers", p, same)
	} else {
		b.Set("brokers", draft.Texts("localhost:9092"))
		c.d.Lost(b, e.at, describe(e), "it names no brokers (a ZooKeeper is not asked)")
	}
	c.set(b, "client_id", e, "client_id")
	topicKey, def := e.get("topic_key"), e.get("default_topic", "topic", "output_topic")
	buffer := e.sub("buffer")
	byField := topicKey != nil || buffer != nil && strings.Contains(buffer.arg, "topic")
	field := "topic"
	if topicKey != nil {
		field = topicKey.value
		c.carry(topicKey)
	}
	switch {
	case byField && def != nil:
		v, ok := parts(def.value, def.raw)
		set := f.Filter("set", b.Label()+"_topic", m, "")
		text := append([]draft.Part{draft.Lit(expressionField(field) + " ?? '")}, v...)
		set.Set("headers", draft.Map("topic", draft.Join(append(text, draft.Lit("'"))...)))
		b.Set("topic", draft.Join(draft.Tmpl("header.topic")))
		if ok {
			c.d.Changed(
				b, def.at, shown(def),
				"the topic stands in a header, too, which filter \"set\" gives to each record",
			)
		} else {
			c.d.Lost(
				b, def.at, shown(def),
				"Ruby is not evaluated; write the topic in filter.set."+set.Label(),
			)
		}
	case byField:
		b.Set("topic", draft.Join(draft.Tmpl(fieldOf(field))))
	case def != nil:
		c.template(b, "topic", def)
	default:
		b.Set("topic", draft.Join(draft.Tmpl("tag")))
	}
	if p := e.get("message_key_key"); p != nil {
		b.Set("key", draft.Join(draft.Tmpl(fieldOf(strings.Split(accessor(p.value), ".")...))))
		c.carry(p)
	} else if p := e.get("default_message_key"); p != nil {
		c.template(b, "key", p)
	}
	if p := e.get("partition_key_key", "partition_key", "default_partition_key"); p != nil {
		if b.Get("key") == "" && p.key != "default_partition_key" {
			b.Set("key", draft.Join(draft.Tmpl(fieldOf(p.value))))
			c.d.Changed(
				b, p.at, shown(p),
				"the partition is chosen by the record's key, which is this field now",
			)
		} else {
			c.d.Left(b, p.at, shown(p), "the partition is chosen by the record's key")
		}
	}
	if p := e.get("compression_codec"); p != nil {
		b.Set("compression", draft.Text(p.value))
		c.carry(p)
	}
	if p := e.get("required_acks"); p != nil {
		if p.value == "-1" {
			c.carry(p)
		} else {
			c.d.Changed(
				b, p.at, shown(p), "a record counts as delivered when all in-sync replicas have it",
			)
		}
	}
	c.size(b, "batch_max_bytes", e, "max_send_limit_bytes")
	user, pass := e.get("username"), e.get("password")
	if user != nil && pass != nil {
		sasl := b.In("sasl")
		mechanism := "PLAIN"
		if p := e.get("scram_mechanism"); p != nil {
			mechanism = "SCRAM-" + strings.ToUpper(
				strings.Replace(strings.ToLower(p.value), "sha", "SHA-", 1),
			)
			c.carry(p)
		}
		sasl.Set("mechanism", draft.Text(mechanism))
		user.used, pass.used = false, false
		c.set(sasl, "username", e, "username")
		c.set(sasl, "password", e, "password")
	}
	ca, cert, key := e.get("ssl_ca_cert"), e.get("ssl_client_cert"), e.get("ssl_client_cert_key")
	overSSL := e.get("sasl_over_ssl")
	if ca != nil || cert != nil || overSSL != nil && truth(overSSL.value) && user != nil ||
		e.get("ssl_ca_certs_from_system") != nil {
		tls := b.In("tls")
		for _, x := range []struct {
			attr string
			p    *param
		}{{"ca_file", ca}, {"cert_file", cert}, {"key_file", key}} {
			if x.p == nil {
				continue
			}
			v, ok := parts(strings.Join(list(x.p.value), ","), x.p.raw)
			if !ok {
				c.d.Lost(tls, x.p.at, shown(x.p), "Ruby is not evaluated; write "+x.attr)
			}
			tls.Set(x.attr, draft.Join(v...))
			c.carry(x.p)
		}
		if p := e.get("ssl_verify_hostname"); p != nil && !truth(p.value) {
			c.d.Changed(
				tls, p.at, shown(p),
				"names in certificates are verified; write server_name where they differ",
			)
		}
	}
	if p := e.get("exclude_topic_key", "exclude_message_key", "exclude_partition_key"); p != nil &&
		truth(p.value) {
		c.d.Left(
			b, p.at, shown(p),
			"write filter \"remove_fields\" only where the field is not needed for the topic or key",
		)
	}
	if h := e.sub("headers"); h != nil {
		for _, p := range h.params {
			p.used = true
			c.d.Left(b, p.at, "headers "+shown(p), "write headers")
		}
	}
}

func (c *converter) forward(b *draft.Block, e *element) {
	b.Set("peer", draft.Text("fluentd"))
	servers := 0
	for _, s := range e.elements {
		if s.name != "server" {
			continue
		}
		servers++
		host := s.value("host")
		v, ok := parts(host, false)
		name := s.value("name")
		if name == "" {
			name = host
		}
		if !ok || strings.Contains(name, "#{") {
			name = "server"
		}
		in := b.Add("server", name)
		port, portOK := parts(cmp.Or(s.value("port"), "24224"), false)
		in.Set("address", draft.Join(append(append(v, draft.Lit(":")), port...)...))
		if !ok || !portOK {
			c.d.Lost(in, s.at, s.title(), "Ruby is not evaluated; write address")
		}
		if p := s.get("weight"); p != nil {
			in.Set("weight", draft.Value(p.value))
			c.carry(p)
		}
		if p := s.get("standby"); p != nil && truth(p.value) {
			in.Set("standby", draft.Bool(true))
			c.carry(p)
		}
		c.set(in, "shared_key", s, "shared_key")
		c.set(in, "user", s, "username")
		c.set(in, "password", s, "password")
		c.d.Carried(s.at, s.title())
		c.unused(in, s)
	}
	if servers == 0 {
		in := b.Add("server", "main")
		in.Set("address", draft.Text("localhost:24224"))
		c.d.Lost(in, e.at, describe(e), "it names no server")
	}
	sec := e.sub("security")
	if sec == nil {
		sec = e
	}
	c.set(b, "shared_key", sec, "shared_key")
	c.set(b, "self_hostname", sec, "self_hostname")
	if p := e.get("require_ack_response"); p == nil || !truth(p.value) {
		c.d.Changed(
			b, e.at, describe(e)+" without require_ack_response",
			"chunks are acknowledged: without acks some are lost whenever a connection breaks; write require_ack = false for that",
		)
	} else {
		c.carry(p)
	}
	c.duration(b, "ack_timeout", e, "ack_response_timeout")
	c.duration(b, "send_timeout", e, "send_timeout")
	c.duration(b, "connect_timeout", e, "connect_timeout")
	c.duration(b, "hard_timeout", e, "hard_timeout")
	c.duration(b, "recover_wait", e, "recover_wait")
	c.duration(b, "heartbeat_interval", e, "heartbeat_interval")
	if p := e.get("heartbeat_type"); p != nil {
		if p.value == "udp" || p.value == "none" {
			b.Set("heartbeat", draft.Text(p.value))
		}
		c.carry(p)
	}
	if p := e.get("compress"); p != nil {
		if p.value == "gzip" || p.value == "zstd" {
			b.Set("compression", draft.Text(p.value))
		}
		c.carry(p)
	}
	if p := e.get("keepalive"); p != nil && !truth(p.value) {
		c.d.Changed(b, p.at, shown(p), "connections are kept")
	}
	if p := e.get("transport"); p != nil && p.value == "tls" {
		tls := b.In("tls")
		c.carry(p)
		c.set(tls, "ca_file", e, "tls_cert_path", "tls_ca_cert_path")
		c.set(tls, "cert_file", e, "tls_client_cert_path")
		c.set(tls, "key_file", e, "tls_client_private_key_path")
		c.bool(tls, "insecure_skip_verify", false, e, "tls_insecure_mode")
		if p := e.get("tls_verify_hostname"); p != nil && !truth(p.value) {
			c.d.Changed(
				tls, p.at, shown(p),
				"names in certificates are verified; write server_name where they differ",
			)
		}
	}
}

func (c *converter) file(b *draft.Block, e *element) {
	p := e.get("path")
	if p == nil {
		b.Set("path", draft.Text("/var/log/penstock/out.log"))
		c.d.Lost(b, e.at, describe(e), "it has no path")
		return
	}
	v, ok := parts(p.value, p.raw)
	text, literal := draft.Literal(v)
	switch {
	case !ok:
		c.d.Lost(b, p.at, shown(p), "Ruby is not evaluated; write path")
		v = []draft.Part{draft.Lit("/var/log/penstock/out.log")}
	case literal && (strings.Contains(text, "${") || conversion.MatchString(text)):
		c.d.Lost(
			b, p.at, shown(p),
			"a path is one file, which is rotated: output \"local\" writes a directory by tag, time or a field, "+
				"with path = \"${tag}/${strftime(\"%Y-%m-%d\")}\" or \"${field.level}\"",
		)
		clean := conversion.ReplaceAllString(placeholder.ReplaceAllString(text, "all"), "all")
		v = []draft.Part{
			draft.Lit(strings.TrimRight(strings.ReplaceAll(clean, "*", "all"), "/") + ".log"),
		}
	default:
		v = append(v, draft.Lit(".log"))
		c.d.Changed(
			b, p.at, shown(p),
			"the file is called .log, and rotated ones get a time; fluentd made one file for each chunk",
		)
	}
	b.Set("path", draft.Join(v...))
	b.Set("format", draft.Text("ndjson"))
	if s := e.sub("format"); s == nil || s.value("@type") == "out_file" {
		c.d.Changed(
			b, e.at, describe(e)+" format",
			"lines are the JSON of the record; format = \"full\" has time and tag as well",
		)
	}
	if p := e.get("compress"); p != nil && strings.HasPrefix(p.value, "gz") {
		b.In("rotate").Set("compress", draft.Bool(true))
		c.carry(p)
	}
	if s := e.sub("buffer"); s != nil {
		if p := s.get("timekey"); p != nil {
			if d, err := seconds(p.value); err == nil {
				b.In("rotate").Set("age", draft.Duration(d))
				c.carry(p)
			}
		}
	}
	switch p := e.get("append"); {
	case p == nil:
	case p.value == "true":
		c.carry(p)
	default:
		c.d.Changed(b, p.at, shown(p), "files are appended to, and get another name when they are rotated")
	}
}

func (c *converter) elasticsearch(b *draft.Block, e *element, stream bool) {
	scheme := cmp.Or(e.value("scheme"), "http")
	port := cmp.Or(e.value("port"), "9200")
	hosts := e.get("hosts", "host")
	if hosts == nil {
		hosts = &param{key: "host", value: "localhost", at: e.at}
	}
	c.texts(b, "urls", hosts, func(h string) string {
		if strings.Contains(h, "://") {
			return h
		}
		if !strings.Contains(regexp.MustCompile(`#\{[^}]*\}`).ReplaceAllString(h, ""), ":") {
			h += ":" + port
		}
		return scheme + "://" + h
	})
	logstash := e.get("logstash_format")
	switch {
	case stream:
		if p := e.get("data_stream_name"); p != nil {
			c.template(b, "index", p)
		}
		b.Set("operation", draft.Text("create"))
	case logstash != nil && truth(logstash.value):
		prefix := e.get("logstash_prefix")
		if prefix == nil {
			prefix = &param{key: "logstash_prefix", value: "logstash", at: e.at}
		}
		v, err := placeholders(prefix.value, prefix.raw)
		if err != nil {
			c.d.Lost(b, prefix.at, shown(prefix), err.Error()+"; write index")
		}
		format, err := timepattern.Write(cmp.Or(e.value("logstash_dateformat"), "%Y.%m.%d"))
		if err != nil {
			format = "%Y.%m.%d"
			c.d.Lost(b, logstash.at, "logstash_dateformat", err.Error()+"; write index")
		}
		v = append(
			v, draft.Lit(cmp.Or(e.value("logstash_prefix_separator"), "-")),
			draft.Tmpl("strftime("+string(draft.Text(format))+")"),
		)
		b.Set("index", draft.Join(v...))
		c.carry(logstash)
	default:
		if p := e.get("index_name"); p != nil {
			c.template(b, "index", p)
		} else {
			b.Set("index", draft.Text("fluentd"))
		}
		b.Set("operation", draft.Text("index"))
		if p := e.get("include_timestamp"); p != nil && truth(p.value) {
			c.carry(p)
		} else {
			b.Set("timestamp_field", draft.Text(""))
		}
	}
	c.set(b, "user", e, "user")
	c.set(b, "password", e, "password")
	c.set(b, "pipeline", e, "pipeline")
	if p := e.get("include_tag_key"); p != nil && truth(p.value) {
		b.Set("tag_field", draft.Text(cmp.Or(e.value("tag_key"), "tag")))
		c.carry(p)
	}
	if p := e.get("id_key"); p != nil {
		c.d.Left(
			b, p.at, shown(p),
			"an id is taken from a header: filter \"set\" { headers = { id = \"field."+p.value+"\" } } and id_header = \"id\"",
		)
	}
	for _, k := range []string{"remove_keys", "time_key", "write_operation"} {
		if p := e.get(
			k,
		); p != nil && k == "write_operation" &&
			(p.value == "create" || p.value == "index") {
			b.Set("operation", draft.Text(p.value))
			c.carry(p)
		} else if p != nil {
			c.d.Unknown(b, p.at, p.key, shown(p))
		}
	}
	c.duration(b, "timeout", e, "request_timeout")
	if e.get("ca_file") != nil || e.get("client_cert") != nil || e.get("ssl_verify") != nil {
		tls := b.In("tls")
		c.set(tls, "ca_file", e, "ca_file")
		c.set(tls, "cert_file", e, "client_cert")
		c.set(tls, "key_file", e, "client_key")
		if p := e.get("ssl_verify"); p != nil {
			if !truth(p.value) {
				tls.Set("insecure_skip_verify", draft.Bool(true))
			}
			c.carry(p)
		}
		if tls.Empty() {
			b.RemoveBlock("tls")
		}
	}
}

func (c *converter) http(b *draft.Block, e *element) {
	if !c.set(b, "url", e, "endpoint", "endpoint_url") {
		b.Set("url", draft.Text("http://localhost:9880/"))
		c.d.Lost(b, e.at, describe(e), "it names no endpoint")
	}
	if strings.Contains(string(b.Get("url")), "${tag") {
		c.d.Lost(b, e.at, describe(e), "url is no template: write one output for each")
		b.Set("url", draft.Text("http://localhost:9880/"))
	}
	if p := e.get("http_method"); p != nil {
		b.Set("method", draft.Text(strings.ToUpper(p.value)))
		c.carry(p)
	}
	if p := e.get("json_array"); p != nil && truth(p.value) {
		b.Set("format", draft.Text("json"))
		c.carry(p)
	}
	b.Set("compression", draft.Text("none"))
	c.set(b, "content_type", e, "content_type")
	if p := e.get("headers"); p != nil {
		var pairs []draft.Value
		for s := range strings.SplitSeq(strings.Trim(p.value, "{} \n"), ",") {
			k, v, _ := strings.Cut(s, ":")
			text, ok := parts(strings.Trim(strings.TrimSpace(v), `"`), p.raw)
			if !ok {
				c.d.Lost(b, p.at, "headers "+k, "Ruby is not evaluated")
			}
			pairs = append(pairs, key(strings.Trim(strings.TrimSpace(k), `"`)), draft.Join(text...))
		}
		b.Set("headers", draft.Map(pairs...))
		c.carry(p)
	}
	if s := e.sub("auth"); s != nil {
		if p := s.get("method"); p != nil && p.value != "basic" {
			c.d.Lost(b, p.at, shown(p), "it is said who sends by user and password, or by token")
		}
		c.set(b, "user", s, "username")
		c.set(b, "password", s, "password")
	}
	if p := e.get("tls_ca_cert_path"); p != nil {
		p.used = false
		c.set(b.In("tls"), "ca_file", e, "tls_ca_cert_path")
	}
}
