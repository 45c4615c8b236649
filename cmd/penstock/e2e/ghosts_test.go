package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// dropGhosts has the embedded broker drop members of a group that were killed while they joined, in
// which case it gives them no session timeout, as Apache Kafka would: their partitions stay unread
// for ever, or the group waits for them and never becomes stable, as each who joins has that wait
// begin again. There are ghosts where a group of more than so many members stays as it is for
// longer than a session, and where none is stable for much longer than a rebalance takes. It
// returns how to stop that.
func dropGhosts(t *testing.T, addr, group string, members int) (stop func() error) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return background(t.Context(), func(ctx context.Context) error {
		var before []string
		same, unstable := 0, 0 // looks in a row
		for pause(ctx, time.Second); ctx.Err() == nil; pause(ctx, time.Second) {
			groups, err := kadm.NewClient(cl).DescribeGroups(ctx, group)
			if err != nil {
				continue
			}
			var ids []string
			for _, m := range groups[group].Members {
				ids = append(ids, m.MemberID)
			}
			slices.Sort(ids)
			isStable := groups[group].State == "Stable"
			same++
			if !isStable || len(ids) <= members || !slices.Equal(ids, before) {
				before, same = ids, 0
			}
			unstable++
			if isStable {
				unstable = 0
			}
			if same < 5 && unstable < 15 {
				continue
			}
			if err := leaveGroup(ctx, cl, group, ids); err != nil && ctx.Err() == nil {
				return fmt.Errorf("dropping the members of %s: %w", group, err)
			}
			same, unstable = 0, 0
		}
		return nil
	})
}

// leaveGroup has members leave a group, who join it again if they are alive.
func leaveGroup(ctx context.Context, cl *kgo.Client, group string, ids []string) error {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	for _, id := range ids {
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = id
		req.Members = append(req.Members, m)
	}
	_, err := req.RequestWith(ctx, cl)
	return err
}

func TestGhostsAreDropped(t *testing.T) {
	parallel(t)
	broker := consumerBroker(t)
	client := func(opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(broker.Addr()))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		return cl
	}
	alive := client(
		kgo.ConsumerGroup("ghosts"), kgo.ConsumeTopics(topic), kgo.SessionTimeout(2*time.Second),
		kgo.HeartbeatInterval(300*time.Millisecond), kgo.RebalanceTimeout(20*time.Second), kgo.Balancers(kgo.RangeBalancer()),
	)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			alive.PollFetches(ctx)
		}
	}()
	adm := kadm.NewClient(client())
	members := func() int {
		groups, err := adm.DescribeGroups(t.Context(), "ghosts")
		if err != nil || groups["ghosts"].State != "Stable" {
			return -1
		}
		return len(groups["ghosts"].Members)
	}
	runtest.Until(t, "one member", func() bool { return members() == 1 })

	ghost := client()
	join := func(member string) (*kmsg.JoinGroupResponse, error) {
		req := kmsg.NewPtrJoinGroupRequest()
		req.Group, req.ProtocolType, req.MemberID = "ghosts", "consumer", member
		req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 2000, 20_000
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name = kgo.RangeBalancer().ProtocolName()
		p.Metadata = kgo.RangeBalancer().JoinGroupMetadata([]string{topic}, nil, -1)
		req.Protocols = append(req.Protocols, p)
		return req.RequestWith(ctx, ghost)
	}
	first, err := join("")
	if err != nil || first.MemberID == "" {
		t.Fatal(first, err)
	}
	go func() { _, _ = join(first.MemberID) }()
	runtest.Until(t, "it joins", func() bool { return members() == -1 })
	ghost.Close() // killed while it waits for the answer
	runtest.Until(t, "a ghost is there", func() bool { return members() == 2 })
	stop := dropGhosts(t, broker.Addr(), "ghosts", 1)
	runtest.Until(t, "it is dropped, and the other is back", func() bool { return members() == 1 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
