package fluentbit

import (
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

const ofRecord = "values are JSON: in msgpack, topic and key are the same for all records of a source"

func (c *converter) kafka(b *draft.Block, s *section) {
	var brokers []draft.Value
	for h := range strings.SplitSeq(c.expanded(s.value("brokers")), ",") {
		if h = strings.TrimSpace(h); h != "" {
			brokers = append(brokers, draft.Join(c.parts(h)...))
		}
	}
	if brokers == nil {
		brokers = []draft.Value{draft.Text("localhost:9092")}
		c.d.Lost(b, s.at, s.title(), "it names no brokers")
	}
	b.Set("brokers", draft.List(brokers...))
	topics := s.get("topics")
	switch key := s.get("topic_key"); {
	case key != nil:
		c.topicKey(b, s, key, topics)
	case topics != nil:
		first, _, more := strings.Cut(topics.value, ",")
		b.Set("topic", draft.Join(c.parts(strings.TrimSpace(first))...))
		if more {
			c.d.Changed(
				b, topics.at, shown(topics),
				"only the first of them was written to without a topic_key",
			)
		} else {
			c.carry(topics)
		}
	default:
		b.Set("topic", draft.Text("fluent-bit"))
	}
	if !c.set(b, "key", s, "message_key") {
		if p := s.get("message_key_field"); p != nil {
			b.Set("key", draft.Join(draft.Tmpl("field["+string(draft.Text(p.value))+"]")))
			c.carry(p)
		}
	}
	switch p := s.get("format"); {
	case p == nil, strings.EqualFold(p.value, "json"), strings.EqualFold(p.value, "msgpack"):
		key := "@timestamp"
		if t := s.get("timestamp_key"); t != nil {
			key = t.value
		}
		c.d.Changed(
			b, s.at, s.title()+" timestamp_key "+key,
			"the time is that of the Kafka record; for a field write filter \"add_fields\" with ${time}",
		)
		switch {
		case p == nil || !strings.EqualFold(p.value, "msgpack"):
		case kit.Msgpack(b):
			c.carry(p)
		default:
			c.d.Changed(b, p.at, shown(p), ofRecord)
		}
	case p.value == "raw":
		at, what := p.at, shown(p)
		if key := s.get("raw_log_key"); key != nil {
			at, what = key.at, shown(key)
		}
		c.d.Changed(
			b, at, what,
			"values are the records' JSON: take the field out with filter \"parse\", or leave the parse filter out so that lines stay lines",
		)
	default:
		c.d.Changed(b, p.at, shown(p), "values are JSON")
	}
	mechanism, user, pass := s.get("rdkafka.sasl.mechanism", "rdkafka.sasl.mechanisms"), s.get(
		"rdkafka.sasl.username",
	), s.get(
		"rdkafka.sasl.password",
	)
	if mechanism != nil && user != nil && pass != nil {
		sasl := b.In("sasl")
		sasl.Set("mechanism", draft.Text(strings.ToUpper(mechanism.value)))
		sasl.Set("username", draft.Join(c.parts(user.value)...))
		sasl.Set("password", draft.Join(c.parts(pass.value)...))
		c.carry(mechanism)
	} else if mechanism != nil {
		c.d.Lost(b, mechanism.at, shown(mechanism), "write a sasl block")
	}
	if p := s.get("rdkafka.security.protocol"); p != nil {
		if strings.HasSuffix(strings.ToLower(p.value), "ssl") {
			t := b.In("tls")
			c.set(t, "ca_file", s, "rdkafka.ssl.ca.location")
			c.set(t, "cert_file", s, "rdkafka.ssl.certificate.location")
			c.set(t, "key_file", s, "rdkafka.ssl.key.location")
		}
		c.carry(p)
	}
	c.set(b, "client_id", s, "client_id")
	if p := s.get("rdkafka.enable.ssl.certificate.verification"); p != nil {
		if !on(p.value) && b.Find("tls") != nil {
			b.In("tls").Set("insecure_skip_verify", draft.Bool(true))
		}
		c.carry(p)
	}
	for _, p := range s.props {
		name, ok := strings.CutPrefix(p.key, "rdkafka.")
		if !ok || p.used {
			continue
		}
		carried, why := kit.KafkaSetting(b, name, p.value)
		p.used = carried || why != ""
		if carried {
			c.carry(p)
		} else if why != "" {
			c.d.Left(b, p.at, shown(p), why)
		}
	}
}
