package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Preflight implements preflight.Checker: the brokers answer, and topics are there, may be written
// to, and keep what is promised.
func (c *Config) Preflight(ctx context.Context, env preflight.Env, r *preflight.Report) {
	cl := c.TryBrokers(ctx, env, r)
	if cl == nil {
		return
	}
	defer cl.Close()
	name, constant := c.Topic.Constant()
	if constant {
		c.checkTopic(ctx, cl, name, kmsg.ACLOperationWrite, r)
	} else {
		c.checkTemplate(ctx, cl, r)
	}
	if c.Delivery == ExactlyOnce {
		c.checkTransactions(ctx, cl, env, r)
	}
}

// checkTopic looks at a topic that is to be written to, or whose offsets are to be stored.
func (c *Config) checkTopic(
	ctx context.Context, cl *kgo.Client, name string, op kmsg.ACLOperation, r *preflight.Report,
) {
	target := "topic " + name
	t := usableTopic(ctx, cl, name, op, c.AllowAutoTopicCreation, r)
	if t == nil {
		return
	}
	if c.Delivery == ExactlyOnce && name == c.positionTopic() &&
		!kafkaclient.Allowed(t.AuthorizedOperations, kmsg.ACLOperationRead) {
		r.Fail(
			target, "give this user Read on the topic",
			"with exactly_once positions are stored for it, and this user may not read it",
		)
		return
	}
	before := len(r.Findings())
	set := topicSettings(ctx, cl, name)
	checkPartitions(t, target, r)
	checkReplicas(set, t, target, r)
	c.checkSettings(set, target, r)
	if len(r.Findings()) == before {
		verb := "be written to"
		if op == kmsg.ACLOperationRead {
			verb = "hold positions"
		}
		isUsable(target, verb, t, r)
	}
}

// isUsable says that nothing was found to be wrong with a topic.
func isUsable(target, verb string, t *kmsg.MetadataResponseTopic, r *preflight.Report) {
	r.OK(
		target, "may %s, %s, %s", verb, kafkaclient.Count(len(t.Partitions), "partition"),
		kafkaclient.Count(replicas(t), "replica"),
	)
}

// usableTopic returns a topic that is there and that this user may do op on; nil after it has
// reported why not.
func usableTopic(
	ctx context.Context, cl *kgo.Client, name string, op kmsg.ACLOperation, mayBeMade bool,
	r *preflight.Report,
) *kmsg.MetadataResponseTopic {
	target := "topic " + name
	topics, err := kafkaclient.Topics(ctx, cl, []string{name})
	if err != nil || len(topics) != 1 {
		r.Unreachable(target, errors.Join(err, ctx.Err()))
		return nil
	}
	t := &topics[0]
	err = kerr.ErrorForCode(t.ErrorCode)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition) && mayBeMade:
		r.Warn(
			target, "create it with the partitions and replicas it should have",
			"there is no such topic; the brokers will be asked to create it",
		)
		return nil
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		r.Fail(target, advice(err), "there is no such topic")
		return nil
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		r.Fail(target, advice(err), "this user may not look at it, or whether there is one")
		return nil
	case err != nil:
		r.Fail(target, advice(err), "%v", err)
		return nil
	case !kafkaclient.Allowed(t.AuthorizedOperations, op):
		r.Fail(
			target, fmt.Sprintf("give this user %v on the topic", opName(op)),
			"this user may not %s it", strings.ToLower(opName(op)),
		)
		return nil
	}
	return t
}

func opName(op kmsg.ACLOperation) string {
	if op == kmsg.ACLOperationRead {
		return "Read"
	}
	return "Write"
}

func replicas(t *kmsg.MetadataResponseTopic) int {
	n := 0
	for i := range t.Partitions {
		if k := len(t.Partitions[i].Replicas); n == 0 || k < n {
			n = k
		}
	}
	return n
}

func checkPartitions(t *kmsg.MetadataResponseTopic, target string, r *preflight.Report) {
	var headless []string
	for i := range t.Partitions {
		if t.Partitions[i].Leader < 0 {
			headless = append(headless, strconv.Itoa(int(t.Partitions[i].Partition)))
		}
	}
	if headless != nil {
		r.Warn(
			target, "bring the brokers back that hold them",
			"partitions without a leader, which take nothing: %s", strings.Join(headless, ", "),
		)
	}
}

// topicSettings returns the settings of a topic, or nothing where this user may not see them.
func topicSettings(ctx context.Context, cl *kgo.Client, topic string) map[string]string {
	return settings(ctx, cl, kmsg.ConfigResourceTypeTopic, topic)
}

func settings(
	ctx context.Context, cl *kgo.Client, kind kmsg.ConfigResourceType, name string,
) map[string]string {
	req := kmsg.NewPtrDescribeConfigsRequest()
	res := kmsg.NewDescribeConfigsRequestResource()
	res.ResourceType, res.ResourceName = kind, name
	req.Resources = append(req.Resources, res)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil || len(resp.Resources) != 1 || resp.Resources[0].ErrorCode != 0 {
		return nil
	}
	out := map[string]string{}
	for _, c := range resp.Resources[0].Configs {
		if c.Value != nil {
			out[c.Name] = *c.Value
		}
	}
	return out
}

// checkReplicas reports what is lost, or not taken, when brokers fail.
func checkReplicas(
	set map[string]string, t *kmsg.MetadataResponseTopic, target string, r *preflight.Report,
) {
	n := replicas(t)
	insync, err := strconv.Atoi(set["min.insync.replicas"])
	known := err == nil
	switch {
	case n == 1:
		r.Warn(
			target, "give it 3 replicas and min.insync.replicas=2",
			"1 replica: what is acknowledged is lost with the disk of one broker",
		)
	case known && insync > n:
		r.Fail(
			target, fmt.Sprintf("set min.insync.replicas to less than %d, or add replicas", n),
			"min.insync.replicas is %d and there are %d replicas: nothing is taken", insync, n,
		)
	case known && insync == n:
		r.Warn(
			target, fmt.Sprintf("set min.insync.replicas to %d, or add a replica", n-1),
			"min.insync.replicas is %d, as many as there are replicas: nothing is taken while one broker is down",
			insync,
		)
	case known && insync == 1:
		r.Warn(
			target, "set min.insync.replicas=2 on the topic",
			"min.insync.replicas is 1: what is acknowledged may be on one broker alone",
		)
	}
	for i := range t.Partitions {
		if p := &t.Partitions[i]; known && p.Leader >= 0 && len(p.ISR) < insync && insync <= n {
			r.Warn(
				target, advice(kerr.NotEnoughReplicas), "partition %d has %d replicas in sync",
				p.Partition, len(p.ISR),
			)
			break
		}
	}
}

// checkSettings compares what is sent with what the topic takes.
func (c *Config) checkSettings(set map[string]string, target string, r *preflight.Report) {
	if most, err := strconv.ParseInt(set["max.message.bytes"], 10, 64); err == nil &&
		most < c.BatchMaxBytes {
		r.Warn(
			target, fmt.Sprintf("set batch_max_bytes = %d, or max.message.bytes to more", most),
			"max.message.bytes is %d, less than batch_max_bytes (%d): larger batches are refused and cut",
			most, c.BatchMaxBytes,
		)
	}
	policies := strings.Split(set["cleanup.policy"], ",")
	if slices.Contains(policies, "compact") && c.Key.IsZero() {
		r.Warn(
			target, "set key, or cleanup.policy=delete on the topic",
			"cleanup.policy is %s: records without a key are refused, and go to the dead letter",
			set["cleanup.policy"],
		)
	}
}

// checkTemplate looks for topics that the template can make.
func (c *Config) checkTemplate(ctx context.Context, cl *kgo.Client, r *preflight.Report) {
	var b strings.Builder
	for _, p := range c.Topic.Parts {
		if p.Name == "" {
			b.WriteString(regexp.QuoteMeta(p.Literal))
		} else {
			b.WriteString("(.*)")
		}
	}
	target := "topics " + strings.ReplaceAll(b.String(), "(.*)", "*")
	target = strings.ReplaceAll(target, `\`, "")
	match := regexp.MustCompile("^" + b.String() + "$")
	all, err := kafkaclient.Topics(ctx, cl, nil)
	if err != nil {
		r.Unreachable(target, err)
		return
	}
	n := 0
	for i := range all {
		t := &all[i]
		if t.Topic == nil || t.IsInternal || !match.MatchString(*t.Topic) {
			continue
		}
		n++
		if !kafkaclient.Allowed(t.AuthorizedOperations, kmsg.ACLOperationWrite) {
			r.Fail(
				"topic "+*t.Topic, "give this user Write on the topic",
				"this user may not write it",
			)
		}
	}
	switch {
	case n > 0:
		r.OK(target, "%s", kafkaclient.Count(n, "topic"))
	case c.AllowAutoTopicCreation:
		r.OK(target, "no topic fits yet; the brokers will be asked to create them")
	default:
		r.Warn(
			target,
			"create the topics, or set allow_auto_topic_creation; let this user Describe them: others are not shown",
			"no topic that this user may see fits",
		)
	}
}

// checkTransactions looks at what exactly_once needs.
func (c *Config) checkTransactions(
	ctx context.Context, cl *kgo.Client, env preflight.Env, r *preflight.Report,
) {
	if c.PositionTopic != "" {
		c.checkTopic(ctx, cl, c.PositionTopic, kmsg.ACLOperationRead, r)
	}
	meta := kmsg.NewPtrMetadataRequest()
	meta.Topics = []kmsg.MetadataRequestTopic{}
	if resp, err := meta.RequestWith(ctx, cl); err == nil && len(resp.Brokers) > 0 {
		id := strconv.Itoa(int(resp.Brokers[0].NodeID))
		set := settings(ctx, cl, kmsg.ConfigResourceTypeBroker, id)
		most, err := strconv.ParseInt(set["transaction.max.timeout.ms"], 10, 64)
		if err == nil && most < c.TransactionTimeout.Milliseconds() {
			r.Fail(
				"transaction_timeout", advice(kerr.InvalidTransactionTimeout),
				"the brokers' transaction.max.timeout.ms is %d, less than transaction_timeout (%v)",
				most, c.TransactionTimeout,
			)
		}
	}
	for _, pipeline := range env.Pipelines {
		id := "penstock." + env.Agent + "." + pipeline + "." + strings.TrimPrefix(env.Name, "output.")
		kafkaclient.TryGroup(ctx, cl, id, r)
		req := kmsg.NewPtrFindCoordinatorRequest()
		req.CoordinatorType, req.CoordinatorKey, req.CoordinatorKeys = 1, id, []string{id}
		err := kafkaclient.Coordinated(ctx, func() error {
			resp, err := req.RequestWith(ctx, cl)
			if err == nil {
				err = kerr.ErrorForCode(resp.ErrorCode)
				for _, found := range resp.Coordinators {
					err = cmp.Or(err, kerr.ErrorForCode(found.ErrorCode))
				}
			}
			return err
		})
		if err != nil {
			r.Fail("transactional id "+id, advice(err), "%v", err)
			continue
		}
		r.OK("transactional id "+id, "has a coordinator; whether this user has Write on it is not told")
	}
}
