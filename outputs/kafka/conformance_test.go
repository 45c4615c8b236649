package kafka

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// harness is a cluster behind a network that can be cut.
type harness struct {
	cluster *kfake.Cluster
	net     *network
	change  func(*Config)
	direct  bool // whatever the size of batches
	writers *[]*Writer
}

func (d *harness) New(t testing.TB, env outputs.Env) any {
	cfg := testConfig(d.cluster)
	cfg.DeliveryTimeout, cfg.RequestTimeout = time.Second, time.Second
	d.change(&cfg)
	w, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	if d.direct {
		w.small = 0
	}
	*d.writers = append(*d.writers, w)
	return w
}

func (d *harness) Received(t testing.TB) []outputtest.Received {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(d.cluster.ListenAddrs()...), kgo.ConsumeTopics("logs"),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, "logs")
	if err != nil {
		t.Fatal(err)
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	var out []outputtest.Received
	for left > 0 {
		fetched := cl.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fetched.RecordsAll() {
			left--
			got := record.Record{Time: r.Timestamp.UnixNano(), Key: r.Key, Value: r.Value}
			for _, h := range r.Headers {
				if h.Key != "via" {
					got.Headers = append(got.Headers, record.Header{Key: h.Key, Value: h.Value})
				}
			}
			out = append(out, outputtest.Received{Record: got})
		}
	}
	return out
}

func (d *harness) Break(testing.TB) { d.net.set(true, 0) }
func (d *harness) Mend(testing.TB)  { d.net.set(false, 0) }

func (d *harness) Keeps() outputtest.Keeps {
	return outputtest.Keeps{
		Key:       true,
		Headers:   true,
		Time:      true,
		NullValue: true,
		Binary:    true,
		MaxValue:  900 << 10,
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		var writers []*Writer
		outputtest.Run(t, func(t *testing.T) outputtest.Harness {
			n := newNetwork(rand.Uint64())
			return &harness{
				startCluster(t, n, kfake.SeedTopics(3, "logs")),
				n,
				change,
				path == "direct",
				&writers,
			}
		})
		direct := 0.0
		for _, w := range writers {
			direct += testutil.ToFloat64(w.metrics.direct)
		}
		if (direct >= 100) != (path == "direct") {
			t.Errorf("%v batches were sent as they lie", direct)
		}
	})
}
