package kafka

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Preflight implements preflight.Checker: the brokers answer, the topics are there and may be read,
// and the group may be joined.
func (c *Config) Preflight(ctx context.Context, env preflight.Env, r *preflight.Report) {
	cl := c.TryBrokers(ctx, env, r)
	if cl == nil {
		return
	}
	defer cl.Close()
	if len(c.Topics) > 0 {
		topics, err := kafkaclient.Topics(ctx, cl, c.Topics)
		if err != nil {
			r.Unreachable("topics", err)
			return
		}
		for i := range topics {
			checkTopic(&topics[i], r)
		}
	}
	if len(c.TopicsRegex) > 0 {
		c.checkRegex(ctx, cl, r)
	}
	kafkaclient.TryGroup(ctx, cl, c.Group, r)
	if start, err := c.start(); err == nil && start.none {
		err := c.wantOffsets(ctx, kadm.NewClient(cl))
		if errors.Is(err, errNoOffsets) { // of other failures the group has told
			r.Fail("group "+c.Group, beginAdvice, "%v", err)
		}
	}
}

func checkTopic(t *kmsg.MetadataResponseTopic, r *preflight.Report) {
	target := "topic " + *t.Topic
	err := kerr.ErrorForCode(t.ErrorCode)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		r.Warn(
			target, "create it, or mend its name in topics; it is read once it is there",
			"there is no such topic",
		)
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		r.Fail(
			target, "give this user Read and Describe on the topic",
			"this user may not look at it, or whether there is one",
		)
	case err != nil:
		r.Warn(target, "see that the cluster is well", "%v", err)
	case !kafkaclient.Allowed(t.AuthorizedOperations, kmsg.ACLOperationRead):
		r.Fail(target, "give this user Read on the topic", "this user may not read it")
	default:
		r.OK(target, "may be read, %s", kafkaclient.Count(len(t.Partitions), "partition"))
	}
}

// checkRegex looks for topics that the expressions match.
func (c *Config) checkRegex(ctx context.Context, cl *kgo.Client, r *preflight.Report) {
	all, err := kafkaclient.Topics(ctx, cl, nil)
	if err != nil {
		r.Unreachable("topics_regex", err)
		return
	}
	n := 0
	for i := range all {
		t := &all[i]
		if t.Topic == nil || t.IsInternal || !c.matches(*t.Topic) {
			continue
		}
		n++
		if !kafkaclient.Allowed(t.AuthorizedOperations, kmsg.ACLOperationRead) {
			checkTopic(t, r)
		}
	}
	target := fmt.Sprintf("topics_regex %q", c.TopicsRegex)
	if n == 0 {
		r.Warn(
			target, "mend it, or let this user Describe the topics: others are not shown",
			"no topic that this user may see matches now",
		)
		return
	}
	r.OK(target, "%s", kafkaclient.Count(n, "topic"))
}

// matches reports whether a topic is among those that the expressions name.
func (c *Config) matches(topic string) bool {
	return match(c.TopicsRegex, topic) && !match(c.ExcludeRegex, topic)
}

// match reports whether a topic's name matches one of the expressions.
func match(list []string, name string) bool {
	return slices.ContainsFunc(list, func(re string) bool {
		return regexp.MustCompile(re).MatchString(name) // Validate has compiled it
	})
}
