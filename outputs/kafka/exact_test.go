package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type deadRecords struct {
	mu  sync.Mutex
	all []outputs.DeadRecord
}

func (l *deadRecords) Keep(_ context.Context, more []outputs.DeadRecord) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range more {
		m.Record.Value = bytes.Clone(m.Record.Value)
		l.all = append(l.all, m)
	}
	return nil
}

func (l *deadRecords) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// exactRig is a log, a cluster, and an output between them that delivers exactly once.
type exactRig struct {
	testing.TB
	c    *kfake.Cluster
	log  *outputtest.MemLog
	want map[string]int
	logs runtest.LogBuffer
	reg  *prometheus.Registry // of the output made last
	// of the writer in it
	writerReg *prometheus.Registry
	dead      deadRecords
	change    func(*Config)
	common    func(*outputs.Common)
	targets   drain.Targets
}

func newExactRig(t testing.TB, c *kfake.Cluster) *exactRig {
	return &exactRig{
		TB:     t,
		c:      c,
		log:    outputtest.NewMemLog("buffer"),
		want:   map[string]int{},
		change: func(*Config) {},
		common: func(*outputs.Common) {},
	}
}

func (r *exactRig) add(batches, records int) {
	for i := range batches {
		origin := fmt.Sprintf("o%d", i%6)
		r.log.Append(lines(origin, r.want[origin], records, 120))
		r.want[origin] += records
	}
}

func (r *exactRig) total() (n int) {
	for _, w := range r.want {
		n += w
	}
	return n
}

func (r *exactRig) output() *drain.Drainer {
	r.Helper()
	cfg := testConfig(r.c)
	cfg.Delivery, cfg.CommitInterval = ExactlyOnce, 30*time.Millisecond
	cfg.DeliveryTimeout, cfg.RequestTimeout = time.Second, 300*time.Millisecond
	r.change(&cfg)
	if err := cfg.Validate(); err != nil {
		r.Fatal(err)
	}
	r.writerReg = prometheus.NewRegistry()
	env := outputs.Env{
		Name:    "output.kafka.events",
		Agent:   "edge-1",
		Log:     slog.New(slog.NewTextHandler(&r.logs, nil)),
		Metrics: r.writerReg,
		Dir:     r.TempDir(),
	}
	w, err := New(cfg, env)
	if err != nil {
		r.Fatal(err)
	}
	common := outputs.DefaultCommon()
	common.Retry = outputs.Retry{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}
	r.common(&common)
	r.reg = prometheus.NewRegistry()
	env.Metrics = r.reg
	t := r.targets
	t.DeadLetter = &r.dead
	out, err := drain.NewAsyncOutput(w, common, env, t)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { out.Close() })
	return out
}

// drain starts to drain and returns how to stop it, and how to wait for its end.
func (r *exactRig) drain(out *drain.Drainer) (stop func(), wait func() error) {
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan error, 1)
	owner := r.log.Owner()
	go func() { ended <- out.Drain(ctx, owner) }()
	wait = func() error {
		select {
		case err := <-ended:
			ended <- err
			return err
		case <-time.After(60 * time.Second):
			r.Fatalf("stuck: %+v\n%s", out.Status(), r.logs.String())
			return nil
		}
	}
	return func() { cancel(); _ = wait() }, wait
}

func (r *exactRig) until(what string, ok func() bool) {
	r.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			r.Fatalf("waited in vain for %s\n%s", what, r.logs.String())
		}
	}
}

// untilMoved waits until everything is in the overflow.
func (r *exactRig) untilMoved() {
	r.Helper()
	r.until("everything to move", func() bool {
		pos, _ := r.log.Committed()
		return pos == int64(r.total())
	})
}

// untilDelivered waits until everything is in Kafka and nothing in the overflow, into which records
// may move again on a slow machine.
func (r *exactRig) untilDelivered(store *outputtest.MemStore) {
	r.Helper()
	r.until("everything to be delivered", func() bool {
		pos, _ := r.log.Committed()
		return pos == int64(r.total()) && objects(store) == 0
	})
}

// committed reads n records as a reader of committed ones does, and makes sure that there are no
// more.
func (r *exactRig) committed(n int) []*kgo.Record {
	r.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(r.c.ListenAddrs()...),
		kgo.ConsumeTopics("logs"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeStartOffset(
			kgo.NewOffset().AtStart(),
		),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.MetadataMinAge(50*time.Millisecond),
	)
	if err != nil {
		r.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	var out []*kgo.Record
	for len(out) < n && ctx.Err() == nil {
		out = append(out, cl.PollFetches(ctx).Records()...)
	}
	ctx, cancel = context.WithTimeout(r.Context(), 300*time.Millisecond)
	defer cancel()
	out = append(out, cl.PollFetches(ctx).Records()...)
	if len(out) != n {
		r.Errorf("%d committed records, want %d", len(out), n)
	}
	return out
}

func (r *exactRig) check() {
	r.Helper()
	checkOrder(r, r.committed(r.total()), r.want)
}

// position returns what the group has committed.
func (r *exactRig) position() (int64, string) {
	r.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.c.ListenAddrs()...))
	if err != nil {
		r.Fatal(err)
	}
	defer cl.Close()
	offsets, err := kadm.NewClient(cl).FetchOffsets(r.Context(), "penstock.edge-1.buffer")
	if errors.Is(err, kerr.GroupIDNotFound) {
		return -1, ""
	}
	if err != nil {
		r.Fatal(err)
	}
	o, ok := offsets.Lookup("logs", 0)
	if !ok {
		return -1, ""
	}
	return o.At, o.Metadata
}

// Everything arrives once, through outages longer than the delivery timeout and lost answers, and
// the position moves with it.
func TestExactlyOnceThroughOutages(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		n := newNetwork(7)
		r := newExactRig(t, startCluster(t, n, kfake.SeedTopics(3, "logs")))
		r.change = change
		r.add(60, 200)
		out := r.output()
		_, wait := r.drain(out)
		for range 2 {
			n.set(true, 0)
			r.add(40, 200)
			<-time.After(1800 * time.Millisecond)
			n.set(false, 0.1)
			r.add(40, 200)
			<-time.After(700 * time.Millisecond)
			n.set(false, 0)
		}
		r.log.Seal()
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if pos, _ := r.log.Committed(); pos != int64(r.total()) {
			t.Errorf("committed %d, want %d", pos, r.total())
		}
		if pos, note := r.position(); pos != int64(r.total()) {
			t.Errorf("Kafka holds %d %q, want %d", pos, note, r.total())
		}
		r.check()
		_, _ = io.WriteString(runtest.Log(), r.logs.String())
	})
}

// What comes after a pause is sent at once, however the pause fell between two commits.
func TestExactlyOnceAfterPauses(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		r := newExactRig(t, startCluster(t, nil, kfake.SeedTopics(3, "logs")))
		r.change = func(c *Config) {
			change(c)
			c.DeliveryTimeout, c.TransactionTimeout = 15*time.Second, time.Minute
		}
		_, wait := r.drain(r.output())
		begun := time.Now()
		for range 12 {
			r.add(3, 10)
			r.until(
				"the commit",
				func() bool { pos, _ := r.log.Committed(); return pos == int64(r.total()) },
			)
			<-time.After(100 * time.Millisecond) // some commit intervals
			if took := time.Since(begun); took > 10*time.Second {
				t.Fatalf(
					"took %v: something waited for the delivery timeout\n%s", took, r.logs.String(),
				)
			}
		}
		r.log.Seal()
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		r.check()
	})
}

// A restart goes on where Kafka says, whatever the log's own cursor holds.
func TestExactlyOnceAfterARestart(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(3, "logs"))
	r := newExactRig(t, c)
	r.add(20, 100)
	stop, _ := r.drain(r.output())
	r.until("a commit", func() bool { pos, _ := r.log.Committed(); return pos == 2000 })
	stop()
	// The log's cursor is lost on the way to the disk: it stays where it was.
	held := true
	var mu sync.Mutex
	r.log.SetCommitFault(func(pos int64, _ string) outputtest.CommitFault {
		mu.Lock()
		defer mu.Unlock()
		if held && pos > 2000 {
			return outputtest.CommitFails
		}
		return outputtest.CommitWorks
	})
	r.add(20, 100)
	stop, _ = r.drain(r.output())
	r.until("the position in Kafka", func() bool { pos, _ := r.position(); return pos == 4000 })
	stop()
	if pos, _ := r.log.Committed(); pos != 2000 {
		t.Fatalf("the log's own cursor is at %d: the test shows nothing", pos)
	}
	mu.Lock()
	held = false
	mu.Unlock()
	r.add(20, 100)
	r.log.Seal()
	_, wait := r.drain(r.output())
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	r.check()
	if !strings.Contains(r.logs.String(), "ahead of the buffer's") {
		t.Error("nothing is said about it")
	}
}

// Another buffer under the same name, as after a lost disk, is not taken for the one that Kafka
// knows.
func TestExactlyOnceWithANewBuffer(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(3, "logs"))
	r := newExactRig(t, c)
	r.add(20, 100)
	r.log.Seal()
	_, wait := r.drain(r.output())
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	r.log = outputtest.NewMemLog("buffer")
	r.add(6, 100)
	r.log.Seal()
	_, wait = r.drain(r.output())
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	r.committed(2600)
	if !strings.Contains(r.logs.String(), "another buffer") {
		t.Error("nothing is said about it")
	}
}

// An older copy of the buffer skips what Kafka has of it, and nothing else.
func TestExactlyOnceWithAnOlderCopy(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(3, "logs"))
	r := newExactRig(t, c)
	r.add(20, 100)
	r.log.Seal()
	_, wait := r.drain(r.output())
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	_, note := r.log.Committed()
	r.log = outputtest.NewMemLog("buffer")
	r.log.Append(lines("o0", 0, 100, 120))
	if err := r.log.Owner().Commit(t.Context(), 40, note); err != nil {
		t.Fatal(err)
	}
	_, wait = r.drain(r.output())
	r.until("it to say so", func() bool { return strings.Contains(r.logs.String(), "older copy") })
	r.log.Append(lines("o1", r.want["o1"], 50, 120))
	r.want["o1"] += 50
	r.log.Seal()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	r.check()
}

// A second agent with the same data takes over; the first one stops, says why, and does not take it
// back.
func TestExactlyOnceTwin(t *testing.T) {
	t.Parallel()
	exactTwin(t, startCluster(t, nil, kfake.SeedTopics(3, "logs")))
}

func TestExactlyOnceTwinWhereMarkersComeLate(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(3, "logs"))
	newLateMarkers(c)
	exactTwin(t, c)
}

func exactTwin(t *testing.T, c *kfake.Cluster) {
	first, second := newExactRig(t, c), newExactRig(t, c)
	first.add(10, 100)
	stopFirst, _ := first.drain(first.output())
	first.until("a commit", func() bool { pos, _ := first.log.Committed(); return pos == 1000 })
	_, note := first.log.Committed()
	// The copy.
	second.add(10, 100)
	if err := second.log.Owner().Commit(t.Context(), 0, note); err != nil {
		t.Fatal(err)
	}
	out := second.output()
	stopSecond, _ := second.drain(out)
	second.until(
		"the second's position",
		func() bool { pos, _ := second.log.Committed(); return pos == 1000 },
	)
	for i := range 5 {
		first.add(4, 10)
		second.add(4, 10)
		want := int64(1000 + 40*(i+1))
		second.until(
			"the second to go on",
			func() bool { pos, _ := second.log.Committed(); return pos == want },
		)
	}
	first.until(
		"the first to say that it has stopped",
		func() bool { return strings.Contains(first.logs.String(), "this output has stopped") },
	)
	if n := strings.Count(first.logs.String(), "this output has stopped"); n != 1 {
		t.Errorf("said %d times", n)
	}
	if strings.Contains(second.logs.String(), "this output has stopped") {
		t.Error("the second has stopped too")
	}
	if pos, _ := first.log.Committed(); pos != 1000 {
		t.Errorf("the first went on to %d", pos)
	}
	stopFirst()
	stopSecond()
	second.check()
}

// loseSome loses every few requests of a kind before they have an effect, or their answers after
// it.
func loseSome(c *kfake.Cluster, n *network, key kmsg.Key, every int, done bool) *atomic.Int64 {
	var seen, lost atomic.Int64
	c.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if seen.Add(1)%int64(every) != 0 {
			return nil, nil, false
		}
		lost.Add(1)
		if done {
			n.loseNext()
			return nil, nil, false
		}
		return nil, errors.New("lost"), true
	})
	return &lost
}

// Whatever request of a transaction gets no answer, each record is there once.
func TestExactlyOnceWithLostRequests(t *testing.T) {
	t.Parallel()
	for _, key := range []kmsg.Key{kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn, kmsg.InitProducerID, kmsg.OffsetFetch, kmsg.Produce} {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/done=%v", key.Name(), done), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(1)
				c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
				every := 3
				if key == kmsg.InitProducerID || key == kmsg.OffsetFetch {
					every = 2
				}
				lost := loseSome(c, n, key, every, done)
				r := newExactRig(t, c)
				stop, wait := r.drain(r.output())
				for i := range 10 {
					if i == 5 {
						stop()
						stop, wait = r.drain(r.output())
					}
					r.add(6, 50)
					r.until(
						"the commit",
						func() bool { pos, _ := r.log.Committed(); return pos == int64(r.total()) },
					)
				}
				r.log.Seal()
				if err := wait(); err != nil {
					t.Fatal(err)
				}
				stop()
				r.check()
				if lost.Load() == 0 {
					t.Error("nothing was lost: the test shows nothing")
				}
			})
		}
	}
}

// What the brokers refuse for good is in the dead letter, and everything else is there once.
func TestExactlyOnceRefusals(t *testing.T) {
	t.Parallel()
	c := startCluster(
		t, nil, kfake.SeedTopics(1, "logs"),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000"}),
	)
	r := newExactRig(t, c)
	r.change = func(cfg *Config) { cfg.Compression = "none" }
	r.add(10, 100)
	big := bytes.Repeat([]byte("x"), 50_000)
	r.log.Append(
		record.FromRecords(
			"app.web", "o1", []record.Record{{Time: time.Now().UnixNano(), Value: big}},
		),
	)
	r.add(10, 100)
	r.log.Seal()
	_, wait := r.drain(r.output())
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	r.check()
	if n := r.dead.count(); n != 1 || len(r.dead.all[0].Record.Value) != len(big) {
		t.Errorf("%d dead letters", n)
	}
}

// An agent that stops in the middle of a transaction leaves none open: readers need not wait until
// it times out.
func TestExactlyOnceStopEndsTransaction(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
	r := newExactRig(t, c)
	var ends atomic.Int64
	c.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if ends.Add(1) == 1 {
			return nil, nil, false // the first one only claims
		}
		return nil, errors.New("lost"), true
	})
	stop, _ := r.drain(r.output())
	r.add(3, 50)
	r.until("a transaction", func() bool { return ends.Load() > 1 })
	stop()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	sum := func(o kadm.ListedOffsets, err error) (n int64) {
		if err != nil {
			t.Fatal(err)
		}
		o.Each(func(l kadm.ListedOffset) { n += l.Offset })
		return n
	}
	all := sum(adm.ListEndOffsets(t.Context(), "logs"))
	if stable := sum(adm.ListCommittedOffsets(t.Context(), "logs")); all == 0 || stable != all {
		t.Errorf("readers of committed records come to %d of %d", stable, all)
	}
}

func TestExactlyOnceConfig(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Brokers, cfg.Topic, cfg.Delivery = []string{
		"b:9092",
	}, template.MustParse(
		"logs",
	), ExactlyOnce
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if cfg.positionTopic() != "logs" {
		t.Errorf("positions are stored with %q", cfg.positionTopic())
	}
	for want, change := range map[string]func(*Config){
		"delivery: \"twice\"":  func(c *Config) { c.Delivery = "twice" },
		"delivery: exactly":    func(c *Config) { c.Topic = template.MustParse("logs-${tag}") },
		"position_topic: \"a ": func(c *Config) { c.PositionTopic = "a b" },
		"position_topic: has":  func(c *Config) { c.Delivery, c.PositionTopic = AtLeastOnce, "x" },
		"commit_interval: ":    func(c *Config) { c.CommitInterval = time.Minute },
		"commit_interval_max:": func(c *Config) { c.CommitIntervalMax = time.Hour },
		"transaction_timeout: must be from": func(c *Config) {
			c.TransactionTimeout = time.Hour
		},
		"transaction_timeout: must be more": func(c *Config) { c.DeliveryTimeout = 2 * time.Minute },
	} {
		bad := cfg
		change(&bad)
		if err := bad.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	for want, change := range map[outputs.CommitInterval]func(*Config){
		{Shortest: 200 * time.Millisecond, Longest: 5 * time.Second}: func(*Config) {},
		{Shortest: 8 * time.Second, Longest: 8 * time.Second}: func(c *Config) {
			c.CommitInterval = 8 * time.Second
		},
		{Shortest: 200 * time.Millisecond, Longest: 2 * time.Second}: func(c *Config) {
			c.TransactionTimeout = c.DeliveryTimeout + 4*time.Second
		},
	} {
		c := cfg
		change(&c)
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
		if got := c.commitInterval(); got != want {
			t.Errorf("commits are %v to %v apart, want %v to %v",
				got.Shortest, got.Longest, want.Shortest, want.Longest)
		}
	}
	many := cfg
	many.Topic, many.PositionTopic = template.MustParse("logs-${tag}"), "logs-positions"
	if err := many.Validate(); err != nil {
		t.Error(err)
	}
	if (&Config{Delivery: AtLeastOnce}).NeedsBuffer() != nil || cfg.NeedsBuffer() == nil {
		t.Error("a source as its log")
	}
}
