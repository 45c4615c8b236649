package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lockedBuffer is a log that a test can read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type letters struct {
	mu  sync.Mutex
	all []outputs.Letter
}

func (l *letters) Bury(_ context.Context, more []outputs.Letter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range more {
		m.Record.Value = bytes.Clone(m.Record.Value)
		l.all = append(l.all, m)
	}
	return nil
}

func (l *letters) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// exactRig is a log, a cluster, and an output between them that delivers exactly once.
type exactRig struct {
	testing.TB
	c       *kfake.Cluster
	log     *outputtest.MemLog
	want    map[string]int
	logs    lockedBuffer
	letters letters
	change  func(*Config)
	common  func(*outputs.Common)
	targets outputs.Targets
}

func newExactRig(t testing.TB, c *kfake.Cluster) *exactRig {
	return &exactRig{TB: t, c: c, log: outputtest.NewMemLog("buffer"), want: map[string]int{}, change: func(*Config) {}, common: func(*outputs.Common) {}}
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

func (r *exactRig) output() *outputs.Drainer {
	r.Helper()
	cfg := testConfig(r.c)
	cfg.Delivery, cfg.CommitInterval = ExactlyOnce, 30*time.Millisecond
	cfg.DeliveryTimeout, cfg.RequestTimeout = time.Second, 300*time.Millisecond
	r.change(&cfg)
	if err := cfg.Validate(); err != nil {
		r.Fatal(err)
	}
	env := outputs.Env{Name: "output.kafka.events", Agent: "edge-1", Log: slog.New(slog.NewTextHandler(&r.logs, nil)), Metrics: prometheus.NewRegistry(), Dir: r.TempDir()}
	w, err := New(cfg, env)
	if err != nil {
		r.Fatal(err)
	}
	common := outputs.DefaultCommon()
	common.Retry = outputs.Retry{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}
	r.common(&common)
	env.Metrics = prometheus.NewRegistry()
	t := r.targets
	t.DeadLetter = &r.letters
	out, err := outputs.NewAsyncOutput(w, common, env, t)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { out.Close() })
	return out
}

// drain starts to drain and returns how to stop it, and how to wait for its end.
func (r *exactRig) drain(out *outputs.Drainer) (stop func(), wait func() error) {
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

// committed reads n records as a reader of committed ones does, and makes sure that there are no more.
func (r *exactRig) committed(n int) []*kgo.Record {
	r.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.c.ListenAddrs()...), kgo.ConsumeTopics("logs"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond), kgo.MetadataMinAge(50*time.Millisecond))
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
	if err != nil {
		r.Fatal(err)
	}
	o, ok := offsets.Lookup("logs", 0)
	if !ok {
		return -1, ""
	}
	return o.At, o.Metadata
}

// Everything arrives once, through outages longer than the delivery timeout and lost answers, and the position moves with it.
func TestExactlyOnceThroughOutages(t *testing.T) {
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
		if os.Getenv("PENSTOCK_TEST_LOGS") != "" {
			t.Log(r.logs.String())
		}
	})
}

var _ = errors.Is
var _ = strings.Contains
var _ = record.MaxNote
