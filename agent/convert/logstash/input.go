package logstash

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// inputs is what there is for those of Logstash.
var inputs = map[string]struct {
	typ   string
	lines bool // objects are made of what comes
	set   func(c *converter, b *draft.Block, n *kit.Node)
}{
	"file":          {"tail", true, (*converter).fromFiles},
	"tcp":           {"tcp", true, (*converter).fromSocket},
	"udp":           {"udp", true, (*converter).fromSocket},
	"syslog":        {"syslog", false, (*converter).fromSyslog},
	"http":          {"http", false, (*converter).fromHTTP},
	"stdin":         {"stdin", true, func(*converter, *draft.Block, *kit.Node) {}},
	"exec":          {"exec", true, (*converter).fromExec},
	"kafka":         {"kafka", true, (*converter).fromKafka},
	"beats":         {"http", false, (*converter).fromBeats},
	"elastic_agent": {"http", false, (*converter).fromBeats},
	"lumberjack":    {"http", false, (*converter).fromBeats},
}

// input adds the input for one of Logstash's, and the filters that make its events.
func (c *converter) input(n *kit.Node) {
	from, ok := inputs[n.Key]
	if !ok {
		c.Lost(c.Agent, n, "there is no such input; see penstock help for those there are")
		return
	}
	if n.Key == "kafka" && c.inputs > 1 {
		c.Lost(
			c.Agent,
			n,
			"a pipeline reads Kafka or a buffer: write input \"kafka\" with a pipeline of its own",
		)
		return
	}
	typ, codec := n.Text("type"), n.Take("codec")
	b := c.Add("input", from.typ, cmp.Or(typ, n.Key), n)
	from.set(c, b, n)
	tag, cond := c.tag(b, n), ""
	if n.Key != "kafka" {
		b.Set("tag", draft.Text(tag))
	}
	if c.inputs > 1 {
		cond = "tag == " + kit.Quote(tag)
	}
	c.p.Inputs = append(c.p.Inputs, b)
	if from.lines {
		c.D.Changed(
			b, n.At, n.Name,
			"@timestamp, @version, event, host and log are no fields: write filter \"add_fields\"",
		)
		c.lines(codec, tag, cond)
	}
	if typ != "" {
		c.p.Filter("add_fields", tag, cond).Set("fields", draft.Map("type", draft.Text(typ)))
	}
	if n.Key == "file" && c.paths != nil {
		b.Set("path_header", draft.Text("path"))
		for _, name := range c.paths {
			f := c.p.Filter("add_fields", tag+"_path", cond)
			f.Set("fields", draft.Map(kit.Key(name), draft.Value("header.path")))
			f.Set("overwrite", draft.Bool(false))
		}
	}
	if n.Key == "syslog" {
		c.p.Filter("rename_fields", tag, cond).Set("fields", draft.Map(
			"app_name", `"program"`, "proc_id", `"pid"`, "hostname", `"logsource"`,
			"severity", `"severity_label"`, "facility", `"facility_label"`,
		))
	}
	c.common(n, tag, cond)
	if codec != nil {
		c.inputCodec(b, codec)
	}
	c.Rest(b, n, harmless)
}

// tag returns one that no other input has.
func (c *converter) tag(b *draft.Block, n *kit.Node) string {
	tag := b.Label()
	if c.tags[tag] {
		tag += "-" + n.Key
	}
	for i := 2; c.tags[tag]; i++ {
		tag = fmt.Sprintf("%s-%s-%d", b.Label(), n.Key, i)
	}
	c.tags[tag] = true
	return tag
}

// lines makes objects of lines: those of JSON are what they say, others have their text as message.
func (c *converter) lines(codec *kit.Node, tag, cond string) {
	f := c.p.Filter("parse", tag, cond)
	isJSON := codec != nil && strings.HasPrefix(codec.Value, "json")
	if isJSON && !slices.Contains(c.asked, failureTags["json"]) {
		f.Set("formats", draft.List(draft.Text("json"), draft.Text("regex")))
		f.Set("pattern", draft.Text("^(?P<message>(?s:.*))$"))
		return
	}
	f.Set("format", draft.Text("regex"))
	f.Set("pattern", draft.Text("^(?P<message>(?s:.*))$"))
	if isJSON {
		f := c.p.Filter("parse", tag, cond)
		f.Set("format", draft.Text("json"))
		f.Set("field", draft.Text("message"))
		c.mark(f, &kit.Node{Key: "json", Name: codec.Name, At: codec.At}, cond)
	}
}

func (c *converter) fromFiles(b *draft.Block, n *kit.Node) {
	b.Set("paths", c.Globs(b, n, n.Texts("path")))
	if ex := n.Texts("exclude"); ex != nil {
		for i, g := range ex {
			if !strings.HasPrefix(g, "/") {
				ex[i] = "/**/" + g
			}
		}
		b.Set("exclude", kit.Texts(ex))
	}
	if n.Text("start_position") != "beginning" && n.Text("mode") != "read" {
		b.Set("start_at", draft.Text("end"))
	}
	c.Delimiter(b, n, "delimiter")
	c.completed(b, n)
	if codec := n.Find("codec"); codec != nil && codec.Value == "multiline" {
		c.multiline(b, codec)
	}
}

// completed says what becomes of files that have been read, in mode read.
func (c *converter) completed(b *draft.Block, n *kit.Node) {
	action := n.Take("file_completed_action")
	switch {
	case n.Text("mode") != "read":
		if action != nil {
			c.Left(b, action, "a file that is followed has no end")
		}
	case action != nil && action.Value == "log":
		c.Left(b, action, "files are kept, and penstock remembers them")
	default:
		b.Set("after_read", draft.Text("delete"))
		b.Set("partial_line_timeout", draft.Text("5s"))
		c.D.Changed(
			b, n.At, n.Name+".file_completed_action",
			"files are deleted once every output has them, and a minute after they were written",
		)
	}
}

// address is where an input listens, on port unless it names another.
func address(n *kit.Node, port string) string {
	return cmp.Or(n.Text("host"), "0.0.0.0") + ":" + cmp.Or(n.Text("port"), port)
}

func (c *converter) fromSocket(b *draft.Block, n *kit.Node) {
	b.Set("listen", kit.Text(address(n, "5000")))
	c.serverTLS(b, n)
}

func (c *converter) fromSyslog(b *draft.Block, n *kit.Node) {
	at := address(n, "514")
	b.Set("listen", kit.Texts([]string{"udp://" + at, "tcp://" + at}))
	c.D.Changed(
		b, n.At, n.Name, "fields have Logstash's names without ECS: program, pid, logsource and so on",
	)
	c.Set(b, "timezone", n, "timezone")
}

func (c *converter) fromHTTP(b *draft.Block, n *kit.Node) {
	b.Set("listen", kit.Text(address(n, "8080")))
	c.serverTLS(b, n)
	if n.Find("user") != nil {
		c.User(b, n, "user", "password")
	}
}

func (c *converter) fromExec(b *draft.Block, n *kit.Node) {
	b.Set(
		"command",
		draft.List(draft.Text("/bin/sh"), draft.Text("-c"), kit.Text(n.Text("command"))),
	)
	b.Set("interval", draft.Text("1m"))
	c.Duration(b, "interval", n, time.Second, "interval")
}

func (c *converter) fromKafka(b *draft.Block, n *kit.Node) {
	c.Brokers(b, n, n.Texts("bootstrap_servers"))
	if !c.Set(b, "group", n, "group_id") {
		b.Set("group", draft.Text("logstash"))
	}
	if x := n.Take("topics_pattern"); x != nil {
		b.Set("topics_regex", draft.Texts(kit.Whole(x.Value)))
		c.Carry(x)
	} else if t := n.Texts("topics"); t != nil {
		b.Set("topics", kit.Texts(t))
	} else {
		b.Set("topics", draft.Texts("logstash"))
	}
	if n.Text("auto_offset_reset") != "earliest" {
		b.Set("start", draft.Text("latest"))
	}
	c.security(b, n)
	c.KafkaSettings(b, n)
}

func (c *converter) fromBeats(b *draft.Block, n *kit.Node) {
	b.Set("listen", kit.Text(address(n, "5044")))
	c.serverTLS(b, n)
	c.D.Lost(
		b,
		n.At,
		n.Name,
		"penstock does not speak the Beats protocol: let penstock read the files there, or have them sent by HTTP",
	)
}

// inputCodec tells what becomes of lines that were decoded.
func (c *converter) inputCodec(b *draft.Block, codec *kit.Node) {
	switch codec.Value {
	case "plain", "line", "json", "json_lines":
		c.Carry(codec)
	case "multiline":
		if b.Find("multiline") == nil {
			c.Lost(b, codec, "write multiline { }, or filter \"multiline\"")
		}
	default:
		c.Lost(b, codec, "write filter \"parse\" for what it decodes")
	}
	if x := codec.Take("charset"); x != nil {
		c.Charset(b, x)
	}
	c.Rest(b, codec, harmless)
}

func (c *converter) multiline(b *draft.Block, m *kit.Node) {
	in := b.In("multiline")
	pattern, negate, what := m.Text("pattern"), m.On("negate"), m.Text("what")
	pattern = kit.Grokless(pattern)
	if _, err := regexp.Compile(pattern); err != nil || strings.Contains(pattern, "%{") {
		c.D.Lost(in, m.At, m.Name+".pattern = "+pattern, "write it as a regular expression of RE2")
		pattern = `^\S`
	}
	switch {
	case what == "next" && negate:
		in.Set("end", draft.Text(pattern))
	case what == "next":
		in.Set("continue_after", draft.Text(pattern))
	case negate:
		in.Set("start", draft.Text(pattern))
	default:
		in.Set("continue", draft.Text(pattern))
	}
	c.Number(in, "max_lines", m, "max_lines")
	c.Duration(in, "timeout", m, time.Second, "auto_flush_interval")
	c.D.Carried(m.At, m.Name)
}
