package flume

import (
	"regexp"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

var (
	scheme = regexp.MustCompile(`^([a-z0-9]+)://([^/]*)/?(.*)$`)
	escape = regexp.MustCompile(`%\{([^}]+)\}|%\[([^\]]+)\]|%([a-zA-Z])`)
)

// hdfs adds an archive.
func (c *converter) hdfs(n *kit.Node, name string) *draft.Block {
	x := n.Take("hdfs.path")
	value, at := "", n.At
	if x != nil {
		value, at = x.Value, x.At
	}
	kind, bucket, dir := "hdfs", "", strings.TrimPrefix(value, "/")
	if m := scheme.FindStringSubmatch(value); m != nil {
		kind, bucket, dir = m[1], m[2], m[3]
	}
	var b *draft.Block
	switch kind {
	case "s3", "s3a", "s3n", "oss", "cosn":
		b = c.Add("output", "s3", name, n)
		b.Set("bucket", kit.Text(bucket))
	case "gs":
		b = c.Add("output", "gcs", name, n)
		b.Set("bucket", kit.Text(bucket))
	case "file":
		b = c.Add("output", "local", name, n)
		fixed, rest := dir, ""
		if i := strings.IndexByte(dir, '%'); i >= 0 {
			cut := strings.LastIndexByte(dir[:i], '/') + 1
			fixed, rest = dir[:cut], dir[cut:]
		}
		b.Set("directory", kit.Text("/"+strings.TrimRight(fixed, "/")))
		dir = rest
	default:
		b = c.Add("output", "local", name, n)
		b.Set("directory", draft.Text("/var/lib/penstock-lake"))
		c.D.Lost(
			b,
			at,
			n.Name+".hdfs.path = "+value,
			"penstock writes to S3, GCS and directories, not to HDFS: write output \"s3\" or \"gcs\", or the directory at which HDFS is mounted",
		)
	}
	parts := c.escapes(b, n, strings.Trim(dir, "/"))
	if text, ok := draft.Literal(parts); ok && text == "" {
		parts = []draft.Part{draft.Tmpl("topic")}
	}
	b.Set("path", draft.Join(parts...))
	if x != nil && kind != "hdfs" {
		c.Carry(x)
	}
	if zone := n.Take("hdfs.timeZone"); zone != nil {
		if strings.EqualFold(zone.Value, "local time") {
			c.Left(b, zone, "write timezone: UTC otherwise")
		} else {
			b.Set("timezone", kit.Text(zone.Value))
			c.Carry(zone)
		}
	} else {
		c.D.Changed(b, n.At, n.Name+".hdfs.timeZone", "hours and days are those of UTC; write timezone for others")
	}
	c.hdfsFiles(b, n)
	c.rounding(b, n, value)
	c.rolls(b, n)
	for _, k := range []string{"hdfs.kerberosPrincipal", "hdfs.kerberosKeytab", "hdfs.proxyUser"} {
		if k := n.Take(k); k != nil {
			c.Left(b, k, "object stores have keys, roles and their own ways to say who one is")
		}
	}
	return b
}

// escapes turns %{header} and %Y into a template.
func (c *converter) escapes(b *draft.Block, n *kit.Node, value string) []draft.Part {
	var out []draft.Part
	for {
		m := escape.FindStringSubmatchIndex(value)
		if m == nil {
			break
		}
		if m[0] > 0 {
			out = append(out, kit.Parts(value[:m[0]])...)
		}
		whole := value[m[0]:m[1]]
		switch {
		case m[2] >= 0:
			name := value[m[2]:m[3]]
			out = append(out, c.header(b, n, name, whole))
		case m[4] >= 0:
			out = append(out, draft.Tmpl("agent"))
			if value[m[4]:m[5]] == "IP" {
				c.D.Changed(b, n.At, whole, "the agent's name, not its address")
			}
		case strings.ContainsAny(value[m[6]:m[7]], "aAbBcdDHIjklmMnpsSyYzEeh"):
			letter := value[m[6]:m[7]]
			pattern := whole
			if d := map[string]string{"k": "%H", "n": "%m", "e": "%d", "E": "%e", "l": "%I", "z": "%z"}[letter]; d != "" {
				pattern = d
			}
			format, err := timepattern.Write(pattern)
			if err != nil {
				c.D.Lost(b, n.At, whole, err.Error()+"; write path")
				format = "%Y%m%d"
			}
			out = append(out, draft.Tmpl("strftime("+string(draft.Text(format))+")"))
		default:
			out = append(out, draft.Lit(whole))
		}
		value = value[m[1]:]
	}
	if value != "" || out == nil {
		out = append(out, kit.Parts(value)...)
	}
	return out
}

func (c *converter) hdfsFiles(b *draft.Block, n *kit.Node) {
	for _, key := range []string{"hdfs.filePrefix", "hdfs.fileSuffix"} {
		if x := n.Take(key); x != nil {
			c.Changed(
				b,
				x,
				"an object's name tells which records are in it, so that none is written twice: see file_name",
			)
		}
	}
	typ := n.Take("hdfs.fileType")
	codec := n.Take("hdfs.codeC")
	compression := "none"
	if codec != nil {
		switch strings.ToLower(codec.Value) {
		case "gzip", "snappy":
			compression = strings.ToLower(codec.Value)
			c.Carry(codec)
		case "bzip2":
			compression = "bzip2"
			c.Carry(codec)
		default:
			compression = "gzip"
			c.Changed(b, codec, "objects are compressed with gzip")
		}
	}
	switch {
	case typ == nil || strings.EqualFold(typ.Value, "SequenceFile"):
		c.D.Changed(b, n.At, n.Name+".hdfs.fileType = SequenceFile", "objects are plain lines")
	default:
		c.Carry(typ)
		if strings.EqualFold(typ.Value, "DataStream") {
			compression = "none"
		}
	}
	b.Set("compression", draft.Text(compression))
	b.Add("format", "raw")
	if x := n.Take("serializer"); x != nil && !strings.EqualFold(x.Value, "TEXT") {
		c.Lost(b, x, "write format \"avro\" or \"parquet\", which make columns of JSON records")
	}
	if x := n.Find("serializer"); x != nil {
		for _, k := range x.Kids {
			c.Left(b, k, "it is the serializer's: see format")
		}
	}
}

// rounding tells where times were rounded down in the path.
func (c *converter) rounding(b *draft.Block, n *kit.Node, path string) {
	if !n.On("hdfs.round") {
		return
	}
	value, unit := n.Text("hdfs.roundValue"), n.Take("hdfs.roundUnit")
	u := "second"
	if unit != nil {
		u = strings.ToLower(unit.Value)
	}
	round := n.Find("hdfs.round")
	if u == "hour" && (value == "" || value == "1") && !strings.Contains(path, "%M") ||
		!strings.Contains(path, "%M") && !strings.Contains(path, "%S") && u != "hour" {
		c.Carry(round)
		return
	}
	c.Lost(
		b, round, "times in paths are not rounded, down to "+value+" "+u+
			"s: write the path by the hour, or by the day",
	)
}

func (c *converter) rolls(b *draft.Block, n *kit.Node) {
	r := b.In("roll")
	zero := func(name string) bool {
		x := n.Find(name)
		if x != nil && x.Value == "0" {
			c.Carry(n.Take(name))
			return true
		}
		return x == nil
	}
	if !zero("hdfs.rollInterval") {
		c.Duration(r, "age", n, time.Second, "hdfs.rollInterval")
	}
	if !zero("hdfs.rollSize") {
		c.Size(r, "size", n, "hdfs.rollSize")
	}
	if !zero("hdfs.rollCount") {
		c.Number(r, "records", n, "hdfs.rollCount")
	}
	if !zero("hdfs.idleTimeout") {
		c.Duration(r, "idle", n, time.Second, "hdfs.idleTimeout")
	}
	if r.Empty() {
		r.Set("age", draft.Text("10m"))
		r.Comment("Flume's own presets, 30 s, 1 kB and 10 events, make many small files.")
	}
}
