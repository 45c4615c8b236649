package vector

import (
	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// sinks is what there is for those of Vector.
var sinks = map[string]struct {
	output string
	set    func(c *converter, b *draft.Block, n *kit.Node)
}{
	"kafka":             {"kafka", (*converter).toKafka},
	"aws_s3":            {"s3", (*converter).toS3},
	"gcp_cloud_storage": {"gcs", (*converter).toGCS},
	"elasticsearch":     {"elasticsearch", (*converter).toElasticsearch},
	"http":              {"http", (*converter).toHTTP},
	"console":           {"stdout", (*converter).toConsole},
}

// sink adds the output for a sink, or returns nil.
func (c *converter) sink(x *component) *draft.Block {
	n := x.node
	var b *draft.Block
	switch x.typ {
	case "file":
		b = c.toFiles(x)
	case "blackhole":
		c.D.Carried(n.At, n.Name)
		return nil
	case "prometheus_exporter", "prometheus_remote_write", "statsd", "influxdb_metrics":
		c.Left(c.Agent, n, "penstock takes logs; see /metrics for its own")
		return nil
	default:
		to, ok := sinks[x.typ]
		if !ok {
			c.Lost(c.Agent, n, "there is no such output; see penstock help for those there are")
			return nil
		}
		b = c.Add("output", to.output, x.id, n)
		to.set(c, b, n)
	}
	c.encoded(b, x)
	if t := n.Find("tls"); t != nil && x.typ != "kafka" && x.typ != "aws_s3" {
		c.tls(b, t)
	}
	return b
}

// encoded tells of what a sink writes that is no JSON, and no text of lines that stay lines.
func (c *converter) encoded(b *draft.Block, x *component) {
	codec := x.node.Find("encoding.codec")
	if codec == nil {
		return
	}
	switch codec.Value {
	case "json":
	case "text", "raw_message":
		if len(c.p.Filters()) > 0 {
			c.Lost(
				b, codec, "records are objects and go out whole, not their message alone: have a pipeline of "+
					"its own, without what makes objects of lines",
			)
		}
	case "csv", "avro", "parquet":
		if x.typ == "kafka" || x.typ == "http" || x.typ == "console" {
			c.Lost(b, codec, "records go out as JSON")
		}
	default:
		c.Lost(b, codec, "records go out as JSON")
	}
}

func (c *converter) format(b *draft.Block, n *kit.Node) {
	switch n.Text("encoding.codec") {
	case "text", "raw_message":
		b.Add("format", "raw")
	case "csv", "avro", "parquet":
		c.D.Lost(b, n.At, n.Name+".encoding", "write the format, with its columns")
		b.Add("format", "ndjson")
	default:
		b.Add("format", "ndjson")
	}
	if x := n.Take("framing.method"); x != nil && x.Value != "newline_delimited" {
		c.Lost(b, x, "an object is made of lines")
	}
}
