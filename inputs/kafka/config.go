package kafka

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/penstock/penstock/network/kafkaclient"
)

// Config is the configuration of input "kafka".
type Config struct {
	kafkaclient.Config
	Group             string        `hcl:"group" doc:"Consumer group to join; its offsets hold the progress."`
	Topics            []string      `hcl:"topics,optional" doc:"Topics to read."`
	TopicsRegex       []string      `hcl:"topics_regex,optional" doc:"Regular expressions for the topics to read, beside those listed; new topics that match are read once they appear. A match anywhere in the name counts unless ^ and $ are used. Internal topics of brokers, such as __consumer_offsets, are left out."`
	ExcludeRegex      []string      `hcl:"exclude_regex,optional" doc:"Regular expressions for topics to leave out of what topics_regex matches."`
	Start             string        `hcl:"start,optional" doc:"Where a group that has no offsets yet starts: earliest, latest, or a time such as \"2026-01-31T00:00:00Z\"; none has it fail, and say of which, until it has one of each partition with records, so that nothing is archived anew where offsets have expired. Partitions and topics that come once the group has begun are read from their beginning."`
	Isolation         string        `hcl:"isolation,optional" oneof:"read_committed|read_uncommitted" doc:"Whether records of aborted and open transactions are left out."`
	Protocol          string        `hcl:"protocol,optional" oneof:"auto|classic|consumer" doc:"Group protocol: classic (cooperative sticky), consumer (KIP-848), or auto: consumer where the brokers have it."`
	InstanceID        string        `hcl:"instance_id,optional" doc:"Static membership: a name for this member that stays the same over restarts, which then cause no rebalance."`
	Rack              string        `hcl:"rack,optional" doc:"Rack or zone of this member: brokers that can let it read from a replica nearby."`
	SessionTimeout    time.Duration `hcl:"session_timeout,optional" doc:"How long a member may be out of touch before it loses its partitions."`
	HeartbeatInterval time.Duration `hcl:"heartbeat_interval,optional" doc:"How often a member shows that it lives; the brokers decide with the consumer protocol."`
	RebalanceTimeout  time.Duration `hcl:"rebalance_timeout,optional" doc:"How long a rebalance waits for members to give partitions up."`
	RevokeTimeout     time.Duration `hcl:"revoke_timeout,optional" doc:"How long outputs may take to finish with a partition that is to be given up; less than rebalance_timeout."`
	BufferBytes       int64         `hcl:"buffer_bytes,optional" unit:"bytes" doc:"Uncompressed bytes to read ahead, over all partitions, and up to twice as much while some lag more than others; a partition whose output does not take its share is paused."`
	FetchBytes        int64         `hcl:"fetch_bytes,optional" unit:"bytes" doc:"Most bytes to ask a broker for at a time, a quarter of it from one partition. A broker far away wants more."`
	FetchWait         time.Duration `hcl:"fetch_wait,optional" doc:"How long a broker may hold a fetch back when there is nothing new. A partition that lags waits as long to be fetched again, after its read-ahead was full, when all others of that broker are at their end."`
	MaxInflatedBatch  int64         `hcl:"max_inflated_batch,optional" unit:"bytes" doc:"Most memory that one compressed batch may take once it is inflated, its records included. A batch that takes more goes to the dead letter as it lies in Kafka, and what follows is read on. What all inflated batches take together until they are read ahead is at most buffer_bytes and one batch more."`
	RateLimit         int64         `hcl:"rate_limit,optional" doc:"Most records a second, over all partitions; 0 is no limit."`
}

const defaultMaxInflated = 128 << 20

// Default returns the defaults.
func Default() Config {
	return Config{
		Config:            kafkaclient.DefaultConfig(),
		Start:             "earliest",
		Isolation:         "read_committed",
		Protocol:          "auto",
		SessionTimeout:    45 * time.Second,
		HeartbeatInterval: 3 * time.Second,
		RebalanceTimeout:  60 * time.Second,
		RevokeTimeout:     20 * time.Second,
		BufferBytes:       32 << 20,
		FetchBytes:        2 << 20,
		FetchWait:         100 * time.Millisecond,
		MaxInflatedBatch:  defaultMaxInflated,
	}
}

// Validate reports everything that is wrong; each error begins with the attribute's path.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Group == "" {
		bad("group: must not be empty")
	}
	if len(c.Topics) == 0 && len(c.TopicsRegex) == 0 {
		bad("topics: name at least one topic, or use topics_regex")
	}
	for _, t := range c.Topics {
		if t == "" {
			bad("topics: a topic's name must not be empty")
		}
	}
	for _, list := range []struct {
		name string
		of   []string
	}{{"topics_regex", c.TopicsRegex}, {"exclude_regex", c.ExcludeRegex}} {
		for _, re := range list.of {
			if _, err := regexp.Compile(re); err != nil {
				bad("%s: %w", list.name, err)
			}
		}
	}
	if len(c.ExcludeRegex) > 0 && len(c.TopicsRegex) == 0 {
		bad("exclude_regex: has no effect without topics_regex")
	}
	if _, err := c.start(); err != nil {
		bad("start: %w", err)
	}
	if c.Isolation != "read_committed" && c.Isolation != "read_uncommitted" {
		bad("isolation: must be read_committed or read_uncommitted")
	}
	if c.Protocol != "auto" && c.Protocol != "classic" && c.Protocol != "consumer" {
		bad("protocol: must be auto, classic or consumer")
	}
	if c.HeartbeatInterval <= 0 || c.HeartbeatInterval > c.SessionTimeout/2 {
		bad(
			"heartbeat_interval: must be more than 0s and at most half of session_timeout (%v)",
			c.SessionTimeout,
		)
	}
	if c.RevokeTimeout < 0 || c.RevokeTimeout >= c.RebalanceTimeout {
		bad("revoke_timeout: must be less than rebalance_timeout (%v)", c.RebalanceTimeout)
	}
	if c.BufferBytes < 1<<20 {
		bad("buffer_bytes: must be at least 1MiB")
	}
	if c.FetchBytes < 1<<10 || c.FetchBytes > 1<<30 {
		bad("fetch_bytes: must be from 1KiB to 1GiB")
	}
	if c.MaxInflatedBatch < 1<<20 || c.MaxInflatedBatch > 1<<30 {
		bad("max_inflated_batch: must be from 1MiB to 1GiB")
	}
	if c.FetchWait < 0 {
		bad("fetch_wait: must not be negative")
	}
	if c.RateLimit < 0 {
		bad("rate_limit: must not be negative")
	}
	return errors.Join(errs...)
}

// start returns where partitions without an offset begin.
func (c *Config) start() (startAt, error) {
	switch c.Start {
	case "", "earliest":
		return startAt{earliest: true}, nil
	case "latest":
		return startAt{latest: true}, nil
	case "none":
		return startAt{none: true}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, c.Start)
	if err != nil {
		return startAt{}, fmt.Errorf(
			"%q is neither earliest, latest, none nor a time such as \"2026-01-31T00:00:00Z\"", c.Start,
		)
	}
	return startAt{after: t}, nil
}

type startAt struct {
	earliest, latest, none bool
	after                  time.Time
}
