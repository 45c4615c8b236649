package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/penstock/penstock/outputs"
)

// Config is the configuration of output "kafka".
type Config struct {
	kafkaclient.Config
	Topic                  template.Template `hcl:"topic" doc:"Topic to produce to, a template (penstock help templates) such as app-${tag[1]}; characters that no topic may have become \"_\"."`
	Key                    template.Template `hcl:"key,optional" doc:"Record key, a template; by default each record keeps its own. A record that lacks a part gets no key."`
	Format                 string            `hcl:"format,optional" oneof:"raw|msgpack" doc:"What the value of a message is: the value of the record as it is (raw), or a map in msgpack, as fluentd and fluent-bit write it: what input forward has taken goes as it came, a JSON object is made one, and anything else becomes {\"message\": value}."`
	Delivery               string            `hcl:"delivery,optional" oneof:"at_least_once|exactly_once" doc:"at_least_once: a crash may repeat records. exactly_once: they go out in transactions that hold the position in the buffer, too, so that readers with isolation.level=read_committed see each record once."`
	CommitInterval         time.Duration     `hcl:"commit_interval,optional" doc:"How often a transaction is committed, with exactly_once: readers see records that much later."`
	CommitIntervalMax      time.Duration     `hcl:"commit_interval_max,optional" doc:"The longest time between two commits. While brokers are slow to commit, there are fewer, so that they take about a tenth of the time; what comes after a pause waits no longer than commit_interval. The same value as that: no fewer."`
	TransactionTimeout     time.Duration     `hcl:"transaction_timeout,optional" doc:"With exactly_once, how long the open transaction of an agent that died keeps readers waiting. Brokers refuse more than their transaction.max.timeout.ms."`
	PositionTopic          string            `hcl:"position_topic,optional" doc:"With exactly_once, an existing topic; positions are stored as offsets of its partition 0, by the consumer group named like the transactional id. By default topic, if that is one for all records."`
	Partitioner            string            `hcl:"partitioner,optional" oneof:"auto|origin|hash|sticky|round_robin" doc:"How records find their partition: by the source they came from (origin), by their key with Kafka's hash (hash), or spread by batches (sticky, round_robin); auto is hash if key is set, otherwise origin. Only origin and hash keep an order."`
	Compression            string            `hcl:"compression,optional" oneof:"none|gzip|snappy|lz4|zstd" doc:"Compression of batches. Batches that a buffer has compressed otherwise are compressed anew; those that it has not compressed go as they are."`
	BatchMaxBytes          int64             `hcl:"batch_max_bytes,optional" unit:"bytes" doc:"Largest batch to send, at most the topic's max.message.bytes. A batch that a broker finds too large is split; a record that is goes to the dead letter."`
	Linger                 time.Duration     `hcl:"linger,optional" doc:"How long a batch that is not full waits for more records. Where there are none, only until the last such request is as long ago."`
	Headers                map[string]string `hcl:"headers,optional" doc:"Headers added to every record."`
	AllowAutoTopicCreation bool              `hcl:"allow_auto_topic_creation,optional" doc:"Ask the brokers to create topics that do not exist."`
	DeliveryTimeout        time.Duration     `hcl:"delivery_timeout,optional" doc:"How long a partition may take nothing before its batches are given back to be retried from the buffer, or to fail over. What was sent and not answered is kept until its fate is known, so that it is not repeated."`
	MissingTopic           string            `hcl:"missing_topic,optional" oneof:"auto|wait|dead_letter" doc:"What becomes of records whose topic does not exist or may not be written to: dead_letter: they go there after missing_topic_after, and penstock replay takes them back; wait: they wait, and once they fill the window all behind them does; auto: wait where topic is one for all records, otherwise dead_letter. With exactly_once all behind them waits as long as they do."`
	MissingTopicAfter      time.Duration     `hcl:"missing_topic_after,optional" doc:"How long a topic must have been missing before its records go to the dead letter; less than failover.after, or they may go to the overflow first."`
	MaxInFlight            int               `hcl:"max_in_flight,optional" doc:"Requests in flight per broker, and per partition up to 5."`
	BufferBytes            int64             `hcl:"buffer_bytes,optional" unit:"bytes" doc:"Uncompressed bytes that may be in flight to the brokers, over all logs; more wait in the buffer."`
	MaxRecordAge           time.Duration     `hcl:"max_record_age,optional" doc:"Records older than this are sent with the current time, and their own in the header penstock-original-time; 0s: than the topic's retention, beyond which brokers delete them at once."`
}

// Values of Config.Delivery.
const (
	AtLeastOnce = "at_least_once"
	ExactlyOnce = "exactly_once"
)

// Values of Config.Format.
const (
	formatRaw     = "raw"
	formatMsgpack = "msgpack"
)

// Default returns the defaults.
func Default() Config {
	return Config{
		Config:             kafkaclient.DefaultConfig(),
		Format:             formatRaw,
		Delivery:           AtLeastOnce,
		CommitInterval:     200 * time.Millisecond,
		CommitIntervalMax:  5 * time.Second,
		TransactionTimeout: time.Minute,
		Partitioner:        "auto",
		Compression:        "snappy",
		BatchMaxBytes:      1_000_000,
		Linger:             5 * time.Millisecond,
		DeliveryTimeout:    20 * time.Second,
		MissingTopic:       "auto",
		MissingTopicAfter:  20 * time.Second,
		MaxInFlight:        5,
		BufferBytes:        64 << 20,
	}
}

// Validate reports everything that is wrong; each error begins with the attribute's path.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Topic.IsZero() {
		bad("topic: must not be empty")
	} else if name, ok := c.Topic.Constant(); ok && !kafkaclient.ValidTopic(name) {
		bad(
			"topic: %q is no topic name: use letters, digits, \".\", \"_\" and \"-\", at most 249 of them",
			name,
		)
	}
	if n := len(c.literals()); n > kafkaclient.MaxTopic {
		bad("topic: its fixed parts alone have %d characters, and a topic may have %d", n, kafkaclient.MaxTopic)
	}
	if name, _ := c.Topic.Constant(); slices.Contains(internalTopics, name) {
		bad("topic: %s is the brokers' own, and nobody else may write to it", name)
	}
	if _, err := dialect.Bind(c.Topic, ""); err != nil {
		bad("topic: %w", err)
	}
	if _, err := dialect.Bind(c.Key, ""); err != nil {
		bad("key: %w", err)
	}
	switch c.Format {
	case formatRaw:
	case formatMsgpack:
		if !dialect.OfBatch(c.Topic) {
			bad("topic: format = \"msgpack\" takes one that is the same for all records of a source: write it with ${tag} or without parts")
		}
		if !dialect.OfBatch(c.Key) {
			bad("key: format = \"msgpack\" takes none that is made of a record: leave it out, or make it of ${tag} or ${origin}")
		}
	default:
		bad("format: %q is unknown; use raw or msgpack", c.Format)
	}
	switch c.Delivery {
	case AtLeastOnce:
		if c.PositionTopic != "" {
			bad("position_topic: has no meaning without delivery = \"exactly_once\"")
		}
	case ExactlyOnce:
		errs = append(errs, c.validateTransactions()...)
	default:
		bad("delivery: %q is unknown; use at_least_once or exactly_once", c.Delivery)
	}
	switch c.Partitioner {
	case "auto", "origin", "hash", "sticky", "round_robin":
	default:
		bad(
			"partitioner: %q is unknown; use auto, origin, hash, sticky or round_robin",
			c.Partitioner,
		)
	}
	if _, err := record.ParseCodec(c.Compression); err != nil {
		bad("compression: %w", err)
	}
	if c.BatchMaxBytes < 1024 || c.BatchMaxBytes > 1<<30 {
		bad("batch_max_bytes: must be from 1KiB to 1GiB")
	}
	if c.Linger < 0 || c.Linger > time.Minute {
		bad("linger: must be from 0s to 1m")
	}
	if c.DeliveryTimeout < time.Second {
		bad("delivery_timeout: must be at least 1s")
	}
	switch c.MissingTopic {
	case "auto", "wait", "dead_letter":
	default:
		bad("missing_topic: %q is unknown; use auto, wait or dead_letter", c.MissingTopic)
	}
	if c.MissingTopicAfter <= 0 {
		bad(
			"missing_topic_after: must be more than 0s; to let records wait write missing_topic = \"wait\"",
		)
	}
	if c.MaxInFlight < 1 || c.MaxInFlight > 100 {
		bad("max_in_flight: must be from 1 to 100")
	}
	if c.BufferBytes < 1<<20 {
		bad("buffer_bytes: must be at least 1MiB")
	}
	if c.MaxRecordAge < 0 {
		bad("max_record_age: must not be negative")
	}
	return errors.Join(errs...)
}

var internalTopics = []string{"__consumer_offsets", "__transaction_state"}

// Warnings tells of fixed parts of topic that no topic can have.
func (c *Config) Warnings() error {
	if _, constant := c.Topic.Constant(); constant {
		return nil // Validate has refused it
	}
	var bad []string
	for _, char := range c.literals() {
		isLegal := char <= 0x7f && kafkaclient.TopicByte(byte(char))
		if s := string(char); !isLegal && !slices.Contains(bad, s) {
			bad = append(bad, s)
		}
	}
	if bad == nil {
		return nil
	}
	return fmt.Errorf(
		"topic: no topic can have %q in its name: each of its bytes becomes \"_\"; write letters, digits, \".\", \"_\" and \"-\"",
		strings.Join(bad, ""),
	)
}

// literals returns the fixed parts of topic.
func (c *Config) literals() string {
	var b strings.Builder
	for _, p := range c.Topic.Parts {
		b.WriteString(p.Literal)
	}
	return b.String()
}

func (c *Config) validateTransactions() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.CommitInterval < 10*time.Millisecond || c.CommitInterval > 10*time.Second {
		bad("commit_interval: must be from 10ms to 10s")
	}
	if c.CommitIntervalMax < 0 || c.CommitIntervalMax > time.Minute {
		bad("commit_interval_max: must be at most 1m")
	}
	if c.TransactionTimeout < 10*time.Second || c.TransactionTimeout > 15*time.Minute {
		bad("transaction_timeout: must be from 10s to 15m")
	}
	if c.TransactionTimeout < c.DeliveryTimeout+c.CommitInterval {
		bad(
			"transaction_timeout: must be more than delivery_timeout (%v): a transaction would be aborted while its records are on their way; raise this one or lower that",
			c.DeliveryTimeout,
		)
	}
	switch _, constant := c.Topic.Constant(); {
	case c.PositionTopic != "" && !kafkaclient.ValidTopic(c.PositionTopic):
		bad(
			"position_topic: %q is no topic name: use letters, digits, \".\", \"_\" and \"-\", at most 249 of them",
			c.PositionTopic,
		)
	case c.PositionTopic == "" && !constant:
		bad(
			"delivery: exactly_once stores positions with a topic, and topic is not one for all records: set position_topic to a topic that exists, such as one of those it produces to",
		)
	}
	return errs
}

// commitInterval returns how far apart commits are, stretched or not. A transaction stays open no
// longer than the brokers let it while its records may take delivery_timeout.
func (c *Config) commitInterval() outputs.CommitInterval {
	longest := min(c.CommitIntervalMax, (c.TransactionTimeout-c.DeliveryTimeout)/2)
	return outputs.CommitInterval{
		Shortest: c.CommitInterval,
		Longest:  max(longest, c.CommitInterval),
	}
}

// positionTopic returns the topic that positions are stored for.
func (c *Config) positionTopic() string {
	if c.PositionTopic != "" {
		return c.PositionTopic
	}
	name, _ := c.Topic.Constant()
	return name
}

// missingAfter returns how long records wait for a topic; 0 if they do for ever.
func (c *Config) missingAfter() time.Duration {
	_, constant := c.Topic.Constant()
	if c.MissingTopic == "wait" || c.MissingTopic == "auto" && constant {
		return 0
	}
	return c.MissingTopicAfter
}

// BatchCompression returns how batches must be compressed to be passed on as they are; "" if none
// are.
func (c *Config) BatchCompression() string {
	if c.perRecord() != "" {
		return ""
	}
	return c.Compression
}

// TakesMaps reports whether maps in msgpack are passed on as they came.
func (c *Config) TakesMaps() bool { return c.Format == formatMsgpack }

// perRecord returns why single records must be looked at, or "".
func (c *Config) perRecord() string {
	switch {
	case !dialect.OfBatch(c.Topic):
		return "topic"
	case !c.Key.IsZero():
		return "key"
	case c.byHash():
		return "partitioner"
	case len(c.Headers) > 0:
		return "headers"
	}
	return ""
}

// byHash reports whether a record's key decides on its partition.
func (c *Config) byHash() bool {
	return c.Partitioner == "hash" || c.Partitioner == "auto" && !c.Key.IsZero()
}

// spreads reports whether nothing of a record decides on its partition.
func (c *Config) spreads() bool {
	return c.Partitioner == "sticky" || c.Partitioner == "round_robin"
}

// NeedsBuffer tells why the output cannot drain a partition of a topic, if it cannot.
func (c *Config) NeedsBuffer() error {
	if c.Delivery != ExactlyOnce {
		return nil
	}
	return errors.New(
		"delivery = \"exactly_once\" works between a buffer and Kafka, not from topic to topic: write delivery = \"at_least_once\"",
	)
}
