package kafka

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// heartbeats tells whether the group has been heard of lately. A member that has not, must take
// itself for dropped: others may have its partitions. It is a hook of the member's client.
type heartbeats struct {
	session, rebalance time.Duration

	mu      sync.Mutex
	heard   time.Time
	joining bool // a join or sync is under way, during which there are no heartbeats
}

func newHeartbeats(session, rebalance time.Duration) *heartbeats {
	return &heartbeats{session: session, rebalance: rebalance, heard: time.Now()}
}

func (g *heartbeats) isAlive(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	limit := g.session
	if g.joining {
		limit += g.rebalance
	}
	return now.Sub(g.heard) <= limit
}

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (g *heartbeats) OnBrokerWrite(
	_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error,
) {
	if k := kmsg.Key(key); err == nil && (k == kmsg.JoinGroup || k == kmsg.SyncGroup) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.joining = true
	}
}

// OnBrokerRead implements kgo.HookBrokerRead.
func (g *heartbeats) OnBrokerRead(
	_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error,
) {
	switch k := kmsg.Key(key); k {
	case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat:
		g.mu.Lock()
		defer g.mu.Unlock()
		if k != kmsg.Heartbeat {
			g.joining = false
		}
		if err == nil {
			g.heard = time.Now()
		}
	}
}
