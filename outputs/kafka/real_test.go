package kafka

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestRealBroker runs against the cluster at PENSTOCK_KAFKA_BROKERS: every compression, both paths, batches of up to a million
// records, and a topic that refuses large batches. Whatever restarts the brokers meanwhile must not show.
func TestRealBroker(t *testing.T) {
	addr := os.Getenv("PENSTOCK_KAFKA_BROKERS")
	if addr == "" {
		t.Skip("PENSTOCK_KAFKA_BROKERS is not set")
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			t.Run(codec, func(t *testing.T) {
				topic := fmt.Sprintf("real-%s-%s-%d", path, codec, time.Now().UnixNano())
				limit := "200000"
				if _, err := adm.CreateTopic(t.Context(), 4, 1, map[string]*string{"max.message.bytes": &limit}, topic); err != nil {
					t.Fatal(err)
				}
				cfg := Default()
				cfg.Brokers = []string{addr}
				cfg.Topic = template.MustParse(topic)
				cfg.Compression = codec
				cfg.BatchMaxBytes = 16 << 20
				cfg.DeliveryTimeout = 2 * time.Minute
				change(&cfg)
				w, reg := newWriter(t, cfg)
				var batches []*record.Batch
				want := map[string]int{}
				total := 0
				for i := range 60 {
					origin := fmt.Sprintf("o%d", i%5)
					n, size := 5000, 200
					if i == 7 && codec == "zstd" {
						n, size = 1_000_000, 14
					}
					batches = append(batches, lines(origin, want[origin], n, size))
					want[origin] += n
					total += n
				}
				begun := time.Now()
				mustDeliver(t, w, batches...)
				t.Logf("%d records in %v, %v batches split", total, time.Since(begun), counter(t, reg, "penstock_kafka_split_batches_total", nil))
				reader, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
				if err != nil {
					t.Fatal(err)
				}
				defer reader.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var recs []*kgo.Record
				for len(recs) < total && ctx.Err() == nil {
					recs = append(recs, reader.PollFetches(ctx).Records()...)
				}
				ends, err := adm.ListEndOffsets(t.Context(), topic)
				if err != nil {
					t.Fatal(err)
				}
				sum := int64(0)
				ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
				if sum != int64(total) {
					t.Errorf("%d records in the topic, want %d", sum, total)
				}
				checkOrder(t, recs, want)
			})
		}
	})
}
