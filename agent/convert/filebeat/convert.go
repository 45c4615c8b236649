package filebeat

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/javatime"
	"github.com/penstock/penstock/agent/convert/kit"
)

// Convert reads Filebeat's files and writes an agent.
func Convert(paths []string, from kit.Reader) (*draft.Draft, error) {
	c := &converter{Conv: kit.New()}
	root := &kit.Node{}
	for _, path := range paths {
		src, err := from(path)
		if err != nil {
			return nil, err
		}
		n, err := kit.YAML(path, src)
		if err != nil {
			return nil, err
		}
		root.Kids = append(root.Kids, n.Kids...)
	}
	c.asksPath = speaksOf(root, "log.file.path")
	root.Nest()
	c.root(root)
	c.Sweep(harmless, root)
	c.D.Environment(nil)
	return c.D, nil
}

type converter struct {
	*kit.Conv
	p      *kit.Pipeline
	inputs int
	plain  bool // lines stay lines

	asksPath bool // something asks for the path of a file
}

// speaksOf reports whether a name stands in what is below a node.
func speaksOf(n *kit.Node, name string) bool {
	return strings.Contains(n.Key, name) || n.Scalar && strings.Contains(n.Value, name) ||
		slices.ContainsFunc(n.Kids, func(k *kit.Node) bool { return speaksOf(k, name) })
}

func (c *converter) root(root *kit.Node) {
	c.p = c.Pipeline("main")
	var inputs []*kit.Node
	for _, name := range []string{"filebeat.inputs", "filebeat.prospectors"} {
		if list := root.Find(name); list != nil {
			inputs = append(inputs, list.Kids...)
		}
	}
	for _, n := range inputs {
		if e := n.Find("enabled"); e == nil || e.Value != "false" {
			c.inputs++
		}
	}
	out := root.Find("output")
	for _, kind := range []string{"kafka", "elasticsearch", "logstash", "file", "console", "redis"} {
		n := root.Find("output." + kind)
		if n == nil {
			continue
		}
		if f := n.Find("codec.format.string"); f != nil && messageAlone(f) {
			c.plain = true
		}
	}
	for i, n := range inputs {
		c.input(n, i)
	}
	for _, name := range []string{"filebeat.modules", "filebeat.autodiscover", "filebeat.config"} {
		if n := root.Find(name); n != nil {
			c.Lost(c.p.Notes, n, "write inputs for the files that it finds")
		}
	}
	c.event(root, "", "shipper", "")
	c.processors(root.Find("processors"), "")
	for _, kind := range []string{"kafka", "elasticsearch", "logstash", "file", "console", "redis"} {
		n := root.Find("output." + kind)
		if n == nil {
			continue
		}
		if e := n.Take("enabled"); e != nil && e.Value == "false" {
			c.Left(c.Agent, n, "it is not enabled")
			continue
		}
		if b := c.output(kind, n); b != nil {
			c.p.Send("", b)
			c.Rest(b, n, harmless)
		}
	}
	_ = out
	if level := root.Take("logging.level"); level != nil {
		v := map[string]string{"warning": "warn", "critical": "error"}[level.Value]
		if v == "" {
			v = level.Value
		}
		c.Agent.In("log").Set("level", draft.Text(v))
		c.Carry(level)
	}
	if root.On("http.enabled") {
		port := root.Text("http.port")
		if port == "" {
			port = "5066"
		}
		c.Agent.In("admin").Set("listen", kit.Text("127.0.0.1:"+port))
		c.D.Changed(c.Agent.In("admin"), root.Find("http.enabled").At, "http.enabled", "the status page and /metrics")
	}
	c.Rest(c.Agent, root, harmless)
	c.p.Finish()
}

var (
	plainPart    = regexp.MustCompile(`^[\w.-]+$`)
	extension    = regexp.MustCompile(`^(\\?\.)(\w+)\$$`)
	anyCharacter = map[string]string{`\.`: ".", ".": "?"}
)

var harmless = map[string]string{
	"queue.disk.path":            "the buffer lies below data_dir",
	"metadata.refresh_frequency": "see metadata_max_age",
	"channel_buffer_size":        "see buffer_bytes",
	"test":                       "see penstock test",

	"enabled":                                "what a pipeline names runs",
	"scan_frequency":                         "see rescan_interval",
	"prospector.scanner.check_interval":      "see rescan_interval",
	"prospector.scanner.fingerprint.enabled": "files are told by device, inode and what they begin with",
	"file_identity.fingerprint":              "files are told by device, inode and what they begin with",
	"close_renamed":                          "see rotate_wait",
	"close_removed":                          "see rotate_wait",
	"close_eof":                              "files are watched",
	"close_timeout":                          "see close_inactive",
	"clean_inactive":                         "see forget_after",
	"clean_removed":                          "see forget_after",
	"harvester_buffer_size":                  "files are read in blocks",
	"harvester_limit":                        "see max_open_files",
	"backoff":                                "files are watched",
	"max_backoff":                            "files are watched",
	"id":                                     "the input has a name",
	"queue.mem.events":                       "the buffer is on disk: see buffer.max_size",
	"queue.disk.max_size":                    "see buffer.max_size",
	"queue.mem.flush.timeout":                "see latency_budget",
	"required_acks":                          "a record counts as delivered when all in-sync replicas have it, always",
	"worker":                                 "see window.lanes",
	"workers":                                "see window.lanes",
	"loadbalance":                            "requests go round all of them",
	"max_retries":                            "attempts never end",
	"bulk_max_size":                          "see window",
	"timeout":                                "see request_timeout",
	"broker_timeout":                         "see request_timeout",
	"keep_alive":                             "connections are kept",
	"version":                                "it is found out",
	"metadata":                               "see metadata_max_age",
	"partition.round_robin.reachable_only":   "see delivery_timeout",
	"partition.hash.reachable_only":          "see delivery_timeout",
	"setup.ilm.enabled":                      "templates and life cycles are set up by others",
	"setup.template.enabled":                 "templates and life cycles are set up by others",
	"setup.template.name":                    "templates and life cycles are set up by others",
	"setup.template.pattern":                 "templates and life cycles are set up by others",
	"setup.kibana.host":                      "dashboards are set up by others",
	"pretty":                                 "records stand on a line each",
	"symlinks":                               "symbolic links are followed",
	"http.host":                              "the status page is on loopback: see agent.admin.listen",
	"overwrite_keys":                         "what is parsed takes the place of fields of its names",
	"add_error_key":                          "what cannot be parsed passes as it is: see on_failure",
	"expand_keys":                            "names with dots stay as they are",
	"key_passphrase":                         "the file of a key is read without a passphrase",
	"container.format":                       "the formats of cri and docker are told apart",
	"prospector.scanner.symlinks":            "symbolic links are followed",
	"filebeat.registry.path":                 "positions are kept below data_dir",
	"path.data":                              "see agent.data_dir",
	"name":                                   "see agent.name",
	"logging.to_files":                       "the log goes to standard error",
	"files.path":                             "the log goes to standard error",
	"files.name":                             "the log goes to standard error",
	"compression_level":                      "see compression",
	"ignore_missing":                         "what is not there is left alone",
	"fail_on_error":                          "what fails passes as it is",
	"permissions":                            "see the output's reference",
	"number_of_files":                        "see rotate",
	"rotate_every_kb":                        "see rotate",
}

func (c *converter) nameOf(n *kit.Node, i int) string {
	for _, key := range []string{"id", "name"} {
		if x := n.Find(key); x != nil && x.Value != "" {
			return x.Value
		}
	}
	return n.Text("type") + "_" + strconv.Itoa(i+1)
}

func (c *converter) input(n *kit.Node, i int) {
	name := c.nameOf(n, i)
	if e := n.Take("enabled"); e != nil && e.Value == "false" {
		c.Left(c.Agent, n, "it is not enabled")
		return
	}
	typ := n.Text("type")
	var b *draft.Block
	add := func(kind string) { b = c.Add("input", kind, name, n) }
	lines := true
	switch typ {
	case "log", "filestream", "container", "docker":
		add("tail")
		c.tail(b, n, typ)
	case "stdin":
		add("stdin")
	case "tcp", "udp":
		add(typ)
		b.Set("listen", kit.Text(n.Text("host")))
		c.Size(b, "max_line_size", n, "max_message_size")
	case "syslog", "unix":
		add("syslog")
		lines = false
		var all []string
		for _, p := range []string{"udp", "tcp"} {
			if x := n.Take("protocol." + p + ".host"); x != nil {
				all = append(all, p+"://"+x.Value)
			}
		}
		b.Set("listen", kit.Texts(all))
		for _, p := range []string{"udp", "tcp"} {
			if in := n.Find("protocol." + p); in != nil {
				c.Size(b, "max_message_size", in, "max_message_size")
				c.protected(b, in)
			}
		}
		if x := n.Take("format"); x != nil {
			c.Left(b, x, "it is told by each message")
		}
		c.D.Changed(b, n.At, n.Name, "fields are called as penstock calls them: see penstock help input.syslog")
	case "kafka":
		c.Lost(c.Agent, n, "a pipeline reads Kafka or a buffer: write input \"kafka\" with a pipeline of its own")
		return
	case "http_endpoint":
		add("http")
		lines = false
		b.Set("listen", kit.Text(n.Text("listen_address")+":"+n.Text("listen_port")))
		if x := n.Find("secret"); x != nil {
			c.Lost(b, x, "a header of one's own is not asked for: write auth { tokens = [...] }")
		}
	case "journald":
		add("journald")
		matches := n.Texts("include_matches.match")
		if matches == nil && n.Find("include_matches.match") == nil {
			matches = n.Texts("include_matches")
		}
		if matches != nil {
			b.Set("matches", kit.Texts(matches))
		}
		if units := n.Texts("units"); units != nil {
			b.Set("units", kit.Texts(units))
		}
		if seek := n.Take("seek"); seek == nil || seek.Value != "tail" && seek.Value != "end" {
			b.Set("from", draft.Text("beginning"))
		} else {
			c.Carry(seek)
		}
		lines = false
	default:
		c.Lost(c.Agent, n, "there is no such input; see penstock help for those there are")
		return
	}
	c.protected(b, n)
	for _, k := range []string{"index", "pipeline"} {
		if x := n.Take(k); x != nil {
			c.Lost(c.p.Notes, x, "it is for this input alone: write a route with an output of its own")
		}
	}
	tag := b.Label()
	b.Set("tag", draft.Text(tag))
	c.p.Inputs = append(c.p.Inputs, b)
	cond := ""
	if c.inputs > 1 {
		cond = "tag == " + kit.Quote(tag)
	}
	if lines {
		c.lines(n, typ, name, cond)
		if c.asksPath && !c.plain && b.Get("paths") != "" {
			b.Set("path_header", draft.Text("path"))
			c.p.Filter("add_fields", name+"_path", cond).
				Set("fields", draft.Map(kit.Key("log.file.path"), draft.Value("header.path")))
		}
		c.D.Changed(
			b, n.At, n.Name+" "+typ,
			"@timestamp, agent, ecs, host, input and log are no fields: write filter \"add_fields\"",
		)
	}
	if typ == "journald" {
		c.p.Filter("rename_fields", name, cond).Set("fields", draft.Map("MESSAGE", `"message"`))
		c.D.Changed(
			b, n.At, n.Name+" journald", "fields other than message are called as the journal calls them",
		)
	}
	c.event(n, cond, name, tag)
	c.processors(n.Find("processors"), cond)
	c.Rest(b, n, harmless)
}

// lines does what Filebeat does to lines before anything else.
func (c *converter) lines(n *kit.Node, typ, name, cond string) {
	for _, key := range []string{"include_lines", "exclude_lines"} {
		patterns := n.Texts(key)
		if patterns == nil {
			continue
		}
		b := c.p.Filter("grep", name, cond)
		b.Set(strings.TrimSuffix(key, "_lines"), draft.Texts(patterns...))
		c.D.Carried(n.At, n.Name+"."+key)
	}
	format := ""
	into := ""
	stream := n.Take("stream")
	if json := n.Find("json"); json != nil {
		format = "json"
		if !json.On("keys_under_root") {
			into = "json"
		}
	}
	for _, p := range n.List("parsers") {
		if x := p.Find("ndjson"); x != nil {
			format, into = "json", x.Text("target")
		}
		if x := p.Find("container"); x != nil {
			typ, stream = "container", x.Take("stream")
		}
	}
	container := typ == "container" || typ == "docker"
	if container {
		in := c.p.Inputs[len(c.p.Inputs)-1]
		in.Set("container", draft.Bool(true))
		in.Unset("empty_lines") // a container's empty line is told
		c.D.Changed(in, n.At, n.Name, "the time that the runtime has written is the record's, not a field")
		if stream != nil && stream.Value != "all" {
			c.p.Filter("where", name, cond).
				Set("condition", draft.Text("header.stream == "+kit.Quote(stream.Value)))
			c.Carry(stream)
		}
	}
	c.parse(n, name, cond, format == "json", into)
	if container && !c.plain {
		c.p.Filter("add_fields", name+"_stream", cond).
			Set("fields", draft.Map("stream", "header.stream"))
	}
}

// parse makes objects of lines, unless they stay lines: those of JSON are what they say, and others
// have their text as message.
func (c *converter) parse(n *kit.Node, name, cond string, isJSON bool, into string) {
	const line = "^(?P<message>(?s:.*))$"
	var b *draft.Block
	switch {
	case isJSON && into == "" && !c.plain:
		b = c.p.Filter("parse", name, cond)
		b.Set("formats", draft.Texts("json", "regex"))
		b.Set("pattern", draft.Text(line))
		c.D.Carried(n.At, n.Name)
		return
	case !c.plain:
		b = c.p.Filter("parse", name, cond)
		b.Set("format", draft.Text("regex"))
		b.Set("pattern", draft.Text(line))
	}
	if !isJSON {
		return
	}
	b = c.p.Filter("parse", name, cond)
	b.Set("format", draft.Text("json"))
	if c.plain {
		c.D.Changed(b, n.At, n.Name, "a line that is no JSON object passes as it is, not as message")
	} else {
		b.Set("field", draft.Text("message"))
		c.D.Carried(n.At, n.Name)
	}
	if into != "" {
		b.Set("into", draft.Text(into))
	}
}

// event adds fields and tags.
func (c *converter) event(n *kit.Node, cond, name, _ string) {
	fields := n.Find("fields")
	prefix := "fields."
	if n.On("fields_under_root") {
		prefix = ""
	}
	var pairs []draft.Value
	if fields != nil {
		for _, k := range fields.Kids {
			if k.Scalar {
				pairs = append(pairs, kit.Key(prefix+k.Key), scalar(k))
			}
		}
		fields.Done()
	}
	if pairs != nil {
		b := c.p.Filter("add_fields", name, cond)
		b.Set("fields", draft.Map(pairs...))
		c.D.Carried(fields.At, fields.Name)
	}
	if tags := n.Texts("tags"); tags != nil {
		var quoted []string
		for _, t := range tags {
			quoted = append(quoted, kit.Quote(t))
		}
		b := c.p.Filter("set", name+"_tags", cond)
		b.Set("fields", draft.Map("tags", draft.Text("concat(field.tags ?? [], ["+strings.Join(quoted, ", ")+"])")))
		c.D.Carried(n.At, n.Name+".tags")
	}
}

func scalar(k *kit.Node) draft.Value {
	if !k.Quoted {
		if _, err := strconv.ParseFloat(k.Value, 64); err == nil || k.Value == "true" || k.Value == "false" {
			return draft.Value(k.Value)
		}
	}
	return kit.Text(k.Value)
}

func (c *converter) tail(b *draft.Block, n *kit.Node, typ string) {
	paths := n.Texts("paths")
	if paths == nil && (typ == "container" || typ == "docker") {
		paths = []string{"/var/lib/docker/containers/*/*.log"}
	}
	if paths == nil {
		paths = []string{"/var/log/CHANGE-ME.log"}
		c.D.Lost(b, n.At, n.Name, "it has no paths")
	}
	b.Set("paths", c.Globs(b, n, paths))
	c.Duration(b, "ignore_older", n, time.Second, "ignore_older")
	c.Duration(
		b, "close_inactive", n, time.Second, "close_inactive", "close.on_state_change.inactive",
	)
	var exclude []string // parts of paths, which stand anywhere in them
	for _, x := range append(n.List("exclude_files"), n.List("prospector.scanner.exclude_files")...) {
		if m := extension.FindStringSubmatch(x.Value); m != nil {
			old := b.Get("exclude")
			v := string(draft.Text("/**/*" + anyCharacter[m[1]] + m[2]))
			if old != "" {
				v = strings.TrimSuffix(strings.TrimPrefix(string(old), "["), "]") + ", " + v
			}
			b.Set("exclude", draft.Value("["+v+"]"))
			c.Carry(x)
			continue
		}
		part := strings.ReplaceAll(strings.TrimSuffix(x.Value, ".*"), `\.`, ".")
		if plainPart.MatchString(part) {
			exclude = append(exclude, "/**/*"+part+"*", "/**/*"+part+"*/**")
			c.Carry(x)
			continue
		}
		c.Lost(b, x, "globs stand for files: write exclude")
	}
	if exclude != nil {
		b.Set("exclude", draft.List(append(b.Get("exclude").Items(), draft.Texts(exclude...).Items()...)...))
	}
	if n.On("tail_files") || n.Text("seek") == "tail" {
		b.Set("start_at", draft.Text("end"))
	}
	c.Size(b, "max_line_size", n, "max_bytes", "message_max_bytes")
	if b.Get("max_line_size") != "" {
		b.Set("long_lines", draft.Text("truncate"))
	}
	if e := n.Take("line_terminator"); e != nil {
		ends := map[string]string{
			"carriage_return_line_feed": "\r\n", "carriage_return": "\r", "vertical_tab": "\v",
			"form_feed": "\f", "next_line": "\u0085", "line_separator": "\u2028",
			"paragraph_separator": "\u2029",
		}
		if end := ends[e.Value]; end != "" {
			b.Set("delimiter", draft.Text(end))
		} else if e.Value == "null_terminator" {
			b.Set("line_end", draft.Text("nul"))
		}
		c.Carry(e)
	}
	if e := n.Take("encoding"); e != nil {
		c.Charset(b, e)
	}
	m := n.Find("multiline")
	if list := n.Find("parsers"); list != nil {
		for _, p := range list.Kids {
			if x := p.Find("multiline"); x != nil {
				m = x
			}
		}
	}
	if m != nil {
		c.multiline(b, m)
		return
	}
	b.Set("empty_lines", draft.Text("skip")) // as Filebeat does, always
}

func (c *converter) multiline(b *draft.Block, m *kit.Node) {
	in := b.In("multiline")
	pattern, negate, match := m.Text("pattern"), m.On("negate"), m.Text("match")
	if typ := m.Take("type"); typ != nil && typ.Value != "pattern" {
		c.Lost(in, typ, "patterns tell what belongs together: write start, continue or end")
	}
	if _, err := regexp.Compile(pattern); err != nil {
		pattern = "^[^ \t]"
		c.D.Lost(in, m.At, m.Name+".pattern", "RE2 has it not: "+err.Error())
	}
	switch {
	case match == "before" && negate:
		in.Set("end", draft.Text(pattern))
	case match == "before":
		in.Set("continue_after", draft.Text(pattern))
	case negate:
		in.Set("start", draft.Text(pattern))
		c.D.Carried(m.At, m.Name)
	default:
		in.Set("continue", draft.Text(pattern))
		c.D.Carried(m.At, m.Name)
	}
	c.Number(in, "max_lines", m, "max_lines")
	c.Duration(in, "timeout", m, time.Second, "timeout")
}

var reference = regexp.MustCompile(`%\{\[([^\]]+(?:\]\[[^\]]+)*)\](?::([^}]*))?\}|%\{\+([^}]+)\}`)

// format turns %{[field]} and %{+yyyy.MM.dd} into a template.
func (c *converter) format(b *draft.Block, at *kit.Node, value string) []draft.Part {
	var out []draft.Part
	for {
		m := reference.FindStringSubmatchIndex(value)
		if m == nil {
			break
		}
		if m[0] > 0 {
			out = append(out, kit.Parts(value[:m[0]])...)
		}
		switch {
		case m[6] >= 0:
			p, err := javatime.Strftime(value[m[6]:m[7]])
			if err != nil {
				p = "%Y.%m.%d"
				c.D.Lost(b, at.At, at.Shown(), err.Error())
			}
			out = append(out, draft.Tmpl(fmt.Sprintf("strftime(%q)", p)))
		default:
			name := strings.ReplaceAll(value[m[2]:m[3]], "][", ".")
			switch name {
			case "agent.version", "@metadata.version":
				out = append(out, draft.Lit("8"))
			case "@metadata.beat", "beat.name", "agent.type":
				out = append(out, draft.Lit("filebeat"))
			case "host.name", "agent.name", "host.hostname":
				out = append(out, draft.Tmpl("agent"))
			default:
				out = append(out, kit.FieldPart(name))
			}
		}
		value = value[m[1]:]
	}
	if value != "" || out == nil {
		out = append(out, kit.Parts(value)...)
	}
	return out
}

// protected carries over how an input that listens is protected. What asked for a certificate or a
// password does not stand open unsaid.
func (c *converter) protected(b *draft.Block, n *kit.Node) {
	if n.Find("username") != nil && b.Get("listen") != "" && n.On("basic_auth") {
		c.User(b, n, "username", "password")
	}
	ssl := n.Find("ssl")
	if ssl == nil || b.Get("listen") == "" || ssl.Text("enabled") == "false" {
		return
	}
	tls := c.ServerCert(b, ssl.Take("certificate"), ssl.Take("key"), ssl.At, ssl.Shown())
	if tls == nil {
		ssl.Done()
		return
	}
	const authorities = "certificate_authorities"
	c.ClientAuthority(tls, ssl, authorities)
	switch said := ssl.Find("client_authentication"); {
	case said == nil && tls.Get("client_ca_file") != "":
		c.RequireClientCert(tls, ssl.At, ssl.Name+"."+authorities) // which is how Filebeat has it
	case said != nil && said.Value == "required":
		said.Done()
		c.RequireClientCert(tls, said.At, said.Shown())
	case said != nil && (said.Value == "optional" || said.Value == "none"):
		said.Done()
	}
}
