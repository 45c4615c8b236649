package vector

import (
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

func (c *converter) toKafka(b *draft.Block, n *kit.Node) {
	c.kafka(b, n)
	topic := n.Text("topic")
	b.Set("topic", tmpl(topic))
	if k := n.Take("key_field"); k != nil {
		b.Set("key", draft.Join(kit.FieldPart(plainPath(k.Value))))
		c.Carry(k)
	}
	c.compression(b, n, "none", "gzip", "snappy", "lz4", "zstd")
}

func (c *converter) toS3(b *draft.Block, n *kit.Node) {
	if !c.Set(b, "bucket", n, "bucket") {
		b.Set("bucket", draft.Text("CHANGE-ME"))
		c.D.Lost(b, n.At, n.Name, "it names no bucket")
	}
	c.Set(b, "region", n, "region")
	c.Set(b, "endpoint", n, "endpoint")
	if b.Get("endpoint") != "" {
		b.Set("path_style", draft.Bool(true))
	}
	c.Set(b, "storage_class", n, "storage_class")
	c.Set(b, "acl", n, "acl")
	c.Set(b, "access_key_id", n, "auth.access_key_id")
	c.Set(b, "secret_access_key", n, "auth.secret_access_key")
	if n.Find("auth.assume_role") != nil {
		c.Set(b.In("assume_role"), "arn", n, "auth.assume_role")
	}
	if e := n.Take("server_side_encryption"); e != nil {
		b.In("encryption").Set("type", draft.Text(e.Value))
		c.Set(b.In("encryption"), "kms_key_id", n, "ssekms_key_id")
		c.Carry(e)
	}
	c.archive(b, n)
}

func (c *converter) toGCS(b *draft.Block, n *kit.Node) {
	c.Set(b, "bucket", n, "bucket")
	c.Set(b, "credentials_file", n, "credentials_path")
	c.Set(b, "storage_class", n, "storage_class")
	c.archive(b, n)
}

func (c *converter) toElasticsearch(b *draft.Block, n *kit.Node) {
	urls := n.Texts("endpoints")
	if urls == nil {
		urls = n.Texts("endpoint")
	}
	b.Set("urls", kit.Texts(urls))
	index, stream := n.Text("bulk.index"), n.Text("mode") == "data_stream"
	if stream {
		index = dataStream(n)
	} else if index == "" {
		index = "vector-%Y.%m.%d"
	}
	b.Set("index", tmpl(index))
	if a := n.Take("bulk.action"); !stream && (a == nil || a.Value != "create") {
		b.Set("operation", draft.Text("index"))
		if a != nil && a.Value != "index" {
			c.Lost(b, a, "documents are created or indexed, all of an output alike")
		}
	}
	c.Set(b, "user", n, "auth.user")
	c.Set(b, "password", n, "auth.password")
	c.strategy(b, n)
	c.SetAlike(b, "pipeline", n, template, "pipeline")
	if id := n.Take("id_key"); id != nil {
		c.Changed(b, id, "write id_header, and filter \"set\" for that header")
	}
	c.compression(b, n, "none", "gzip")
}

func (c *converter) toHTTP(b *draft.Block, n *kit.Node) {
	if uri := n.Take("uri"); uri != nil && template.MatchString(uri.Value) {
		b.Set("url", draft.Text("http://CHANGE-ME/"))
		c.Lost(b, uri, "there is one url for all records of an output: write a route with an output for each")
	} else {
		b.Set("url", kit.Text(n.Text("uri")))
	}
	switch codec := n.Text("encoding.codec"); {
	case codec == "text" || codec == "raw_message":
		b.Set("format", draft.Text("lines"))
	case n.Text("framing.method") == "newline_delimited":
		b.Set("format", draft.Text("ndjson"))
	default:
		b.Set("format", draft.Text("json"))
	}
	c.Set(b, "user", n, "auth.user")
	c.Set(b, "password", n, "auth.password")
	c.Set(b, "token", n, "auth.token")
	c.strategy(b, n)
	if m := n.Text("method"); strings.EqualFold(m, "put") {
		b.Set("method", draft.Text("PUT"))
	}
	if h := n.Find("request.headers"); h != nil {
		c.HeadersAlike(b, h, template)
	}
	if n.Find("compression") == nil {
		b.Set("compression", draft.Text("none"))
	}
	c.compression(b, n, "none", "gzip", "zstd")
}

func (c *converter) toConsole(b *draft.Block, n *kit.Node) {
	if codec := n.Text("encoding.codec"); codec == "json" {
		b.Set("format", draft.Text("ndjson"))
	}
	if x := n.Take("target"); x != nil && x.Value != "stdout" {
		c.Changed(b, x, "records go to standard output")
	}
}

// toFiles adds the output for files: one of a fixed path is appended to.
func (c *converter) toFiles(x *component) *draft.Block {
	n := x.node
	path := n.Text("path")
	if !strings.ContainsAny(path, "%{") {
		b := c.Add("output", "file", x.id, n)
		b.Set("path", kit.Text(path))
		if codec := n.Text("encoding.codec"); codec == "json" {
			b.Set("format", draft.Text("ndjson"))
		}
		return b
	}
	b := c.Add("output", "local", x.id, n)
	i := strings.LastIndexByte(path[:strings.IndexAny(path, "%{")], '/')
	b.Set("directory", kit.Text(path[:max(i, 1)]))
	b.Set("path", tmpl(kit.Directories(path[max(i, 1):], varying)))
	if b.Get("path") == `""` {
		b.Set("path", draft.Join(draft.Tmpl(`strftime("%Y-%m-%d")`)))
	}
	c.D.Changed(
		b, n.At, n.Name+".path = "+path, "files appear whole, in directories by that path, when they roll",
	)
	c.format(b, n)
	b.Set("compression", draft.Text("none"))
	c.compression(b, n, "none", "gzip", "zstd")
	return b
}

// compression says that of n, if it is one of those known.
func (c *converter) compression(b *draft.Block, n *kit.Node, known ...string) {
	switch v := n.Take("compression"); {
	case v == nil:
	case v.Value == "":
		v.Done()
	case slices.Contains(known, v.Value):
		b.Set("compression", draft.Text(v.Value))
		c.Carry(v)
	default:
		c.Left(b, v, "see compression")
	}
}

func (c *converter) archive(b *draft.Block, n *kit.Node) {
	prefix := "date=%F/"
	if p := n.Take("key_prefix"); p != nil {
		prefix = p.Value
		c.Carry(p)
	}
	if i := strings.LastIndexByte(prefix, '/') + 1; !strings.ContainsAny(prefix[i:], "%{") {
		names := n.Text("filename_time_format") // which may have directories, too
		prefix = prefix[:i] + names[:strings.LastIndexByte(names, '/')+1]
	}
	prefix = strings.Trim(prefix, "-_./")
	prefix = strings.ReplaceAll(prefix, "%F", "%Y-%m-%d")
	if prefix == "" {
		b.Set("path", draft.Join(draft.Tmpl("topic")))
	} else {
		b.Set("path", tmpl(prefix))
	}
	for _, name := range []string{"filename_time_format", "filename_append_uuid", "filename_extension"} {
		if x := n.Take(name); x != nil {
			c.Changed(
				b, x, "an object's name tells which records are in it, so that none is written twice",
			)
		}
	}
	compression := "gzip"
	if n.Text("type") == "gcp_cloud_storage" {
		compression = "none"
	}
	if x := n.Take("compression"); x != nil {
		compression = x.Value
		if compression != "none" && compression != "gzip" && compression != "zstd" && compression != "snappy" {
			compression = "gzip"
		}
		c.Carry(x)
	}
	b.Set("compression", draft.Text(compression))
	c.format(b, n)
	r := b.In("roll")
	c.Duration(r, "age", n, time.Second, "batch.timeout_secs")
	c.Size(r, "size", n, "batch.max_bytes")
	c.Number(r, "records", n, "batch.max_events")
	if r.Empty() {
		r.Set("age", draft.Text("5m"))
	}
}

// strategy tells of a way to say who sends that is not user and password, or a token.
func (c *converter) strategy(b *draft.Block, n *kit.Node) {
	switch x := n.Take("auth.strategy"); {
	case x == nil:
	case x.Value == "basic" || x.Value == "bearer":
		c.Carry(x)
	default:
		c.Lost(b, x, "it is said who sends by user and password, or by token")
	}
}

// dataStream names the data stream of an elasticsearch sink.
func dataStream(n *kit.Node) string {
	var parts []string
	for _, p := range [][2]string{{"type", "logs"}, {"dataset", "generic"}, {"namespace", "default"}} {
		v := n.Text("data_stream." + p[0])
		if v == "" {
			v = p[1]
		}
		parts = append(parts, v)
	}
	return strings.Join(parts, "-")
}
