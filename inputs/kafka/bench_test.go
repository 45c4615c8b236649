package kafka

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkRead reads a backlog of 200-byte records over 6 partitions from a broker in the same
// process; its share is in the CPU figure.
func BenchmarkRead(b *testing.B) {
	c := startCluster(b, kfake.SeedTopics(6, "logs"))
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.MaxBufferedRecords(100_000),
	)
	if err != nil {
		b.Fatal(err)
	}
	const total = 1_200_000
	for i := range total {
		v := fmt.Appendf(make([]byte, 0, 200), `{"ts":%d,"msg":"%0170x"}`, i, i*7919)
		cl.Produce(
			b.Context(),
			&kgo.Record{Topic: "logs", Partition: int32(i % 6), Value: v},
			func(_ *kgo.Record, err error) {
				if err != nil {
					b.Error(err)
				}
			},
		)
	}
	if err := cl.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	cl.Close()
	b.ResetTimer()
	for i := range b.N {
		cfg := testConfig(c)
		cfg.Group = fmt.Sprint("bench", i)
		m := join(b, cfg)
		m.await("all", count(6))
		begun, used := time.Now(), costtest.CPU()
		counts := make(chan int, 1000)
		for p := range 6 {
			l := m.log(fmt.Sprintf("logs/%d", p))
			go func() {
				for {
					batch, err := l.Next(b.Context())
					if err != nil {
						return
					}
					counts <- batch.Len()
				}
			}()
		}
		for n := 0; n < total; {
			n += <-counts
		}
		b.ReportMetric(total/time.Since(begun).Seconds(), "records/s")
		b.ReportMetric((costtest.CPU()-used).Seconds()/total*1e6, "cpu-s/Mrecord")
		m.leave()
	}
}
