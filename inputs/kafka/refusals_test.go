package kafka

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What brokers answer that reading cannot go on with is told for as long as they do, with what to
// do.
func TestAnInputTellsWhatIsRefused(t *testing.T) {
	t.Parallel()
	group := kerr.GroupAuthorizationFailed
	for name, of := range map[string]struct {
		key    kmsg.Key
		refuse func(kmsg.Request) kmsg.Response
		tells  string
		do     string
	}{
		"group": {kmsg.JoinGroup, func(req kmsg.Request) kmsg.Response {
			resp := req.ResponseKind().(*kmsg.JoinGroupResponse)
			resp.ErrorCode = group.Code
			return resp
		}, "GROUP_AUTHORIZATION_FAILED", "Read on the group"},
		"offsets": {kmsg.OffsetFetch, func(req kmsg.Request) kmsg.Response {
			resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
			for _, g := range req.(*kmsg.OffsetFetchRequest).Groups {
				rg := kmsg.NewOffsetFetchResponseGroup()
				rg.Group, rg.ErrorCode = g.Group, group.Code
				resp.Groups = append(resp.Groups, rg)
			}
			resp.ErrorCode = group.Code
			return resp
		}, "GROUP_AUTHORIZATION_FAILED", "Read on the group"},
		"records": {kmsg.Fetch, func(req kmsg.Request) kmsg.Response {
			resp := req.ResponseKind().(*kmsg.FetchResponse)
			for _, rt := range req.(*kmsg.FetchRequest).Topics {
				topic := kmsg.NewFetchResponseTopic()
				topic.Topic, topic.TopicID = rt.Topic, rt.TopicID
				for _, rp := range rt.Partitions {
					p := kmsg.NewFetchResponseTopicPartition()
					p.Partition, p.ErrorCode = rp.Partition, kerr.TopicAuthorizationFailed.Code
					topic.Partitions = append(topic.Partitions, p)
				}
				resp.Topics = append(resp.Topics, topic)
			}
			return resp
		}, "logs/0: TOPIC_AUTHORIZATION_FAILED", "Read and Describe on the topic"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, kfake.SeedTopics(1, "logs"))
			produceAt(t, c, "logs", 0, time.Now(), "1")
			var refuses atomic.Bool
			refuses.Store(true)
			c.ControlKey(int16(of.key), func(req kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				if !refuses.Load() {
					return nil, nil, false
				}
				return of.refuse(req), nil, true
			})
			var log logged
			m := join(t, testConfig(c), slog.NewTextHandler(&log, nil))
			runtest.Until(t, "it is told", func() bool {
				f := m.in.Failing()
				return strings.Contains(f.Error, of.tells) && strings.Contains(f.Do, of.do) &&
					f.Refused && !f.InPart
			})
			log.await(t, of.do)
			refuses.Store(false)
			if _, err := m.log("logs/0").Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			runtest.Until(t, "it is told no more", func() bool {
				return m.in.Failing().Since.IsZero()
			})
		})
	}
}

// A topic that is to be read and that is not there is told until it is.
func TestAnInputTellsOfATopicThatIsNotThere(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.Topics = []string{"logs", "typo"}
	m := join(t, cfg)
	runtest.Until(t, "it is told", func() bool {
		f := m.in.Failing()
		return strings.Contains(f.Error, "topic typo: UNKNOWN_TOPIC_OR_PARTITION") &&
			strings.Contains(f.Do, "create the topic") && f.InPart
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, "typo"); err != nil {
		t.Fatal(err)
	}
	runtest.Until(t, "it is told no more", func() bool { return m.in.Failing().Since.IsZero() })
}
