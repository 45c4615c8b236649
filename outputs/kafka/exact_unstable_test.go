package kafka

import (
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deafGroup is a group's coordinator that has missed how the last transaction ended, as Apache
// Kafka's may when it is killed: until it is told of an end once more, the position is unstable.
type deafGroup struct {
	mu        sync.Mutex
	deaf      bool
	described bool // how it ended has been said, since
	stored    bool // the transaction at hand holds a position
	ends      []bool
}

func newDeafGroup(c *kfake.Cluster) *deafGroup {
	g := &deafGroup{}
	c.ControlKey(int16(kmsg.TxnOffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		g.mu.Lock()
		defer g.mu.Unlock()
		g.stored = true
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.deaf && !g.stored {
			g.deaf = false
			g.ends = append(g.ends, req.(*kmsg.EndTxnRequest).Commit)
		}
		g.stored = false
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.DescribeTransactions), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		g.mu.Lock()
		defer g.mu.Unlock()
		if !g.deaf || g.described {
			return nil, nil, false // which says nothing of how one ended
		}
		g.described = true // the InitProducerID that follows makes it forget
		st := kmsg.NewDescribeTransactionsResponseTransactionState()
		st.TransactionalID, st.State = kreq.(*kmsg.DescribeTransactionsRequest).TransactionalIDs[0], "CompleteCommit"
		resp := kreq.ResponseKind().(*kmsg.DescribeTransactionsResponse)
		resp.TransactionStates = append(resp.TransactionStates, st)
		return resp, nil, true
	})
	c.ControlKey(int16(kmsg.OffsetFetch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		g.mu.Lock()
		defer g.mu.Unlock()
		req := kreq.(*kmsg.OffsetFetchRequest)
		if !g.deaf || !req.RequireStable || req.Version > 7 {
			return nil, nil, false
		}
		rp := kmsg.NewOffsetFetchResponseTopicPartition()
		rp.Offset, rp.ErrorCode = -1, kerr.UnstableOffsetCommit.Code
		rt := kmsg.NewOffsetFetchResponseTopic()
		rt.Topic, rt.Partitions = req.Topics[0].Topic, append(rt.Partitions, rp)
		resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	return g
}

func (g *deafGroup) missEnd() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deaf = true
}

// A position that stays unstable though nothing is open is ended once more, in the way in which its
// transaction ended, and the output goes on from there.
func TestExactlyOnceEndsOnceMoreWhatTheGroupHasMissed(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(3, "logs"))
	group := newDeafGroup(c)
	r := newExactRig(t, c)
	stop, _ := r.drain(r.output())
	r.add(10, 50)
	r.until("a commit", func() bool { pos, _ := r.log.Committed(); return pos == 500 })
	r.log.Owner() // the crash
	stop()
	group.missEnd()
	r.add(10, 50)
	stop, wait := r.drain(r.output())
	defer stop()
	r.until("another commit", func() bool { pos, _ := r.log.Committed(); return pos == 1000 })
	if n := counter(t, r.writerReg, "penstock_kafka_transactions_total",
		map[string]string{"result": "ended_again"}); n != 1 {
		t.Errorf("counted %v", n)
	}
	r.log.Seal()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	r.check()
	group.mu.Lock()
	defer group.mu.Unlock()
	if len(group.ends) != 1 || !group.ends[0] {
		t.Errorf("ended once more: %v", group.ends)
	}
	if !strings.Contains(r.logs.String(), "it was ended once more") {
		t.Error(r.logs.String())
	}
}
