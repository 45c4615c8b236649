package flume

import (
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// setsHeader reports whether any source sets a header.
func (c *converter) setsHeader(name string) bool {
	for _, s := range c.sources {
		if s.sets(name) {
			return true
		}
	}
	return false
}

// sets reports whether a source, or one of its interceptors, sets a header.
func (s *source) sets(name string) bool {
	for i := 0; i < len(s.header); i += 2 {
		if s.header[i] == draft.Text(name) {
			return true
		}
	}
	if s.input.Get("path_header") == draft.Text(name) ||
		s.input.Get("offset_header") == draft.Text(name) {
		return true
	}
	if x := s.node.Find("interceptors"); x != nil {
		for _, k := range x.Kids {
			for _, setting := range []string{"key", "hostHeader", "headerName"} {
				if key := k.Find(setting); key != nil && key.Value == name {
					return true
				}
			}
			if typ := k.Find("type"); name == "host" && typ != nil && k.Find("hostHeader") == nil &&
				strings.EqualFold(typ.Value, "host") {
				return true
			}
		}
	}
	return false
}

// topicHeader is the header in which a source of Kafka tells the topic.
func (s *source) topicHeader() string {
	if x := s.node.Find("topicHeader"); x != nil {
		return x.Value
	}
	return "topic"
}

// syslogFields are the headers of Flume's syslog sources, and what they are here.
var syslogFields = map[string]string{
	"Facility": "facility", "Severity": "severity", "host": "hostname", "hostname": "hostname",
}

// known returns what a header of a source is in a template, or "".
func (s *source) known(name string) string {
	switch {
	case s.sets(name):
		return "header[" + string(draft.Text(name)) + "]"
	case s.kind == "kafka" && name == s.topicHeader():
		return "tag"
	case s.kind == "kafka" && name == "key":
		return "key"
	case s.kind == "syslog" && syslogFields[name] != "":
		return "field." + syslogFields[name]
	case s.kind == "kafka", s.kind == "forward", s.kind == "http":
		return "header[" + string(draft.Text(name)) + "]" // as it came
	case name == "host" || name == "hostname":
		return "agent"
	}
	return ""
}

// asked is a header of a source's records in a condition.
func (c *converter) asked(name, source string) string {
	for _, s := range c.sources {
		if s.name == source {
			if known := s.known(name); !strings.HasPrefix(known, "header") && known != "" {
				return known
			}
		}
	}
	return "header[" + kit.Quote(name) + "]"
}

// header is what a header is in a template of a sink: it is told where a source sets none of that
// name.
func (c *converter) header(b *draft.Block, n *kit.Node, name, whole string) draft.Part {
	var is string
	var without []string
	if ch := c.channels[n.Text("channel")]; ch != nil {
		for _, s := range c.sources {
			if _, ok := ch.from[s.name]; !ok {
				continue
			}
			switch known := s.known(name); {
			case known == "":
				without = append(without, s.name)
			case is == "" || is == known:
				is = known
			default:
				without = append(without, s.name)
			}
		}
	}
	if is == "" {
		is = "header[" + string(draft.Text(name)) + "]"
	}
	if without != nil {
		c.D.Lost(
			b, n.At, whole,
			"records of "+strings.Join(without, ", ")+" have no such header: set it with filter \"set\"",
		)
	}
	return draft.Tmpl(is)
}
