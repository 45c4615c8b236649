package secor

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// Convert reads properties, of which later ones count more, and writes a consumer.
func Convert(files []string, from kit.Reader) (*draft.Draft, error) {
	p, err := read(files, from)
	if err != nil {
		return nil, err
	}
	c := &converter{properties: p, d: draft.New()}
	c.agent = c.d.Add("agent")
	c.in = c.d.Add("input", "kafka", "events")
	c.input()
	c.output()
	c.d.Add("pipeline", "lake").Set("from", draft.List(c.in.Ref()))
	c.pipeline()
	c.rest()
	return c.d, nil
}

type converter struct {
	*properties
	d              *draft.Draft
	agent, in, out *draft.Block
}

// take returns a property that is set to something, and counts it as seen.
func (c *converter) take(key string) (kit.Property, bool) {
	x, ok := c.byKey[key]
	c.used[key] = true
	return x, ok && x.Value != ""
}

// text returns the value of a property as an expression.
func (c *converter) text(x kit.Property) draft.Value { return draft.Join(c.parts(x.Value, 0)...) }

// literal returns the value with references to other properties replaced, and false where it
// depends on the environment.
func (c *converter) literal(x kit.Property) (string, bool) {
	return draft.Literal(c.parts(x.Value, 0))
}

// plain returns a value that has to be known now, or fallback; that it is not is told at b.
func (c *converter) plain(b *draft.Block, key, fallback string) (string, kit.Property, bool) {
	x, ok := c.take(key)
	if !ok {
		return fallback, x, false
	}
	v, known := c.literal(x)
	if !known {
		c.d.Lost(b, x.At, shown(x), "it comes from the environment; write what it is to be here")
		return fallback, x, false
	}
	return v, x, true
}

var secret = regexp.MustCompile(`(?i)secret|password|token|access\.key|jaas|customer\.key|api\.key`)

// shown is a property for a comment.
func shown(x kit.Property) string {
	if secret.MatchString(x.Key) {
		return x.Key + "=..."
	}
	return x.Key + "=" + x.Value
}

func (c *converter) carry(x kit.Property) { c.d.Carried(x.At, shown(x)) }

// set carries a property over as it is.
func (c *converter) set(b *draft.Block, key, attr string) {
	if x, ok := c.take(key); ok {
		b.Set(attr, c.text(x))
		c.carry(x)
	}
}

// number carries over a whole number, as made by the caller.
func (c *converter) number(b *draft.Block, key string, set func(x kit.Property, n int64)) {
	v, x, ok := c.plain(b, key, "")
	if !ok {
		return
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil {
		c.d.Left(b, x.At, shown(x), "it is no whole number")
		return
	}
	set(x, n)
}

func (c *converter) on(key string) bool {
	x, ok := c.take(key)
	return ok && strings.EqualFold(x.Value, "true")
}

var plainTopics = regexp.MustCompile(`^[A-Za-z0-9_-]+(?:\|[A-Za-z0-9_-]+)*$`)

func (c *converter) input() {
	b := c.in
	c.brokers(b)
	c.topics(b)
	c.set(b, "secor.kafka.group", "group")
	if b.Get("group") == "" {
		b.Set("group", draft.Text("secor"))
		b.Comment("No secor.kafka.group was found: write the group whose offsets are to go on.")
	}
	for _, key := range []string{"kafka.new.consumer.auto.offset.reset", "kafka.consumer.auto.offset.reset"} {
		if x, ok := c.take(key); ok {
			start := "earliest"
			if x.Value == "largest" || x.Value == "latest" {
				start = "latest"
			}
			if b.Get("start") == "" {
				b.Set("start", draft.Text(start))
			}
			c.carry(x)
		}
	}
	if x, ok := c.take("kafka.new.consumer.isolation.level"); ok {
		b.Set("isolation", draft.Text(strings.ReplaceAll(strings.ToLower(x.Value), "-", "_")))
		c.carry(x)
	}
	c.number(b, "secor.messages.per.second", func(x kit.Property, n int64) {
		b.Set("rate_limit", draft.Int(n))
		c.carry(x)
	})
	if x, ok := c.take("kafka.offsets.storage"); ok && x.Value == "zookeeper" && !c.dual() {
		c.d.Lost(
			b, x.At, shown(x),
			"penstock goes on from the offsets that Secor committed to Kafka, and there are none: commit them with kafka-consumer-groups before the change, or it begins at start",
		)
	} else if ok {
		c.carry(x)
	}
	c.security(b)
}

func (c *converter) dual() bool { return c.on("kafka.dual.commit.enabled") }

func (c *converter) brokers(b *draft.Block) {
	host, ok := c.take("kafka.seed.broker.host")
	if !ok {
		b.Set("brokers", draft.Texts("localhost:9092"))
		at := draft.Place{}
		what := "brokers"
		if q, zk := c.take("zookeeper.quorum"); zk {
			at, what = q.At, shown(q)
		}
		c.d.Lost(b, at, what, "the brokers are found by their own addresses: write them here")
		return
	}
	port, _, _ := c.plain(b, "kafka.seed.broker.port", "9092")
	var list []draft.Value
	for _, h := range strings.Split(host.Value, ",") {
		h = strings.TrimSpace(h)
		parts := c.parts(h, 0)
		if !strings.Contains(reference.ReplaceAllString(h, ""), ":") {
			parts = append(parts, draft.Lit(":"+port))
		}
		list = append(list, draft.Join(parts...))
	}
	b.Set("brokers", draft.List(list...))
	c.carry(host)
	if x, ok := c.take("kafka.seed.broker.port"); ok {
		c.carry(x)
	}
}

func (c *converter) topics(b *draft.Block) {
	if x, ok := c.take("kafka.new.consumer.topic.list"); ok {
		var list []draft.Value
		for _, t := range strings.Split(x.Value, ",") {
			list = append(list, draft.Join(c.parts(strings.TrimSpace(t), 0)...))
		}
		b.Set("topics", draft.List(list...))
		c.carry(x)
		c.take("secor.kafka.topic_filter")
	} else if x, ok := c.take("secor.kafka.topic_filter"); ok {
		v, known := c.literal(x)
		switch {
		case known && plainTopics.MatchString(v):
			b.Set("topics", draft.Texts(strings.Split(v, "|")...))
			c.carry(x)
		case known:
			c.regex(b, x, "topics_regex", v)
		default:
			b.Set(
				"topics_regex",
				draft.List(
					draft.Join(
						append(
							append([]draft.Part{draft.Lit("^(?:")}, c.parts(x.Value, 0)...),
							draft.Lit(")$"),
						)...),
				),
			)
			c.carry(x)
		}
	} else {
		b.Set("topics_regex", draft.Texts("^.*$"))
	}
	if x, ok := c.take("secor.kafka.topic_blacklist"); ok {
		if v, known := c.literal(x); known {
			if topics := string(b.Get("topics")); topics != "" && plainTopics.MatchString(v) {
				c.d.Changed(
					b, x.At, shown(x),
					"topics are listed by name here, and exclude_regex only bears on topics_regex",
				)
			} else {
				c.regex(b, x, "exclude_regex", v)
			}
		} else {
			c.d.Lost(b, x.At, shown(x), "it comes from the environment; write exclude_regex")
		}
	}
}

// regex carries over a regular expression on the whole name of a topic.
func (c *converter) regex(b *draft.Block, x kit.Property, attr, v string) {
	v = kit.Whole(v)
	if _, err := regexp.Compile(v); err != nil {
		if attr == "topics_regex" {
			b.Set(attr, draft.Texts("^$"))
		}
		c.d.Lost(
			b,
			x.At,
			shown(x),
			fmt.Sprintf(
				"it is a regular expression of Java that RE2 has not (%v); write %s, or topics",
				err, attr,
			),
		)
		return
	}
	b.Set(attr, draft.Texts(v))
	c.carry(x)
}

func (c *converter) security(b *draft.Block) {
	protocol, hasProtocol := c.take("kafka.new.consumer.security.protocol")
	if hasProtocol {
		c.carry(protocol)
	}
	if strings.HasSuffix(protocol.Value, "SSL") {
		tls := b.In("tls")
		for _, key := range []string{"kafka.new.consumer.ssl.truststore.location", "kafka.new.consumer.ssl.keystore.location"} {
			if x, ok := c.take(key); ok {
				c.d.Left(
					tls, x.At, shown(x),
					"a keystore of Java; export PEM files with keytool and openssl and name them here (ca_file, cert_file, key_file)",
				)
			}
		}
	}
	mechanism, ok := c.take("kafka.new.consumer.sasl.mechanism")
	if !strings.HasPrefix(protocol.Value, "SASL") && !ok {
		return
	}
	name := strings.ToUpper(mechanism.Value)
	jaas, hasJaas := c.take("kafka.new.consumer.sasl.jaas.config")
	switch name {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
	default:
		c.d.Lost(
			b, mechanism.At, shown(mechanism),
			"write a sasl block with one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER and AWS_MSK_IAM",
		)
		return
	}
	sasl := b.In("sasl")
	sasl.Set("mechanism", draft.Text(name))
	c.carry(mechanism)
	user, password := jaasValue(jaas.Value, "username"), jaasValue(jaas.Value, "password")
	if !hasJaas || user == "" {
		sasl.Set("username", draft.Text("secor"))
		sasl.Set("password", draft.Text("CHANGE-ME"))
		c.d.Lost(
			sasl, mechanism.At, "the user and password", "no sasl.jaas.config with both was found",
		)
		return
	}
	sasl.Set("username", draft.Join(c.parts(user, 0)...))
	sasl.Set("password", draft.Join(c.parts(password, 0)...))
	c.carry(jaas)
}

func jaasValue(jaas, name string) string {
	m := regexp.MustCompile(name + `\s*=\s*"([^"]*)"`).FindStringSubmatch(jaas)
	if m == nil {
		return ""
	}
	return m[1]
}

func (c *converter) pipeline() {
	// The pipeline was the last to be added.
	p := c.d.Last()
	p.Set("to", draft.List(c.out.Ref()))
}

func seconds(n int64) draft.Value { return draft.Duration(time.Duration(n) * time.Second) }
