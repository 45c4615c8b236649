package main

import (
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/twmb/franz-go/pkg/kfake"
)

// The agents of a fleet deliver, and their figures are those of all together.
func TestAgentsDeliver(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(6, topic))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	store := &countingStore{MemStore: outputtest.NewMemStore()}
	failover := &outputs.Failover{}
	failover.SetDefaults()
	failover.To = "output.s3.overflow"
	to := target{brokers: c.ListenAddrs(), dir: t.TempDir(), store: store, failover: failover}
	l := load{
		delivery:  kafka.ExactlyOnce,
		batches:   20,
		lines:     2,
		bytes:     100,
		commit:    20 * time.Millisecond,
		commitMax: time.Second,
	}
	f, err := startFleet(t.Context(), l, to, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	var last figures
	runtest.Until(t, "all agents commit", func() bool {
		if last, err = f.figures(); err != nil {
			t.Fatal(err)
		}
		return last.values["penstock_kafka_transactions_total/committed"] >= 10 &&
			last.values["penstock_output_records_total"] >= 20
	})
	before := last
	if before, err = f.figures(); err != nil {
		t.Fatal(err)
	}
	runtest.Until(t, "more come", func() bool {
		if last, err = f.figures(); err != nil {
			t.Fatal(err)
		}
		last = last.since(before)
		return last.histograms["penstock_kafka_produce_seconds"].GetSampleCount() > 0 &&
			last.values["penstock_kafka_requests_total/EndTxn"] > 0
	})
	const name = "penstock_kafka_produce_seconds"
	if last.mean(name) <= 0 || last.quantile(name, 0.99) <= 0 || last.requests() < 2 {
		t.Errorf("mean %v ms, p99 %v ms, %v requests",
			last.mean(name), last.quantile(name, 0.99), last.requests())
	}
}
