package flume

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// sinks adds the outputs of a channel, all of which get everything. Sinks of one channel, where no
// group says otherwise, share what is in it.
func (c *converter) sinks(name string, ch *channel) []*draft.Block {
	var outs []*draft.Block
	grouped := map[string]bool{}
	for _, g := range words(c.a, "sinkgroups") {
		n := c.a.Find("sinkgroups." + g)
		if n == nil {
			continue
		}
		var members []string
		for _, m := range words(n, "sinks") {
			if slices.Contains(ch.sink, m) {
				members = append(members, m)
				grouped[m] = true
			}
		}
		if len(members) == 0 {
			continue
		}
		if out := c.group(n, g, members); out != nil {
			outs = append(outs, out)
		}
	}
	var alone []string
	for _, s := range ch.sink {
		if !grouped[s] {
			alone = append(alone, s)
		}
	}
	switch {
	case len(alone) == 0:
		return outs
	case c.all(alone, "avro"):
		outs = append(outs, c.servers(alone[0], alone, nil))
	default:
		var out *draft.Block
		var first string
		for _, s := range alone {
			if out == nil {
				if out, first = c.sink(s, ch), s; out != nil {
					outs = append(outs, out)
				}
				continue
			}
			n := c.a.Find("sinks." + s)
			if c.same(first, s) {
				c.D.Carried(n.At, n.Name+" shares the channel")
				c.shared(out, n, c.a.Find("sinks."+first), first)
				continue
			}
			c.Lost(
				c.Agent,
				n,
				"it took a share of channel "+name+"; now sink "+first+" takes all of it",
			)
		}
	}
	return outs
}

// shared passes the settings of a sink that another one, of the output out, has as well, and tells
// those that are others there.
func (c *converter) shared(out *draft.Block, n, other *kit.Node, name string) {
	for _, k := range n.Kids {
		o := other.Find(k.Key)
		switch {
		case o == nil:
		case len(k.Kids) > 0:
			c.shared(out, k, o, name)
		case k.Value != o.Value:
			c.Left(out, k, "there is one output for both, as sink "+name+" says")
		default:
			k.Done()
		}
	}
}

// same reports whether two sinks write to the same place.
func (c *converter) same(a, b string) bool {
	x, y := c.a.Find("sinks."+a), c.a.Find("sinks."+b)
	for _, key := range []string{"type", "kafka.topic", "hdfs.path", "sink.directory", "topic", "hostname", "kafka.bootstrap.servers"} {
		if v, w := x.Find(key), y.Find(key); (v == nil) != (w == nil) ||
			v != nil && v.Value != w.Value {
			return false
		}
	}
	return true
}

func (c *converter) all(sinks []string, typ string) bool {
	for _, s := range sinks {
		if n := c.a.Find("sinks." + s); n == nil || !strings.EqualFold(n.Text("type"), typ) {
			return false
		}
	}
	return true
}

// group adds the output for a failover or load-balancing group.
func (c *converter) group(n *kit.Node, name string, members []string) *draft.Block {
	proc := n.Find("processor")
	typ := strings.ToLower(proc.Text("type"))
	priority := map[string]int{}
	for _, m := range members {
		priority[m], _ = strconv.Atoi(proc.Text("priority." + m))
	}
	slices.SortStableFunc(
		members,
		func(a, b string) int { return cmp.Compare(priority[b], priority[a]) },
	)
	if c.all(members, "avro") {
		standby := map[string]bool{}
		if typ == "failover" {
			for _, m := range members[1:] {
				standby[m] = true
			}
		}
		out := c.servers(name, members, standby)
		out.From(n.At)
		if x := proc.Take("maxpenalty"); x != nil {
			c.Left(out, x, "see recover_wait")
		}
		c.Rest(out, proc, harmless)
		c.D.Carried(n.At, n.Name)
		return out
	}
	first := c.sink(members[0], nil)
	if first == nil {
		return nil
	}
	rest := members[1:]
	streams := slices.Contains(
		[]string{
			"kafka",
			"http",
			"elasticsearch",
			"forward",
			"stdout",
		},
		strings.Split(string(first.Ref()), ".")[1],
	)
	if typ == "failover" && len(rest) > 0 && streams {
		second := c.sink(rest[0], nil)
		switch {
		case second == nil:
		case slices.Contains([]string{"s3", "gcs", "local"}, second.Type()):
			first.Add("failover").Set("to", second.Ref())
			c.D.Carried(n.At, n.Name)
		default:
			c.D.Remove(second, first)
			c.D.Lost(
				first, n.At, n.Name, "a failover goes to output \"local\", \"s3\" or \"gcs\": write one",
			)
		}
		if x := proc.Take("maxpenalty"); x != nil {
			c.Left(first, x, "see failover.recover")
		}
		rest = rest[1:]
	}
	for _, m := range rest {
		x := c.a.Find("sinks." + m)
		if typ != "failover" && c.same(members[0], m) {
			c.D.Carried(x.At, x.Name)
			c.shared(first, x, c.a.Find("sinks."+members[0]), members[0])
			continue
		}
		why := "it took a share of the events; now sink " + members[0] + " takes them all"
		if typ == "failover" {
			why = "there is one place to fail over to, of an output that streams; an archive waits for its store, with all on disk"
		}
		c.Lost(first, x, why)
	}
	c.Rest(first, proc, harmless)
	return first
}

// servers adds one output for Avro sinks to several agents.
func (c *converter) servers(name string, members []string, standby map[string]bool) *draft.Block {
	b := c.Add("output", "forward", name, c.a.Find("sinks."+members[0]))
	b.Set("peer", draft.Text("penstock"))
	for _, m := range members {
		if x := c.a.Find("sinks." + m); strings.EqualFold(x.Text("compression-type"), "deflate") {
			b.Set("compression", draft.Text("gzip"))
		}
	}
	c.tlsTo(b, members)
	for _, m := range members {
		n := c.a.Find("sinks." + m)
		s := b.Add("server", m)
		s.From(n.At)
		s.Set("address", kit.Text(n.Text("hostname")+":"+n.Text("port")))
		if standby[m] {
			s.Set("standby", draft.Bool(true))
		}
		c.Rest(b, n, harmless)
	}
	first := c.a.Find("sinks." + members[0])
	c.D.Lost(
		b,
		first.At,
		first.Name+".type = avro",
		"penstock does not speak Avro's RPC: the other side has to be a penstock with input \"forward\", which headers come to as well, or a fluentd, without peer",
	)
	return b
}

// tlsTo has an output connect with TLS, as sinks did: the servers share what it says.
func (c *converter) tlsTo(b *draft.Block, members []string) {
	trusting := 0
	for _, m := range members {
		if n := c.a.Find("sinks." + m); n.On("trust-all-certs") {
			trusting++
		}
	}
	for _, m := range members {
		n := c.a.Find("sinks." + m)
		if !n.On("ssl") {
			continue
		}
		t := b.In("tls")
		for _, k := range []string{"truststore", "keystore"} {
			if x := n.Take(k); x != nil {
				c.Lost(t, x, "a Java "+k+": write ca_file, or cert_file and key_file, as PEM")
			}
		}
		x := n.Take("trust-all-certs")
		switch {
		case x == nil:
		case trusting == len(members):
			t.Set("insecure_skip_verify", draft.Bool(true))
			c.Carry(x)
		case n.On("trust-all-certs"):
			c.Lost(t, x, "all servers are verified in the same way: write a ca_file that is of both")
		}
	}
}

// sink adds the output for a sink, or returns nil.
func (c *converter) sink(name string, ch *channel) *draft.Block {
	b := c.sinkOf(name, ch)
	if n := c.a.Find("sinks." + name); b != nil && n != nil {
		c.Rest(b, n, harmless)
	}
	return b
}

func (c *converter) sinkOf(name string, ch *channel) *draft.Block {
	if name == "" {
		return c.kafkaSink(ch.node, ch.node.Key, "kafka.topic", "flume-channel")
	}
	n := c.a.Find("sinks." + name)
	typ := n.Text("type")
	short := strings.ToLower(typ[strings.LastIndexByte(typ, '.')+1:])
	switch short {
	case "hdfs", "hdfseventsink":
		return c.hdfs(n, name)
	case "kafkasink":
		return c.kafkaSink(n, name, "kafka.topic", "default-flume-topic")
	case "logger", "loggersink":
		b := c.Add("output", "stdout", name, n)
		c.D.Changed(b, n.At, n.Name, "lines go to standard output whole, and not to the log")
		return b
	case "file_roll", "rollingfilesink":
		return c.fileRoll(n, name)
	case "avro", "avrosink":
		return c.servers(name, []string{name}, nil)
	case "elasticsearch", "elasticsearchsink":
		return c.elastic(n, name)
	case "http", "httpsink":
		b := c.Add("output", "http", name, n)
		if !c.Set(b, "url", n, "endpoint") {
			b.Set("url", draft.Text("http://CHANGE-ME/"))
			c.D.Lost(b, n.At, n.Name, "it names no endpoint")
		}
		b.Set("format", draft.Text("lines"))
		if x := n.Take("contentTypeHeader"); x != nil {
			b.Set("content_type", kit.Text(x.Value))
			c.Carry(x)
		}
		c.D.Changed(b, n.At, n.Name, "a request holds a batch of lines, not one event")
		return b
	case "null", "nullsink":
		c.D.Carried(n.At, n.Name)
		return nil
	}
	c.Lost(c.Agent, n, "there is no such output; see penstock help for those there are")
	return nil
}

func (c *converter) kafkaSink(n *kit.Node, name, topicKey, preset string) *draft.Block {
	b := c.Add("output", "kafka", name, n)
	hosts := n.Take("kafka.bootstrap.servers", "brokerList")
	if hosts != nil {
		c.Brokers(b, n, []string{hosts.Value})
		c.Carry(hosts)
	} else {
		c.Brokers(b, n, nil)
	}
	topic := n.Take(topicKey, "topic")
	value := preset
	if topic != nil {
		value = topic.Value
		c.Carry(topic)
	}
	b.Set("topic", draft.Join(c.escapes(b, n, value)...))
	header, named := "topic", n.Take("topicHeader")
	if named != nil {
		header = named.Value
	}
	if x := n.Take("allowTopicOverride"); x == nil || !strings.EqualFold(x.Value, "false") {
		if topicKey != "" && n.Find("type") != nil && (named != nil || c.setsHeader(header)) {
			c.D.Lost(
				b,
				n.At,
				n.Name,
				fmt.Sprintf(
					"events with a header %[1]s went to the topic it names: write topic = \"${header[%[1]q]}\" for a route of their own",
					header,
				),
			)
		}
	}
	b.Set("key", draft.Join(draft.Tmpl("header.key")))
	if !c.setsHeader("key") {
		b.Unset("key")
	}
	if x := n.Take("useFlumeEventFormat", "parseAsFlumeEvent"); x != nil {
		if strings.EqualFold(x.Value, "true") {
			c.Lost(b, x, "values are the lines themselves, not Avro events of Flume")
		} else {
			c.Carry(x)
		}
	} else if n.Find("type") != nil && strings.HasSuffix(n.Text("type"), "KafkaChannel") {
		c.D.Lost(
			b, n.At, n.Name+".parseAsFlumeEvent",
			"values are the lines themselves: readers of the topic that expect Flume's Avro events must be told",
		)
	}
	c.kafkaSecurity(b, n, "kafka.producer.")
	c.KafkaSettings(b, n.Find("kafka.producer"))
	for _, k := range []string{"partitionIdHeader", "defaultPartitionId"} {
		if x := n.Take(k); x != nil {
			c.Lost(b, x, "no record names its partition: it is found by the key or the source, see partitioner")
		}
	}
	return b
}

func (c *converter) kafkaSecurity(b *draft.Block, n *kit.Node, prefix string) {
	protocol := n.Take(prefix + "security.protocol")
	if protocol == nil {
		return
	}
	c.Carry(protocol)
	if strings.HasSuffix(strings.ToUpper(protocol.Value), "SSL") {
		t := b.In("tls")
		for _, key := range []string{"truststore", "keystore"} {
			x := n.Take(prefix+"ssl."+key+".location", prefix+"ssl."+key+".path")
			if x != nil {
				c.Lost(t, x, "a Java "+key+": write ca_file, or cert_file and key_file, as PEM")
			}
		}
	}
	if !strings.HasPrefix(strings.ToUpper(protocol.Value), "SASL") {
		return
	}
	mechanism := n.Text(prefix + "sasl.mechanism")
	config := n.Take(prefix + "sasl.jaas.config")
	user, password := "", ""
	if config != nil {
		user, password = kit.JAAS(config.Value)
	}
	if user == "" || password == "" || mechanism == "" ||
		mechanism == "GSSAPI" {
		c.D.Lost(
			b,
			protocol.At,
			protocol.Shown(),
			"write a sasl block: user and password stand in a JAAS file, or it is Kerberos, which penstock does not speak",
		)
		return
	}
	kit.SASL(b, mechanism, user, password)
	c.Carry(config)
}

func (c *converter) fileRoll(n *kit.Node, name string) *draft.Block {
	b := c.Add("output", "local", name, n)
	if !c.Set(b, "directory", n, "sink.directory") {
		b.Set("directory", draft.Text("/var/lib/penstock-files"))
		c.D.Lost(b, n.At, n.Name, "it names no directory")
	}
	b.Set("path", draft.Join(draft.Tmpl("topic")))
	b.Set("compression", draft.Text("none"))
	b.Add("format", "raw")
	age := 30 * time.Second
	if x := n.Take("sink.rollInterval"); x != nil {
		if d, ok := kit.ParseDuration(x.Value, time.Second); ok && d > 0 {
			age = d
		} else {
			age = 24 * time.Hour
			c.Changed(b, x, "a file ends some time: once a day now")
		}
		c.Carry(x)
	}
	b.In("roll").Set("age", draft.Duration(age))
	c.D.Changed(
		b,
		n.At,
		n.Name,
		"files appear whole when they roll, in a directory by topic, which is the tag",
	)
	return b
}

func (c *converter) elastic(n *kit.Node, name string) *draft.Block {
	b := c.Add("output", "elasticsearch", name, n)
	var urls []string
	for _, h := range words(n, "hostNames") {
		host, _, _ := strings.Cut(h, ":")
		urls = append(urls, "http://"+host+":9200")
	}
	if urls == nil {
		urls = []string{"http://localhost:9200"}
		c.D.Lost(b, n.At, n.Name, "it names no hosts")
	}
	b.Set("urls", kit.Texts(urls))
	index := n.Text("indexName")
	if index == "" {
		index = "flume"
	}
	b.Set(
		"index",
		draft.Join(
			append(c.escapes(b, n, index), draft.Lit("-"), draft.Tmpl(`strftime("%Y-%m-%d")`))...),
	)
	c.D.Changed(
		b,
		n.At,
		n.Name,
		"the HTTP port, 9200, and not the transport's; records are the documents",
	)
	return b
}

var (
	scheme = regexp.MustCompile(`^([a-z0-9]+)://([^/]*)/?(.*)$`)
	escape = regexp.MustCompile(`%\{([^}]+)\}|%\[([^\]]+)\]|%([a-zA-Z])`)
)

// hdfs adds an archive.
func (c *converter) hdfs(n *kit.Node, name string) *draft.Block {
	x := n.Take("hdfs.path")
	value, at := "", n.At
	if x != nil {
		value, at = x.Value, x.At
	}
	kind, bucket, dir := "hdfs", "", strings.TrimPrefix(value, "/")
	if m := scheme.FindStringSubmatch(value); m != nil {
		kind, bucket, dir = m[1], m[2], m[3]
	}
	var b *draft.Block
	switch kind {
	case "s3", "s3a", "s3n", "oss", "cosn":
		b = c.Add("output", "s3", name, n)
		b.Set("bucket", kit.Text(bucket))
	case "gs":
		b = c.Add("output", "gcs", name, n)
		b.Set("bucket", kit.Text(bucket))
	case "file":
		b = c.Add("output", "local", name, n)
		fixed, rest := dir, ""
		if i := strings.IndexByte(dir, '%'); i >= 0 {
			cut := strings.LastIndexByte(dir[:i], '/') + 1
			fixed, rest = dir[:cut], dir[cut:]
		}
		b.Set("directory", kit.Text("/"+strings.TrimRight(fixed, "/")))
		dir = rest
	default:
		b = c.Add("output", "local", name, n)
		b.Set("directory", draft.Text("/var/lib/penstock-lake"))
		c.D.Lost(
			b,
			at,
			n.Name+".hdfs.path = "+value,
			"penstock writes to S3, GCS and directories, not to HDFS: write output \"s3\" or \"gcs\", or the directory at which HDFS is mounted",
		)
	}
	parts := c.escapes(b, n, strings.Trim(dir, "/"))
	if text, ok := draft.Literal(parts); ok && text == "" {
		parts = []draft.Part{draft.Tmpl("topic")}
	}
	b.Set("path", draft.Join(parts...))
	if x != nil && kind != "hdfs" {
		c.Carry(x)
	}
	if zone := n.Take("hdfs.timeZone"); zone != nil {
		if strings.EqualFold(zone.Value, "local time") {
			c.Left(b, zone, "write timezone: UTC otherwise")
		} else {
			b.Set("timezone", kit.Text(zone.Value))
			c.Carry(zone)
		}
	} else {
		c.D.Changed(b, n.At, n.Name+".hdfs.timeZone", "hours and days are those of UTC; write timezone for others")
	}
	c.hdfsFiles(b, n)
	c.rounding(b, n, value)
	c.rolls(b, n)
	for _, k := range []string{"hdfs.kerberosPrincipal", "hdfs.kerberosKeytab", "hdfs.proxyUser"} {
		if k := n.Take(k); k != nil {
			c.Left(b, k, "object stores have keys, roles and their own ways to say who one is")
		}
	}
	return b
}

// escapes turns %{header} and %Y into a template.
func (c *converter) escapes(b *draft.Block, n *kit.Node, value string) []draft.Part {
	var out []draft.Part
	for {
		m := escape.FindStringSubmatchIndex(value)
		if m == nil {
			break
		}
		if m[0] > 0 {
			out = append(out, kit.Parts(value[:m[0]])...)
		}
		whole := value[m[0]:m[1]]
		switch {
		case m[2] >= 0:
			name := value[m[2]:m[3]]
			out = append(out, c.header(b, n, name, whole))
		case m[4] >= 0:
			out = append(out, draft.Tmpl("agent"))
			if value[m[4]:m[5]] == "IP" {
				c.D.Changed(b, n.At, whole, "the agent's name, not its address")
			}
		case strings.ContainsAny(value[m[6]:m[7]], "aAbBcdDHIjklmMnpsSyYzEeh"):
			letter := value[m[6]:m[7]]
			pattern := whole
			if d := map[string]string{"k": "%H", "n": "%m", "e": "%d", "E": "%e", "l": "%I", "z": "%z"}[letter]; d != "" {
				pattern = d
			}
			format, err := timepattern.Write(pattern)
			if err != nil {
				c.D.Lost(b, n.At, whole, err.Error()+"; write path")
				format = "%Y%m%d"
			}
			out = append(out, draft.Tmpl("strftime("+string(draft.Text(format))+")"))
		default:
			out = append(out, draft.Lit(whole))
		}
		value = value[m[1]:]
	}
	if value != "" || out == nil {
		out = append(out, kit.Parts(value)...)
	}
	return out
}

func (c *converter) hdfsFiles(b *draft.Block, n *kit.Node) {
	for _, key := range []string{"hdfs.filePrefix", "hdfs.fileSuffix"} {
		if x := n.Take(key); x != nil {
			c.Changed(
				b,
				x,
				"an object's name tells which records are in it, so that none is written twice: see file_name",
			)
		}
	}
	typ := n.Take("hdfs.fileType")
	codec := n.Take("hdfs.codeC")
	compression := "none"
	if codec != nil {
		switch strings.ToLower(codec.Value) {
		case "gzip", "snappy":
			compression = strings.ToLower(codec.Value)
			c.Carry(codec)
		case "bzip2":
			compression = "bzip2"
			c.Carry(codec)
		default:
			compression = "gzip"
			c.Changed(b, codec, "objects are compressed with gzip")
		}
	}
	switch {
	case typ == nil || strings.EqualFold(typ.Value, "SequenceFile"):
		c.D.Changed(b, n.At, n.Name+".hdfs.fileType = SequenceFile", "objects are plain lines")
	default:
		c.Carry(typ)
		if strings.EqualFold(typ.Value, "DataStream") {
			compression = "none"
		}
	}
	b.Set("compression", draft.Text(compression))
	b.Add("format", "raw")
	if x := n.Take("serializer"); x != nil && !strings.EqualFold(x.Value, "TEXT") {
		c.Lost(b, x, "write format \"avro\" or \"parquet\", which make columns of JSON records")
	}
	if x := n.Find("serializer"); x != nil {
		for _, k := range x.Kids {
			c.Left(b, k, "it is the serializer's: see format")
		}
	}
}

// rounding tells where times were rounded down in the path.
func (c *converter) rounding(b *draft.Block, n *kit.Node, path string) {
	if !n.On("hdfs.round") {
		return
	}
	value, unit := n.Text("hdfs.roundValue"), n.Take("hdfs.roundUnit")
	u := "second"
	if unit != nil {
		u = strings.ToLower(unit.Value)
	}
	round := n.Find("hdfs.round")
	if u == "hour" && (value == "" || value == "1") && !strings.Contains(path, "%M") ||
		!strings.Contains(path, "%M") && !strings.Contains(path, "%S") && u != "hour" {
		c.Carry(round)
		return
	}
	c.Lost(
		b, round, "times in paths are not rounded, down to "+value+" "+u+
			"s: write the path by the hour, or by the day",
	)
}

func (c *converter) rolls(b *draft.Block, n *kit.Node) {
	r := b.In("roll")
	zero := func(name string) bool {
		x := n.Find(name)
		if x != nil && x.Value == "0" {
			c.Carry(n.Take(name))
			return true
		}
		return x == nil
	}
	if !zero("hdfs.rollInterval") {
		c.Duration(r, "age", n, time.Second, "hdfs.rollInterval")
	}
	if !zero("hdfs.rollSize") {
		c.Size(r, "size", n, "hdfs.rollSize")
	}
	if !zero("hdfs.rollCount") {
		c.Number(r, "records", n, "hdfs.rollCount")
	}
	if !zero("hdfs.idleTimeout") {
		c.Duration(r, "idle", n, time.Second, "hdfs.idleTimeout")
	}
	if r.Empty() {
		r.Set("age", draft.Text("10m"))
		r.Comment("Flume's own presets, 30 s, 1 kB and 10 events, make many small files.")
	}
}
