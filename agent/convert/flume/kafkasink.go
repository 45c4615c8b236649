package flume

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

func (c *converter) kafkaSink(n *kit.Node, name, topicKey, preset string) *draft.Block {
	b := c.Add("output", "kafka", name, n)
	hosts := n.Take("kafka.bootstrap.servers", "brokerList")
	if hosts != nil {
		c.Brokers(b, n, []string{hosts.Value})
		c.Carry(hosts)
	} else {
		c.Brokers(b, n, nil)
	}
	topic := n.Take(topicKey, "topic")
	value := preset
	if topic != nil {
		value = topic.Value
		c.Carry(topic)
	}
	b.Set("topic", draft.Join(c.escapes(b, n, value)...))
	header, named := "topic", n.Take("topicHeader")
	if named != nil {
		header = named.Value
	}
	if x := n.Take("allowTopicOverride"); x == nil || !strings.EqualFold(x.Value, "false") {
		if topicKey != "" && n.Find("type") != nil && (named != nil || c.setsHeader(header)) {
			c.D.Lost(
				b,
				n.At,
				n.Name,
				fmt.Sprintf(
					"events with a header %[1]s went to the topic it names: write topic = \"${header[%[1]q]}\" for a route of their own",
					header,
				),
			)
		}
	}
	b.Set("key", draft.Join(draft.Tmpl("header.key")))
	if !c.setsHeader("key") {
		b.Unset("key")
	}
	if x := n.Take("useFlumeEventFormat", "parseAsFlumeEvent"); x != nil {
		if strings.EqualFold(x.Value, "true") {
			c.Lost(b, x, "values are the lines themselves, not Avro events of Flume")
		} else {
			c.Carry(x)
		}
	} else if n.Find("type") != nil && strings.HasSuffix(n.Text("type"), "KafkaChannel") {
		c.D.Lost(
			b, n.At, n.Name+".parseAsFlumeEvent",
			"values are the lines themselves: readers of the topic that expect Flume's Avro events must be told",
		)
	}
	c.kafkaSecurity(b, n, "kafka.producer.")
	c.KafkaSettings(b, n.Find("kafka.producer"))
	for _, k := range []string{"partitionIdHeader", "defaultPartitionId"} {
		if x := n.Take(k); x != nil {
			c.Lost(b, x, "no record names its partition: it is found by the key or the source, see partitioner")
		}
	}
	return b
}

func (c *converter) kafkaSecurity(b *draft.Block, n *kit.Node, prefix string) {
	protocol := n.Take(prefix + "security.protocol")
	if protocol == nil {
		return
	}
	c.Carry(protocol)
	if strings.HasSuffix(strings.ToUpper(protocol.Value), "SSL") {
		t := b.In("tls")
		for _, key := range []string{"truststore", "keystore"} {
			x := n.Take(prefix+"ssl."+key+".location", prefix+"ssl."+key+".path")
			if x != nil {
				c.Lost(t, x, "a Java "+key+": write ca_file, or cert_file and key_file, as PEM")
			}
		}
	}
	if !strings.HasPrefix(strings.ToUpper(protocol.Value), "SASL") {
		return
	}
	mechanism := n.Text(prefix + "sasl.mechanism")
	config := n.Take(prefix + "sasl.jaas.config")
	user, password := "", ""
	if config != nil {
		user, password = kit.JAAS(config.Value)
	}
	if user == "" || password == "" || mechanism == "" ||
		mechanism == "GSSAPI" {
		c.D.Lost(
			b,
			protocol.At,
			protocol.Shown(),
			"write a sasl block: user and password stand in a JAAS file, or it is Kerberos, which penstock does not speak",
		)
		return
	}
	kit.SASL(b, mechanism, user, password)
	c.Carry(config)
}
