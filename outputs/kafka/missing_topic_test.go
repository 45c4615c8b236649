package kafka

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// twoTopics is an output with topic = "${tag}", and a log in which records for topic logs and for
// topic other alternate.
type twoTopics struct {
	*exactRig
	out    *drain.Drainer
	others int
}

func newTwoTopics(t *testing.T, c *kfake.Cluster, change func(*Config)) *twoTopics {
	r := &twoTopics{exactRig: newExactRig(t, c)}
	r.change = func(cfg *Config) {
		cfg.Delivery, cfg.Topic = AtLeastOnce, template.MustParse("${tag}")
		cfg.MissingTopicAfter = time.Second
		change(cfg)
		if cfg.Delivery == ExactlyOnce {
			cfg.PositionTopic = "logs"
		}
	}
	r.out = r.output()
	return r
}

func (r *twoTopics) add(batches, records int) {
	for range batches {
		r.log.Append(lines("other", r.others, records, 120).Retag("other"))
		r.others += records
		r.log.Append(lines("logs", r.want["logs"], records, 120).Retag("logs"))
		r.want["logs"] += records
	}
}

func (r *twoTopics) ended(wait func() error) {
	r.Helper()
	r.log.Seal()
	if err := wait(); err != nil && !errors.Is(err, io.EOF) {
		r.Fatal(err)
	}
}

// modes are the deliveries and paths that each must keep to one topic what is one topic's.
var modes = map[string]struct {
	change  func(*Config)
	records int // of a batch
}{
	"direct":       {func(*Config) {}, 200},
	"small":        {func(*Config) {}, 5},
	"record":       {func(c *Config) { c.Headers = map[string]string{"via": "penstock"} }, 200},
	"exactly once": {func(c *Config) { c.Delivery = ExactlyOnce }, 50},
}

func eachMode(t *testing.T, f func(t *testing.T, change func(*Config), records int)) {
	for name, m := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, m.change, m.records)
		})
	}
}

// A topic that does not exist holds up its own records alone. After a while they go to the dead
// letter, and the position moves on.
func TestMissingTopicHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, change func(*Config), records int) {
		c := startCluster(t, nil, kfake.SeedTopics(2, "logs"))
		r := newTwoTopics(t, c, change)
		// less than there is for either topic
		r.common = func(o *outputs.Common) { o.Window.Batches = 16 }
		r.out = r.output()
		r.add(20, records)
		_, wait := r.drain(r.out)
		r.until("the reason in the status", func() bool {
			return strings.Contains(
				fmt.Sprint(r.out.Status().Held), `topic "other": UNKNOWN_TOPIC_OR_PARTITION`,
			)
		})
		r.until("the position to move on", func() bool {
			pos, _ := r.log.Committed()
			return pos == int64(r.others+r.want["logs"])
		})
		checkOrder(t, r.committed(r.want["logs"]), map[string]int{"logs": r.want["logs"]})
		if n := r.dead.count(); n != r.others {
			t.Errorf("%d records of %d are in the dead letter", n, r.others)
		}
		if s := r.logs.String(); strings.Count(s, "its records go to the dead letter") != 1 ||
			!strings.Contains(s, "penstock replay --output output.kafka.events --dead-letter") {
			t.Errorf("the log does not say what to do:\n%s", s)
		}
		// Once it is there it takes what comes.
		createTopic(t, c, "other")
		r.until("the topic to be noticed", func() bool {
			r.add(1, records)
			return len(r.out.Status().Held) == 0
		})
		r.until("what had been refused by then to be in the dead letter", func() bool {
			pos, _ := r.log.Committed()
			return pos == int64(r.others+r.want["logs"])
		})
		lost := r.dead.count()
		r.add(20, records)
		r.ended(wait)
		if n := r.dead.count(); n != lost {
			t.Errorf("%d more records are in the dead letter", n-lost)
		}
		if n := len(consume(t, c, "other", r.others-lost)); n != r.others-lost {
			t.Errorf("%d records are in the topic, %d in the dead letter, of %d", n, lost, r.others)
		}
	})
}

// A topic that is made in time gets all of its records, in order.
func TestMissingTopicThatComesInTime(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, change func(*Config), records int) {
		c := startCluster(t, nil, kfake.SeedTopics(2, "logs"))
		r := newTwoTopics(t, c, func(cfg *Config) {
			cfg.MissingTopic = "wait"
			change(cfg)
		})
		r.add(20, records)
		_, wait := r.drain(r.out)
		r.until("the reason in the status", func() bool { return len(r.out.Status().Held) == 1 })
		createTopic(t, c, "other")
		r.add(20, records)
		r.ended(wait)
		checkOrder(t, r.committed(r.want["logs"]), map[string]int{"logs": r.want["logs"]})
		checkOrder(t, consume(t, c, "other", r.others), map[string]int{"other": r.others})
		if held := r.out.Status().Held; len(held) > 0 || r.dead.count() > 0 {
			t.Errorf("held %v, %d in the dead letter", held, r.dead.count())
		}
	})
}

// With transactions what is behind the records of a missing topic waits, and is told to. What is
// before them is committed, and no transaction is left open, which would keep readers waiting for
// what others write to the same partitions.
func TestMissingTopicHoldsUpTransactions(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
	var joins atomic.Int64
	c.ControlKey(
		int16(kmsg.AddPartitionsToTxn),
		func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			joins.Add(1)
			return nil, nil, false
		},
	)
	r := newTwoTopics(t, c, func(cfg *Config) {
		cfg.Delivery, cfg.MissingTopic = ExactlyOnce, "wait"
	})
	r.log.Append(lines("logs", 0, 50, 120).Retag("logs"))
	r.want["logs"] = 50
	r.add(20, 50)
	_, wait := r.drain(r.out)
	const why = `topic "other": UNKNOWN_TOPIC_OR_PARTITION, ` +
		`and with exactly_once all behind its records waits: create it, or set`
	r.until("what is before it to be committed", func() bool {
		pos, _ := r.log.Committed()
		return pos == 50
	})
	r.until("the reason as what is held up", func() bool {
		return strings.Contains(fmt.Sprint(r.out.Status().Held), why)
	})
	r.until("the reason as what fails", func() bool {
		return strings.Contains(r.out.Status().LastError, why)
	})
	r.until("it to be told for being long", func() bool {
		return strings.Contains(r.logs.String(), "the destination is failing")
	})
	for line := range strings.Lines(r.logs.String()) {
		if strings.Contains(line, "UNKNOWN_TOPIC_OR_PARTITION") &&
			!strings.Contains(line, "all behind its records waits") {
			t.Errorf("told in other words: %s", line)
		}
	}
	r.committed(50)
	if n := joins.Load(); n != 1 {
		t.Errorf("%d transactions have begun, want that of what is before it", n)
	}
	createTopic(t, c, "other")
	r.ended(wait)
	checkOrder(t, r.committed(r.want["logs"]), map[string]int{"logs": r.want["logs"]})
	checkOrder(t, consume(t, c, "other", r.others), map[string]int{"other": r.others})
	if s := r.out.Status(); len(s.Held) > 0 || s.Failing || r.dead.count() > 0 {
		t.Errorf("held %v, failing %v, %d in the dead letter", s.Held, s.Failing, r.dead.count())
	}
}

// A topic that is deleted is as one that never was, once that is known.
func TestDeletedTopicHoldsUpTransactions(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs", "other"))
	r := newTwoTopics(t, c, func(cfg *Config) {
		cfg.Delivery, cfg.MissingTopic = ExactlyOnce, "wait"
	})
	r.add(2, 50)
	_, wait := r.drain(r.out)
	r.until("both topics to be known", func() bool {
		pos, _ := r.log.Committed()
		return pos == int64(r.others+r.want["logs"])
	})
	deleteTopic(t, c, "other")
	first := r.others
	r.log.Append(lines("logs", r.want["logs"], 50, 120).Retag("logs"))
	r.want["logs"] += 50
	before := int64(r.others + r.want["logs"])
	r.add(2, 50)
	r.until("what is before its records to be committed", func() bool {
		pos, _ := r.log.Committed()
		return pos == before && len(r.out.Status().Held) == 1
	})
	createTopic(t, c, "other")
	r.ended(wait)
	checkOrder(t, r.committed(r.want["logs"]), map[string]int{"logs": r.want["logs"]})
	if n := len(consume(t, c, "other", r.others-first)); n != r.others-first {
		t.Errorf("%d records are in the topic that was made again, want %d", n, r.others-first)
	}
}

// A topic that this user may not write to is as one that is missing, though the metadata has it.
func TestDeniedTopicHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, change func(*Config), records int) {
		c := startCluster(t, nil, kfake.NumBrokers(2), kfake.SeedTopics(1, "logs", "other"))
		if err := c.MoveTopicPartition("logs", 0, 0); err != nil {
			t.Fatal(err)
		}
		if err := c.MoveTopicPartition("other", 0, 1); err != nil {
			t.Fatal(err)
		}
		id := c.TopicInfo("other").TopicID
		var denied atomic.Bool
		denied.Store(true)
		c.ControlKey(0, func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			req := kreq.(*kmsg.ProduceRequest)
			if denied.Load() && (req.Topics[0].TopicID == id || req.Topics[0].Topic == "other") {
				return refuseProduce(req, kerr.TopicAuthorizationFailed.Code), nil, true
			}
			return nil, nil, false
		})
		c.ControlKey(
			int16(kmsg.AddPartitionsToTxn),
			func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				return denyJoin(kreq.(*kmsg.AddPartitionsToTxnRequest), denied.Load())
			},
		)
		r := newTwoTopics(t, c, change)
		r.add(20, records)
		_, wait := r.drain(r.out)
		r.until("the reason in the status", func() bool {
			return strings.Contains(
				fmt.Sprint(r.out.Status().Held), `topic "other": TOPIC_AUTHORIZATION_FAILED`,
			)
		})
		r.until("the position to move on", func() bool {
			pos, _ := r.log.Committed()
			return pos == int64(r.others+r.want["logs"])
		})
		if n := r.dead.count(); n != r.others {
			t.Errorf("%d records of %d are in the dead letter", n, r.others)
		}
		denied.Store(false)
		lost := r.dead.count()
		r.add(20, records)
		r.ended(wait)
		checkOrder(t, r.committed(r.want["logs"]), map[string]int{"logs": r.want["logs"]})
		if n := len(
			consume(t, c, "other", r.others-lost),
		); n != r.others-lost ||
			len(r.out.Status().Held) > 0 {
			t.Errorf(
				"%d records are in the topic, %d in the dead letter, of %d; held: %v", n, lost,
				r.others, r.out.Status().Held,
			)
		}
	})
}

func refuseProduce(req *kmsg.ProduceRequest, code int16) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, rt := range req.Topics {
		t := kmsg.NewProduceResponseTopic()
		t.Topic, t.TopicID = rt.Topic, rt.TopicID
		for _, rp := range rt.Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode = rp.Partition, code
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

// denyJoin answers as brokers do when one topic of several may not be written to: nothing is added.
func denyJoin(req *kmsg.AddPartitionsToTxnRequest, denied bool) (kmsg.Response, error, bool) {
	resp := req.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
	bad := false
	for _, rt := range req.Topics {
		t := kmsg.NewAddPartitionsToTxnResponseTopic()
		t.Topic = rt.Topic
		for _, i := range rt.Partitions {
			p := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
			p.Partition, p.ErrorCode = i, kerr.OperationNotAttempted.Code
			if rt.Topic == "other" && denied {
				p.ErrorCode, bad = kerr.TopicAuthorizationFailed.Code, true
			}
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp, nil, bad
}

func createTopic(t *testing.T, c *kfake.Cluster, name string) {
	t.Helper()
	cl := adminClient(t, c)
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = name, 2, 1
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil || resp.Topics[0].ErrorCode != 0 {
		t.Fatalf("create %s: %v %+v", name, err, resp)
	}
}

func deleteTopic(t *testing.T, c *kfake.Cluster, name string) {
	t.Helper()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TopicNames = []string{name}
	rt := kmsg.NewDeleteTopicsRequestTopic()
	rt.Topic = kmsg.StringPtr(name)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(t.Context(), adminClient(t, c))
	if err != nil || resp.Topics[0].ErrorCode != 0 {
		t.Fatalf("delete %s: %v %+v", name, err, resp)
	}
}
