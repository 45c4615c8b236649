package flume

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
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
		if second != nil { // a store holds the overflow, any other stands by
			first.Add("failover").Set("to", second.Ref())
			c.D.Carried(n.At, n.Name)
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
