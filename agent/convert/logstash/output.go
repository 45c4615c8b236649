package logstash

import (
	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// outputs is what there is for those of Logstash.
var outputs = map[string]struct {
	typ string
	set func(c *converter, b *draft.Block, n *kit.Node)
}{
	"elasticsearch": {"elasticsearch", (*converter).toElasticsearch},
	"opensearch":    {"elasticsearch", (*converter).toElasticsearch},
	"kafka":         {"kafka", (*converter).toKafka},
	"s3":            {"s3", (*converter).toS3},
	"stdout":        {"stdout", (*converter).toStdout},
	"http":          {"http", (*converter).toHTTP},
}

// output adds the output for one of Logstash's, or returns nil.
func (c *converter) output(n *kit.Node) *draft.Block {
	codec := n.Take("codec")
	var b *draft.Block
	if to, ok := outputs[n.Key]; ok {
		b = c.Add("output", to.typ, n.Key, n)
		to.set(c, b, n)
	} else if n.Key == "file" {
		b = c.toFiles(n)
	} else {
		c.Lost(c.p.Notes, n, "there is no such output; see penstock help for those there are")
		return nil
	}
	if n.Key == "kafka" && codec == nil {
		c.D.Changed(b, n.At, n.Name+".codec", "values are the events as JSON")
	}
	c.outputCodec(b, codec)
	if c.hidesFields {
		c.D.Changed(b, n.At, n.Name, "@metadata is a field like others, and goes out with them")
	}
	return b
}

// outputCodec tells what becomes of events that were not written as JSON.
func (c *converter) outputCodec(b *draft.Block, codec *kit.Node) {
	if codec == nil {
		return
	}
	why := "records go out as JSON"
	switch codec.Value {
	case "json", "json_lines":
		c.Carry(codec)
	case "plain", "line", "rubydebug", "dots":
		if format := codec.Take("format"); format != nil {
			c.Changed(b, format, why)
		} else {
			c.Changed(b, codec, why)
		}
	default:
		c.Lost(b, codec, why)
	}
	c.Rest(b, codec, harmless)
}
