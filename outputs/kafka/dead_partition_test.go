package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/spool"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deadPartition is a topic of six partitions, of which the last is dead for a while: its leader,
// which leads nothing else, answers with code.
type deadPartition struct {
	t    *testing.T
	c    *kfake.Cluster
	dead atomic.Bool
	log  *outputtest.MemLog
	w    *Writer
	out  *drain.Drainer
	sent int
}

const deadly = 5

func newDeadPartition(
	t *testing.T, code int16, overflow spool.Store, change ...func(*Config),
) *deadPartition {
	d := &deadPartition{
		t:   t,
		c:   startCluster(t, nil, kfake.NumBrokers(2), kfake.SeedTopics(6, "logs")),
		log: outputtest.NewMemLog("buffer"),
	}
	for i := range int32(6) {
		node := int32(0)
		if i == deadly {
			node = 1
		}
		if err := d.c.MoveTopicPartition("logs", i, node); err != nil {
			t.Fatal(err)
		}
	}
	brokerAnswers(
		d.c,
		func(p *kmsg.ProduceRequestTopicPartition, _ *kmsg.ProduceResponseTopicPartition) int16 {
			if d.dead.Load() && p.Partition == deadly {
				return code
			}
			return 0
		},
	)
	cfg := testConfig(d.c)
	cfg.Partitioner = "hash"
	cfg.DeliveryTimeout, cfg.RequestTimeout = time.Second, 500*time.Millisecond
	for _, f := range change {
		f(&cfg)
	}
	w, _ := newWriter(t, cfg)
	d.w = w
	env, common := outputtest.Env(t, "output.kafka.events"), fastRetries()
	targets := drain.Targets{DeadLetter: noLetters{}, Overflow: overflow}
	if overflow != nil {
		common.Failover = new(outputs.Failover)
		common.Failover.SetDefaults()
		common.Failover.After, common.Failover.Recover, common.Failover.ObjectAge = 1500*time.Millisecond, 100*time.Millisecond, 200*time.Millisecond
	}
	var err error
	if d.out, err = drain.NewAsyncOutput(w, common, env, targets); err != nil {
		t.Fatal(err)
	}
	return d
}

// add appends batches of records "origin/number" with keys of their own.
func (d *deadPartition) add(batches int) {
	for range batches {
		origin := fmt.Sprintf("o%d", d.sent/50%4)
		recs := make([]record.Record, 50)
		for i := range recs {
			key := fmt.Appendf(nil, "k%d", d.sent%97)
			recs[i] = record.Record{
				Offset: int64(d.sent),
				Time:   time.Now().UnixNano(),
				Key:    key,
				Value:  fmt.Appendf(nil, "%08d %0200d", d.sent, 0),
			}
			d.sent++
		}
		b := record.FromRecords("app", origin, recs)
		d.log.Append(b)
	}
}

// check reads the topic: each record is there once, and those of a key are in their order.
func (d *deadPartition) check() {
	d.t.Helper()
	seen, repeated, disorder := map[string]bool{}, 0, 0
	last := map[string]string{}
	for _, r := range consume(d.t, d.c, "logs", d.sent) {
		v, k := string(r.Value[:8]), string(r.Key)
		if seen[v] {
			repeated++
		} else if v < last[k] {
			disorder++
		}
		seen[v], last[k] = true, max(last[k], v)
	}
	if len(seen) != d.sent || repeated > 0 || disorder > 0 {
		d.t.Errorf(
			"%d records of %d are in the topic, %d repeated, %d out of order", len(seen), d.sent,
			repeated, disorder,
		)
	}
}

func (d *deadPartition) wait(n int) {
	d.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.c.ListenAddrs()...), kgo.ConsumeTopics("logs"),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		d.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(d.t.Context(), 20*time.Second)
	defer cancel()
	for n > 0 {
		f := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			d.t.Fatalf("%d records are missing", n)
		}
		n -= f.NumRecords()
	}
}

// With a key, one dead partition must not make the healthy ones get their records again, however
// often its own are given back.
func TestDeadPartitionRepeatsNothing(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]int16{
		"refused": kerr.NotEnoughReplicas.Code, "in doubt": kerr.RequestTimedOut.Code, "denied": kerr.TopicAuthorizationFailed.Code,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeadPartition(t, code, nil)
			drained := make(chan error, 1)
			d.add(20)
			go func() { drained <- d.out.Drain(t.Context(), d.log.Owner()) }()
			d.wait(d.sent)
			d.dead.Store(true)
			d.add(60)
			revive := time.After(3500 * time.Millisecond) // three delivery timeouts
			<-revive
			d.dead.Store(false)
			d.add(20)
			d.log.Seal()
			select {
			case err := <-drained:
				if err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("stuck")
			}
			d.check()
		})
	}
}

// The same while what waits goes to the overflow, and comes back in vain while the partition is
// still dead.
func TestDeadPartitionAndFailoverRepeatNothing(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]int16{"refused": kerr.NotEnoughReplicas.Code, "in doubt": kerr.RequestTimedOut.Code} {
		t.Run(name, func(t *testing.T) {
			if name == "refused" && !runtest.Long() {
				t.Skip("one of the two is enough")
			}
			t.Parallel()
			store := outputtest.NewMemStore()
			d := newDeadPartition(t, code, store)
			drained := make(chan error, 1)
			d.add(20)
			go func() { drained <- d.out.Drain(t.Context(), d.log.Owner()) }()
			d.wait(d.sent)
			d.dead.Store(true)
			d.add(60)
			overflowed := time.Now().Add(20 * time.Second)
			for moved := false; !moved; {
				for _, l := range d.out.Status().Logs {
					moved = l.Objects > 0
				}
				if time.Now().After(overflowed) {
					t.Fatal("nothing goes to the overflow")
				}
				<-time.After(10 * time.Millisecond)
			}
			revive := time.After(3 * time.Second) // replays begin meanwhile, and fail
			<-revive
			d.dead.Store(false)
			d.add(20)
			// a log that ends while the destination counts as down leaves its overflow for the next
			// start
			d.wait(d.sent)
			d.log.Seal()
			select {
			case err := <-drained:
				if err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("stuck")
			}
			d.check()
		})
	}
}
