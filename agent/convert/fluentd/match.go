package fluentd

import (
	"cmp"
	"errors"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

// match adds the outputs of a <match>.
func (c *converter) match(f *flow.Flow, e *element, p, scope flow.Match, depth int) {
	m, exact := scope.And(p)
	title := describe(e)
	switch typ := e.typ(); typ {
	case "null":
		b := f.Drop(m, "null")
		b.Above(title)
		c.d.Carried(e.at, title)
	case "relabel":
		c.relabel(f, e, m, depth, true)
		f.Take(m, nil)
	case "copy":
		var outs []*draft.Block
		drops := 0
		for _, s := range e.elements {
			if s.name != "store" {
				continue
			}
			switch s.typ() {
			case "relabel":
				outs = append(outs, c.copyRelabel(f, s, m, depth)...)
			case "null":
				drops++
			default:
				if b := c.output(f, s, m); b != nil {
					outs = append(outs, b)
				}
			}
		}
		if len(outs) == 0 && drops > 0 {
			f.Drop(m, "null")
		} else {
			f.Take(m, outs)
		}
		c.d.Carried(e.at, title)
	case "rewrite_tag_filter":
		c.retag(f, e, m)
	case "roundrobin":
		var outs []*draft.Block
		for _, s := range e.elements {
			if s.name == "store" {
				if b := c.output(f, s, m); b != nil {
					outs = append(outs, b)
				}
			}
		}
		if len(outs) > 1 {
			outs = outs[:1]
		}
		f.Take(m, outs)
		c.d.Lost(
			f.Notes(), e.at, title,
			"outputs do not take turns: the first gets all; output \"forward\" and \"elasticsearch\" spread over several servers",
		)
	default:
		var outs []*draft.Block
		if b := c.output(f, e, m); b != nil {
			outs = append(outs, b)
		}
		f.Take(m, outs)
	}
	if !exact {
		c.d.Lost(
			f.Notes(), e.at, title,
			"it gets the events of a label that come with certain tags only: write match in its route",
		)
	}
}

// relabel goes on in a label.
func (c *converter) relabel(f *flow.Flow, e *element, m flow.Match, depth int, taken bool) {
	name := e.value("@label")
	label := c.labels[name]
	if label == nil || depth > 8 {
		c.d.Lost(
			f.Notes(), e.at, describe(e)+" "+name,
			"there is no such label, or it leads back to itself",
		)
		return
	}
	c.d.Carried(e.at, describe(e)+" "+name)
	c.walked[label] = true
	c.walk(f, label, m, depth+1)
}

// copyRelabel returns the outputs of a label which gets a copy.
func (c *converter) copyRelabel(f *flow.Flow, e *element, m flow.Match, depth int) []*draft.Block {
	name := e.value("@label")
	label := c.labels[name]
	if label == nil {
		c.d.Lost(f.Notes(), e.at, describe(e)+" "+name, "there is no such label")
		return nil
	}
	var outs []*draft.Block
	c.walked[label] = true
	for _, s := range label.elements {
		switch {
		case s.name == "filter":
			c.d.Lost(
				f.Notes(), s.at, describe(s)+" in label "+name,
				"filters of a pipeline work on what all of its outputs get; have a pipeline of its own, with an input of its own, for the copy",
			)
		case s.name == "match" && s.typ() == "copy":
			for _, st := range s.elements {
				if b := c.output(f, st, m); st.name == "store" && b != nil {
					outs = append(outs, b)
				}
			}
		case s.name == "match" && s.typ() != "null":
			if p, err := pattern(
				s.arg,
			); err != nil ||
				!p.IsAll() && strings.Join(p.Patterns, " ") != strings.Join(m.Patterns, " ") {
				c.d.Lost(
					f.Notes(), s.at, describe(s)+" in label "+name,
					"it gets all that is copied there: write a route",
				)
			}
			if b := c.output(f, s, m); b != nil {
				outs = append(outs, b)
			}
		}
	}
	c.d.Carried(e.at, describe(e)+" "+name)
	return outs
}

// output adds an output, or returns nil if there is none of that type.
func (c *converter) output(f *flow.Flow, e *element, m flow.Match) *draft.Block {
	typ := e.typ()
	title := describe(e)
	name := e.value("@id", "id")
	var b *draft.Block
	add := func(t, want string) {
		b = c.d.Add("output", t, c.d.Name("output", t, cmp.Or(name, want)))
		b.From(e.at)
	}
	switch typ {
	case "kafka2", "kafka", "kafka_buffered", "rdkafka", "rdkafka2":
		add("kafka", "kafka")
		c.kafka(f, b, e, m)
	case "forward", "secure_forward":
		add("forward", "forward")
		c.forward(b, e)
	case "file":
		add("file", "file")
		c.file(b, e)
	case "s3":
		add("s3", "s3")
		c.s3(b, e)
	case "gcs":
		add("gcs", "gcs")
		c.gcs(b, e)
	case "elasticsearch",
		"opensearch",
		"elasticsearch_dynamic",
		"elasticsearch_data_stream",
		"opensearch_data_stream":
		add("elasticsearch", "elasticsearch")
		c.elasticsearch(b, e, strings.HasSuffix(typ, "data_stream"))
	case "http":
		add("http", "http")
		c.http(b, e)
	case "stdout":
		add("stdout", "stdout")
		b.Set("format", draft.Text("full"))
	default:
		c.d.Lost(
			f.Notes(), e.at, title,
			"there is no such output; see penstock help for those there are",
		)
		return nil
	}
	c.d.Carried(e.at, title)
	c.buffer(f, b, e)
	c.secondary(b, e)
	c.formatOf(b, e)
	for _, s := range e.elements {
		switch s.name {
		case "inject":
			if len(s.params) > 0 {
				c.inject(b, s)
			}
		case "server",
			"security",
			"buffer",
			"secondary",
			"format",
			"auth",
			"headers",
			"assume_role_credentials",
			"instance_profile_credentials",
			"kafka":
		default:
			c.d.Unknown(b, s.at, s.name, s.title())
		}
	}
	c.unused(b, e)
	return b
}

func (c *converter) inject(b *draft.Block, s *element) {
	var keys []string
	for _, p := range s.params {
		p.used = true
		keys = append(keys, shown(p))
	}
	c.d.Left(
		b, s.at, "<inject> "+strings.Join(keys, ", "),
		"write filter \"add_fields\" with ${tag}, ${time} or hostname()",
	)
}

// formatOf tells whether values leave as they do here.
func (c *converter) formatOf(b *draft.Block, e *element) {
	s, keys := e.sub("format"), []string{"@type", "type"}
	if s == nil {
		s, keys = e, []string{"format", "output_data_type"} // of v0.12, and of kafka_buffered
	}
	p := s.get(keys...)
	if p == nil {
		return
	}
	switch {
	case p.value == "json",
		p.value == "msgpack" && b.Kind()+b.Type() == "outputkafka" && kit.Msgpack(b):
		c.carry(p)
	case p.value == "single_value" && c.raw:
		if k := s.get("message_key"); k != nil && k.value != "message" {
			c.d.Changed(
				b, k.at, shown(k),
				"the whole value is sent; take the field out with filter \"parse\"",
			)
		} else {
			c.carry(p)
		}
	default:
		c.d.Changed(
			b, p.at, "format "+p.value,
			"values leave as JSON objects; what a filter makes of them is what is sent",
		)
	}
	if s != e {
		c.unused(b, s)
	}
}

// buffer carries over the buffer's settings, which are the pipeline's here.
func (c *converter) buffer(f *flow.Flow, b *draft.Block, e *element) {
	s := e.sub("buffer")
	if s == nil {
		s = e
	} else {
		s.typ()
	}
	if p := s.get("total_limit_size", "queue_limit_size"); p != nil {
		if n, err := size(p.value); err == nil {
			if n = max(n, 16<<20); n > c.total {
				c.total = n
				f.Buffer.Set("max_size", draft.Size(n))
			}
			c.carry(p)
		} else {
			c.d.Left(f.Buffer, p.at, shown(p), "it is no size that is known now")
		}
	}
	if p := s.get("overflow_action", "buffer_queue_full_action"); p != nil {
		switch p.value {
		case "drop_oldest_chunk":
			f.Buffer.Set("when_full", draft.Text("drop_oldest"))
			c.carry(p)
		case "block":
			c.carry(p)
		default:
			c.d.Changed(f.Buffer, p.at, shown(p), "inputs wait when the buffer is full")
		}
	}
	if c.duration(b.In("retry"), "max", s, "retry_max_interval", "max_retry_wait") {
	} else if b.Find("retry").Empty() {
		b.RemoveBlock("retry")
	}
	if s != e {
		c.unused(b, s)
	}
}

// archives are outputs that keep objects, each of which is made again after a crash.
var archives = map[string]bool{"s3": true, "gcs": true, "local": true}

// secondary becomes the failover.
func (c *converter) secondary(b *draft.Block, e *element) {
	s := e.sub("secondary")
	if s == nil {
		return
	}
	if archives[b.Type()] {
		s.used()
		c.d.Lost(
			b, s.at, describe(s),
			"an archive fails over to nothing: it waits for its store, with all on disk",
		)
		return
	}
	var to *draft.Block
	then := "what went there is sent on by itself when the destination is back"
	switch typ := cmp.Or(s.typ(), e.typ()); typ {
	case "file", "secondary_file":
		to = c.d.Add("output", "local", c.d.Name("output", "local", b.Label()+"_overflow"))
		dir := cmp.Or(s.value("path", "directory"), "/var/lib/penstock-overflow")
		v, ok := parts(dir, false)
		if !ok {
			c.d.Lost(to, s.at, describe(s), "Ruby is not evaluated; write directory")
		}
		to.Set("directory", draft.Join(v...))
	case "s3":
		to = c.d.Add("output", "s3", c.d.Name("output", "s3", b.Label()+"_overflow"))
		c.s3(to, s)
		to.Unset("path")
	case "forward":
		to = c.d.Add("output", "forward", c.d.Name("output", "forward", b.Label()+"_standby"))
		c.forward(to, s)
		then = "what went there stays there"
	default:
		c.d.Lost(b, s.at, describe(s), "write it as an output, and name that in failover.to")
		return
	}
	b.In("failover").Set("to", to.Ref())
	c.d.Changed(
		b.Find("failover"), s.at, describe(s),
		"it is used once the destination has taken nothing for after, and "+then,
	)
}

var errRuby = errors.New("no Ruby is evaluated")
