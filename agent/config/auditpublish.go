package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/network/kafkaclient"
)

// Audit is the audit block of the agent.
type Audit struct {
	To       string        `hcl:"to" ref:"output" doc:"The object store output (s3, gcs, local) that takes the counts of all agents, or an output kafka for whose brokers topic is given; it need not be in a pipeline."`
	Topic    string        `hcl:"topic,optional" doc:"The topic that takes the counts, with an output kafka: it must exist, and should have cleanup.policy=compact,delete and a retention of at least keep."`
	Prefix   string        `hcl:"prefix,optional" doc:"First part of the objects' names, or of the records' keys; the same for all agents that are compared."`
	Interval time.Duration `hcl:"interval,optional" doc:"How often; each agent at times of its own."`
	Keep     time.Duration `hcl:"keep,optional" doc:"How long; an agent deletes the objects that it has published before. Of a topic, the retention does."`
}

// SetDefaults presets the optional attributes.
func (c *Audit) SetDefaults() {
	*c = Audit{Prefix: "audit", Interval: time.Minute, Keep: 8 * 24 * time.Hour}
}

// check reports what is wrong.
func (c *Audit) check() []error {
	var errs []error
	if c.Interval < time.Second || c.Interval > time.Hour {
		errs = append(errs, errors.New("audit.interval: must be from 1s to 1h"))
	}
	if c.Keep < 24*time.Hour {
		errs = append(errs, errors.New("audit.keep: must be at least 24h"))
	}
	switch toKafka := strings.HasPrefix(c.To, "output.kafka."); {
	case toKafka && c.Topic == "":
		errs = append(errs, errors.New(
			"audit.topic: must be given with an output kafka, which has a topic for records",
		))
	case toKafka && !kafkaclient.ValidTopic(c.Topic):
		errs = append(errs, fmt.Errorf(
			"audit.topic: %q is no topic name: use letters, digits, \".\", \"_\" and \"-\"", c.Topic,
		))
	case !toKafka && c.Topic != "":
		errs = append(errs, fmt.Errorf(
			"audit.topic: has no meaning with %s; name an output kafka in to", c.To,
		))
	}
	for part := range strings.SplitSeq(strings.Trim(c.Prefix, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			errs = append(errs, fmt.Errorf("audit.prefix: %q is no part of an object's name", c.Prefix))
			break
		}
	}
	return errs
}
