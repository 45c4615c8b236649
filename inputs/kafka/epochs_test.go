package kafka

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// loseTail has brokers say that what was written under earlier leaders ends at an offset, until it
// is told to stop.
func loseTail(c *kfake.Cluster, end int64) (stop func()) {
	var stopped atomic.Bool
	c.ControlKey(
		int16(kmsg.OffsetForLeaderEpoch),
		func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if stopped.Load() {
				return nil, nil, false
			}
			req := r.(*kmsg.OffsetForLeaderEpochRequest)
			resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
			for _, t := range req.Topics {
				rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
				rt.Topic = t.Topic
				for _, p := range t.Partitions {
					rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
					rp.Partition, rp.LeaderEpoch, rp.EndOffset = p.Partition, p.LeaderEpoch, end
					rt.Partitions = append(rt.Partitions, rp)
				}
				resp.Topics = append(resp.Topics, rt)
			}
			return resp, nil, true
		},
	)
	return func() { stopped.Store(true) }
}

// wantRewritten waits for the error that says that records may have been missed.
func wantRewritten(t *testing.T, l *held, from string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		b, err := l.Next(ctx)
		if err == nil {
			if b.Len() > 0 {
				t.Fatalf("[%d, %d) is read on", b.First, b.End)
			}
			continue
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "have lost the records from "+from) {
			t.Fatalf("got %v", err)
		}
		return
	}
}

// After an unclean election other records stand at offsets that were committed. They are not passed
// over in silence, whether the group was away or reads on.
func TestLogThatLostItsTail(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol string) {
		t.Run("away", func(t *testing.T) {
			c := startCluster(t, kfake.SeedTopics(1, "logs"))
			cfg := testConfig(c)
			cfg.Protocol = protocol
			produce(t, c, "logs", 0, numbers(0, 50)...)
			m := join(t, cfg)
			l := m.log("logs/0")
			values(t, l, 50)
			if err := l.Commit(t.Context(), 50, "note"); err != nil {
				t.Fatal(err)
			}
			m.leave()
			loseTail(c, 30)
			produce(t, c, "logs", 0, numbers(50, 90)...)
			wantRewritten(t, join(t, cfg).log("logs/0"), "30")
		})
		t.Run("reading", func(t *testing.T) {
			c := startCluster(t, kfake.SeedTopics(1, "logs"))
			cfg := testConfig(c)
			cfg.Protocol, cfg.MetadataMaxAge = protocol, time.Second
			produce(t, c, "logs", 0, numbers(0, 50)...)
			l := join(t, cfg).log("logs/0")
			values(t, l, 50)
			if err := l.Commit(t.Context(), 50, "note"); err != nil {
				t.Fatal(err)
			}
			stop := loseTail(c, 30)
			c.ShufflePartitionLeaders()
			wantRewritten(t, l, "30")
			stop() // tried again, with brokers that say nothing of it any more
			produce(t, c, "logs", 0, numbers(50, 90)...)
			if err := l.SeekTo(50); err != nil {
				t.Fatal(err)
			}
			wantRewritten(t, l, "30")
		})
		for name, committed := range map[string]int{
			"not committed": 20, "all that is not committed": 30,
		} {
			t.Run(name, func(t *testing.T) {
				c := startCluster(t, kfake.SeedTopics(1, "logs"))
				cfg := testConfig(c)
				cfg.Protocol, cfg.MetadataMaxAge = protocol, time.Second
				produce(t, c, "logs", 0, numbers(0, 50)...)
				m := join(t, cfg)
				l := m.log("logs/0")
				values(t, l, 50)
				if err := l.Commit(t.Context(), int64(committed), "note"); err != nil {
					t.Fatal(err)
				}
				loseTail(c, 30)
				c.ShufflePartitionLeaders()
				var other *held
				m.await("another lease", func(all map[string]*held) bool {
					other = all["logs/0"]
					return other != nil && other.Lease != l.Lease
				})
				if pos, note := other.Committed(); pos != int64(committed) || note != "note" {
					t.Errorf("it goes on at %d with %q", pos, note)
				}
				if got := values(t, other, 50-committed); !slices.Equal(got, numbers(committed, 50)) {
					t.Errorf("read %v", got)
				}
			})
		}
	})
}

// The client may hand out what it has gone back to before it tells that it has.
func TestRecordsFromBeforeThePosition(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	produce(t, c, "logs", 0, numbers(0, 50)...)
	l := join(t, testConfig(c)).log("logs/0")
	values(t, l, 50)
	if err := l.Commit(t.Context(), 50, ""); err != nil {
		t.Fatal(err)
	}
	var others []*kgo.Record
	for at := range int64(60) {
		others = append(others, &kgo.Record{Topic: "logs", Offset: 30 + at, Value: []byte("other")})
	}
	l.take(t.Context(), &kgo.FetchPartition{HighWatermark: 90, Records: others})
	wantRewritten(t, l, "30")
}

// Elections that lose nothing disturb nobody.
func TestElectionsThatLoseNothing(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	for i := range 4 {
		produce(t, c, "logs", 0, numbers(20*i, 20*i+10)...)
		c.ShufflePartitionLeaders()
		produce(t, c, "logs", 0, numbers(20*i+10, 20*i+20)...)
		m := join(t, cfg)
		l := m.log("logs/0")
		at, _ := l.Committed()
		n := 20*i + 20 - int(at)
		if got := values(t, l, n); !slices.Equal(got, numbers(int(at), 20*i+20)) {
			t.Fatalf("read %v", got)
		}
		// Before, at and after the change of the leader.
		if err := l.Commit(t.Context(), int64(20*i+9+i), ""); err != nil {
			t.Fatal(err)
		}
		m.leave()
		if i%2 == 0 {
			c.ShufflePartitionLeaders()
		}
	}
}

func TestEpochs(t *testing.T) {
	t.Parallel()
	var e epochs
	at := func(offset int64, epoch int32) *kgo.Record {
		return &kgo.Record{Offset: offset, LeaderEpoch: epoch}
	}
	check := func(want map[int64]int32) {
		t.Helper()
		for pos, epoch := range want {
			if got := e.before(pos); got != epoch {
				t.Errorf("before %d: %d, want %d; %v", pos, got, epoch, e)
			}
		}
	}
	e.from(9, 3) // of what is committed: 10
	check(map[int64]int32{9: -1, 10: 3, 11: 3})
	e.add([]*kgo.Record{at(10, 3), at(11, 3)})
	e.add([]*kgo.Record{at(12, 4), at(13, 6)})
	check(map[int64]int32{10: 3, 12: 3, 13: 4, 14: 6, 99: 6})
	e.from(20, -1) // what was passed without being read
	e.add([]*kgo.Record{at(30, 6)})
	check(map[int64]int32{20: 6, 21: -1, 30: -1, 31: 6})
	e.seekTo(13)
	check(map[int64]int32{13: 4, 14: 4})
	e.add([]*kgo.Record{at(13, 6), at(14, 7)})
	e.forget(14)
	check(map[int64]int32{14: 6, 15: 7})
	if len(e) != 2 {
		t.Errorf("%v is kept", e)
	}
}
