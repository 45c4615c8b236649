package fluentbit

import (
	"regexp"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
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

func (c *converter) output(s *section) {
	m := c.flow.Effective(c.match(s))
	name := s.value("name")
	title := s.title()
	var b *draft.Block
	add := func(typ, want string) {
		if a := s.value("alias"); a != "" {
			want = a
		}
		b = c.d.Add("output", typ, c.d.Name("output", typ, want))
		b.From(s.at)
	}
	hostPort := func(port string) []draft.Part {
		host, p := s.value("host"), s.value("port")
		if host == "" {
			host = "127.0.0.1"
		}
		if p == "" {
			p = port
		}
		return append(append(c.parts(host), draft.Lit(":")), c.parts(p)...)
	}
	scheme := func() string {
		if on(s.value("tls")) {
			return "https://"
		}
		return "http://"
	}
	switch name {
	case "kafka":
		add("kafka", "kafka")
		c.kafka(b, s)
	case "forward":
		add("forward", "forward")
		b.Set("peer", draft.Text("fluentd"))
		up := s.get("upstream")
		if up == nil || !c.upstream(b, up.value) {
			b.Add("server", "main").Set("address", draft.Join(hostPort("24224")...))
		}
		c.set(b, "shared_key", s, "shared_key")
		c.set(b, "self_hostname", s, "self_hostname")
		c.set(b, "user", s, "username")
		c.set(b, "password", s, "password")
		if p := s.get("require_ack_response"); p == nil || !on(p.value) {
			c.d.Changed(
				b, s.at, title+" without require_ack_response",
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
			c.d.Lost(b, up.at, title+" "+shown(up), "write a server block for each node")
		}
		c.tlsClient(b, s)
	case "s3":
		add("s3", "s3")
		c.s3(b, s)
	case "es", "elasticsearch", "opensearch":
		add("elasticsearch", "elasticsearch")
		url := append([]draft.Part{draft.Lit(scheme())}, hostPort("9200")...)
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
	case "http":
		add("http", "http")
		uri := s.value("uri")
		if uri == "" {
			uri = "/"
		}
		b.Set(
			"url",
			draft.Join(
				append(
					append([]draft.Part{draft.Lit(scheme())}, hostPort("80")...),
					c.parts(uri)...)...),
		)
		switch p := s.get("format"); {
		case p == nil || p.value == "msgpack":
			c.d.Changed(b, s.at, title+" format msgpack", "bodies are JSON")
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
	case "stdout":
		add("stdout", "stdout")
		b.Set("format", draft.Text("full"))
		if p := s.get("format"); p != nil {
			c.d.Changed(b, p.at, shown(p), "lines are JSON, with time and tag")
		}
	case "file":
		add("file", "file")
		dir, file := s.value("path"), s.value("file")
		if dir == "" {
			dir = "/var/log/penstock"
		}
		if file == "" {
			file = "out.log"
			c.d.Lost(
				b, s.at, title, "a file for each tag: output \"local\" writes a directory by tag",
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
		at, what := s.at, title+" format"
		if p := s.get("format"); p != nil {
			at, what = p.at, shown(p)
		}
		c.d.Changed(
			b, at, what, "lines are the JSON of the record, without tag and time before it",
		)
	case "null":
		c.d.Carried(s.at, title)
		return
	default:
		c.d.Lost(
			c.flow.Notes(), s.at, title,
			"there is no such output; see penstock help for those there are",
		)
		return
	}
	c.d.Carried(s.at, title)
	c.outputProcessors(b, s, m)
	c.rest(b, s)
	c.flow.Send(m, b)
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

const ofRecord = "values are JSON: in msgpack, topic and key are the same for all records of a source"

func (c *converter) kafka(b *draft.Block, s *section) {
	var brokers []draft.Value
	for h := range strings.SplitSeq(c.expanded(s.value("brokers")), ",") {
		if h = strings.TrimSpace(h); h != "" {
			brokers = append(brokers, draft.Join(c.parts(h)...))
		}
	}
	if brokers == nil {
		brokers = []draft.Value{draft.Text("localhost:9092")}
		c.d.Lost(b, s.at, s.title(), "it names no brokers")
	}
	b.Set("brokers", draft.List(brokers...))
	topics := s.get("topics")
	switch key := s.get("topic_key"); {
	case key != nil:
		c.topicKey(b, s, key, topics)
	case topics != nil:
		first, _, more := strings.Cut(topics.value, ",")
		b.Set("topic", draft.Join(c.parts(strings.TrimSpace(first))...))
		if more {
			c.d.Changed(
				b, topics.at, shown(topics),
				"only the first of them was written to without a topic_key",
			)
		} else {
			c.carry(topics)
		}
	default:
		b.Set("topic", draft.Text("fluent-bit"))
	}
	if !c.set(b, "key", s, "message_key") {
		if p := s.get("message_key_field"); p != nil {
			b.Set("key", draft.Join(draft.Tmpl("field["+string(draft.Text(p.value))+"]")))
			c.carry(p)
		}
	}
	switch p := s.get("format"); {
	case p == nil, strings.EqualFold(p.value, "json"), strings.EqualFold(p.value, "msgpack"):
		key := "@timestamp"
		if t := s.get("timestamp_key"); t != nil {
			key = t.value
		}
		c.d.Changed(
			b, s.at, s.title()+" timestamp_key "+key,
			"the time is that of the Kafka record; for a field write filter \"add_fields\" with ${time}",
		)
		switch {
		case p == nil || !strings.EqualFold(p.value, "msgpack"):
		case kit.Msgpack(b):
			c.carry(p)
		default:
			c.d.Changed(b, p.at, shown(p), ofRecord)
		}
	case p.value == "raw":
		at, what := p.at, shown(p)
		if key := s.get("raw_log_key"); key != nil {
			at, what = key.at, shown(key)
		}
		c.d.Changed(
			b, at, what,
			"values are the records' JSON: take the field out with filter \"parse\", or leave the parse filter out so that lines stay lines",
		)
	default:
		c.d.Changed(b, p.at, shown(p), "values are JSON")
	}
	mechanism, user, pass := s.get("rdkafka.sasl.mechanism", "rdkafka.sasl.mechanisms"), s.get(
		"rdkafka.sasl.username",
	), s.get(
		"rdkafka.sasl.password",
	)
	if mechanism != nil && user != nil && pass != nil {
		sasl := b.In("sasl")
		sasl.Set("mechanism", draft.Text(strings.ToUpper(mechanism.value)))
		sasl.Set("username", draft.Join(c.parts(user.value)...))
		sasl.Set("password", draft.Join(c.parts(pass.value)...))
		c.carry(mechanism)
	} else if mechanism != nil {
		c.d.Lost(b, mechanism.at, shown(mechanism), "write a sasl block")
	}
	if p := s.get("rdkafka.security.protocol"); p != nil {
		if strings.HasSuffix(strings.ToLower(p.value), "ssl") {
			t := b.In("tls")
			c.set(t, "ca_file", s, "rdkafka.ssl.ca.location")
			c.set(t, "cert_file", s, "rdkafka.ssl.certificate.location")
			c.set(t, "key_file", s, "rdkafka.ssl.key.location")
		}
		c.carry(p)
	}
	c.set(b, "client_id", s, "client_id")
	if p := s.get("rdkafka.enable.ssl.certificate.verification"); p != nil {
		if !on(p.value) && b.Find("tls") != nil {
			b.In("tls").Set("insecure_skip_verify", draft.Bool(true))
		}
		c.carry(p)
	}
	for _, p := range s.props {
		name, ok := strings.CutPrefix(p.key, "rdkafka.")
		if !ok || p.used {
			continue
		}
		carried, why := kit.KafkaSetting(b, name, p.value)
		p.used = carried || why != ""
		if carried {
			c.carry(p)
		} else if why != "" {
			c.d.Left(b, p.at, shown(p), why)
		}
	}
}

func (c *converter) s3(b *draft.Block, s *section) {
	if !c.set(b, "bucket", s, "bucket") {
		b.Set("bucket", draft.Text("CHANGE-ME"))
		c.d.Lost(b, s.at, s.title(), "it names no bucket")
	}
	c.set(b, "region", s, "region")
	c.set(b, "endpoint", s, "endpoint")
	c.set(b, "storage_class", s, "storage_class")
	c.set(b, "acl", s, "canned_acl")
	if p := s.get("log_key"); p != nil {
		c.d.Lost(b, p.at, shown(p), "records go out whole: leave the parsers out so that lines stay lines, with format \"raw\"")
	}
	if s.get("role_arn") != nil {
		c.set(b.In("assume_role"), "arn", s, "role_arn")
	}
	p := s.get("s3_key_format")
	format := "/fluent-bit-logs/$TAG/%Y/%m/%d/%H/%M/%S"
	at := s.at
	if p != nil {
		format, at = p.value, p.at
	}
	b.Set("path", c.keyFormat(format))
	c.d.Changed(
		b, at, "s3_key_format "+format,
		"the last part of it gives way to a name made of the positions of what is in the object, so that none is written twice",
	)
	c.duration(b.In("roll"), "age", s, time.Minute, "upload_timeout")
	c.size(b.In("roll"), "size", s, "total_file_size")
	if b.Find("roll").Empty() {
		b.Find("roll").Set("age", draft.Text("10m"))
	}
	compression := "none"
	if z := s.get("compression"); z != nil {
		if z.value == "gzip" || z.value == "zstd" || z.value == "snappy" {
			compression = z.value
			c.carry(z)
		} else {
			c.d.Changed(
				b, z.at, shown(z),
				"write format \"parquet\" {} for columns; objects are not compressed now",
			)
		}
	}
	b.Set("compression", draft.Text(compression))
	b.Add("format", "ndjson")
	c.dateKey(b, s)
	if p := s.get("s3_key_format_tag_delimiters"); p != nil && p.value != "." {
		c.d.Lost(b, p.at, shown(p), "tags are divided at dots")
	}
}

// keyFormat turns $TAG, $TAG[1] and %Y into a template, without the object's name.
func (c *converter) keyFormat(format string) draft.Value {
	dirs := strings.Split(strings.TrimLeft(format, "/"), "/")
	if len(dirs) > 1 {
		dirs = dirs[:len(dirs)-1]
	}
	for i, d := range dirs { // an hour of a path is as fine as is good for it
		if d == "%M" || d == "%S" {
			dirs = dirs[:i]
			break
		}
	}
	var out []draft.Part
	for i, d := range dirs {
		if i > 0 {
			out = append(out, draft.Lit("/"))
		}
		for d != "" {
			switch {
			case strings.HasPrefix(d, "$TAG["):
				n, rest, _ := strings.Cut(d[len("$TAG["):], "]")
				out = append(out, draft.Tmpl("tag["+n+"]"))
				d = rest
			case strings.HasPrefix(d, "$TAG"):
				out = append(out, draft.Tmpl("tag"))
				d = d[len("$TAG"):]
			case d[0] == '%' && len(d) > 1:
				if format, err := timepattern.Write(d[:2]); err != nil {
					out = append(out, draft.Lit(d[:2]))
				} else {
					out = append(out, draft.Tmpl("strftime("+string(draft.Text(format))+")"))
				}
				d = d[2:]
			default:
				end := strings.IndexAny(d[1:], "$%")
				if end < 0 {
					end = len(d) - 1
				}
				out = append(out, draft.Lit(d[:end+1]))
				d = d[end+1:]
			}
		}
	}
	return draft.Join(out...)
}
