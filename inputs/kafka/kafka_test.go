package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/inputs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func startCluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(
		append(
			[]kfake.Opt{kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100 * time.Millisecond)},
			opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func testConfig(c *kfake.Cluster) Config {
	cfg := Default()
	cfg.Brokers = c.ListenAddrs()
	cfg.Group, cfg.Topics = "lake", []string{"logs"}
	cfg.Protocol = "classic"
	// longer than a machine that is busy takes; what is about their end has its own
	cfg.SessionTimeout, cfg.HeartbeatInterval = 20*time.Second, 100*time.Millisecond
	cfg.RebalanceTimeout, cfg.RevokeTimeout = 5*time.Second, time.Second
	cfg.RequestTimeout, cfg.FetchWait = 5*time.Second, 50*time.Millisecond
	return cfg
}

// member is an Input that runs, with the leases it was given.
type member struct {
	t      testing.TB
	in     *Input
	reg    *prometheus.Registry
	cancel context.CancelFunc
	over   chan struct{}

	mu      sync.Mutex
	changed chan struct{}
	held    map[string]*held
}

// held is a lease in the hands of the test.
type held struct {
	*Lease
	ctx     context.Context
	release chan error // makes the handle return
}

func join(t testing.TB, cfg Config, log ...slog.Handler) *member {
	t.Helper()
	return joinWith(t, cfg, func(_ context.Context, _ *record.Batch, reason string) error {
		t.Error("dead letter: " + reason)
		return nil
	}, log...)
}

func joinWith(
	t testing.TB, cfg Config, dead func(context.Context, *record.Batch, string) error,
	log ...slog.Handler,
) *member {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	m := &member{
		t:       t,
		reg:     prometheus.NewRegistry(),
		over:    make(chan struct{}),
		changed: make(chan struct{}),
		held:    map[string]*held{},
	}
	var err error
	m.in, err = New(
		cfg,
		inputs.Env{
			Name:       "input.kafka.test",
			Agent:      "a",
			Log:        slog.New(append(log, slog.DiscardHandler)[0]),
			Metrics:    m.reg,
			DeadLetter: dead,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go func() {
		defer close(m.over)
		if err := m.in.Run(ctx, m.handle); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(m.leave)
	return m
}

func (m *member) leave() {
	m.cancel()
	select {
	case <-m.over:
	case <-time.After(20 * time.Second):
		m.t.Error("Run does not return")
	}
}

func (m *member) handle(ctx context.Context, log record.Log) error {
	h := &held{log.(*Lease), ctx, make(chan error, 1)}
	m.set(func() { m.held[log.Name()] = h })
	defer m.set(func() {
		if m.held[log.Name()] == h {
			delete(m.held, log.Name())
		}
	})
	select {
	case err := <-h.release:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *member) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

// await waits until ok holds of the leases.
func (m *member) await(what string, ok func(map[string]*held) bool) {
	m.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		m.mu.Lock()
		good, changed := ok(m.held), m.changed
		m.mu.Unlock()
		if good {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			m.t.Fatalf("%s: never", what)
		}
	}
}

func (m *member) log(name string) *held {
	m.t.Helper()
	var h *held
	m.await("holding "+name, func(all map[string]*held) bool { h = all[name]; return h != nil })
	return h
}

func count(n int) func(map[string]*held) bool {
	return func(all map[string]*held) bool { return len(all) == n }
}

func produce(t testing.TB, c *kfake.Cluster, topic string, p int32, values ...string) {
	t.Helper()
	produceAt(t, c, topic, p, time.Now(), values...)
}

func produceAt(
	t testing.TB, c *kfake.Cluster, topic string, p int32, at time.Time, values ...string,
) {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var recs []*kgo.Record
	for _, v := range values {
		recs = append(
			recs, &kgo.Record{Topic: topic, Partition: p, Value: []byte(v), Timestamp: at},
		)
	}
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func numbers(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

// values reads a log until it has n records.
func values(t testing.TB, l record.Log, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out []string
	for len(out) < n {
		b, err := l.Next(ctx)
		if err != nil {
			t.Fatalf("after %d records: %v", len(out), err)
		}
		recs, err := b.Records()
		if err != nil {
			t.Fatal(err)
		}
		for r := range recs {
			out = append(out, string(r.Value))
		}
	}
	return out
}

// offset returns what the group has stored.
func offset(t testing.TB, c *kfake.Cluster, group, topic string, p int32) (int64, string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	s := &session{in: &Input{cfg: Config{Group: group}}, reader: cl}
	got, err := s.fetchOffsets(t.Context(), topic, []int32{p})
	if err != nil {
		t.Fatal(err)
	}
	return got[p].at, got[p].note
}

func eachProtocol(t *testing.T, f func(t *testing.T, protocol string)) {
	for _, p := range []string{"classic", "consumer"} {
		t.Run(p, func(t *testing.T) { f(t, p) })
	}
}

func TestReadsAndCommits(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol string) {
		c := startCluster(t, kfake.SeedTopics(2, "logs"))
		produce(t, c, "logs", 0, numbers(0, 1000)...)
		cfg := testConfig(c)
		cfg.Protocol = protocol
		m := join(t, cfg)
		l := m.log("logs/0")
		if pos, note := l.Committed(); pos != 0 || note != "" {
			t.Fatalf("committed %d %q", pos, note)
		}
		b, err := l.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b.Tag != "logs" || b.Origin != "logs/0" || b.First != 0 || b.End != int64(b.Len()) {
			t.Fatalf("batch %+v", b)
		}
		if err := l.SeekTo(0); err != nil {
			t.Fatal(err)
		}
		if got := values(t, l, 1000); !slices.Equal(got, numbers(0, 1000)) {
			t.Fatalf("read %d records after the seek", len(got))
		}
		if l.End() != 1000 {
			t.Errorf("End = %d", l.End())
		}
		if err := l.Commit(t.Context(), 400, "an intent"); err != nil {
			t.Fatal(err)
		}
		if err := l.Commit(t.Context(), 399, ""); err == nil {
			t.Error("a commit went backwards")
		}
		if pos, note := l.Committed(); pos != 400 || note != "an intent" {
			t.Errorf("committed %d %q", pos, note)
		}
		if pos, note, err := l.Refresh(
			t.Context(),
		); err != nil || pos != 400 ||
			note != "an intent" {
			t.Errorf("refresh %d %q %v", pos, note, err)
		}
		if notes, err := l.Notes(
			t.Context(),
		); err != nil || len(notes) != 2 || notes[0] != "an intent" ||
			notes[1] != "" {
			t.Errorf("notes %v %v", notes, err)
		}
		if topic, p := l.Partition(); topic != "logs" || p != 0 {
			t.Errorf("partition %s %d", topic, p)
		}
		m.leave()
		// Nothing else was committed on the way out, and the successor finds position and note.
		if at, note := offset(t, c, "lake", "logs", 0); at != 400 || note != "an intent" {
			t.Fatalf("stored %d %q", at, note)
		}
		m = join(t, cfg)
		l = m.log("logs/0")
		if pos, note := l.Committed(); pos != 400 || note != "an intent" {
			t.Fatalf("committed %d %q", pos, note)
		}
		if got := values(t, l, 600); !slices.Equal(got, numbers(400, 1000)) {
			t.Fatalf("read %v...", got[:3])
		}
		produce(t, c, "logs", 0, "late")
		if got := values(t, l, 1); got[0] != "late" {
			t.Fatalf("read %v", got)
		}
	})
}

// A rebalance moves a partition: the old owner may finish and commit, and is fenced from then on.
func TestRebalance(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol string) {
		c := startCluster(
			t, kfake.SeedTopics(4, "logs"),
			kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "100"}),
		)
		cfg := testConfig(c)
		cfg.Protocol = protocol
		a := join(t, cfg)
		a.await("all partitions", count(4))
		leases := map[string]*held{}
		for i := range 4 {
			name := fmt.Sprintf("logs/%d", i)
			leases[name] = a.log(name)
			produce(t, c, "logs", int32(i), numbers(0, 10)...)
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
			_, nextErr := func() (*record.Batch, error) {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				return l.Next(ctx)
			}()
			err := l.Commit(t.Context(), 10, "")
			if moved == nil {
				if err != nil {
					t.Errorf("%s stayed, and its commit fails: %v", name, err)
				}
				if !errors.Is(nextErr, context.DeadlineExceeded) {
					t.Errorf("%s stayed, and Next says %v", name, nextErr)
				}
				continue
			}
			if !errors.Is(err, record.ErrFenced) || !errors.Is(nextErr, record.ErrFenced) ||
				!errors.Is(context.Cause(l.ctx), record.ErrFenced) {
				t.Errorf(
					"%s moved: commit %v, next %v, cause %v", name, err, nextErr,
					context.Cause(l.ctx),
				)
			}
			if pos, note := moved.Committed(); pos != 5 || note != "note of "+name {
				t.Errorf("%s: the successor finds %d %q", name, pos, note)
			}
			if got := values(t, moved, 5); !slices.Equal(got, numbers(5, 10)) {
				t.Errorf("%s: the successor reads %v", name, got)
			}
		}
		a.leave()
		b.await("all partitions", count(4))
	})
}

// While a partition is being taken away, its handle has time to finish, and commits still count.
func TestRevokedHandleFinishes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	produce(t, c, "logs", 0, numbers(0, 10)...)
	cfg := testConfig(c)
	in, err := New(
		cfg,
		inputs.Env{
			Agent:   "a",
			Log:     slog.New(slog.DiscardHandler),
			Metrics: prometheus.NewRegistry(),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	begun := make(chan struct{})
	committed := make(chan error, 1)
	over := make(chan error, 1)
	go func() {
		over <- in.Run(ctx, func(ctx context.Context, log record.Log) error {
			close(begun)
			<-ctx.Done()
			committed <- log.Commit(context.WithoutCancel(ctx), 7, "done on the way out")
			return ctx.Err()
		})
	}()
	<-begun
	cancel()
	if err := <-committed; err != nil {
		t.Errorf("the last commit failed: %v", err)
	}
	if err := <-over; err != nil {
		t.Error(err)
	}
	if at, note := offset(t, c, "lake", "logs", 0); at != 7 || note != "done on the way out" {
		t.Errorf("stored %d %q", at, note)
	}
}

// A member that was away for longer than its session wakes up and tries to commit: nothing of it
// may be stored.
func TestZombieCommit(t *testing.T) {
	t.Parallel()
	eachProtocol(t, zombieCommit)
}

func zombieCommit(t *testing.T, protocol string) {
	c := startCluster(
		t, kfake.SeedTopics(1, "logs"),
		kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "200"}),
	)
	produce(t, c, "logs", 0, numbers(0, 10)...)
	cfg := testConfig(c)
	cfg.Protocol = protocol
	a := join(t, cfg)
	l := a.log("logs/0")
	if err := l.Commit(t.Context(), 3, "old intent"); err != nil {
		t.Fatal(err)
	}
	// The group forgets the member and moves on, without the member hearing of it.
	var mu sync.Mutex
	cut := true
	c.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		if !cut {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
		return resp, nil, true // all is well, it says, and the group never hears of it
	})
	c.ControlKey(
		int16(kmsg.ConsumerGroupHeartbeat),
		func(req kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			mu.Lock()
			defer mu.Unlock()
			beat := req.(*kmsg.ConsumerGroupHeartbeatRequest)
			if !cut || beat.MemberEpoch < 0 {
				return nil, nil, false
			}
			resp := req.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
			resp.MemberID, resp.MemberEpoch, resp.HeartbeatIntervalMillis = &beat.MemberID, beat.MemberEpoch, 100
			return resp, nil, true
		},
	)
	adm, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	member, _ := l.s.member.GroupMetadata()
	var leave kmsg.Request
	if protocol == "consumer" {
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		req.Group, req.MemberID, req.MemberEpoch = "lake", member, -1
		leave = req
	} else {
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Group, req.MemberID = "lake", member
		lm := kmsg.NewLeaveGroupRequestMember()
		lm.MemberID = member
		req.Members = append(req.Members, lm)
		leave = req
	}
	if _, err := adm.Request(t.Context(), leave); err != nil {
		t.Fatal(err)
	}
	committed := make(chan error, 1)
	go func() { committed <- l.Commit(context.Background(), 10, "") }()
	answered := false
	select {
	case err = <-committed:
		if answered = true; err == nil {
			t.Fatal("a zombie's commit was accepted")
		}
	case <-time.After(500 * time.Millisecond): // it waits to learn whether it is fenced
	}
	if at, note := offset(t, c, "lake", "logs", 0); at != 3 || note != "old intent" {
		t.Fatalf("the zombie changed the offset: %d %q", at, note)
	}
	mu.Lock()
	cut = false
	mu.Unlock()
	if !answered {
		select {
		case err = <-committed:
		case <-time.After(10 * time.Second):
			t.Fatal("the zombie's commit never came back")
		}
	}
	if !errors.Is(err, record.ErrFenced) {
		t.Errorf("the zombie's commit says %v", err)
	}
	if at, note := offset(t, c, "lake", "logs", 0); at != 3 || note != "old intent" {
		t.Errorf("the zombie changed the offset: %d %q", at, note)
	}
	// It joins again and gets a new lease, which works.
	a.await(
		"a new lease",
		func(all map[string]*held) bool { return all["logs/0"] != nil && all["logs/0"] != l },
	)
	l2 := a.log("logs/0")
	if pos, note := l2.Committed(); pos != 3 || note != "old intent" {
		t.Errorf("the new lease finds %d %q", pos, note)
	}
	if err := l2.Commit(t.Context(), 10, ""); err != nil {
		t.Error(err)
	}
}

// Heartbeats fail for longer than the session timeout: the partitions are given up, and taken up
// again when the group is back.
func TestSilentGroup(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.SessionTimeout = 600 * time.Millisecond
	a := join(t, cfg)
	l := a.log("logs/0")
	var mu sync.Mutex
	silent := true
	c.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		if silent {
			return nil, errors.New("no answer"), true
		}
		return nil, nil, false
	})
	select {
	case <-l.ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("a member out of touch keeps its partition")
	}
	if !errors.Is(context.Cause(l.ctx), record.ErrFenced) {
		t.Errorf("cause %v", context.Cause(l.ctx))
	}
	if err := l.Commit(t.Context(), 0, "x"); !errors.Is(err, record.ErrFenced) {
		t.Errorf("commit: %v", err)
	}
	mu.Lock()
	silent = false
	mu.Unlock()
	a.await(
		"a new lease",
		func(all map[string]*held) bool { return all["logs/0"] != nil && all["logs/0"] != l },
	)
	if err := a.log("logs/0").Commit(t.Context(), 0, "back"); err != nil {
		t.Error(err)
	}
}

// The answer to a commit is lost: its outcome is unknown, and Refresh tells.
func TestUnknownCommit(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.RequestTimeout = 500 * time.Millisecond
	l := join(t, cfg).log("logs/0")
	// UNKNOWN_SERVER_ERROR
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: nil, Count: 1})
	err := l.Commit(t.Context(), 0, "intent")
	if err == nil || errors.Is(err, record.ErrFenced) || !strings.Contains(err.Error(), "unknown") {
		t.Fatalf("got %v", err)
	}
	if _, note, err := l.Refresh(t.Context()); err != nil || note != "" {
		t.Fatalf("refresh %q %v", note, err)
	}
	if err := l.Commit(t.Context(), 0, "intent"); err != nil {
		t.Fatal(err)
	}
	if _, note, err := l.Refresh(t.Context()); err != nil || note != "intent" {
		t.Fatalf("refresh %q %v", note, err)
	}
}

// A pattern for all topics does not lead to those of the brokers, where each commit of the group is
// a record.
func TestRegexLeavesInternalTopicsOut(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol string) {
		c := startCluster(t, kfake.SeedTopics(1, "app", "__consumer_offsets", "__audit"))
		cfg := testConfig(c)
		cfg.Protocol, cfg.Topics, cfg.TopicsRegex = protocol, nil, []string{".*"}
		m := join(t, cfg)
		m.log("app/0")
		m.log("__audit/0")
		m.await("two partitions", count(2))
	})
}

func TestRegexAndExclude(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol string) {
		c := startCluster(
			t, kfake.SeedTopics(1, "app-a", "app-b", "app-b-debug", "other", "listed"),
		)
		cfg := testConfig(c)
		cfg.Protocol = protocol
		cfg.Topics, cfg.TopicsRegex, cfg.ExcludeRegex = []string{
			"listed",
		}, []string{
			"^app-",
		}, []string{
			"-debug$",
		}
		cfg.MetadataMaxAge = time.Second
		m := join(t, cfg)
		want := func(names ...string) func(map[string]*held) bool {
			return func(all map[string]*held) bool {
				for _, n := range names {
					if all[n] == nil {
						return false
					}
				}
				return len(all) == len(names)
			}
		}
		m.await("the topics that match", want("app-a/0", "app-b/0", "listed/0"))
		cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		create := kmsg.NewPtrCreateTopicsRequest()
		ct := kmsg.NewCreateTopicsRequestTopic()
		ct.Topic, ct.NumPartitions, ct.ReplicationFactor = "app-new", 1, 1
		create.Topics = append(create.Topics, ct)
		if _, err := create.RequestWith(t.Context(), cl); err != nil {
			t.Fatal(err)
		}
		m.await("a new topic", want("app-a/0", "app-b/0", "listed/0", "app-new/0"))
	})
}

func TestReadCommitted(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.ListenAddrs()...), kgo.TransactionalID("tx"),
		kgo.DefaultProduceTopic("logs"),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	transaction := func(commit kgo.TransactionEndTry, values ...string) {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if err := cl.ProduceSync(t.Context(), kgo.StringRecord(v)).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := cl.EndTransaction(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	transaction(kgo.TryCommit, "0", "1") // offsets 0, 1 and a marker
	transaction(kgo.TryAbort, "no", "no")
	m := join(t, testConfig(c))
	l := m.log("logs/0")
	// The records, and then word that nothing follows up to the end of the aborted transaction.
	var got []string
	end := int64(0)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for end < 6 {
		b, err := l.Next(ctx)
		if err != nil {
			t.Fatalf("read %v up to %d: %v", got, end, err)
		}
		recs, _ := b.Records()
		for r := range recs {
			got = append(got, string(r.Value))
		}
		end = b.End
	}
	if !slices.Equal(got, []string{"0", "1"}) || end != 6 {
		t.Errorf("read %v up to %d", got, end)
	}
	transaction(kgo.TryCommit, "2")
	if got := values(t, l, 1); got[0] != "2" {
		t.Errorf("read %v", got)
	}
	cfg := testConfig(c)
	cfg.Group, cfg.Isolation = "dirty", "read_uncommitted"
	if got := values(t, join(t, cfg).log("logs/0"), 5); !slices.Equal(got, []string{"0", "1", "no", "no", "2"}) {
		t.Errorf("read_uncommitted reads %v", got)
	}
}

func TestANewGroupStartsWhereItIsTold(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	middle := time.Now().Add(-time.Hour)
	produceAt(t, c, "logs", 0, middle.Add(-time.Second), numbers(0, 10)...)
	produceAt(t, c, "logs", 0, middle.Add(time.Second), numbers(10, 20)...)
	for group, tc := range map[string]struct {
		start string
		first int
	}{"e": {"earliest", 0}, "l": {"latest", 20}, "t": {middle.UTC().Format(time.RFC3339Nano), 10}} {
		cfg := testConfig(c)
		cfg.Group, cfg.Start = group, tc.start
		m := join(t, cfg)
		l := m.log("logs/0")
		if pos, _ := l.Committed(); pos != int64(tc.first) {
			t.Errorf("%s starts at %d, want %d", tc.start, pos, tc.first)
		}
		m.leave()
		if at, _ := offset(t, c, group, "logs", 0); tc.start != "earliest" &&
			at != int64(tc.first) {
			t.Errorf("%s: the start is stored as %d: a restart would skip records", tc.start, at)
		}
	}
}

// With start = "none" nothing is read before each partition with records has an offset, which are
// set one after the other. What comes later is read from its beginning.
func TestAGroupWithoutOffsetsIsNotBegun(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(3, "logs", "other"))
	produce(t, c, "logs", 0, numbers(0, 10)...)
	produce(t, c, "logs", 1, numbers(0, 3)...)
	produce(t, c, "other", 0, numbers(0, 3)...)
	cfg := testConfig(c)
	cfg.Start, cfg.MetadataMaxAge = "none", time.Second
	in, err := New(cfg, inputs.Env{
		Name: "input.kafka.test", Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	look := func() string {
		var r preflight.Report
		cfg.Preflight(ctx, preflight.Env{
			Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		}, &r)
		return fmt.Sprint(r.Findings())
	}
	adm := admin(t, c)
	for p, lacks := range []string{"logs/0, logs/1", "logs/1"} {
		err = in.Run(ctx, func(context.Context, record.Log) error {
			t.Error("something is read")
			return nil
		})
		want := "it has none of " + lacks + ": they"
		if !errors.Is(err, errNoOffsets) || !strings.Contains(err.Error(), want) {
			t.Fatalf("it ended with %v", err)
		}
		if got := look(); !strings.Contains(got, "it has none of "+lacks) {
			t.Errorf("validate --online says %s", got)
		}
		commitAs(t, adm, "logs", int32(p), int64(2-p), "")
	}
	if got := look(); strings.Contains(got, "lacks offsets") {
		t.Errorf("with offsets: %s", got)
	}
	m := join(t, cfg)
	if _, err := adm.CreatePartitions(ctx, 1, "logs"); err != nil {
		t.Fatal(err)
	}
	produce(t, c, "logs", 3, numbers(0, 2)...)
	for p, want := range map[string][]string{
		"logs/0": numbers(2, 10), "logs/1": numbers(1, 3), "logs/3": numbers(0, 2),
	} {
		if got := values(t, m.log(p), len(want)); !slices.Equal(got, want) {
			t.Errorf("%s: read %v, want %v", p, got, want)
		}
	}
	m.leave()
	if got := values(t, join(t, cfg).log("logs/3"), 2); !slices.Equal(got, numbers(0, 2)) {
		t.Errorf("what came later is read as %v", got)
	}
}

// Part of the log is gone by retention while this group was away.
func TestRetentionGap(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	produce(t, c, "logs", 0, numbers(0, 100)...)
	m := join(t, testConfig(c))
	if err := m.log("logs/0").Commit(t.Context(), 10, ""); err != nil {
		t.Fatal(err)
	}
	m.leave()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	del := kmsg.NewPtrDeleteRecordsRequest()
	dt := kmsg.NewDeleteRecordsRequestTopic()
	dt.Topic = "logs"
	dp := kmsg.NewDeleteRecordsRequestTopicPartition()
	dp.Partition, dp.Offset = 0, 40
	dt.Partitions = append(dt.Partitions, dp)
	del.Topics = append(del.Topics, dt)
	if _, err := del.RequestWith(t.Context(), cl); err != nil {
		t.Fatal(err)
	}
	m = join(t, testConfig(c))
	l := m.log("logs/0")
	if got := values(t, l, 60); !slices.Equal(got, numbers(40, 100)) {
		t.Errorf("read %v", got)
	}
	families, _ := m.reg.Gather()
	for _, f := range families {
		if f.GetName() == "penstock_kafka_skipped_records_total" &&
			f.Metric[0].Counter.GetValue() != 30 {
			t.Errorf("%v skipped records counted, want 30", f.Metric[0].Counter.GetValue())
		}
	}
	if b, ok := m.in.Behind(); !ok || b.Gone != 30 {
		t.Errorf("it says that %d are gone, want 30", b.Gone)
	}
}

// The group's offset is beyond the partition's end, as after a topic was made anew: reading on in
// silence would lose what comes.
func TestPositionBeyondTheEnd(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	produce(t, c, "logs", 0, numbers(0, 10)...)
	m := join(t, testConfig(c))
	if err := m.log("logs/0").Commit(t.Context(), 500, ""); err != nil {
		t.Fatal(err)
	}
	m.leave()
	l := join(t, testConfig(c)).log("logs/0")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if b, err := l.Next(
		ctx,
	); err == nil || ctx.Err() != nil ||
		!strings.Contains(err.Error(), "made anew") {
		t.Fatalf("got %+v, %v", b, err)
	}
}

// An output that does not read makes its partition pause, with little in memory; the other
// partitions go on.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(2, "logs"))
	var big []string
	for i := range 400 {
		big = append(big, fmt.Sprintf("%d %s", i, strings.Repeat("x", 20_000)))
	}
	produce(t, c, "logs", 0, big...)
	produce(t, c, "logs", 1, numbers(0, 100)...)
	cfg := testConfig(c)
	cfg.BufferBytes, cfg.FetchBytes = 1<<20, 256<<10
	m := join(t, cfg)
	slow, quick := m.log("logs/0"), m.log("logs/1")
	if got := values(t, quick, 100); !slices.Equal(got, numbers(0, 100)) {
		t.Fatal("the other partition stands still")
	}
	deadline := time.Now().Add(10 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		slow.mu.Lock()
		paused, bytes := slow.ahead.paused, slow.ahead.bytes
		slow.mu.Unlock()
		if bytes > 5<<20 {
			t.Fatalf("%d bytes are read ahead", bytes)
		}
		if paused {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("never paused")
		}
	}
	produce(t, c, "logs", 1, "on")
	if got := values(t, quick, 1); got[0] != "on" {
		t.Fatalf("read %v", got)
	}
	if got := values(t, slow, 400); !slices.Equal(got, big) {
		t.Fatal("records differ after the pause")
	}
}

// An output that stops in the middle of its share holds up no other partition.
func TestBackPressureInTheMiddle(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(2, "logs"))
	var big []string
	for i := range 600 {
		big = append(big, fmt.Sprintf("%d %s", i, strings.Repeat("x", 20_000)))
	}
	for i := 0; i < len(big); i += 20 {
		produce(t, c, "logs", 0, big[i:i+20]...)
	}
	cfg := testConfig(c)
	cfg.BufferBytes, cfg.FetchBytes = 4<<20, 256<<10
	m := join(t, cfg)
	slow, quick := m.log("logs/0"), m.log("logs/1")
	share := func() (bytes, limit int64, full bool) {
		slow.mu.Lock()
		defer slow.mu.Unlock()
		return slow.ahead.bytes, slow.limit.Load(), slow.ahead.full
	}
	deadline := time.Now().Add(10 * time.Second)
	for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
		if _, _, full := share(); full {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("never full")
		}
	}
	for {
		if bytes, limit, _ := share(); bytes <= limit {
			t.Logf("%d bytes of %d", bytes, limit)
			break
		}
		if _, err := slow.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	produce(t, c, "logs", 1, "on")
	if got := values(t, quick, 1); got[0] != "on" {
		t.Fatalf("read %v", got)
	}
}

// A backlog whose outputs read on, slower than it is fetched, is fetched once: partitions are not
// paused for having enough, as what was fetched of a paused partition is thrown away.
func TestBacklogIsFetchedOnce(t *testing.T) {
	t.Parallel()
	const partitions, n = 3, 3000
	c := startCluster(t, kfake.SeedTopics(partitions, "logs"))
	var fetched atomic.Int64
	c.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		fetched.Add(1)
		return nil, nil, false
	})
	var big []string
	for i := range n {
		big = append(big, fmt.Sprintf("%d %s", i, strings.Repeat("x", 10_000)))
	}
	for p := range int32(partitions) {
		produce(t, c, "logs", p, big...)
	}
	cfg := testConfig(c)
	cfg.BufferBytes, cfg.FetchBytes = 12<<20, 256<<10
	m := join(t, cfg)
	var wg sync.WaitGroup
	for p := range partitions {
		l := m.log(fmt.Sprintf("logs/%d", p))
		wg.Go(func() {
			for read := 0; read < n; {
				b, err := l.Next(t.Context())
				if err != nil {
					t.Errorf("after %d records: %v", read, err)
					return
				}
				read += b.Len()
				// an output that works
				for begun := time.Now(); time.Since(begun) < time.Millisecond; {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	if n := testutil.ToFloat64(m.in.metrics.pauses); n > 5 {
		t.Errorf("partitions were paused %v times over %d fetches", n, fetched.Load())
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	produce(t, c, "logs", 0, numbers(0, 300)...)
	cfg := testConfig(c)
	cfg.RateLimit = 200
	l := join(t, cfg).log("logs/0")
	begun := time.Now()
	values(t, l, 300)
	if d := time.Since(begun); d < 400*time.Millisecond {
		t.Errorf("300 records at 200 a second took %v", d)
	}
}

// A handle that returns leaves its partition paused, and the others alone.
func TestHandleReturnsEarly(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(2, "logs"))
	produce(t, c, "logs", 0, numbers(0, 10)...)
	produce(t, c, "logs", 1, numbers(0, 10)...)
	m := join(t, testConfig(c))
	l := m.log("logs/0")
	l.release <- errors.New("cannot go on")
	m.await("the handle to return", func(all map[string]*held) bool { return all["logs/0"] == nil })
	if got := values(t, m.log("logs/1"), 10); len(got) != 10 {
		t.Error("the other partition stands still")
	}
}

func TestStaticMembership(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(2, "logs"))
	cfg := testConfig(c)
	cfg.InstanceID = "lake-1"
	m := join(t, cfg)
	if err := m.log("logs/0").Commit(t.Context(), 0, "static"); err != nil {
		t.Fatal(err)
	}
	m.leave()
	m = join(t, cfg)
	if _, note := m.log("logs/0").Committed(); note != "static" {
		t.Errorf("note %q", note)
	}
	// A second process with the same name fences the first.
	old := m.log("logs/0")
	m2 := join(t, cfg)
	m2.log("logs/0")
	if err := old.Commit(t.Context(), 0, "twin"); !errors.Is(err, record.ErrFenced) {
		t.Errorf("the old twin's commit says %v", err)
	}
}

func TestProtocolAuto(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	in := &Input{cfg: Config{Protocol: "auto"}}
	if p, err := in.protocol(t.Context(), cl); err != nil || p != "consumer" {
		t.Errorf("protocol %q %v", p, err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"group: ":              func(c *Config) { c.Group = "" },
		"topics: ":             func(c *Config) { c.Topics = nil },
		"topics_regex: ":       func(c *Config) { c.TopicsRegex = []string{"("} },
		"exclude_regex: ":      func(c *Config) { c.ExcludeRegex = []string{"x"} },
		"start: ":              func(c *Config) { c.Start = "yesterday" },
		"isolation: ":          func(c *Config) { c.Isolation = "x" },
		"protocol: ":           func(c *Config) { c.Protocol = "x" },
		"heartbeat_interval: ": func(c *Config) { c.HeartbeatInterval = time.Hour },
		"revoke_timeout: ":     func(c *Config) { c.RevokeTimeout = time.Hour },
		"buffer_bytes: ":       func(c *Config) { c.BufferBytes = 1 },
	} {
		c := Default()
		c.Brokers, c.Group, c.Topics = []string{"k"}, "g", []string{"t"}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
