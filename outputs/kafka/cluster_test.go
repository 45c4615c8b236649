package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/outputs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// network is what lies between clients and the brokers: it can be down, and it can lose connections
// when a broker answers.
type network struct {
	mu    sync.Mutex
	down  bool
	loss  float64 // chance that an answer is lost with its connection
	next  int     // answers that will be lost
	rng   *rand.Rand
	conns map[net.Conn]struct{}
}

func newNetwork(seed uint64) *network {
	return &network{rng: rand.New(rand.NewPCG(seed, 2)), conns: map[net.Conn]struct{}{}}
}

func (n *network) listen(nw, addr string) (net.Listener, error) {
	l, err := net.Listen(nw, addr)
	return &listener{l, n}, err
}

func (n *network) set(down bool, loss float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down, n.loss = down, loss
	if down {
		for c := range n.conns {
			c.Close()
		}
	}
}

// loseNext loses the next answer.
func (n *network) loseNext() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next++
}

// bounce closes all connections once.
func (n *network) bounce() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		c.Close()
	}
}

type listener struct {
	net.Listener
	n *network
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.n.mu.Lock()
		down := l.n.down
		if !down {
			l.n.conns[c] = struct{}{}
		}
		l.n.mu.Unlock()
		if !down {
			return &conn{c, l.n}, nil
		}
		c.Close()
	}
}

type conn struct {
	net.Conn
	n *network
}

func (c *conn) Write(p []byte) (int, error) {
	c.n.mu.Lock()
	lose := c.n.loss > 0 && c.n.rng.Float64() < c.n.loss
	if c.n.next > 0 {
		c.n.next--
		lose = true
	}
	c.n.mu.Unlock()
	if lose {
		c.Conn.Close()
	}
	return c.Conn.Write(p)
}

func (c *conn) Close() error {
	c.n.mu.Lock()
	delete(c.n.conns, c.Conn)
	c.n.mu.Unlock()
	return c.Conn.Close()
}

func startCluster(t testing.TB, n *network, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	if n != nil {
		opts = append(opts, kfake.ListenFn(n.listen))
	}
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func testConfig(c *kfake.Cluster) Config {
	cfg := Default()
	cfg.Brokers = c.ListenAddrs()
	cfg.Topic = template.MustParse("logs")
	cfg.RequestTimeout = 2 * time.Second
	cfg.DeliveryTimeout = 3 * time.Second
	return cfg
}

func testEnv() (outputs.Env, *prometheus.Registry) {
	reg := prometheus.NewRegistry()
	return outputs.Env{
		Name:    "output.kafka.events",
		Agent:   "edge-1",
		Log:     slog.New(slog.DiscardHandler),
		Metrics: reg,
	}, reg
}

// fastRetries is the common part of an output's configuration, with retries as a test wants them.
func fastRetries() outputs.Common {
	common := outputs.DefaultCommon()
	common.Retry = outputs.Retry{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}
	return common
}

func newWriter(t testing.TB, cfg Config) (*Writer, *prometheus.Registry) {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	env, reg := testEnv()
	w, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, reg
}

// paths are the configurations that lead to each path; the suite runs with both.
var paths = map[string]func(*Config){
	"direct": func(*Config) {},
	"record": func(c *Config) { c.Headers = map[string]string{"via": "penstock"} },
}

// lines returns a batch of n records "origin/number" from first on, each padded to size.
func lines(origin string, first, n, size int) *record.Batch {
	var bb record.Builder
	bb.Reset("app.web", origin, n*(size+16))
	for i := range n {
		v := fmt.Appendf(nil, "%s/%08d ", origin, first+i)
		for x := uint32(first+i) * 2654435761; len(v) < size; x = x*1664525 + 1013904223 {
			if len(v)%3 == 0 { // compresses about as well as log lines do
				v = append(v, "level=info msg="...)
			}
			v = append(v, 'a'+byte(x>>27)%26)
		}
		v = v[:max(size, len(origin)+10)]
		bb.Append(time.Now().UnixNano(), nil, v, nil)
	}
	b := bb.Build()
	b.At(int64(first))
	return b
}

// deliver starts all batches and returns the outcome of each.
func deliver(t testing.TB, w *Writer, batches ...*record.Batch) []error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	errs := make([]error, len(batches))
	var wg sync.WaitGroup
	for i, b := range batches {
		wg.Add(1)
		w.Start(ctx, b, func(err error) {
			errs[i] = err
			wg.Done()
		})
	}
	all := make(chan struct{})
	go func() { wg.Wait(); close(all) }()
	select {
	case <-all:
	case <-ctx.Done():
		t.Fatal("some batches never came back")
	}
	return errs
}

// sitOut starts batches during an outage that is longer than the delivery timeout. It waits until
// it is told why they are kept, or gets them back, and mends. Then all are delivered, those that
// came back at another try. It returns the first thing that was told.
func sitOut(t testing.TB, w *Writer, mend func(), batches ...*record.Batch) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	told := make(chan error, 1000)
	w.Report(func(err error) { told <- err })
	type outcome struct {
		i   int
		err error
	}
	outcomes := make(chan outcome, len(batches))
	for i, b := range batches {
		w.Start(ctx, b, func(err error) {
			if err != nil {
				told <- err
			}
			outcomes <- outcome{i, err}
		})
	}
	var first error
	select {
	case first = <-told:
	case <-ctx.Done():
		t.Fatal("nothing is told of batches that are kept")
	}
	mend()
	again := make([]*record.Batch, len(batches))
	for range batches {
		select {
		case o := <-outcomes:
			switch {
			case outputs.IsPermanent(o.err):
				t.Fatalf("given up for good: %v", o.err)
			case o.err != nil:
				again[o.i] = batches[o.i]
			}
		case <-ctx.Done():
			t.Fatal("some batches never came back")
		}
	}
	mustDeliver(t, w, slices.DeleteFunc(again, func(b *record.Batch) bool { return b == nil })...)
	return first
}

func mustDeliver(t testing.TB, w *Writer, batches ...*record.Batch) {
	t.Helper()
	for i, err := range deliver(t, w, batches...) {
		if err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
	}
}

// consume reads n records of a topic, and then makes sure that there are no more.
func consume(t testing.TB, c *kfake.Cluster, topic string, n int) []*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.ListenAddrs()...),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(
			kgo.NewOffset().AtStart(),
		),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.MetadataMinAge(50*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out []*kgo.Record
	for len(out) < n {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read %d of %d records", len(out), n)
		}
		out = append(out, fs.Records()...)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	out = append(out, cl.PollFetches(ctx).Records()...)
	return out
}

// checkOrder verifies that each origin's records are there once, in order, in one partition.
func checkOrder(t testing.TB, recs []*kgo.Record, want map[string]int) {
	t.Helper()
	next, partition := map[string]int{}, map[string]int32{}
	for _, r := range recs {
		var origin string
		var n int
		for i := len(r.Value) - 1; i >= 0; i-- {
			if r.Value[i] == '/' {
				origin = string(r.Value[:i])
				fmt.Sscanf(string(r.Value[i+1:i+9]), "%d", &n)
				break
			}
		}
		if n != next[origin] {
			t.Fatalf(
				"%s: record %d where %d was due (offset %d)", origin, n, next[origin], r.Offset,
			)
		}
		if p, ok := partition[origin]; ok && p != r.Partition {
			t.Fatalf("%s is in partitions %d and %d", origin, p, r.Partition)
		}
		partition[origin] = r.Partition
		next[origin]++
	}
	for origin, n := range want {
		if next[origin] != n {
			t.Errorf("%s: %d records of %d", origin, next[origin], n)
		}
	}
}

func counter(
	t testing.TB, reg *prometheus.Registry, name string, labels map[string]string,
) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	next:
		for _, m := range f.Metric {
			for k, v := range labels {
				ok := false
				for _, l := range m.Label {
					ok = ok || l.GetName() == k && l.GetValue() == v
				}
				if !ok {
					continue next
				}
			}
			sum += m.GetCounter().GetValue()
		}
	}
	return sum
}

func adminClient(t testing.TB, c *kfake.Cluster) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}
