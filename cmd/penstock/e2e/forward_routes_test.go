package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kgo"
)

const routesConfig = `
agent {
  data_dir = "DIR/data"
  name     = "relay-1"
  shutdown_timeout = "2s"
  admin { listen = "ADMIN" }
}
input "forward" "fluent" { listen = "LISTEN" }

output "kafka" "all" {
  brokers = ["BROKER"]
  topic   = "all"
}
output "kafka" "app" {
  brokers = ["BROKER"]
  topic   = "app"
}
output "kafka" "either" {
  brokers = ["BROKER"]
  topic   = "either"
}
output "kafka" "deep" {
  brokers = ["BROKER"]
  topic   = "deep"
}
output "kafka" "rest" {
  brokers = ["BROKER"]
  topic   = "rest"
}
output "forward" "dead" {
  server "gone" { address = "DEAD" }
  recover_wait = "0s"
  retry { max = "200ms" }
  failover {
    to          = output.local.overflow
    after       = "500ms"
    at_fill     = 0.5
    recover     = "200ms"
    object_size = "1MiB"
  }
}
output "local" "overflow" { directory = "DIR/overflow" }

pipeline "relay" {
  from = [input.forward.fluent]
  to   = [output.kafka.all]
  route {
    match = ["app.*"]
    to    = [output.kafka.app]
  }
  route {
    match = ["{web,db}.**"]
    to    = [output.kafka.either]
  }
  route {
    match = ["app.**.deep"]
    to    = [output.kafka.deep]
  }
  route {
    match = ["**"]
    to    = [output.forward.dead]
  }
  otherwise = [output.kafka.rest]
  buffer {
    max_size     = "32MiB"
    segment_size = "4MiB"
    flush_bytes  = "256KiB"
  }
}
`

// topics reads topics and keeps a ledger for each.
type topics struct {
	mu      sync.Mutex
	ledgers map[string]*demo.Ledger
}

func (c *topics) of(topic string) *demo.Ledger {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ledgers[topic] == nil {
		c.ledgers[topic] = demo.NewLedger()
	}
	return c.ledgers[topic]
}

func (c *topics) read(ctx context.Context, addr string, names ...string) error {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.ConsumeTopics(names...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	for ctx.Err() == nil {
		for r := range cl.PollFetches(ctx).RecordsAll() {
			c.of(r.Topic).See(r.Value)
		}
	}
	return nil
}

// TestRoutesAndADeadOutput sends more than the buffer holds to five outputs that work and one that
// does not. Each gets what its routes say, the dead one delays nobody and gets everything in the
// end, and there is one copy of a record on disk however many outputs it has.
func TestRoutesAndADeadOutput(t *testing.T) {
	parallel(t)
	names := []string{"all", "app", "either", "deep", "rest"}
	broker, err := demo.StartBroker(2, names)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	dir, listen, dead := t.TempDir(), servers.FreeAddr(t), servers.FreeAddr(t)
	relay := newAgent(
		t,
		"relay",
		replaceAll(
			routesConfig, "DIR", dir, "LISTEN", listen, "BROKER", broker.Addr(), "DEAD", dead,
		),
	)
	relay.start()
	seen := &topics{ledgers: map[string]*demo.Ledger{}}
	stopReader := background(
		t.Context(),
		func(ctx context.Context) error { return seen.read(ctx, broker.Addr(), names...) },
	)

	routes := map[string][]string{ // of each tag
		"app.web":        {"all", "app"},
		"app.a.b.deep":   {"all", "deep"},
		"app.deep":       {"all", "app", "deep"},
		"web":            {"all", "either"},
		"db.main.errors": {"all", "either"},
		"webb.x":         {"all"},
		"app":            {"all"},
	}
	const perTag, chunk = 8000, 1000 // with the padding about 65 MB, twice what the buffer holds
	client := forwardWriter(t, listen, nil)
	rng := rand.New(rand.NewPCG(1, 1))
	want := map[string]map[string]int64{}
	var stored int64
	runtest.Within(
		t, 20*time.Second, func() bool { return client.Probe(t.Context()) == nil },
		func() string { return "the relay does not listen" },
	)
	for from := int64(0); from < perTag; from += chunk {
		for tag, outs := range routes {
			b := padded(rng, tag, from, chunk)
			stored += int64(b.Size())
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			err := client.Write(ctx, b)
			cancel()
			if err != nil {
				t.Fatalf("after %d MB: %v", stored>>20, err)
			}
			for _, o := range outs {
				if want[o] == nil {
					want[o] = map[string]int64{}
				}
				want[o][tag] = from + chunk
			}
		}
	}
	for topic, sources := range want {
		l := seen.of(topic)
		runtest.Within(
			t,
			30*time.Second,
			func() bool { return l.Check(sources).Lost == 0 },
			func() string {
				return fmt.Sprint("topic ", topic, ": ", l.Check(sources).Notes)
			},
		)
		b := l.Check(sources)
		if b.Seen != l.Distinct() || b.Disordered != 0 || b.Duplicated != 0 || l.Strange() != 0 {
			t.Errorf(
				"topic %s: %d of other tags, %d out of order, %d repeated", topic,
				l.Distinct()-b.Seen, b.Disordered, b.Duplicated,
			)
		}
	}
	if n := seen.of("rest").Distinct(); n != 0 { // ** takes all
		t.Errorf("%d records in the topic of what no route takes", n)
	}
	if n, err := relay.metric(
		"penstock_buffer_appended_records_total",
	); err != nil ||
		int64(n) != perTag*int64(len(routes)) {
		t.Errorf("%v records were stored for %d that were sent: %v", n, perTag*len(routes), err)
	}
	if size := dirSize(filepath.Join(dir, "data")); size > 40<<20 {
		t.Errorf("the dead output's backlog holds %d MB in the buffer", size>>20)
	}

	sink := forwardPeer(t, dead, nil)
	total := perTag * len(routes)
	all := map[string]int64{}
	for tag := range routes {
		all[tag] = perTag
	}
	var ledger *demo.Ledger
	runtest.Within(t, 60*time.Second, func() bool {
		records := sink.Records()
		if len(records) < total { // more when some came twice
			return false
		}
		ledger = demo.NewLedger()
		for _, r := range records {
			ledger.See(r.Value)
			if source := gjson.GetBytes(r.Value, "source").String(); source != r.Tag {
				t.Fatalf("a record of %q has the tag %q", source, r.Tag)
			}
		}
		return ledger.Distinct() >= int64(total)
	}, func() string {
		return fmt.Sprintf(
			"the output that was dead got %d of %d records", len(sink.Records()), total,
		)
	})
	if b := ledger.Check(all); b.Lost != 0 || b.Disordered != 0 {
		t.Errorf("after its return: %+v", b)
	}
	if err := stopReader(); err != nil {
		t.Fatal(err)
	}
	if code := relay.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
}

// padded returns n records of about 1.2 KB that hardly compress, numbered from from, whose source
// is their tag.
func padded(rng *rand.Rand, tag string, from int64, n int) *record.Batch {
	var b record.Builder
	b.Reset(tag, "", 0)
	pad := make([]byte, 1100)
	for seq := from; seq < from+int64(n); seq++ {
		for i := range pad {
			pad[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"[rng.IntN(64)]
		}
		b.Append(
			time.Now().UnixNano(), nil,
			fmt.Appendf(nil, `{"source":%q,"seq":%d,"pad":"%s"}`, tag, seq, pad), nil,
		)
	}
	return b.Build()
}

func dirSize(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				size += allocated(info)
			}
		}
		return nil
	})
	return size
}

// TestOtherwise sends what no route takes to the outputs named for it.
func TestOtherwise(t *testing.T) {
	parallel(t)
	names := []string{"all", "app", "either", "deep", "rest"}
	broker, err := demo.StartBroker(2, names)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	listen := servers.FreeAddr(t)
	config := replaceAll(
		routesConfig, "DIR", t.TempDir(), "LISTEN", listen, "BROKER", broker.Addr(),
		"DEAD", servers.FreeAddr(t),
	)
	config = strings.Replace(config, `match = ["**"]`, `match = ["dead.**"]`, 1)
	relay := newAgent(t, "relay", config)
	relay.start()
	seen := &topics{ledgers: map[string]*demo.Ledger{}}
	stopReader := background(
		t.Context(),
		func(ctx context.Context) error { return seen.read(ctx, broker.Addr(), names...) },
	)
	client := forwardWriter(t, listen, nil)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, tag := range []string{"other", "app.web", "db"} {
		b := padded(rng, tag, 0, 10)
		runtest.Within(
			t, 20*time.Second, func() bool { return client.Write(t.Context(), b) == nil },
			func() string { return "not acknowledged" },
		)
	}
	for topic, source := range map[string]string{"rest": "other", "app": "app.web", "either": "db"} {
		l, want := seen.of(topic), map[string]int64{source: 10}
		runtest.Within(
			t, 20*time.Second, func() bool { return l.Check(want).Lost == 0 },
			func() string { return fmt.Sprint(topic, ": ", l.Check(want).Notes) },
		)
		if l.Distinct() != 10 {
			t.Errorf("topic %s has records of other tags: %d in all", topic, l.Distinct())
		}
	}
	if err := stopReader(); err != nil {
		t.Fatal(err)
	}
}

func allocated(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
