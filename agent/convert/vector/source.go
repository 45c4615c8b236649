package vector

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// sources is what there is for those of Vector.
var sources = map[string]struct {
	input string
	set   func(c *converter, b *draft.Block, x *component)
}{
	"file":            {"tail", (*converter).tail},
	"kubernetes_logs": {"tail", (*converter).pods},
	"docker_logs":     {"tail", (*converter).fromDocker},
	"kafka":           {"kafka", (*converter).fromKafka},
	"http":            {"http", (*converter).fromHTTP},
	"http_server":     {"http", (*converter).fromHTTP},
	"opentelemetry":   {"http", (*converter).fromOpenTelemetry},
	"syslog":          {"syslog", (*converter).fromSyslog},
	"socket":          {"tcp", (*converter).fromSocket},
	"stdin":           {"stdin", func(*converter, *draft.Block, *component) {}},
	"exec":            {"exec", (*converter).fromExec},
	"journald":        {"journald", (*converter).fromJournald},
	"fluent":          {"forward", (*converter).fromFluent},
}

// measures are the sources that give no logs of others.
var measures = []string{
	"internal_logs", "internal_metrics", "host_metrics", "demo_logs", "prometheus_scrape",
	"statsd", "apache_metrics", "nginx_metrics", "static_metrics",
}

// source adds the input for a source, or returns nil.
func (c *converter) source(x *component) *draft.Block {
	n := x.node
	from, ok := sources[x.typ]
	switch {
	case slices.Contains(measures, x.typ):
		c.Left(c.Agent, n, "penstock takes logs, not measures; see /metrics for its own")
		return nil
	case !ok:
		c.Lost(c.Agent, n, cmp.Or(
			otherSources[x.typ], "there is no such input; see penstock help for those there are",
		))
		return nil
	}
	typ := from.input
	if x.typ == "socket" && n.Text("mode") == "udp" {
		typ = "udp"
	}
	b := c.Add("input", typ, x.id, n)
	x.object = typ != "forward" && typ != "http" && typ != "journald" && typ != "syslog"
	from.set(c, b, x)
	if typ == "kafka" {
		c.decoding(b, x)
		c.Rest(b, n, harmless)
		return b
	}
	if b.Get("tag") == "" && b.Get("tag_prefix") == "" {
		b.Set("tag", draft.Text(x.id))
	}
	if t := n.Find("tls"); t != nil {
		c.tls(b, t)
	}
	c.decoding(b, x)
	c.D.Changed(
		b, n.At, n.Name,
		"what Vector adds (timestamp, source_type, host, file ...) is no field: write filter \"add_fields\"",
	)
	c.Rest(b, n, harmless)
	return b
}

func (c *converter) fromKafka(b *draft.Block, x *component) {
	n := x.node
	c.kafka(b, n)
	if !c.Set(b, "group", n, "group_id") {
		b.Set("group", draft.Text("vector"))
	}
	var plain, patterns []string
	for _, t := range n.Texts("topics") {
		if strings.HasPrefix(t, "^") {
			patterns = append(patterns, t)
		} else {
			plain = append(plain, t)
		}
	}
	if plain != nil {
		b.Set("topics", kit.Texts(plain))
	}
	if patterns != nil {
		b.Set("topics_regex", draft.Texts(patterns...))
	}
	if r := n.Text("auto_offset_reset"); r == "" || r == "largest" || r == "latest" {
		b.Set("start", draft.Text("latest"))
	}
}

func (c *converter) fromHTTP(b *draft.Block, x *component) {
	n := x.node
	b.Set("listen", kit.Text(cmp.Or(n.Text("address"), "0.0.0.0:80")))
	for _, k := range []string{"path", "strict_path", "path_key", "method"} {
		if found := n.Take(k); found != nil {
			c.Left(b, found, "what is posted is taken, whatever its path is")
		}
	}
	for _, k := range []string{"headers", "query_parameters"} {
		if found := n.Find(k); found != nil {
			c.Left(b, found, "they are no fields of what is posted")
		}
	}
	if n.Find("auth.username") != nil {
		c.strategy(b, n)
		c.User(b, n, "auth.username", "auth.password")
	} else if a := n.Find("auth"); a != nil {
		c.Lost(b, a, "write auth { }: it asks nobody who sends now")
	}
}

func (c *converter) fromOpenTelemetry(b *draft.Block, x *component) {
	b.Set("listen", kit.Text(x.node.Text("http.address")))
	if g := x.node.Find("grpc"); g != nil {
		c.Left(b, g, "OTLP comes by HTTP alone: have it sent so, to http.address")
	}
}

func (c *converter) fromSyslog(b *draft.Block, x *component) {
	n := x.node
	mode, listen := n.Text("mode"), n.Text("address")
	if mode == "unix" {
		listen = n.Text("path")
	}
	b.Set("listen", kit.Texts([]string{mode + "://" + listen}))
	c.D.Changed(
		b, n.At, n.Name,
		"procid is text, and structured data stands in fields of its own: see penstock help input.syslog",
	)
	c.Size(b, "max_message_size", n, "max_length")
}

func (c *converter) fromSocket(b *draft.Block, x *component) {
	n := x.node
	mode, listen := n.Text("mode"), n.Text("address")
	if mode != "udp" && mode != "tcp" {
		listen = "unix://" + n.Text("path")
	}
	b.Set("listen", kit.Text(listen))
	if !slices.Contains([]string{"udp", "tcp", "unix_stream", "unix"}, mode) {
		c.D.Lost(b, n.At, n.Name+".mode = "+mode, "write where it listens")
	}
	c.Size(b, "max_line_size", n, "max_length")
}

func (c *converter) fromExec(b *draft.Block, x *component) {
	b.Set("command", kit.Texts(x.node.Texts("command")))
	if x.node.Text("mode") == "scheduled" {
		b.Set("interval", draft.Text("1m"))
		c.Duration(b, "interval", x.node, time.Second, "scheduled.exec_interval_secs")
	}
}

func (c *converter) fromJournald(b *draft.Block, x *component) {
	n := x.node
	if units := n.Texts("include_units"); units != nil {
		b.Set("units", kit.Texts(units))
	}
	if x := n.Take("exclude_units"); x != nil {
		c.Lost(b, x, "write filter \"drop\"")
	}
	if n.Text("current_boot_only") != "false" {
		b.Set("from", draft.Text("beginning"))
	}
}

func (c *converter) fromFluent(b *draft.Block, x *component) {
	b.Set("listen", kit.Text(cmp.Or(x.node.Text("address"), "0.0.0.0:24224")))
	c.TagPrefix(b, x.id)
}

func (c *converter) fromDocker(b *draft.Block, x *component) {
	b.Set("paths", draft.Texts("/var/lib/docker/containers/*/*-json.log"))
	b.Set("container", draft.Bool(true))
	for _, k := range []string{
		"include_containers", "exclude_containers", "include_labels", "include_images",
	} {
		if found := x.node.Find(k); found != nil {
			c.Lost(b, found, "the files of all containers are read, and nothing but their ids is known of them")
		}
	}
	for _, k := range []string{"docker_host", "auto_partial_merge", "partial_event_marker_field"} {
		if found := x.node.Take(k); found != nil {
			c.Left(b, found, "files are read, and Docker is not asked: parts of lines are put together")
		}
	}
}

// decoding notes what lines are decoded as.
func (c *converter) decoding(b *draft.Block, x *component) {
	codec := x.node.Take("decoding.codec")
	switch {
	case codec == nil:
	case codec.Value == "bytes":
		c.Carry(codec)
	case codec.Value == "json" && x.object:
		x.json = true
		c.Carry(codec)
	case codec.Value == "json":
		c.Carry(codec)
	default:
		c.Lost(b, codec, "write filter \"parse\" for what it decodes")
	}
}

func (c *converter) tls(b *draft.Block, t *kit.Node) {
	if e := t.Take("enabled"); e != nil && e.Value == "false" {
		t.Done()
		return
	}
	in := kit.Encrypted(b)
	c.Set(in, "ca_file", t, "ca_file")
	c.Set(in, "cert_file", t, "crt_file")
	c.Set(in, "key_file", t, "key_file")
	if strings.HasPrefix(string(b.Ref()), "input.") {
		if !strings.HasPrefix(string(b.Ref()), "input.kafka.") {
			c.clientCertificates(in, t)
		}
	} else if v := t.Take("verify_certificate"); v != nil && v.Value == "false" {
		in.Set("insecure_skip_verify", draft.Bool(true))
	}
}

// clientCertificates carries over what a server asks of its clients.
func (c *converter) clientCertificates(in *draft.Block, t *kit.Node) {
	if ca := in.Get("ca_file"); ca != "" {
		in.Set("client_ca_file", ca)
		in.Unset("ca_file")
	}
	v := t.Take("verify_certificate")
	if v != nil && (v.Value != "true" || c.RequireClientCert(in, v.At, v.Shown())) {
		c.Carry(v)
	}
}

func (c *converter) tail(b *draft.Block, x *component) {
	n := x.node
	paths := n.Texts("include")
	if paths == nil {
		paths = []string{"/var/log/CHANGE-ME.log"}
		c.D.Lost(b, n.At, n.Name, "it has no include")
	}
	b.Set("paths", kit.Texts(paths))
	if ex := n.Texts("exclude"); ex != nil {
		b.Set("exclude", kit.Texts(ex))
	}
	if n.Text("read_from") == "end" || n.On("ignore_checkpoints") {
		b.Set("start_at", draft.Text("end"))
	}
	c.Duration(b, "ignore_older", n, time.Second, "ignore_older_secs", "ignore_older")
	c.Delimiter(b, n, "line_delimiter")
	if n.Find("remove_after_secs") != nil {
		b.Set("after_read", draft.Text("delete"))
		c.Duration(b, "after_read_wait", n, time.Second, "remove_after_secs")
		if b.Get("after_read_wait") == "" || b.Get("start_at") != "" {
			b.Unset("after_read")
			b.Unset("after_read_wait")
			c.Lost(
				b, n.Find("remove_after_secs"),
				"files are removed only where they are read from their beginning: see after_read",
			)
		}
	}
	c.Size(b, "max_line_size", n, "max_line_bytes")
	if b.Get("max_line_size") != "" {
		b.Set("long_lines", draft.Text("skip"))
	}
	if cs := n.Take("encoding.charset"); cs != nil {
		c.Charset(b, cs)
	}
	if k := n.Take("file_key"); k != nil && k.Value != "" {
		b.Set("path_header", draft.Text(k.Value))
		c.Changed(b, k, "the path is a header")
	}
	m := n.Find("multiline")
	if m == nil {
		return
	}
	in := b.In("multiline")
	start, cond, mode := m.Text("start_pattern"), m.Text("condition_pattern"), m.Text("mode")
	switch mode {
	case "halt_before":
		in.Set("start", draft.Text(cond))
		if start != "" && start != cond {
			c.Changed(in, m.Find("start_pattern"), "an event begins where condition_pattern matches")
		}
		c.D.Carried(m.At, m.Name)
	case "continue_through":
		in.Set("continue", draft.Text(cond))
		c.D.Carried(m.At, m.Name)
	default:
		in.Set("start", draft.Text(start))
		c.D.Lost(
			in, m.At, m.Name+".mode = "+mode, "an event begins with start, or goes on with continue",
		)
	}
	if ms, err := strconv.Atoi(m.Text("timeout_ms")); err == nil && ms > 0 {
		in.Set("timeout", draft.Duration(time.Duration(ms)*time.Millisecond))
	}
}

func (c *converter) kafka(b *draft.Block, n *kit.Node) {
	hosts := n.Take("bootstrap_servers")
	if hosts != nil {
		c.Brokers(b, n, []string{hosts.Value})
		c.Carry(hosts)
	} else {
		c.Brokers(b, n, nil)
	}
	if s := n.Find("sasl"); s != nil {
		if s.On("enabled") {
			kit.SASL(b, s.Text("mechanism"), s.Text("username"), s.Text("password"))
			c.D.Carried(s.At, s.Name)
		} else {
			s.Done()
		}
	}
	if t := n.Find("tls"); t != nil && t.On("enabled") {
		c.tls(b, t)
	}
	c.KafkaSettings(b, n.Find("librdkafka_options"))
	c.KafkaSettings(b, n)
}

// pods reads the logs of containers, and asks the API server of their pods.
func (c *converter) pods(b *draft.Block, x *component) {
	n := x.node
	b.Set("paths", draft.Texts("/var/log/pods/*/*/*.log"))
	if ex := n.Texts("exclude_paths_glob_patterns"); ex != nil {
		b.Set("exclude", kit.Texts(ex))
	}
	b.Set("container", draft.Bool(true))
	k := b.In("kubernetes")
	if !c.Set(k, "node", n, "self_node_name") {
		k.Set("node", draft.Env("VECTOR_SELF_NODE_NAME"))
	}
	k.Set("annotations", draft.Texts("*"))
	k.Set("honor_exclude", draft.Bool(false))
	c.D.Changed(
		k, n.At, n.Name,
		"labels of namespaces and nodes, pod_ip and container_image are not told; "+
			"vector.dev/exclude of a pod is not asked for; the headers go with the record",
	)
	c.ofPods = append(c.ofPods, b.Label())
}

// podFields makes the fields of what the input knows of pods.
func (c *converter) podFields() {
	if len(c.ofPods) == 0 {
		return
	}
	b := c.p.Filter("set", "kubernetes", kit.And(c.tagged(c.ofPods), "header.pod != nil"))
	b.Set("fields", draft.Map(
		"kubernetes", draft.Text("{pod_name: header.pod, pod_namespace: header.namespace, "+
			"pod_uid: header.uid, pod_node_name: header.node, container_name: header.container, "+
			"container_id: header.container_id, pod_labels: headers('labels.'), "+
			"pod_annotations: headers('annotations.')}"),
		"stream", draft.Text("header.stream"), "file", draft.Text("origin"),
	))
}

// otherSources are sources that penstock has not, and what there is instead.
var otherSources = map[string]string{
	"vector": "penstock does not speak Vector's protocol: let that Vector send by its sink \"http\", " +
		"with codec json and framing newline_delimited, to input \"http\"",
	"logstash":        "penstock does not speak the Beats protocol: let Filebeat write to Kafka, or be replaced",
	"splunk_hec":      "write input \"http\", which takes Splunk's HTTP Event Collector",
	"heroku_logs":     "write input \"http\": the drain sends syslog lines by HTTP",
	"aws_s3":          "penstock reads no objects: have what writes them send by HTTP, or to Kafka",
	"aws_sqs":         "penstock reads no queues: have it sent by HTTP, or to Kafka",
	"datadog_agent":   "the agent of Datadog sends to nothing that penstock has: read the files themselves",
	"file_descriptor": "write input \"stdin\", or a named pipe in paths of input \"tail\"",
}
