package kafka

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestRealBroker rebalances between two members on the cluster at PENSTOCK_KAFKA_BROKERS.
func TestRealBroker(t *testing.T) {
	t.Parallel()
	addr := os.Getenv("PENSTOCK_KAFKA_BROKERS")
	if addr == "" {
		t.Skip("PENSTOCK_KAFKA_BROKERS is not set")
	}
	eachProtocol(t, func(t *testing.T, protocol string) {
		cl, err := kgo.NewClient(
			kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		)
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		topic := fmt.Sprintf("in-%s-%d", protocol, time.Now().UnixNano())
		if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 4, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
		cfg := Default()
		cfg.Brokers, cfg.Group, cfg.Topics, cfg.Protocol = []string{
			addr,
		}, "g-"+topic, []string{
			topic,
		}, protocol
		cfg.SessionTimeout, cfg.HeartbeatInterval, cfg.RevokeTimeout = 6*time.Second, 300*time.Millisecond, time.Second
		a := join(t, cfg)
		a.await("all partitions", count(4))
		leases := map[string]*held{}
		for p := range int32(4) {
			name := fmt.Sprintf("%s/%d", topic, p)
			leases[name] = a.log(name)
			for _, v := range numbers(0, 10) {
				if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: p, Value: []byte(v)}).
					FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			values(t, leases[name], 10)
			if err := leases[name].Commit(t.Context(), 5, "note of "+name); err != nil {
				t.Fatal(err)
			}
		}
		b := join(t, cfg)
		b.await("half of the partitions", count(2))
		a.await("half of the partitions", count(2))
		for name, l := range leases {
			b.mu.Lock()
			moved := b.held[name]
			b.mu.Unlock()
			err := l.Commit(t.Context(), 10, "")
			if moved == nil {
				if err != nil {
					t.Errorf("%s stayed, and its commit fails: %v", name, err)
				}
				continue
			}
			if !errors.Is(err, record.ErrFenced) {
				t.Errorf("%s moved, and its commit says %v", name, err)
			}
			if pos, note := moved.Committed(); pos != 5 || note != "note of "+name {
				t.Errorf("%s: the successor finds %d %q", name, pos, note)
			}
			if got := values(t, moved, 5); !slices.Equal(got, numbers(5, 10)) {
				t.Errorf("%s: the successor reads %v", name, got)
			}
			if notes, err := moved.Notes(t.Context()); err != nil || len(notes) != 4 {
				t.Errorf("notes %v %v", notes, err)
			}
		}
		a.leave()
		b.await("all partitions", count(4))
	})
}

// TestRealTopicMadeAgain deletes a topic and makes it again under a member that reads it.
func TestRealTopicMadeAgain(t *testing.T) {
	t.Parallel()
	addr := os.Getenv("PENSTOCK_KAFKA_BROKERS")
	if addr == "" {
		t.Skip("PENSTOCK_KAFKA_BROKERS is not set")
	}
	eachProtocol(t, func(t *testing.T, protocol string) {
		for name, partitions := range map[string]int32{"as many partitions": 2, "fewer": 1, "more": 3} {
			t.Run(name, func(t *testing.T) {
				cl, err := kgo.NewClient(
					kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()),
				)
				if err != nil {
					t.Fatal(err)
				}
				defer cl.Close()
				adm := kadm.NewClient(cl)
				topic := fmt.Sprintf("again-%s-%d", protocol, time.Now().UnixNano())
				if _, err := adm.CreateTopic(t.Context(), 2, 1, nil, topic); err != nil {
					t.Fatal(err)
				}
				produce := func(p int32, values []string) {
					t.Helper()
					for _, v := range values {
						r := &kgo.Record{Topic: topic, Partition: p, Value: []byte(v)}
						err := cl.ProduceSync(t.Context(), r).FirstErr()
						for errors.Is(err, kerr.UnknownTopicID) { // what the client knows is older
							cl.PurgeTopicsFromClient(topic)
							err = cl.ProduceSync(t.Context(), r).FirstErr()
						}
						if err != nil {
							t.Fatal(err)
						}
					}
				}
				cfg := Default()
				cfg.Brokers, cfg.Group, cfg.Topics, cfg.Protocol = []string{
					addr,
				}, "g-"+topic, []string{
					topic,
				}, protocol
				cfg.SessionTimeout, cfg.HeartbeatInterval, cfg.RevokeTimeout = 6*time.Second, 300*time.Millisecond, time.Second
				cfg.MetadataMaxAge = time.Second
				produce(0, numbers(0, 10))
				m := join(t, cfg)
				first := m.log(topic + "/0")
				values(t, first, 10)
				if err := first.Commit(t.Context(), 7, `{"penstock":1}`); err != nil {
					t.Fatal(err)
				}
				if _, err := adm.DeleteTopic(t.Context(), topic); err != nil {
					t.Fatal(err)
				}
				for {
					_, err := adm.CreateTopic(t.Context(), partitions, 1, nil, topic)
					if err == nil {
						break
					}
					if !errors.Is(err, kerr.TopicAlreadyExists) {
						t.Fatal(err)
					}
				}
				cl.PurgeTopicsFromClient(topic)
				for p := range partitions {
					produce(p, numbers(100, 120))
				}
				for p := range partitions {
					name := fmt.Sprintf("%s/%d", topic, p)
					m.await(
						"the second life of "+name,
						func(all map[string]*held) bool { return all[name] != nil && all[name].Life() != first.Life() },
					)
					second := m.log(name)
					if got := values(t, second, 20); !slices.Equal(got, numbers(100, 120)) {
						t.Errorf("%s: read %v", name, got)
					}
					if err := second.Commit(t.Context(), 5, "x"); err != nil {
						t.Error(err)
					}
				}
				if err := first.Commit(t.Context(), 9, ""); !errors.Is(err, record.ErrFenced) {
					t.Errorf("a commit of the first life: %v", err)
				}
			})
		}
	})
}
