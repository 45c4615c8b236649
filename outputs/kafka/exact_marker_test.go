package kafka

import (
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lateMarkers makes the group's coordinator learn late that a transaction is complete, as it does
// with Apache Kafka, where EndTxn is answered before the markers are written. Whoever does not ask
// for a stable position gets the one before.
type lateMarkers struct {
	mu      sync.Mutex
	left    int // stable reads that are put off until the marker is there
	stale   int // answers that were of the past
	visible kmsg.TxnOffsetCommitRequestTopicPartition
	pending kmsg.TxnOffsetCommitRequestTopicPartition
}

func newLateMarkers(c *kfake.Cluster) *lateMarkers {
	m := &lateMarkers{}
	m.visible.Offset = -1
	c.ControlKey(int16(kmsg.TxnOffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.pending = req.(*kmsg.TxnOffsetCommitRequest).Topics[0].Partitions[0]
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		m.mu.Lock()
		defer m.mu.Unlock()
		if req.(*kmsg.EndTxnRequest).Commit {
			m.left = 3
		}
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.OffsetFetch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		m.mu.Lock()
		defer m.mu.Unlock()
		req := kreq.(*kmsg.OffsetFetchRequest)
		if req.Version > 7 {
			return nil, nil, false // the test's own
		}
		if m.left == 0 {
			m.visible = m.pending
			return nil, nil, false
		}
		rp := kmsg.NewOffsetFetchResponseTopicPartition()
		rp.Offset, rp.Metadata = m.visible.Offset, m.visible.Metadata
		if req.RequireStable {
			m.left--
			rp.Offset, rp.Metadata, rp.ErrorCode = -1, nil, kerr.UnstableOffsetCommit.Code
		} else {
			m.stale++
		}
		rt := kmsg.NewOffsetFetchResponseTopic()
		rt.Topic, rt.Partitions = req.Topics[0].Topic, append(rt.Partitions, rp)
		resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	return m
}

// A restart during an outage, after which the position of the run before is all that the
// coordinator knows for a moment: that is nobody else's.
func TestExactlyOnceOwnEarlierRunIsNoStranger(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"oldest_first", "newest_first"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(4)
			c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
			markers := newLateMarkers(c)
			r := newExactRig(t, c)
			store := r.overflow(order)
			stop, wait := r.drain(r.output())
			r.add(10, 50)
			r.until("a commit", func() bool { pos, _ := r.log.Committed(); return pos == 500 })
			for range 3 {
				n.set(true, 0)
				r.add(10, 50)
				r.until("something to move", func() bool { return objects(store) > 0 })
				r.log.Owner() // the crash
				stop()
				r.add(2, 50)
				stop, wait = r.drain(r.output())
				r.untilMoved()
				n.set(false, 0)
				r.until("the replay", func() bool {
					return objects(store) == 0 || strings.Contains(r.logs.String(), "has stopped")
				})
				if strings.Contains(r.logs.String(), "has stopped") {
					t.Fatalf("it takes its own earlier run for another agent\n%s", r.logs.String())
				}
			}
			r.add(5, 50)
			r.log.Seal()
			if err := wait(); err != nil {
				t.Fatal(err)
			}
			stop()
			markers.mu.Lock()
			if markers.stale == 0 {
				t.Error("no answer was of the past: the test shows nothing")
			}
			markers.mu.Unlock()
			if order == "oldest_first" {
				r.check()
				return
			}
			seen := map[string]bool{}
			for _, rec := range r.committed(r.total()) {
				k, _, _ := strings.Cut(string(rec.Value), " ")
				if seen[k] {
					t.Errorf("%s twice", k)
				}
				seen[k] = true
			}
		})
	}
}
