package kafka

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestRealBroker runs against the cluster at PENSTOCK_KAFKA_BROKERS: every compression, both paths,
// batches of up to a million records, and a topic that refuses large batches. Whatever restarts the
// brokers meanwhile must not show.
func TestRealBroker(t *testing.T) {
	t.Parallel()
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
				if _, err := adm.CreateTopic(
					t.Context(), 4, 1, map[string]*string{"max.message.bytes": &limit}, topic,
				); err != nil {
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
				t.Logf(
					"%d records in %v, %v batches split", total, time.Since(begun),
					counter(t, reg, "penstock_kafka_split_batches_total", nil),
				)
				reader, err := kgo.NewClient(
					kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic),
					kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
				)
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

// TestRealBrokerBounced delivers for PENSTOCK_TIME while somebody kills and restarts the
// broker: nothing may be lost, stuck, twice or out of order.
func TestRealBrokerBounced(t *testing.T) {
	t.Parallel()
	addr := os.Getenv("PENSTOCK_KAFKA_BROKERS")
	span := runtest.Span(t, 0)
	if addr == "" || span == 0 {
		t.Skip("PENSTOCK_KAFKA_BROKERS or PENSTOCK_TIME is not set")
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	topic := fmt.Sprintf("bounced-%d", time.Now().UnixNano())
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(t.Context(), 4, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	cfg.Brokers = []string{addr}
	cfg.Topic = template.MustParse(topic)
	cfg.DeliveryTimeout = 5 * time.Minute
	w, _ := newWriter(t, cfg)
	want := map[string]int{}
	total, pending := 0, 0
	errs := make(chan error, 1000)
	for end := time.Now().Add(span); time.Now().Before(end) || pending > 0; {
		if pending < 50 && time.Now().Before(end) {
			origin := fmt.Sprintf("o%d", total/1000%7)
			w.Start(
				t.Context(), lines(origin, want[origin], 1000, 150),
				func(err error) { errs <- err },
			)
			want[origin] += 1000
			total += 1000
			pending++
			continue
		}
		select {
		case err := <-errs:
			if err != nil {
				t.Fatal(err)
			}
			pending--
		case <-time.After(2 * time.Minute):
			t.Fatal("stuck")
		}
	}
	reader, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	next, read, twice := map[string]int{}, 0, 0
	for read < total && ctx.Err() == nil {
		reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			var origin string
			var n int
			fmt.Sscanf(string(r.Value[:11]), "%2s/%08d", &origin, &n)
			switch {
			case n == next[origin]:
				next[origin]++
				read++
			case n < next[origin]:
				twice++
			default:
				t.Fatalf("%s: %d where %d was due", origin, n, next[origin])
			}
		})
	}
	t.Logf("%d records written, %d read, %d twice", total, read, twice)
	if read != total || twice != 0 {
		t.Error("lost or duplicated")
	}
}
