package logstash

import (
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

func (c *converter) toElasticsearch(b *draft.Block, n *kit.Node) {
	scheme := "http://"
	if n.On("ssl", "ssl_enabled") {
		scheme = "https://"
	}
	var urls []string
	for _, h := range n.Texts("hosts") {
		if !strings.Contains(h, "://") {
			if !strings.Contains(h, ":") {
				h += ":9200"
			}
			h = scheme + h
		}
		urls = append(urls, h)
	}
	if urls == nil {
		urls = []string{"http://localhost:9200"}
	}
	b.Set("urls", kit.Texts(urls))
	index := n.Take("index")
	value, at := "logstash-%{+yyyy.MM.dd}", n
	if index != nil {
		value, at = index.Value, index
	}
	b.Set("index", draft.Join(c.format(b, at, value)...))
	if a := n.Take("action"); a == nil || a.Value != "create" {
		b.Set("operation", draft.Text("index"))
		if a != nil && a.Value != "index" {
			c.Lost(b, a, "documents are created or indexed, all of an output alike")
		}
	}
	c.Set(b, "user", n, "user")
	c.Set(b, "password", n, "password")
	c.Set(b, "api_key", n, "api_key")
	c.SetAlike(b, "pipeline", n, reference, "pipeline")
	if x := n.Take("document_id"); x != nil {
		if name := reference.FindStringSubmatch(x.Value); name != nil && name[0] == x.Value &&
			name[2] != "" {
			c.p.Filter("set", "document_id", "").
				Set("headers", draft.Map("document_id", draft.Text(kit.Field(field(name[2])))))
			b.Set("id_header", draft.Text("document_id"))
			c.Carry(x)
		} else {
			c.Left(b, x, "write id_header, and filter \"set\" for that header")
		}
	}
	if ca := n.Take("cacert", "ssl_certificate_authorities"); ca != nil {
		if !ca.Scalar && len(ca.Kids) > 0 {
			ca = n.List("ssl_certificate_authorities", "cacert")[0]
		}
		b.In("tls").Set("ca_file", kit.Text(ca.Value))
		c.Carry(ca)
	}
	if v := n.Text("ssl_certificate_verification", "ssl_verification_mode"); v == "false" ||
		v == "none" {
		b.In("tls").Set("insecure_skip_verify", draft.Bool(true))
	}
}

func (c *converter) toKafka(b *draft.Block, n *kit.Node) {
	c.Brokers(b, n, n.Texts("bootstrap_servers"))
	topic := n.Take("topic_id")
	if topic == nil {
		b.Set("topic", draft.Text("CHANGE-ME"))
		c.D.Lost(b, n.At, n.Name, "it names no topic")
	} else {
		b.Set("topic", draft.Join(c.format(b, topic, topic.Value)...))
		c.Carry(topic)
	}
	if k := n.Take("message_key"); k != nil {
		b.Set("key", draft.Join(c.format(b, k, k.Value)...))
		c.Carry(k)
	}
	c.Set(b, "compression", n, "compression_type")
	c.Set(b, "client_id", n, "client_id")
	c.security(b, n)
	c.KafkaSettings(b, n)
}

func (c *converter) toS3(b *draft.Block, n *kit.Node) {
	if !c.Set(b, "bucket", n, "bucket") {
		b.Set("bucket", draft.Text("CHANGE-ME"))
		c.D.Lost(b, n.At, n.Name, "it names no bucket")
	}
	c.Set(b, "region", n, "region")
	c.Set(b, "endpoint", n, "endpoint")
	c.Set(b, "access_key_id", n, "access_key_id")
	c.Set(b, "secret_access_key", n, "secret_access_key")
	c.Set(b, "storage_class", n, "storage_class")
	c.Set(b, "acl", n, "canned_acl")
	if n.On("server_side_encryption") {
		e := b.In("encryption")
		e.Set("type", draft.Text("AES256"))
		if !c.Set(e, "type", n, "server_side_encryption_algorithm") {
			c.D.Carried(n.At, n.Name+".server_side_encryption")
		}
		c.Set(e, "kms_key_id", n, "ssekms_key_id")
	}
	path := draft.Join(draft.Tmpl("topic"))
	if p := n.Take("prefix"); p != nil {
		path = draft.Join(c.format(b, p, strings.Trim(p.Value, "/"))...)
		c.Carry(p)
	}
	b.Set("path", path)
	compression := "none"
	if n.Text("encoding") == "gzip" {
		compression = "gzip"
	}
	b.Set("compression", draft.Text(compression))
	b.Add("format", "ndjson")
	r := b.In("roll")
	c.Size(r, "size", n, "size_file")
	c.Duration(r, "age", n, time.Minute, "time_file")
	if r.Empty() {
		r.Set("age", draft.Text("15m"))
	}
}

// toFiles adds the output for files: one of a fixed path is appended to.
func (c *converter) toFiles(n *kit.Node) (b *draft.Block) {
	path := n.Text("path")
	if strings.Contains(path, "%{") {
		b = c.Add("output", "local", n.Key, n)
		i := strings.LastIndexByte(path[:strings.Index(path, "%{")], '/')
		b.Set("directory", kit.Text(path[:max(i, 1)]))
		rest := kit.Directories(path[max(i, 1):], reference)
		b.Set("path", draft.Join(c.format(b, n, rest)...))
		b.Set("compression", draft.Text("none"))
		b.Add("format", "ndjson")
		c.D.Changed(
			b,
			n.At,
			n.Name+".path = "+path,
			"files appear whole, in directories by that path, when they roll",
		)
	} else {
		b = c.Add("output", "file", n.Key, n)
		b.Set("path", kit.Text(path))
		b.Set("format", draft.Text("ndjson"))
	}
	if n.On("gzip") {
		b.Set("compression", draft.Text("gzip"))
		if b.Type() == "file" {
			b.Unset("compression")
			c.Left(b, n.Find("gzip"), "see rotate.compress")
		}
	}
	return b
}

func (c *converter) toStdout(b *draft.Block, n *kit.Node) {
	b.Set("format", draft.Text("ndjson"))
}

func (c *converter) toHTTP(b *draft.Block, n *kit.Node) {
	if url := n.Take("url"); url != nil && reference.MatchString(url.Value) {
		b.Set("url", draft.Text("http://CHANGE-ME/"))
		c.Lost(b, url, "there is one url for all records of an output: write a route with an output for each")
	} else if url != nil {
		b.Set("url", kit.Text(url.Value))
		c.Carry(url)
	}
	if m := n.Take("http_method"); m != nil {
		b.Set("method", draft.Text(strings.ToUpper(m.Value)))
		c.Carry(m)
	}
	switch f := n.Take("format"); {
	case f == nil || f.Value == "json":
		b.Set("format", draft.Text("ndjson"))
		c.D.Changed(b, n.At, n.Name, "a request holds a batch of lines of JSON, not one event")
	case f.Value == "json_batch":
		b.Set("format", draft.Text("json"))
	default:
		b.Set("format", draft.Text("ndjson"))
		c.Lost(b, f, "bodies are JSON")
	}
	if h := n.Find("headers"); h != nil {
		c.HeadersAlike(b, h, reference)
	}
	b.Set("compression", draft.Text("none"))
}
