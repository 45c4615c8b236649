package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack/msgpacktest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	forwardout "github.com/penstock/penstock/outputs/forward"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestMapsPassRelaysUnchanged sends entries as fluentd does through two relays, which keep them on
// disk over a kill in between: the maps come out byte for byte as they went in, of whatever types.
func TestMapsPassRelaysUnchanged(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	var b record.Builder
	b.Reset("app.web-1", "", 0)
	b.SetForm(record.Msgpack)
	var want []record.Record
	for i := range 2000 {
		r := record.Record{
			Time:  1_766_000_000_123_456_789 + int64(i),
			Value: msgpacktest.Map(rng, 4),
		}
		b.Append(r.Time, nil, r.Value, nil)
		want = append(want, r)
	}
	relays := relayPair(t)
	sink := relays.pass(t, b.Build(), func(c *forwardout.Config) {
		c.Compression, c.Peer = "zstd", "fluentd"
	}, func() {
		for _, name := range []string{"relay-1", "relay-2"} {
			marks, err := filepath.Glob(filepath.Join(relays.dir, name, "buffer", "*", "FORMAT"))
			if err != nil || len(marks) != 1 {
				t.Fatal(marks, err)
			}
			if text, err := os.ReadFile(marks[0]); string(text) != "3\n" {
				t.Errorf("%s is marked %q, %v: an earlier release would misread it", marks[0], text, err)
			}
		}
	})
	sink.TakeMaps()
	waitForRecords(t, sink, len(want))
	i := 0
	for _, b := range sink.Batches() {
		if b.Form() != record.Msgpack || b.Tag != "app.web-1" {
			t.Fatalf("a batch of form %d, tag %s", b.Form(), b.Tag)
		}
		if err := b.EachAsKept(&record.Scratch{}, func(r *record.Record) error {
			if i == len(want) {
				return fmt.Errorf("more than %d", i)
			}
			if r.Time != want[i].Time || !bytes.Equal(r.Value, want[i].Value) {
				return fmt.Errorf("%d is %x, was %x", i, r.Value, want[i].Value)
			}
			i++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if i != len(want) {
		t.Errorf("%d of %d", i, len(want))
	}
}

const mapsToKafka = `
agent {
  data_dir = "DIR"
  name     = "relay"
  admin { listen = "ADMIN" }
}
input "forward" "in" { listen = "FROM" }
output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "app-logs"
  format  = "msgpack"
}
pipeline "relay" {
  from = [input.forward.in]
  to   = [output.kafka.events]
}
`

// TestMapsReachKafkaUnchanged sends maps through a relay whose topic holds msgpack.
func TestMapsReachKafkaUnchanged(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	broker, from := embeddedKafka(t), servers.FreeAddr(t)
	relay := newAgent(t, "relay", replaceAll(
		mapsToKafka, "DIR", t.TempDir(), "FROM", from, "BROKER", broker.Addr(),
	))
	relay.start()
	client := forwardWriter(t, from, nil)
	var want [][]byte
	for _, n := range []int{1, 500} { // by the record, and as the batch lies
		var b record.Builder
		b.Reset("app", "", 0)
		b.SetForm(record.Msgpack)
		for range n {
			m := msgpacktest.Map(rng, 5)
			b.Append(time.Now().UnixNano(), nil, m, nil)
			want = append(want, m)
		}
		batch := b.Build()
		runtest.Within(
			t, 20*time.Second, func() bool { return client.Write(t.Context(), batch) == nil },
			func() string { return "not acknowledged" },
		)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.ConsumeTopics("app-logs"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got [][]byte
	for len(got) < len(want) && ctx.Err() == nil {
		reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got = append(got, r.Value) })
	}
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Fatalf("%d values arrived that are not the %d that were sent", len(got), len(want))
	}
}
