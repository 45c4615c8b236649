package agent

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	kafkain "github.com/penstock/penstock/inputs/kafka"
	"github.com/penstock/penstock/outputs/kafka"
)

// The real Kafka input, drained by the shared loop of an output, through a filter: what is
// discarded is committed as well, and what was delivered before a stop is not delivered again.
func TestKafkaSourceCommitsWhatFiltersDiscard(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	produce := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			value := fmt.Sprint(i)
			if i%3 == 0 {
				value = "noise"
			}
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Partition: int32(i % 2), Value: []byte(value)}).
				FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	committed := func() int64 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		offsets, err := kadm.NewClient(cl).FetchOffsets(ctx, "g")
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		offsets.Each(func(o kadm.OffsetResponse) { sum += max(o.At, 0) })
		return sum
	}

	w := newWorld()
	w.more = Catalogue{
		SourceType("kafka", "Kafka.", kafkain.Default, kafkain.New),
	}
	config := fmt.Sprintf(`
input "kafka" "in" {
  brokers = [%q]
  topics  = ["in"]
  group   = "g"
}
output "fake" "x" { name = "x" }
filter "grep" "noise" { exclude = ["noise"] }
pipeline "p" {
  from   = [input.kafka.in]
  filter = [filter.grep.noise]
  to     = [output.fake.x]
}`, cluster.ListenAddrs()[0])
	produce(0, 30)
	dir := t.TempDir()
	r := startAgent(t, w, dir, config)
	w.await(t, "20 of 30 records", w.has("x", 20))
	deadline := time.Now().Add(15 * time.Second)
	for committed() < 30 {
		if time.Now().After(deadline) {
			t.Fatalf("committed %d of 30", committed())
		}
		<-time.After(50 * time.Millisecond)
	}
	r.stop()
	r.wait()
	produce(30, 33)
	startAgent(t, w, dir, config)
	w.await(t, "2 more records", w.has("x", 22))
	if got := w.delivered("x"); len(got) != 22 {
		t.Errorf("%d records, some of them twice: %q", len(got), got)
	}
}

// A topic that does not exist is named by readiness and metrics, and holds up no other.
func TestReadinessNamesAMissingTopic(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "app"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	w := newWorld()
	w.more = Catalogue{AsyncWriterType("kafka", "Kafka.", kafka.Default, kafka.New)}
	r := startAgent(t, w, t.TempDir(), fmt.Sprintf(`
input "fake" "in" { name = "in" }
output "kafka" "a" {
  brokers             = [%q]
  topic               = "${tag}"
  missing_topic_after = "100ms"
}
pipeline "p" {
  from = [input.fake.in]
  to   = [output.kafka.a]
}`, cluster.ListenAddrs()[0]))
	w.send(t, "in", "gone", "1", "2")
	w.send(t, "in", "app", "3")
	want := `output.kafka.a holds up records: topic "gone": UNKNOWN_TOPIC_OR_PARTITION`
	deadline := time.Now().Add(20 * time.Second)
	for {
		ready, reasons := r.Ready()
		dead := strings.Contains(
			get(t, r, "/metrics"),
			`penstock_output_dead_letter_records_total{component="output.kafka.a"} 2`,
		)
		if dead && !ready && strings.Contains(strings.Join(reasons, " "), want) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf(
				"the topic is not named, or its records are not in the dead letter: %v %q", dead,
				reasons,
			)
		}
		<-time.After(10 * time.Millisecond)
	}
	if m := get(t, r, "/metrics"); !strings.Contains(m, `topic="gone"`) ||
		!strings.Contains(m, "penstock_kafka_topic_unavailable") {
		t.Error("no metric names the topic")
	}
}
