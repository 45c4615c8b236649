package flume

import (
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// source adds the input for a source, and tells where its records go.
func (c *converter) source(name string) {
	n := c.a.Find("sources." + name)
	if n == nil {
		c.D.Lost(c.Agent, c.a.At, c.a.Name+".sources."+name, "nothing is said of it")
		return
	}
	s := &source{name: name, node: n}
	typ := n.Text("type")
	add := func(kind string) *draft.Block {
		s.input, s.kind = c.Add("input", kind, name, n), kind
		return s.input
	}
	short := typ[strings.LastIndexByte(typ, '.')+1:]
	switch strings.ToLower(short) {
	case "taildir", "taildirsource":
		c.taildir(n, s, add)
	case "spooldir", "spooldirectorysource":
		c.spooldir(n, s, add)
	case "exec", "execsource":
		c.exec(n, add)
	case "syslogtcp", "syslogudp", "multiport_syslogtcp", "syslogtcpsource", "syslogudpsource",
		"multiportsyslogtcpsource":
		c.syslog(n, strings.Contains(strings.ToLower(short), "udp"), add)
	case "http", "httpsource":
		b := add("http")
		b.Set("listen", listen(n, "", "bind", "port", "5140"))
		c.tls(b, n)
		c.D.Changed(
			b,
			n.At,
			n.Name,
			"bodies are lines or JSON records, not Flume's list of headers and body; X-Header fields of requests may become headers: see penstock help input.http",
		)
		if x := n.Take("handler"); x != nil && !strings.HasSuffix(x.Value, "JSONHandler") {
			c.Lost(b, x, "bodies are read by their content type, by no code of one's own")
		}
	case "netcat", "netcatsource", "netcatudp", "netcatudpsource":
		kind := "tcp"
		if strings.Contains(strings.ToLower(short), "udp") {
			kind = "udp"
		}
		b := add(kind)
		b.Set("listen", listen(n, "", "bind", "port", "44444"))
		if n.Take("ack-every-event") == nil && kind == "tcp" {
			c.D.Changed(b, n.At, n.Name+".ack-every-event", "clients get no OK for a line")
		}
		c.Size(b, "max_line_size", n, "max-line-length")
	case "kafkasource":
		c.kafkaSource(n, add("kafka"))
	case "avro", "avrosource", "thrift", "thriftsource":
		b := add("forward")
		b.Set("listen", listen(n, "", "bind", "port", "4141"))
		c.tls(b, n)
		c.Lost(
			b, n, "penstock does not speak "+short+
				": let what sends here send by the Fluentd forward protocol, as penstock's output \"forward\" does, or by HTTP",
		)
	default:
		c.Lost(c.Agent, n, "there is no such input; see penstock help for those there are")
		return
	}
	switch s.kind {
	case "kafka":
	case "forward":
		c.TagPrefix(s.input, name)
	default:
		s.input.Set("tag", draft.Text(name))
	}
	c.sources = append(c.sources, s)
	c.selector(s.input, n, name)
}

func listen(n *kit.Node, before, host, port, preset string) draft.Value {
	h, p := n.Text(host), n.Text(port)
	if h == "" {
		h = "0.0.0.0"
	}
	if p == "" {
		p = preset
	}
	return kit.Text(before + h + ":" + p)
}

func (c *converter) tls(b *draft.Block, n *kit.Node) {
	if !n.On("ssl", "enableSSL") {
		return
	}
	at, what := n.At, n.Name+".keystore"
	if x := n.Take("keystore"); x != nil {
		at, what = x.At, x.Shown()
	}
	c.D.Lost(
		b, at, what,
		"a Java keystore: write tls { }, with cert_file and key_file as PEM files: it listens without now",
	)
}

func (c *converter) taildir(n *kit.Node, s *source, add func(string) *draft.Block) {
	b := add("tail")
	var globs []string
	for _, g := range words(n, "filegroups") {
		x := n.Take("filegroups." + g)
		if x == nil {
			continue
		}
		dir, pattern := path.Split(x.Value)
		glob, exact := globOf(pattern)
		globs = append(globs, dir+glob)
		of := "origin matches " + kit.Quote(namePattern(dir, pattern))
		s.files = append(s.files, of)
		c.sameFiles(b, x, glob, exact, s)
		hs := n.Find("headers." + g)
		if hs == nil {
			continue
		}
		for _, h := range hs.Kids {
			s.header = append(
				s.header, draft.Text(h.Key), draft.Text(headerCond(of, h.Value)),
			)
			c.Carry(h)
			h.Done()
		}
	}
	if globs == nil {
		globs = []string{"/var/log/CHANGE-ME.log"}
		c.Lost(b, n, "it has no filegroups")
	}
	b.Set("paths", kit.Texts(globs))
	if n.On("skipToEnd") {
		b.Set("start_at", draft.Text("end"))
	}
	c.fileHeaders(b, n)
}

// headerCond is an expression that gives a file's header: which group a file is of is told by its
// path, which is the origin.
func headerCond(of, value string) string { return of + " ? " + kit.Quote(value) + " : nil" }

// sameFiles tells how a glob stands for a regular expression of files' names: where it matches
// more, a filter leaves out the records of the others.
func (c *converter) sameFiles(b *draft.Block, x *kit.Node, glob string, exact bool, s *source) {
	switch {
	case exact:
		c.Carry(x)
	case strings.HasSuffix(s.files[len(s.files)-1], "''"):
		s.files = s.files[:len(s.files)-1]
		c.Changed(
			b, x, "the glob "+glob+" matches more than this regular expression, which RE2 has not: see exclude",
		)
	default:
		s.wider = true
		c.Changed(
			b, x, "the glob "+glob+" matches more: filter \"where\" lets pass what this regular expression matches",
		)
	}
}

func (c *converter) fileHeaders(b *draft.Block, n *kit.Node) {
	if x := n.Take("fileHeader"); x != nil && n.On("fileHeader") {
		key := n.Text("fileHeaderKey")
		if key == "" {
			key = "file"
		}
		b.Set("path_header", draft.Text(key))
		c.Carry(x)
	}
	if x := n.Take("byteOffsetHeader"); x != nil && n.On("byteOffsetHeader") {
		b.Set("offset_header", draft.Text("byteoffset"))
		c.Carry(x)
	}
}

func (c *converter) spooldir(n *kit.Node, s *source, add func(string) *draft.Block) {
	b := add("tail")
	dir := strings.TrimRight(n.Text("spoolDir"), "/")
	if dir == "" {
		dir = "/var/spool/CHANGE-ME"
		c.D.Lost(b, n.At, n.Name, "it has no spoolDir")
	}
	below := "/"
	if n.On("recursiveDirectorySearch") {
		below = "/**/"
	}
	b.Set("paths", kit.Texts([]string{dir + below + "*"}))
	suffix := n.Text("fileSuffix")
	if suffix == "" {
		suffix = ".COMPLETED"
	}
	exclude := []string{dir + below + "*" + suffix}
	if x := n.Take("includePattern"); x != nil {
		g, exact := globOf(x.Value)
		b.Set("paths", kit.Texts([]string{dir + below + g}))
		s.files = append(s.files, "origin matches "+kit.Quote(namePattern("", x.Value)))
		c.sameFiles(b, x, g, exact, s)
	}
	if x := n.Take("ignorePattern"); x != nil {
		if g, exact := globOf(x.Value); exact {
			exclude = append(exclude, dir+below+g)
			c.Carry(x)
		} else {
			c.Lost(b, x, "globs stand for files: write exclude")
		}
	}
	b.Set("exclude", kit.Texts(exclude))
	b.Set("partial_line_timeout", draft.Text("5s"))
	if x := n.Take("deletePolicy"); x != nil && strings.EqualFold(x.Value, "immediate") {
		b.Set("after_read", draft.Text("delete"))
		c.Changed(b, x, "files are deleted once every output has them, and a minute after they were written")
	} else {
		c.D.Changed(
			b, n.At, n.Name,
			"files are not renamed when they have been read; penstock remembers them: see after_read",
		)
	}
	if x := n.Take("deserializer"); x != nil && x.Scalar && !strings.EqualFold(x.Value, "LINE") {
		c.Lost(b, x, "files are read by lines")
	}
	c.Size(b, "max_line_size", n, "deserializer.maxLineLength")
	if x := n.Take("inputCharset"); x != nil {
		c.Charset(b, x)
	}
	if x := n.Take("basenameHeader"); x != nil && n.On("basenameHeader") {
		key := n.Text("basenameHeaderKey")
		if key == "" {
			key = "basename"
		}
		s.header = append(s.header, draft.Text(key), draft.Text("last(split(origin, '/'))"))
		c.Carry(x)
	}
	c.fileHeaders(b, n)
}

var tailF = regexp.MustCompile(
	`^\s*tail\s+(?:-n\s*\S+\s+|-c\s*\S+\s+|--follow=name\s+|--retry\s+|-[fF]\S*\s+)+(\S+)\s*$`,
)

func (c *converter) exec(n *kit.Node, add func(string) *draft.Block) {
	command := n.Text("command")
	if m := tailF.FindStringSubmatch(command); m != nil {
		b := add("tail")
		b.Set("paths", kit.Texts([]string{m[1]}))
		b.Set("start_at", draft.Text("end"))
		c.D.Changed(
			b, n.At, n.Name+".command = "+command,
			"the file itself is read, through rotation, and goes on where it stopped",
		)
		return
	}
	b := add("exec")
	b.Set(
		"command", draft.List(draft.Text("/bin/sh"), draft.Text("-c"), kit.Text(command)),
	)
	throttle := 10 * time.Second
	if x := n.Take("restartThrottle"); x != nil {
		if d, ok := kit.ParseDuration(x.Value, time.Millisecond); ok && d > 0 {
			throttle = d
		}
		c.Carry(x)
	}
	if !n.On("restart") {
		c.D.Changed(b, n.At, n.Name, "a command that ends is started again")
	}
	b.Set("interval", draft.Duration(throttle))
}

func (c *converter) syslog(n *kit.Node, udp bool, add func(string) *draft.Block) {
	b := add("syslog")
	scheme := "tcp://"
	if udp {
		scheme = "udp://"
	}
	host := n.Text("host")
	if host == "" {
		host = "0.0.0.0"
	}
	var all []string
	for _, port := range append(words(n, "ports"), words(n, "port")...) {
		all = append(all, scheme+host+":"+port)
	}
	if all == nil {
		all = []string{scheme + host + ":5140"}
	}
	b.Set("listen", kit.Texts(all))
	const fields = "records are objects with all fields of the message, as JSON: see penstock help input.syslog"
	if x := n.Take("keepFields"); x != nil {
		c.Changed(b, x, fields)
	} else {
		c.D.Changed(b, n.At, n.Name, fields)
	}
	if x := n.Find("charset.port"); x != nil {
		for _, k := range x.Kids {
			if k.Scalar && k.Find("") == nil {
				c.Charset(b, k)
				k.Done()
			}
		}
	}
	c.Size(b, "max_message_size", n, "eventSize")
	c.tls(b, n)
}

func (c *converter) kafkaSource(n *kit.Node, b *draft.Block) {
	c.kafkaInput(n, b, "kafka.topics")
	if x := n.Take("setTopicHeader"); x != nil {
		c.Carry(x)
	}
	if x := n.Take("topicHeader"); x != nil {
		c.Changed(b, x, "the topic is the tag, in routes and paths too")
	}
	if x := n.Take("useFlumeEventFormat"); x != nil {
		c.avroEvents(b, x)
	}
}

// avroEvents tells of values that are events of Flume, with their headers.
func (c *converter) avroEvents(b *draft.Block, x *kit.Node) {
	if strings.EqualFold(x.Value, "true") {
		c.Lost(
			b, x, "values are Avro events of Flume: write decode in the archive, or have it sent plainly",
		)
		return
	}
	c.Carry(x)
}

// kafkaInput has an input read what a source of Kafka, or a channel, read.
func (c *converter) kafkaInput(n *kit.Node, b *draft.Block, topicsKey string) {
	hosts := n.Take("kafka.bootstrap.servers")
	if hosts != nil {
		c.Brokers(b, n, []string{hosts.Value})
		c.Carry(hosts)
	} else {
		c.Brokers(b, n, nil)
	}
	if !c.Set(b, "group", n, "kafka.consumer.group.id", "groupId") {
		b.Set("group", draft.Text("flume"))
	}
	if x := n.Take("kafka.topics.regex"); x != nil {
		b.Set("topics_regex", draft.Texts(kit.Whole(x.Value)))
		c.Carry(x)
		if x := n.Take("kafka.topics"); x != nil {
			c.Left(b, x, "topics_regex says which")
		}
	} else {
		var topics []string
		for _, name := range []string{topicsKey, "topic"} {
			topics = append(topics, words(n, name)...)
		}
		b.Set("topics", kit.Texts(topics))
	}
	if n.Text("kafka.consumer.auto.offset.reset") != "earliest" {
		b.Set("start", draft.Text("latest"))
	}
	c.kafkaSecurity(b, n, "kafka.consumer.")
	c.KafkaSettings(b, n.Find("kafka.consumer"))
	if topicsKey == "kafka.topic" {
		if x := n.Take("parseAsFlumeEvent"); x != nil {
			c.avroEvents(b, x)
		} else {
			c.D.Lost(
				b, n.At, n.Name+".parseAsFlumeEvent",
				"values are Avro events of Flume: write decode in the archive, or have it sent plainly",
			)
		}
	}
}

// interceptors adds filters for what the interceptors of a source do.
func (c *converter) interceptors(p *kit.Pipeline, s *source, cond string) {
	n := s.node
	if s.wider {
		b := p.Filter("where", s.name+"_files", cond)
		b.Set("condition", draft.Text(strings.Join(s.files, " or ")))
	}
	if s.header != nil {
		b := p.Filter("set", s.name+"_headers", cond)
		b.Set("headers", draft.Map(dedupe(s.header)...))
	}
	for _, name := range words(n, "interceptors") {
		x := n.Find("interceptors." + name)
		if x == nil {
			continue
		}
		c.interceptor(p, x, name, cond)
	}
}

// dedupe makes one expression of several for one header.
func dedupe(pairs []draft.Value) []draft.Value {
	var out []draft.Value
	for i := 0; i+1 < len(pairs); i += 2 {
		at := -1
		for j := 0; j < len(out); j += 2 {
			if out[j] == pairs[i] {
				at = j + 1
			}
		}
		if at < 0 {
			out = append(out, pairs[i], pairs[i+1])
			continue
		}
		before := string(out[at])
		out[at] = draft.Value(
			strings.TrimSuffix(before, `nil"`) + strings.TrimPrefix(string(pairs[i+1]), `"`),
		)
	}
	return out
}

func (c *converter) interceptor(p *kit.Pipeline, x *kit.Node, name, cond string) {
	typ := x.Text("type")
	short := strings.ToLower(typ[strings.LastIndexByte(typ, '.')+1:])
	if owner, ok := strings.CutSuffix(typ, "$Builder"); ok {
		short = strings.ToLower(owner[strings.LastIndexByte(owner, '.')+1:])
	}
	header := func(key, expr string) {
		b := p.Filter("set", name, cond)
		b.From(x.At)
		b.Set("headers", draft.Map(draft.Text(key), draft.Text(expr)))
		if x.Find("preserveExisting") == nil || x.On("preserveExisting") {
			b.Set("overwrite", draft.Bool(false))
		}
		c.D.Carried(x.At, x.Name)
	}
	orElse := func(v, preset string) string {
		if v == "" {
			return preset
		}
		return v
	}
	switch short {
	case "timestamp", "timestampinterceptor":
		c.Left(p.Notes, x, "records have their time; paths of archives are made of it")
	case "host", "hostinterceptor":
		header(orElse(x.Text("hostHeader"), "host"), "agent")
		if ip := x.Text("useIP"); ip != "false" {
			c.D.Changed(p.Notes, x.At, x.Name+".useIP", "it is the host's name, not its address")
		}
	case "static", "staticinterceptor":
		header(orElse(x.Text("key"), "key"), kit.Quote(orElse(x.Text("value"), "value")))
	case "regex_filter", "regexfilteringinterceptor":
		re := x.Take("regex")
		if re == nil {
			c.Left(p.Notes, x, "it has no regex")
			return
		}
		if _, err := regexp.Compile(re.Value); err != nil {
			c.Lost(p.Notes, x, "RE2 has it not: "+err.Error())
			return
		}
		b := p.Filter("grep", name, cond)
		b.From(x.At)
		if x.On("excludeEvents") {
			b.Set("exclude", draft.Texts(re.Value))
		} else {
			b.Set("include", draft.Texts(re.Value))
		}
		c.Carry(re)
	case "search_replace", "searchandreplaceinterceptor":
		pattern := x.Text("searchPattern")
		if _, err := regexp.Compile(pattern); err != nil {
			c.Lost(p.Notes, x, "RE2 has it not: "+err.Error())
			return
		}
		b := p.Filter("replace", name, cond)
		b.From(x.At)
		b.Set("pattern", draft.Text(pattern))
		b.Set("with", draft.Text(x.Text("replaceString")))
		c.D.Carried(x.At, x.Name)
	case "regex_extractor", "regexextractorinterceptor":
		c.Lost(
			p.Notes,
			x,
			"headers cannot be cut out of a line: take the fields out with filter \"parse\", and write field.NAME where the header is used",
		)
	case "uuidinterceptor":
		b := p.Filter("uuid", name, cond)
		b.From(x.At)
		b.Set("header", draft.Text(orElse(x.Text("headerName"), "id")))
		c.D.Carried(x.At, x.Name)
		if k := x.Take("preserveExisting"); k != nil {
			c.Left(b, k, "each record gets one, the same whenever it is delivered")
		}
		if k := x.Take("prefix"); k != nil {
			c.Left(b, k, "ids stand alone")
		}
	case "remove_header", "removeheaderinterceptor":
		c.Left(p.Notes, x, "headers go where the output sends them: see the output's headers")
	default:
		c.Lost(p.Notes, x, "there is no filter that does what this code does")
	}
}
