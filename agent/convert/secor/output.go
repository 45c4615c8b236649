package secor

import (
	"path"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
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

// ownSchema gives files the schema of the values, as Secor does, where they are Avro of a registry.
func ownSchema(output, format *draft.Block) {
	if d := output.Find("decode"); d != nil && d.Type() == "avro" {
		format.Set("schema", draft.Text("registry"))
	}
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
