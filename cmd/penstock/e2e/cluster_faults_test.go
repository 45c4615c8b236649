package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// clusterWorld is a cluster with what goes wrong in it.
type clusterWorld struct {
	t     *testing.T
	c     *servers.Cluster
	adm   *kadm.Client
	edges []*clusterEdge
	begun time.Time

	mu     sync.Mutex
	faults []*fault
}

// fault is a span that may concern one edge alone. Its end is not known before the cluster is whole
// again.
type fault struct {
	span
	edge *clusterEdge // nil: all
}

func newClusterWorld(t *testing.T) *clusterWorld {
	c, err := servers.NewCluster(t.TempDir())
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.Addrs()...), kgo.DialTimeout(time.Second),
		kgo.RequestTimeoutOverhead(time.Second), kgo.RequestRetries(2),
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &clusterWorld{t: t, c: c, adm: kadm.NewClient(cl), begun: time.Now()}
}

// tell logs what is done, to one edge's topic or, with nil, to all.
func (w *clusterWorld) tell(edge *clusterEdge, format string, args ...any) (what string) {
	what = fmt.Sprintf(format, args...)
	if edge != nil {
		what = edge.name + ": " + what
	}
	w.t.Logf("%6.1fs %s", time.Since(w.begun).Seconds(), what)
	return what
}

// begin notes that something goes wrong, for one edge or, with nil, for all.
func (w *clusterWorld) begin(edge *clusterEdge, format string, args ...any) *fault {
	f := &fault{edge: edge, span: span{what: w.tell(edge, format, args...), from: time.Now()}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, f)
	return f
}

// end notes that the fault is over.
func (w *clusterWorld) end(f *fault) { w.endLater(f, 0) }

// endLater notes that the fault will be over after a while.
func (w *clusterWorld) endLater(f *fault, after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f.to = time.Now().Add(after)
}

// whole waits until each partition has a leader and all its replicas, which ends the faults that
// broke the cluster.
func (w *clusterWorld) whole(broken ...*fault) error {
	err := w.insist("the cluster becomes whole", func(ctx context.Context) error {
		m, err := w.adm.Metadata(ctx)
		if err != nil {
			return err
		}
		if len(m.Brokers) != servers.Brokers {
			return fmt.Errorf("%d brokers", len(m.Brokers))
		}
		for _, topic := range m.Topics {
			for _, p := range topic.Partitions {
				if p.Err != nil || p.Leader < 0 || len(p.ISR) < len(p.Replicas) {
					return fmt.Errorf(
						"%s partition %d: leader %d, in sync %v of %v, %w", topic.Topic,
						p.Partition, p.Leader, p.ISR, p.Replicas, p.Err,
					)
				}
			}
		}
		return nil
	})
	for _, f := range broken {
		w.end(f)
	}
	return err
}

// insist tries something until it works. The cluster is in trouble most of the time.
func (w *clusterWorld) insist(what string, do func(context.Context) error) error {
	for deadline := time.Now().Add(3 * time.Minute); ; {
		ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
		err := do(ctx)
		cancel()
		switch {
		case err == nil:
			return nil
		case w.t.Context().Err() != nil || time.Now().After(deadline):
			return fmt.Errorf("%s: %w", what, err)
		}
		pause(w.t.Context(), 250*time.Millisecond)
	}
}

// dealt returns n things from decks that are shuffled anew when one is used up, so that each comes
// up soon.
func dealt[T any](rng *rand.Rand, of ...T) func() T {
	var deck []T
	return func() T {
		if len(deck) == 0 {
			deck = append(deck, of...)
			rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		x := deck[0]
		deck = deck[1:]
		return x
	}
}

// between returns a random time.
func between(rng *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(rng.Int64N(int64(to-from)))
}

// brokers does to brokers what happens to them until ctx ends; then all of them run. Most faults
// spare some edges: what these send must not come again.
func (w *clusterWorld) brokers(ctx context.Context, rng *rand.Rand) error {
	var broken []*fault
	next := dealt(rng, w.killOne, w.killTwo, w.freezeOne, w.freezeTwo, w.roll, w.killController)
	for ctx.Err() == nil {
		free := func() {}
		chained := rng.IntN(4) == 0 // the next fault meets a cluster that is not whole
		if !chained {
			free = w.spare(ctx, rng)
		}
		f, err := next()(ctx, rng)
		broken = append(broken, f)
		if err == nil && !chained {
			err = w.whole(broken...)
			broken = nil
			pause(ctx, between(rng, 4*time.Second, 8*time.Second))
		}
		free()
		if err != nil {
			return fmt.Errorf("%s: %w", f.what, err)
		}
		pause(ctx, between(rng, 0, 4*time.Second))
	}
	return w.whole(broken...)
}

// spare keeps about half of the edges from being killed until free is called.
func (w *clusterWorld) spare(ctx context.Context, rng *rand.Rand) (free func()) {
	var spared []*clusterEdge
	for _, e := range w.edges {
		if rng.IntN(2) == 0 {
			e.spared.Lock()
			spared = append(spared, e)
		}
	}
	if spared != nil {
		pause(ctx, spareBefore)
	}
	return func() {
		for _, e := range spared {
			e.spared.Unlock()
		}
	}
}

func (w *clusterWorld) killOne(ctx context.Context, rng *rand.Rand) (*fault, error) {
	id := 1 + rng.IntN(servers.Brokers)
	f := w.begin(nil, "broker %d is killed", id)
	w.c.Kill(id)
	pause(ctx, between(rng, 500*time.Millisecond, 12*time.Second))
	return f, w.c.Start(id)
}

func (w *clusterWorld) killTwo(ctx context.Context, rng *rand.Rand) (*fault, error) {
	ids := rng.Perm(servers.Brokers)
	f := w.begin(nil, "brokers %d and %d are killed", ids[0]+1, ids[1]+1)
	w.c.Kill(ids[0] + 1)
	pause(ctx, between(rng, 0, 2*time.Second))
	w.c.Kill(ids[1] + 1)
	pause(ctx, between(rng, 500*time.Millisecond, 10*time.Second))
	return f, w.c.StartAll()
}

func (w *clusterWorld) freezeOne(ctx context.Context, rng *rand.Rand) (*fault, error) {
	id, d := 1+rng.IntN(servers.Brokers), between(rng, 5*time.Second, 25*time.Second)
	f := w.begin(nil, "broker %d is frozen for %v", id, d.Round(time.Second))
	err := w.c.Freeze(id)
	pause(ctx, d)
	return f, errors.Join(err, w.c.Thaw(id))
}

func (w *clusterWorld) freezeTwo(ctx context.Context, rng *rand.Rand) (*fault, error) {
	ids, d := rng.Perm(servers.Brokers), between(rng, 5*time.Second, 20*time.Second)
	f := w.begin(
		nil, "brokers %d and %d are frozen for %v", ids[0]+1, ids[1]+1, d.Round(time.Second),
	)
	err := w.c.Freeze(ids[0] + 1)
	pause(ctx, between(rng, 0, 2*time.Second))
	err = errors.Join(err, w.c.Freeze(ids[1]+1))
	pause(ctx, d)
	return f, errors.Join(err, w.c.Thaw(ids[0]+1), w.c.Thaw(ids[1]+1))
}

func (w *clusterWorld) roll(_ context.Context, rng *rand.Rand) (*fault, error) {
	f := w.begin(nil, "brokers are rolled")
	for _, i := range rng.Perm(servers.Brokers) {
		if err := w.c.Stop(i + 1); err != nil {
			w.t.Log(err) // a broker with no other in sync to hand over to
		}
		if err := errors.Join(w.c.Start(i+1), w.whole()); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (w *clusterWorld) killController(ctx context.Context, rng *rand.Rand) (*fault, error) {
	f := w.begin(nil, "the controller is killed")
	w.c.Kill(servers.Controller)
	pause(ctx, between(rng, 500*time.Millisecond, 10*time.Second))
	return f, w.c.Start(servers.Controller)
}

// admin does what administrators do until ctx ends; then all of it is undone, but for the
// partitions.
func (w *clusterWorld) admin(ctx context.Context, rng *rand.Rand) error {
	next := dealt(rng, w.addPartitions, w.reassign, w.recreate, w.deny, w.throttle, w.forget)
	edge := dealt(rng, w.edges...)
	for {
		pause(ctx, between(rng, time.Second, 6*time.Second))
		if ctx.Err() != nil {
			return nil
		}
		if err := next()(ctx, rng, edge()); err != nil {
			return err
		}
	}
}

func (w *clusterWorld) partitions(
	ctx context.Context, topic string,
) (kadm.PartitionDetails, error) {
	m, err := w.adm.Metadata(ctx, topic)
	if err != nil {
		return nil, err
	}
	if err := m.Topics[topic].Err; err != nil {
		return nil, err
	}
	return m.Topics[topic].Partitions, nil
}

func (w *clusterWorld) addPartitions(_ context.Context, rng *rand.Rand, e *clusterEdge) error {
	to, n := 0, 1+rng.IntN(2)
	what := w.tell(e, "%d partitions are added", n)
	return w.insist(what, func(ctx context.Context) error {
		ps, err := w.partitions(ctx, e.name)
		if err != nil {
			return err
		}
		if to == 0 {
			to = len(ps) + n
		}
		if len(ps) >= to {
			return nil
		}
		resp, err := w.adm.UpdatePartitions(ctx, to, e.name)
		if err == nil {
			err = resp.Error()
		}
		return err
	})
}

func (w *clusterWorld) reassign(ctx context.Context, rng *rand.Rand, e *clusterEdge) error {
	w.tell(e, "replicas are reassigned")
	for _, replicas := range []int{2 + rng.IntN(2), 3} {
		if err := w.assign(rng, e, replicas); err != nil {
			return err
		}
		pause(ctx, between(rng, 0, 4*time.Second))
	}
	return nil
}

// assign gives each partition of the topic a random order of replicas, the first of which becomes
// the leader.
func (w *clusterWorld) assign(rng *rand.Rand, e *clusterEdge, replicas int) error {
	order := map[int32][]int32{}
	err := w.insist("reassign "+e.name, func(ctx context.Context) error {
		ps, err := w.partitions(ctx, e.name)
		if err != nil {
			return err
		}
		var req kadm.AlterPartitionAssignmentsReq
		for p := range ps {
			if order[p] == nil {
				for _, i := range rng.Perm(servers.Brokers)[:replicas] {
					order[p] = append(order[p], int32(i+1))
				}
			}
			req.Assign(e.name, p, order[p])
		}
		resp, err := w.adm.AlterPartitionAssignments(ctx, req)
		if err == nil {
			err = resp.Error()
		}
		return err
	})
	if err != nil {
		return err
	}
	topic := kadm.TopicsSet{}
	topic.Add(e.name)
	err = w.insist("the reassignment of "+e.name+" ends", func(ctx context.Context) error {
		under, err := w.adm.ListPartitionReassignments(ctx, topic)
		if err == nil && len(under) > 0 {
			err = fmt.Errorf("%v", under)
		}
		return err
	})
	if err != nil {
		return err
	}
	return w.insist("elect leaders of "+e.name, func(ctx context.Context) error {
		// those that are not to be had stay
		_, err := w.adm.ElectLeaders(ctx, kadm.ElectPreferredReplica, topic)
		return err
	})
}

// create makes a topic.
func (w *clusterWorld) create(topic string, partitions int) error {
	lost := false
	return w.insist("create "+topic, func(ctx context.Context) error {
		stamped := "LogAppendTime"
		_, err := w.adm.CreateTopic(
			ctx, int32(partitions), 3, map[string]*string{"message.timestamp.type": &stamped},
			topic,
		)
		if lost && errors.Is(err, kerr.TopicAlreadyExists) {
			return nil
		}
		lost = err != nil && !errors.Is(err, kerr.TopicAlreadyExists)
		return err
	})
}

// recreate deletes the edge's topic and makes it again. What it held must have been read by then,
// and what the edge has to send comes after that. The agent lives, or else what is sent again for a
// kill would be in both lives of the topic.
func (w *clusterWorld) recreate(ctx context.Context, rng *rand.Rand, e *clusterEdge) error {
	w.tell(e, "the topic is deleted and made again")
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.rest(); err != nil {
		return err
	}
	defer e.write()
	if err := errors.Join(
		e.settled(w.t.Context(), 3*time.Minute), e.reader.end(2*time.Minute),
	); err != nil {
		return err
	}
	deleted := false
	err := w.insist("delete "+e.name, func(ctx context.Context) error {
		_, err := w.adm.DeleteTopic(ctx, e.name)
		if deleted && errors.Is(err, kerr.UnknownTopicOrPartition) {
			return nil
		}
		deleted = true
		return err
	})
	if err != nil {
		return err
	}
	for range rng.IntN(2) { // a few lines wait for the topic
		for _, app := range e.apps {
			if err := app.Write(100); err != nil {
				return err
			}
		}
	}
	pause(ctx, between(rng, 0, 5*time.Second))
	partitions := 1 + rng.IntN(6)
	w.tell(e, "it has %d partitions now", partitions)
	return errors.Join(w.create(e.name, partitions), e.follow())
}

// deny takes a right from the edges' user for a while.
func (w *clusterWorld) deny(ctx context.Context, rng *rand.Rand, e *clusterEdge) error {
	user, d := "User:"+servers.ClusterUser, between(rng, 3*time.Second, 15*time.Second)
	acl := kadm.NewACLs().Deny(user).DenyHosts("*").ResourcePatternType(kadm.ACLPatternLiteral)
	kinds := []string{"to write to the topic", "all to do with the topic"}
	if e.exact {
		kinds = append(kinds, "the transactional id", "the group")
	}
	what := rng.IntN(len(kinds))
	switch what {
	case 0:
		acl = acl.Topics(e.name).Operations(kadm.OpWrite)
	case 1:
		acl = acl.Topics(e.name).Operations(kadm.OpAll)
	case 2:
		acl = acl.TransactionalIDs(e.id()).Operations(kadm.OpAll)
	case 3:
		acl = acl.Groups(e.id()).Operations(kadm.OpAll)
	}
	f := w.begin(e, "denied is %s for %v", kinds[what], d.Round(time.Second))
	defer w.end(f)
	err := w.insist(f.what, func(ctx context.Context) error {
		_, err := w.adm.CreateACLs(ctx, acl)
		return err
	})
	if err != nil {
		return err
	}
	pause(ctx, d)
	return w.insist("allow it again", func(ctx context.Context) error {
		_, err := w.adm.DeleteACLs(ctx, acl)
		return err
	})
}

// forget deletes the group with the position of the edge that sends exactly once, as happens to a
// host that is off for long, and kills the edge. What it has delivered must not come again.
func (w *clusterWorld) forget(_ context.Context, rng *rand.Rand, _ *clusterEdge) error {
	e := w.edges[slices.IndexFunc(w.edges, func(e *clusterEdge) bool { return e.exact })]
	what := w.tell(e, "the group is deleted, and the agent killed")
	e.spared.Lock()
	defer e.spared.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.rest(); err != nil {
		return err
	}
	defer e.write()
	if err := e.settled(w.t.Context(), 3*time.Minute); err != nil {
		return err
	}
	pause(w.t.Context(), between(rng, 0, 2*time.Second))
	err := w.insist(what, func(ctx context.Context) error {
		_, err := w.adm.DeleteGroup(ctx, e.id())
		if errors.Is(err, kerr.GroupIDNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	e.kill()
	e.agent.start()
	return nil
}

// throttle bounds what the edges' user may send. Brokers tell clients how long they must send
// nothing for what they have sent, which the end of the quota does not end: a backlog's time for
// ten seconds or so.
func (w *clusterWorld) throttle(ctx context.Context, rng *rand.Rand, _ *clusterEdge) error {
	user, d, rate := servers.ClusterUser, between(rng, 4*time.Second, 12*time.Second), float64(
		20000+rng.IntN(30000),
	)
	f := w.begin(
		nil, "producing is throttled to %.0f bytes a second and broker for %v", rate,
		d.Round(time.Second),
	)
	defer w.endLater(f, 10*time.Second)
	quota := func(remove bool) error {
		return w.insist(f.what, func(ctx context.Context) error {
			resp, err := w.adm.AlterClientQuotas(ctx, []kadm.AlterClientQuotaEntry{
				{
					Entity: kadm.ClientQuotaEntity{{Type: "user", Name: &user}},
					Ops: []kadm.AlterClientQuotaOp{
						{Key: "producer_byte_rate", Value: rate, Remove: remove},
					},
				},
			})
			for _, r := range resp {
				err = errors.Join(err, r.Err)
			}
			return err
		})
	}
	err := quota(false)
	pause(ctx, d)
	return errors.Join(err, quota(true))
}
