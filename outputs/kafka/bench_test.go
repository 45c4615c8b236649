package kafka

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkWriter sends batches of 200-byte lines, packed already as they come from the buffer, to
// a broker in the same process that forgets them, and whose share is in the CPU figure. Or it sends
// them to the cluster at PENSTOCK_KAFKA_BROKERS.
func BenchmarkWriter(b *testing.B) {
	for path, change := range paths {
		for _, partitions := range []int32{1, 6} {
			b.Run(fmt.Sprintf("%s/partitions=%d", path, partitions), func(b *testing.B) {
				cfg := Default()
				cfg.Topic = template.MustParse("logs")
				if addr := os.Getenv("PENSTOCK_KAFKA_BROKERS"); addr != "" {
					cfg.Brokers = []string{addr}
					name := fmt.Sprintf("bench-%d", time.Now().UnixNano())
					cfg.Topic = template.MustParse(name)
					cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
					if err != nil {
						b.Fatal(err)
					}
					defer cl.Close()
					if _, err := kadm.NewClient(cl).
						CreateTopic(b.Context(), partitions, 1, nil, name); err != nil {
						b.Fatal(err)
					}
				} else {
					c, err := kfake.NewCluster(
						kfake.NumBrokers(1), kfake.SeedTopics(partitions, "logs"),
						kfake.BlackholeProduce(),
					)
					if err != nil {
						b.Fatal(err)
					}
					defer c.Close()
					cfg.Brokers = c.ListenAddrs()
				}
				cfg.DeliveryTimeout = time.Minute
				change(&cfg)
				w, _ := newWriter(b, cfg)
				const n = 4500
				var batches []*record.Batch
				for i := range 32 {
					batch := lines(fmt.Sprint("o", i), 0, n, 200)
					packed, err := batch.AppendEncoded(nil, record.Snappy)
					if err != nil {
						b.Fatal(err)
					}
					if batch, _, err = record.Decode(packed, 0); err != nil {
						b.Fatal(err)
					}
					batches = append(batches, batch)
				}
				mustDeliver(b, w, batches...)
				b.Logf("%d bytes a line on the wire", len(must(batches[0].Packed(record.Snappy)))/n)
				total := max(b.N/n, 1)
				left := make(chan error, total)
				b.ReportAllocs()
				b.ResetTimer()
				begun := costtest.CPU()
				for i := range total {
					w.Start(b.Context(), batches[i%len(batches)], func(err error) { left <- err })
				}
				for range total {
					if err := <-left; err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				lines := float64(total * n)
				b.ReportMetric(lines/b.Elapsed().Seconds(), "lines/s")
				b.ReportMetric((costtest.CPU()-begun).Seconds()/lines*1e6, "cpu-s/Mline")
			})
		}
	}
}

func must(p []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return p
}
