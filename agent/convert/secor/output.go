package secor

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/javatime"
	"github.com/penstock/penstock/agent/convert/kit"
)

func (c *converter) output() {
	c.store()
	c.path()
	c.fileName()
	c.format()
	c.roll()
}

// store chooses where objects go.
func (c *converter) store() {
	service, x, _ := c.plain(c.agent, "cloud.service", "S3")
	switch strings.ToLower(service) {
	case "s3":
		c.out = c.d.Add("output", "s3", "lake")
		c.s3()
	case "gs":
		c.out = c.d.Add("output", "gcs", "lake")
		c.gcs()
	default:
		c.out = c.d.Add("output", "local", "lake")
		c.out.Set("directory", draft.Text("/var/lib/penstock-lake"))
		c.d.Lost(
			c.out, x.At, shown(x),
			"penstock archives to S3, GCS and directories; Azure and Swift are reached by a gateway that speaks S3: write output \"s3\" with its endpoint",
		)
		return
	}
	if x.At.File != "" {
		c.carry(x)
	}
}

func (c *converter) s3() {
	b := c.out
	c.set(b, "secor.s3.bucket", "bucket")
	if b.Get("bucket") == "" {
		b.Set("bucket", draft.Text("CHANGE-ME"))
		c.d.Lost(b, draft.Place{}, "secor.s3.bucket", "it is not set; write the bucket")
	}
	c.set(b, "aws.region", "region")
	if x, ok := c.take("aws.endpoint"); ok {
		parts := c.parts(x.Value, 0)
		if v, known := draft.Literal(parts); known && !strings.Contains(v, "://") {
			parts = []draft.Part{draft.Lit("https://" + v)}
		}
		b.Set("endpoint", draft.Join(parts...))
		c.carry(x)
	}
	if x, ok := c.take("aws.client.pathstyleaccess"); ok {
		if strings.EqualFold(x.Value, "true") {
			b.Set("path_style", draft.Bool(true))
		}
		c.carry(x)
	}
	key, hasKey := c.take("aws.access.key")
	pass, hasPass := c.take("aws.secret.key")
	if hasKey && hasPass {
		b.Set("access_key_id", c.text(key))
		b.Set("secret_access_key", c.text(pass))
		c.carry(key)
		c.carry(pass)
		c.set(b, "aws.session.token", "session_token")
	}
	c.set(b, "secor.s3.path", "prefix")
	if x, ok := c.take("aws.role"); ok {
		b.In("assume_role").Set("arn", c.text(x))
		c.carry(x)
	}
	if x, ok := c.take("aws.sse.type"); ok {
		switch strings.ToLower(x.Value) {
		case "s3":
			b.In("encryption").Set("type", draft.Text("AES256"))
			c.carry(x)
		case "kms":
			b.In("encryption").Set("type", draft.Text("aws:kms"))
			c.set(b.In("encryption"), "aws.sse.kms.key", "kms_key_id")
			c.carry(x)
		default:
			c.d.Left(
				b, x.At, shown(x),
				"there is no encryption with keys of the client's; give the bucket a default encryption, or write encryption { type = \"aws:kms\" }",
			)
			c.take("aws.sse.customer.key")
		}
	}
	if c.on("secor.s3.prefix.md5hash") {
		x := c.byKey["secor.s3.prefix.md5hash"]
		c.d.Lost(
			b, x.At, shown(x),
			"objects have no hash before their path; S3 divides its load by prefixes itself. Readers that know the hash must be told",
		)
	}
	for _, k := range []string{
		"secor.s3.alternate.path.date", "secor.s3.alter.path.date", "secor.s3.alternative.path",
	} {
		if x, ok := c.take(k); ok {
			c.d.Lost(
				b, x.At, shown(x),
				"a path that changes on a certain day: write a new prefix on that day",
			)
		}
	}
	if c.on("aws.proxy.isEnabled") {
		x, at := c.byKey["aws.proxy.isEnabled"], "HTTPS_PROXY"
		if host, ok := c.take("aws.proxy.http.host"); ok {
			port, _ := c.take("aws.proxy.http.port")
			at += "=" + strings.TrimSuffix("http://"+host.Value+":"+port.Value, ":")
		}
		c.d.Left(b, x.At, shown(x), "a proxy is given in the environment: "+at)
	}
}

func (c *converter) gcs() {
	b := c.out
	c.set(b, "secor.gs.bucket", "bucket")
	if b.Get("bucket") == "" {
		b.Set("bucket", draft.Text("CHANGE-ME"))
		c.d.Lost(b, draft.Place{}, "secor.gs.bucket", "it is not set; write the bucket")
	}
	c.set(b, "secor.gs.path", "prefix")
	c.set(b, "secor.gs.credentials.path", "credentials_file")
}

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

// ownSchema gives files the schema of the values, as Secor does, where they are Avro of a registry.
func ownSchema(output, format *draft.Block) {
	if d := output.Find("decode"); d != nil && d.Type() == "avro" {
		format.Set("schema", draft.Text("registry"))
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

// codecs are the compressions of Hadoop, and the extensions they give.
var codecs = map[string][2]string{
	"GzipCodec": {
		"gzip",
		".gz",
	},
	"SnappyCodec":    {"snappy", ".snappy"},
	"BZip2Codec":     {"bzip2", ".bz2"},
	"ZStandardCodec": {"zstd", ".zst"},
	"ZstdCodec":      {"zstd", ".zst"},
	"Lz4Codec":       {"lz4", ".lz4"},
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

// format writes what objects look like inside.
func (c *converter) format() {
	b := c.out
	class, x, written := c.plain(
		b, "secor.file.reader.writer.factory", "SequenceFileReaderWriterFactory",
	)
	name := class[strings.LastIndexByte(class, '.')+1:]
	for _, k := range []string{"secor.file.reader.Delimiter", "secor.file.writer.Delimiter"} {
		if d, ok := c.take(
			k,
		); ok && d.Value != `\n` && d.Value != "\n" &&
			strings.HasPrefix(name, "Flexible") {
			c.d.Left(b, d.At, shown(d), "records end with a newline")
		}
	}
	switch {
	case strings.Contains(name, "Delimited"):
		b.Add("format", "raw")
		c.carry(x)
	case strings.Contains(name, "Parquet"):
		f := b.Add("format", "parquet")
		if strings.HasPrefix(name, "Avro") {
			ownSchema(b, f)
			c.carry(x)
		} else {
			c.d.Lost(
				f, x.At, shown(x),
				"columns are inferred from JSON, or given here; see decode for Thrift and Protobuf",
			)
		}
	case strings.HasPrefix(name, "Avro"):
		ownSchema(b, b.Add("format", "avro"))
		c.carry(x)
	default:
		f := b.Add("format", "raw")
		what := shown(x)
		if !written {
			what = "secor.file.reader.writer.factory (SequenceFileReaderWriterFactory where it is not set)"
		}
		c.d.Lost(
			f, x.At, what,
			"there are no such files here: values are written as lines; parquet and avro can be had",
		)
		if b.Get("compression") == `"none"` {
			c.d.Changed(
				f, x.At, "compression",
				"sequence files may be compressed inside; write compression",
			)
		}
	}
}

// deterministic is a roll by what the messages are alone. Secor has no other bounds beside it.
func (c *converter) deterministic(r *draft.Block) {
	x := c.byKey["secor.upload.deterministic"]
	c.d.Changed(
		r, x.At, shown(x),
		"a cut that is made again is always the same cut; idle flushes the tail of a quiet topic, which Secor did not",
	)
	c.number(r, "secor.max.input.payload.size.bytes", func(x kit.Property, n int64) {
		if n > 0 {
			r.Set("size", draft.Size(n))
		}
		c.carry(x)
	})
	c.number(r, "secor.max.file.timestamp.range.millis", func(x kit.Property, n int64) {
		if n > 0 {
			r.Set("age", draft.Duration(time.Duration(n)*time.Millisecond))
		}
		c.d.Changed(r, x.At, shown(x), "age is by the clock; each path holds the times that it names")
	})
	if r.Get("size") == "" && r.Get("age") == "" {
		return
	}
	for _, key := range []string{
		"secor.max.file.size.bytes", "secor.max.file.age.seconds", "secor.upload.minute_mark",
	} {
		if x, ok := c.take(key); ok {
			c.d.Left(r, x.At, shown(x), "a deterministic upload did not look at it")
			c.byKey[key] = kit.Property{}
		}
	}
}

func (c *converter) roll() {
	b := c.out
	r := b.In("roll")
	if c.on("secor.upload.deterministic") {
		c.deterministic(r)
	}
	c.number(r, "secor.max.file.size.bytes", func(x kit.Property, n int64) {
		r.Set("size", draft.Size(n))
		c.carry(x)
	})
	c.number(r, "secor.max.file.age.seconds", func(x kit.Property, n int64) {
		r.Set("age", seconds(n))
		c.carry(x)
	})
	if x, ok := c.take("secor.file.age.youngest"); ok {
		if strings.EqualFold(x.Value, "true") {
			c.d.Changed(
				r, x.At, shown(x),
				"age counts from the first record of a cut; new files do not reset it",
			)
		} else {
			c.carry(x)
		}
	}
	c.number(r, "secor.upload.minute_mark", func(x kit.Property, n int64) {
		if n < 0 || n > 59 {
			c.d.Left(r, x.At, shown(x), "it is no minute")
			return
		}
		r.Set("minute_marks", draft.Texts(fmt.Sprintf("%02d", n)))
		c.carry(x)
		if only, ok := c.take("secor.kafka.upload_at_minute_mark.topic_filter"); ok {
			c.d.Changed(
				r, only.At, shown(only),
				"all topics are uploaded at that minute: for some of them write an output of their own, in a route",
			)
		}
	})
	if c.on("secor.upload.on.shutdown") {
		r.Set("on_shutdown", draft.Bool(true))
		c.carry(c.byKey["secor.upload.on.shutdown"])
	}
	if r.Empty() {
		r.Set("age", draft.Text("1h"))
	}
	if x, ok := c.take("secor.max.file.count"); ok {
		c.d.Left(
			b, x.At, shown(x),
			"the number of files is not limited; spool { memory, disk, open_files } say what they may take",
		)
	}
	for _, key := range []string{"partitioner.finalizer.delay.seconds", "secor.finalizer.delay.seconds"} {
		if _, hive := c.byKey["qubole.api.token"]; !hive {
			if _, hive = c.byKey["hive.table.prefix"]; !hive {
				continue
			}
		}
		c.number(b, key, func(x kit.Property, n int64) {
			s := b.In("success")
			s.Set("grace", seconds(n))
			c.d.Changed(
				s, x.At, shown(x),
				"the finalizer is part of the consumer: it writes _SUCCESS. Register partitions with a hook: hook \"trino\", \"glue\", \"webhook\" or \"command\"",
			)
		})
	}
}

// rest tells of what nobody has asked for.
func (c *converter) rest() {
	if x, ok := c.take("secor.local.path"); ok {
		c.agent.Set("data_dir", c.text(x))
		c.carry(x)
	} else {
		c.agent.Set("data_dir", draft.Text("/var/lib/penstock"))
	}
	if v, x, ok := c.plain(c.agent, "ostrich.port", ""); ok {
		c.agent.In("admin").Set("listen", draft.Text("127.0.0.1:"+v))
		c.d.Changed(
			c.agent.In("admin"), x.At, shown(x),
			"the status page, and /metrics for Prometheus, on loopback unless written otherwise",
		)
	}
	for _, x := range c.missing {
		c.d.Lost(c.agent, x.At, shown(x), kit.NoSuchFiles)
	}
	for _, key := range c.order {
		x := c.byKey[key]
		if c.used[key] || x.Value == "" {
			continue
		}
		c.used[key] = true
		if key == "secor.upload.manager.class" && !strings.HasPrefix(x.Value, "com.pinterest.secor.") {
			c.d.Lost(c.out, x.At, shown(x), "a program of one's own decides where objects go")
			continue
		}
		if c.client(key, x) {
			continue
		}
		if why, ok := harmless(key); ok {
			c.d.Left(c.agent, x.At, shown(x), why)
			continue
		}
		if key == "secor.message.transformer.class" &&
			strings.HasSuffix(x.Value, "IdentityMessageTransformer") {
			c.carry(x)
			continue
		}
		if x.Value == "" || x.Value == "0" || x.Value == "false" {
			c.d.Left(c.agent, x.At, shown(x), "penstock has nothing of this name, and it is off")
			continue
		}
		c.d.Lost(c.out, x.At, shown(x), "penstock has nothing of this name")
	}
}

// client deals with a setting of Kafka's consumer.
func (c *converter) client(key string, x kit.Property) bool {
	name, ok := strings.CutPrefix(key, "kafka.")
	v, known := c.literal(x)
	if !ok || !known {
		return false
	}
	carried, why := kit.KafkaSetting(c.in, strings.TrimPrefix(name, "new.consumer."), v)
	switch {
	case carried:
		c.carry(x)
	case why != "":
		c.d.Left(c.in, x.At, shown(x), why)
	}
	return carried || why != ""
}

// harmless tells, by patterns, properties that do not decide where data goes.
func harmless(key string) (string, bool) {
	for _, h := range [][2]string{
		{"secor.consumer.threads", "a member reads all of its partitions at once"},
		{"tsdb.*", "let Prometheus or its agent scrape /metrics"},
		{"statsd.*", "let Prometheus or its agent scrape /metrics"},
		{"monitoring.*", "let Prometheus or its agent scrape /metrics; penstock archive lag tells how far each partition is"},
		{"secor.monitoring.*", "let Prometheus or its agent scrape /metrics"},
		{"zookeeper.*", "no ZooKeeper takes part"},
		{"secor.zookeeper.*", "no ZooKeeper takes part"},
		{"kafka.zookeeper.*", "no ZooKeeper takes part"},
		{"kafka.dual.commit.enabled", "offsets are in Kafka alone"},
		{"kafka.rebalance.*", "see rebalance_timeout and session_timeout"},
		{"kafka.fetch.*", "see fetch_bytes, fetch_wait and buffer_bytes"},
		{"kafka.socket.*", "the kernel sizes it"},
		{"kafka.consumer.timeout.ms", "see roll.idle"},
		{"kafka.partition.assignment.*", "partitions are assigned by cooperative-sticky, or by the brokers"},
		{"kafka.new.consumer.poll.timeout.seconds", "see fetch_wait"},
		{"kafka.new.consumer.ssl.*", "it is TLS 1.2 or later, with PEM files"},
		{"kafka.new.consumer.*", "see penstock help input.kafka"},
		{"kafka.client.*", "the client is penstock's own"},
		{"kafka.message.*", "the client is penstock's own"},
		{"kafka.upload_at_beginning_of_batch", "a cut is made when roll says so"},
		{"secor.upload.manager.class", "the store decides"},
		{"secor.s3.filesystem", "objects are uploaded without Hadoop"},
		{"secor.gs.*", "see chunk_size, timeout and upload"},
		{"secor.thrift.*", "see protocol of decode \"thrift\""},
		{"secor.protobuf.*", "see descriptors and message of decode \"protobuf\""},
		{"secor.orc.*", "penstock writes no ORC"},
		{"secor.avro.*", "schemas come from the registry"},
		{"secor.offsets.*", "objects have no folder for the offset"},
		{"secor.topic_partition.forget.seconds", "it concerns statistics alone"},
		{"secor.local.log.delete.age.hours", "the spool cleans up after itself"},
		{"secor.max.message.size.bytes", "see fetch_bytes"},
		{"secor.finalizer.*", "see success"},
		{"partitioner.finalizer.*", "no finalizer was set up: see success, which writes _SUCCESS"},
		{"secor.upload.last.seen.offset", "what is committed is what lies before the first record that is not in an object"},
		{"secor.upload.secor.upload.last.seen.offset", "what is committed is what lies before the first record that is not in an object"},
		{"secor.consumer.max_bad_messages", "what cannot be parsed goes to the dead letter, and ends nothing"},
		{"parquet.*", "see row_group in format \"parquet\""},
		{"schema.registry.url", "the parser does not need it"},
		{"message.timestamp.*", "the parser does not need it"},
		{"message.split.*", "the parser does not need it"},
		{"partitioner.granularity.*", "the parser does not need it"},
		{"secor.hive.*", "register partitions with a hook of success"},
		{"hive.*", "register partitions with a hook of success"},
		{"qubole.*", "register partitions with a hook of success"},
		{"secor.qubole.*", "register partitions with a hook of success"},
		{"secor.enable.qubole", "register partitions with a hook of success"},
		{"swift.*", "cloud.service is another"},
		{"secor.swift.*", "cloud.service is another"},
		{"secor.azure.*", "cloud.service is another"},
		{"aws.proxy.*", "a proxy is given by HTTPS_PROXY in the environment, where there is one"},
		{"aws.*", "cloud.service, or the way of authentication, is another"},
		{"secor.s3.*", "cloud.service is another"},
	} {
		if ok, err := path.Match(h[0], key); err == nil && ok {
			return h[1], true
		}
	}
	return "", false
}
