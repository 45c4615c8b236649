package kafka

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// auditRecord is what a topic for the counts of the audit must take: a part of 512 KiB with its key
// and header.
const auditRecord = 520 << 10

// PreflightAudit reports whether the topic that takes the counts of the audit is there, may be
// written to, takes records as large as they are, and keeps them for so long.
func (c *Config) PreflightAudit(
	ctx context.Context, env preflight.Env, topic string, keep time.Duration, r *preflight.Report,
) {
	cl := c.TryBrokers(ctx, env, r)
	if cl == nil {
		return
	}
	defer cl.Close()
	t := usableTopic(ctx, cl, topic, kmsg.ACLOperationWrite, false, r)
	if t == nil {
		return
	}
	target := "topic " + topic
	before := len(r.Findings())
	set := topicSettings(ctx, cl, topic)
	checkPartitions(t, target, r)
	checkReplicas(set, t, target, r)
	most, err := strconv.ParseInt(set["max.message.bytes"], 10, 64)
	if err == nil && most < auditRecord {
		r.Fail(
			target, "set max.message.bytes on the topic to 1048588, as brokers do by themselves",
			"max.message.bytes is %d: counts come in records of up to %d bytes", most, auditRecord,
		)
	}
	policy := set["cleanup.policy"]
	kept, err := strconv.ParseInt(set["retention.ms"], 10, 64)
	deletes := policy != "" && strings.Contains(policy, "delete")
	if err == nil && deletes && kept >= 0 && time.Duration(kept)*time.Millisecond < keep {
		r.Warn(
			target, "set retention.ms on the topic to "+strconv.FormatInt(keep.Milliseconds(), 10)+
				", or audit.keep to less",
			"it keeps counts for %v, and audit.keep is %v",
			time.Duration(kept)*time.Millisecond, keep,
		)
	}
	if policy != "" && policy != "compact,delete" && policy != "delete,compact" {
		r.Warn(
			target, "set cleanup.policy=compact,delete on the topic",
			"cleanup.policy is %s: of a page that is published each minute the last one counts", policy,
		)
	}
	if len(r.Findings()) == before {
		isUsable(target, "be written to", t, r)
	}
}
