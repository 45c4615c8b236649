package secor

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/javatime"
	"github.com/penstock/penstock/agent/convert/kit"
)

// parser tells what is known of a parser.
type parser struct {
	time   string // "json", "regex", "kafka" or "" where it has none
	decode string
	format string // of the time
	split  bool
	offset bool
	why    string // what is wrong with it
}

var parsers = map[string]parser{
	"OffsetMessageParser":           {offset: true},
	"DailyOffsetMessageParser":      {offset: true, time: "json", format: "epoch"},
	"JsonMessageParser":             {time: "json", format: "epoch"},
	"MessagePackParser":             {time: "json", format: "epoch", decode: "msgpack"},
	"Iso8601MessageParser":          {time: "json", format: "iso8601"},
	"DateMessageParser":             {time: "json", format: "pattern"},
	"RegexMessageParser":            {time: "regex", format: "epoch"},
	"SplitByFieldMessageParser":     {time: "json", format: "epoch", split: true},
	"AvroMessageParser":             {time: "json", format: "epoch", decode: "avro"},
	"AvroIso8601MessageParser":      {time: "json", format: "iso8601", decode: "avro"},
	"AvroSplitByFieldMessageParser": {time: "json", format: "epoch", decode: "avro", split: true},
	"PartitionedMessageParser": {
		why: "its partitions come from a field by rules of its own: write path",
	},
	"ThriftMessageParser": {
		why: "write decode \"thrift\", with names for the ids of fields, and time: until then objects are filed under the time that Kafka has of a record",
	},
	"ProtobufMessageParser": {
		why: "write decode \"protobuf\", with descriptors, and time: until then objects are filed under the time that Kafka has of a record",
	},
	"ProtobufTimestampParser": {
		why: "write decode \"protobuf\", with descriptors, and time: until then objects are filed under the time that Kafka has of a record",
	},
}

// path writes the path of objects and where their time comes from.
func (c *converter) path() {
	b := c.out
	class, x, written := c.plain(b, "secor.message.parser.class", "")
	name := class[strings.LastIndexByte(class, '.')+1:]
	p, known := parsers[name]
	switch {
	case !written:
		c.d.Lost(
			b, x.At, "secor.message.parser.class",
			"it is not set: objects are filed under the time that Kafka has of a record",
		)
	case !known:
		c.d.Lost(
			b, x.At, shown(x),
			"a parser of your own, or one that penstock does not know: write path and time so that objects go where it put them",
		)
	case p.why != "":
		c.d.Lost(b, x.At, shown(x), p.why)
	case p.offset:
		c.d.Lost(
			b, x.At, shown(x),
			"objects have no folder for the offset; the first one of each stands in its name",
		)
	default:
		c.carry(x)
	}
	parts := []draft.Part{draft.Tmpl("topic")}
	field := func() {
		if x, ok := c.take("message.split.field.name"); ok && p.split {
			parts = append(parts, draft.Lit("/"), fieldPart(x.Value))
			c.carry(x)
		}
	}
	field()
	if !p.offset || p.time != "" {
		parts = append(parts, c.dates(b, p.offset)...)
	}
	b.Set("path", draft.Join(parts...))
	c.set(b, "secor.parser.timezone", "timezone")
	useKafka := c.on("kafka.useTimestamp")
	if useKafka {
		c.carry(c.byKey["kafka.useTimestamp"])
	}
	if p.time != "" && !useKafka {
		c.time(b, p)
	} else {
		for _, k := range []string{"message.timestamp.name", "message.timestamp.name.separator", "message.timestamp.input.pattern"} {
			c.take(k)
		}
	}
	if required, ok := c.take("message.timestamp.required"); ok {
		if strings.EqualFold(required.Value, "false") {
			b.Set("on_missing", draft.Text("default"))
			b.In("time").Set("default", draft.Text("1970-01-01T00:00:00Z"))
		} else {
			c.d.Changed(
				b, required.At, "message.timestamp.required",
				"JSON without a time goes to the dead letter, not to 1970-01-01, and other text ends nothing",
			)
		}
		c.carry(required)
	}
	if p.decode != "" {
		d := b.Add("decode", p.decode)
		if x, ok := c.take("schema.registry.url"); ok && p.decode == "avro" {
			var urls []draft.Value
			for _, u := range strings.Split(x.Value, ",") {
				urls = append(urls, draft.Join(c.parts(strings.TrimSpace(u), 0)...))
			}
			d.In("registry").Set("urls", draft.List(urls...))
			c.carry(x)
		} else if p.decode == "avro" {
			d.In("registry").Set("urls", draft.Texts("http://localhost:8081"))
			c.d.Lost(
				d, draft.Place{}, "schema.registry.url",
				"it is not set; Avro is read with the schemas of a registry",
			)
		}
	}
}

func fieldPart(name string) draft.Part {
	if identifier.MatchString(name) {
		return draft.Tmpl("field." + name)
	}
	return draft.Tmpl(fmt.Sprintf("field[%q]", name))
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// dates writes dt=.../hr=.../min=... as far as the granularity goes.
func (c *converter) dates(b *draft.Block, daily bool) []draft.Part {
	hour, minute := c.on("partitioner.granularity.hour"), c.on("partitioner.granularity.minute")
	for _, k := range []string{"partitioner.granularity.hour", "partitioner.granularity.minute"} {
		if x, ok := c.take(k); ok {
			c.carry(x)
		}
	}
	var parts []draft.Part
	for _, g := range []struct {
		on                     bool
		name, prefix, standard string
	}{
		{true, "date", "dt=", "yyyy-MM-dd"}, {(hour || minute) && !daily, "hour", "hr=", "HH"}, {minute && !daily, "minute", "min=", "mm"},
	} {
		key := "partitioner.granularity." + g.name
		prefix, hasPrefix := c.take(key + ".prefix")
		format, hasFormat := c.take(key + ".format")
		if g.name == "minute" && !hasFormat {
			format, hasFormat = c.take("partitioner.granularity.min.format")
		}
		if !g.on {
			for _, x := range []kit.Property{prefix, format} {
				if x.Value != "" {
					c.d.Left(b, x.At, shown(x), "paths have no "+g.name+"s")
				}
			}
			continue
		}
		parts = append(parts, draft.Lit("/"))
		if hasPrefix {
			parts = append(parts, c.parts(prefix.Value, 0)...)
			c.carry(prefix)
		} else {
			parts = append(parts, draft.Lit(g.prefix))
		}
		pattern := g.standard
		if hasFormat {
			if v, ok := c.literal(format); ok {
				pattern = v
			}
		}
		strftime, err := javatime.Strftime(pattern)
		if err != nil {
			c.d.Lost(b, format.At, shown(format), err.Error()+"; write strftime in path")
			strftime, _ = javatime.Strftime(g.standard)
		} else if hasFormat {
			c.carry(format)
		}
		parts = append(parts, draft.Tmpl(fmt.Sprintf("strftime(%q)", strftime)))
	}
	return parts
}

func (c *converter) time(b *draft.Block, p parser) {
	t := b.In("time")
	if p.time == "regex" {
		if x, ok := c.take("message.timestamp.input.pattern"); ok {
			if _, err := regexp.Compile(x.Value); err != nil {
				c.d.Lost(
					t, x.At, shown(x), "a regular expression of Java that RE2 has not; write regex",
				)
			} else {
				t.Set("regex", draft.Text(x.Value))
				t.Set("format", draft.Text("epoch"))
				c.carry(x)
			}
		}
		return
	}
	name, ok := c.take("message.timestamp.name")
	separator, hasSeparator := c.take("message.timestamp.name.separator")
	if !ok {
		name = kit.Property{Key: "message.timestamp.name", Value: "timestamp"}
	}
	v, known := c.literal(name)
	if !known {
		t.Set("field", c.text(name))
	} else {
		if hasSeparator && separator.Value != "." {
			v = strings.ReplaceAll(v, separator.Value, ".")
		}
		t.Set("field", draft.Text(v))
	}
	if ok {
		c.carry(name)
	}
	if hasSeparator {
		c.carry(separator)
	}
	format := p.format
	pattern, hasPattern := c.take("message.timestamp.input.pattern")
	if format == "pattern" {
		format = "auto"
		if hasPattern {
			f, err := javatime.Strftime(pattern.Value)
			if err != nil {
				c.d.Lost(t, pattern.At, shown(pattern), err.Error()+"; write format")
			} else {
				format = f
				c.carry(pattern)
			}
		}
		c.d.Changed(
			t, name.At, "DateMessageParser",
			"it filed records without a time under dt=1970-01-01; they are dead letters unless on_missing says otherwise",
		)
	}
	t.Set("format", draft.Text(format))
}

// fileName writes the names that Secor gave.
func (c *converter) fileName() {
	b := c.out
	generation, x, written := c.plain(b, "secor.generation", "1")
	if written {
		c.carry(x)
	}
	compression, ext := "none", ""
	if x, ok := c.take("secor.compression.codec"); ok {
		known, found := codecs[x.Value[strings.LastIndexByte(x.Value, '.')+1:]]
		if found {
			compression, ext = known[0], known[1]
			c.carry(x)
		} else {
			compression, ext = "gzip", ".gz"
			c.d.Lost(
				b, x.At, shown(x),
				"penstock writes gzip, zstd, snappy, lz4 and bzip2; gzip is written now",
			)
		}
	}
	parts := []draft.Part{
		draft.Lit(generation + "_"),
		draft.Tmpl("partition"),
		draft.Lit("_"),
		draft.Tmpl("start"),
	}
	if x, ok := c.take("secor.file.extension"); ok {
		parts = append(parts, c.parts(x.Value, 0)...)
		c.carry(x)
	} else if ext != "" {
		parts = append(parts, draft.Lit(ext))
	}
	b.Set("file_name", draft.Join(parts...))
	b.Set("compression", draft.Text(compression))
}
