package kit

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
)

// part is the name that a part of a template begins with.
var part = regexp.MustCompile(`\$\{\s*(\w+)`)

// Msgpack has the output kafka b write maps in msgpack. It reports whether it can, which it cannot
// where topic or key are made of a record.
func Msgpack(b *draft.Block) bool {
	for _, m := range part.FindAllStringSubmatch(string(b.Get("topic")+b.Get("key")), -1) {
		if !slices.Contains([]string{"tag", "origin", "agent", "env"}, m[1]) {
			return false
		}
	}
	b.Set("format", draft.Text("msgpack"))
	return true
}

type how int

const (
	asText how = iota
	asNumber
	asSize
	asMillis
)

// clientSetting is what a setting of Kafka's clients is here: an attribute, or why it has none.
type clientSetting struct {
	attr string
	how  how
	why  string
}

const (
	noEnd   = "attempts never end: see retry and delivery_timeout"
	waiting = "what waits is in the buffer on disk: see buffer_bytes for what is in flight"
	fetched = "see fetch_bytes and fetch_wait"
	offsets = "an offset is committed once every output has what is before it"
	plainly = "keys and values are bytes"
	always  = "a record counts as delivered when all in-sync replicas have it, always"
)

// clientSettings are settings of Java's client and of librdkafka, of inputs and outputs.
var clientSettings = map[string]clientSetting{
	"client.id":                          {attr: "client_id"},
	"request.timeout.ms":                 {attr: "request_timeout", how: asMillis},
	"socket.timeout.ms":                  {attr: "request_timeout", how: asMillis},
	"metadata.max.age.ms":                {attr: "metadata_max_age", how: asMillis},
	"api.version.request":                {why: "versions are found out"},
	"broker.version.fallback":            {why: "versions are found out"},
	"statistics.interval.ms":             {why: "see /metrics"},
	"socket.keepalive.enable":            {why: "connections are kept"},
	"log.connection.close":               {why: "what matters is in the log"},
	"debug":                              {why: "see agent.log"},
	"retry.backoff.ms":                   {why: "see retry"},
	"reconnect.backoff.ms":               {why: "see retry"},
	"ssl.keystore.password":              {why: "PEM files have none"},
	"ssl.key.password":                   {why: "PEM files have none"},
	"ssl.truststore.password":            {why: "PEM files have none"},
	"topic.metadata.refresh.interval.ms": {attr: "metadata_max_age", how: asMillis},
}

var consumerSettings = map[string]clientSetting{
	"session.timeout.ms":            {attr: "session_timeout", how: asMillis},
	"heartbeat.interval.ms":         {attr: "heartbeat_interval", how: asMillis},
	"group.instance.id":             {attr: "instance_id"},
	"client.rack":                   {attr: "rack"},
	"isolation.level":               {attr: "isolation"},
	"fetch.max.bytes":               {attr: "fetch_bytes", how: asSize},
	"fetch.max.wait.ms":             {attr: "fetch_wait", how: asMillis},
	"fetch.wait.max.ms":             {attr: "fetch_wait", how: asMillis},
	"fetch.min.bytes":               {why: fetched},
	"fetch.message.max.bytes":       {why: fetched},
	"max.partition.fetch.bytes":     {why: fetched},
	"max.poll.records":              {why: fetched},
	"max.poll.interval.ms":          {why: "a member whose outputs wait stays in its group: see revoke_timeout"},
	"partition.assignment.strategy": {why: "see protocol"},
	"enable.auto.commit":            {why: offsets},
	"auto.commit.interval.ms":       {why: offsets},
	"key.deserializer":              {why: plainly},
	"value.deserializer":            {why: plainly},
}

var producerSettings = map[string]clientSetting{
	"compression.type":                      {attr: "compression"},
	"compression.codec":                     {attr: "compression"},
	"linger.ms":                             {attr: "linger", how: asMillis},
	"queue.buffering.max.ms":                {attr: "linger", how: asMillis},
	"message.max.bytes":                     {attr: "batch_max_bytes", how: asSize},
	"max.request.size":                      {attr: "batch_max_bytes", how: asSize},
	"max.in.flight":                         {attr: "max_in_flight", how: asNumber},
	"max.in.flight.requests.per.connection": {attr: "max_in_flight", how: asNumber},
	"acks":                                  {why: always},
	"request.required.acks":                 {why: always},
	"enable.idempotence":                    {why: "the producer is idempotent, always"},
	"retries":                               {why: noEnd},
	"message.send.max.retries":              {why: noEnd},
	"delivery.timeout.ms":                   {why: noEnd},
	"message.timeout.ms":                    {why: noEnd},
	"request.timeout":                       {why: noEnd},
	"batch.size":                            {why: "see batch_max_bytes"},
	"batch.num.messages":                    {why: "see batch_max_bytes"},
	"buffer.memory":                         {why: waiting},
	"max.block.ms":                          {why: waiting},
	"queue.buffering.max.messages":          {why: waiting},
	"queue.buffering.max.kbytes":            {why: waiting},
	"key.serializer":                        {why: plainly},
	"value.serializer":                      {why: plainly},
}

// KafkaSetting sets what a setting of Kafka's clients is in a component, unless that is set
// already, and reports whether it is carried over; or tells why it is not, "" for one that is not
// known.
func KafkaSetting(b *draft.Block, name, value string) (carried bool, why string) {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "."))
	s, ok := clientSettings[name]
	if !ok && strings.HasPrefix(string(b.Ref()), "input.") {
		s, ok = consumerSettings[name]
	} else if !ok {
		s, ok = producerSettings[name]
	}
	if !ok || s.attr == "" {
		return false, s.why
	}
	v, ok := s.value(value)
	if !ok {
		return false, "see " + s.attr
	}
	if b.Get(s.attr) == "" {
		b.Set(s.attr, v)
		soon(b, s.attr, value)
	}
	return true, ""
}

// soon has a member whose session is short show itself often enough.
func soon(b *draft.Block, attr, millis string) {
	n, err := strconv.ParseInt(millis, 10, 64)
	if session := time.Duration(n) * time.Millisecond; err == nil && attr == "session_timeout" &&
		session < 9*time.Second && b.Get("heartbeat_interval") == "" {
		b.Set("heartbeat_interval", draft.Duration(session/3))
	}
}

func (s clientSetting) value(text string) (draft.Value, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case s.how == asText:
		return Text(text), text != ""
	case err != nil || n <= 0:
		return "", false
	case s.how == asSize:
		return draft.Size(n), true
	case s.how == asMillis:
		return draft.Duration(time.Duration(n) * time.Millisecond), true
	}
	return draft.Int(n), true
}

// KafkaSettings deals with the settings of Kafka's clients below a node that nothing was made of.
func (c *Conv) KafkaSettings(b *draft.Block, n *Node) {
	if n == nil {
		return
	}
	n.unused(func(x *Node) {
		carried, why := KafkaSetting(b, strings.TrimPrefix(x.Name, n.Name+"."), x.Value)
		switch {
		case carried:
			x.used = true
			c.Carry(x)
		case why != "":
			c.Left(b, x, why)
		}
	})
}
