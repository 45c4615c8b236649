package rsyslog

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

func (c *converter) send(cond string, b *draft.Block) {
	c.sends = true
	c.p.Send(kit.And(append([]string{cond}, c.stopped...)...), b)
}

// toFile returns the output for a file, of which there is one however many actions name it.
func (c *converter) toFile(path string) *draft.Block {
	if b := c.files[path]; b != nil {
		return b
	}
	b := c.D.Add("output", "file", c.D.Name("output", "file", "file"))
	b.Set("path", kit.Text(path))
	c.files[path] = b
	return b
}

// line does an action of the legacy grammar.
func (c *converter) line(text string, at draft.Place, cond string) {
	text, _, _ = strings.Cut(text, ";")
	text = strings.TrimPrefix(strings.TrimSpace(text), "-")
	switch {
	case assigned.MatchString(text):
		c.assign(at, text, assigned.FindStringSubmatch(text), cond)
	case text == "stop" || text == "~":
		c.stop(cond)
	case strings.HasPrefix(text, "/"):
		b := c.toFile(text)
		c.D.Carried(at, text)
		c.send(cond, b)
	case text == "":
	default:
		c.D.Lost(
			c.p.Notes,
			at,
			text,
			"there is no such output; see penstock help for those there are",
		)
	}
}

func (c *converter) action(n *kit.Node, cond string) {
	var b *draft.Block
	typ := n.Text("type")
	template := n.Take("template")
	switch typ {
	case "omkafka":
		b = c.Add("output", "kafka", "kafka", n)
		c.Brokers(b, n, n.Texts("broker"))
		topic := n.Take("topic")
		switch {
		case topic == nil:
			b.Set("topic", draft.Text("CHANGE-ME"))
			c.D.Lost(b, n.At, n.Name, "it names no topic")
		case n.On("dynatopic"):
			b.Set("topic", draft.Join(draft.Tmpl("tag")))
			c.Lost(b, topic, c.made("the topic", topic.Value)+": write it with ${...}")
		default:
			b.Set("topic", kit.Text(topic.Value))
			c.Carry(topic)
		}
		if k := n.Take("key"); k != nil {
			b.Set("key", kit.Text(k.Value))
			c.Carry(k)
		}
		c.confParam(b, n)
	case "omfile":
		if f := n.Take("dynafile"); f != nil {
			b = c.Add("output", "file", "file", n)
			b.Set("path", draft.Text("/var/log/CHANGE-ME.log"))
			c.Lost(
				b, f,
				c.made("the path", f.Value)+": output \"local\" writes directories by a path with ${...}",
			)
		} else {
			b = c.toFile(n.Text("file"))
			b.From(n.At)
			c.D.Carried(n.At, n.Name)
		}
	case "omelasticsearch":
		b = c.Add("output", "elasticsearch", "elasticsearch", n)
		server, port := n.Texts("server"), n.Text("serverport")
		if port == "" {
			port = "9200"
		}
		var urls []string
		for _, s := range server {
			if !strings.Contains(s, "://") {
				s = "http://" + s
			}
			urls = append(urls, s+":"+port)
		}
		if urls == nil {
			urls = []string{"http://localhost:9200"}
		}
		b.Set("urls", kit.Texts(urls))
		index := n.Text("searchindex")
		if index == "" {
			index = "system"
		}
		b.Set("index", kit.Text(index))
		if n.On("dynsearchindex") {
			c.D.Lost(
				b,
				n.At,
				n.Name+".searchIndex = "+index,
				c.made("the index", index)+": write it with ${...}",
			)
		}
		b.Set("operation", draft.Text("index"))
		c.Set(b, "user", n, "uid")
		c.Set(b, "password", n, "pwd")
	case "omstdout":
		b = c.Add("output", "stdout", "stdout", n)
	case "mmjsonparse":
		f := c.p.Filter("parse", "mmjsonparse", cond)
		f.Set("formats", draft.List(draft.Text("json"), draft.Text("regex")))
		f.Set("pattern", draft.Text("^(?P<msg>(?s:.*))$"))
		c.D.Carried(n.At, n.Name+" mmjsonparse")
		if n.Text("cookie") != "" {
			c.D.Changed(
				f,
				n.At,
				n.Name+" mmjsonparse",
				"the line is JSON, without a cookie before it",
			)
		}
		return
	default:
		c.Lost(
			c.p.Notes,
			n,
			fmt.Sprintf("there is no output like %s; see penstock help for those there are", typ),
		)
		return
	}
	if template == nil {
		c.D.Changed(
			b, n.At, n.Name+" "+typ,
			"lines of files go out as they are: a template of rsyslog has time, host and tag before them",
		)
	} else {
		c.D.Changed(
			b,
			template.At,
			template.Shown()+c.shown(template.Value),
			"lines of files go out as they are, and syslog messages as objects: shape them with filters",
		)
	}
	c.send(cond, b)
	c.Rest(b, n, harmless)
}

// makes is what a template makes of a message, in a line.
func makes(s statement) string {
	text := s.node.Text("string")
	var pairs []string
	for _, in := range s.body {
		if in.node == nil {
			continue
		}
		name, as := in.node.Text("name"), in.node.Text("outname")
		for _, how := range []string{"format", "dateformat"} {
			if f := in.node.Text(how); f != "" {
				name += ":::" + f
			}
		}
		switch {
		case as != "":
			pairs = append(pairs, as+": %"+name+"%")
		case name != "":
			text += "%" + name + "%"
		default:
			text += in.node.Text("value")
		}
	}
	text += strings.Join(pairs, ", ")
	for _, k := range s.node.Kids {
		if strings.HasPrefix(k.Key, "option.") {
			text += ", " + k.Key + " = " + s.node.Text(k.Key)
		}
	}
	if typ := s.node.Text("type"); typ != "string" && typ != "list" {
		text += ", of type " + typ
	}
	return text
}

// made tells that a template makes something.
func (c *converter) made(what, template string) string {
	return what + " is what a template makes" + c.shown(template)
}

func (c *converter) shown(template string) string {
	c.used["template "+template] = true
	if text := c.templates[template]; text != "" {
		return " (" + strings.TrimSpace(text) + ")"
	}
	return ""
}
