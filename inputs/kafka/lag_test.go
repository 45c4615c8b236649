package kafka

import (
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What is fetched and not taken lags, in records and by the time of the records; what is taken and
// not committed is told apart from it.
func TestLagInRecordsAndSeconds(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(2, "logs"))
	old := time.Now().Add(-time.Hour)
	produceAt(t, c, "logs", 0, old, "1", "2")
	m := join(t, testConfig(c))
	h := m.log("logs/0")
	if _, err := h.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually := func(what string, ok func(inputs.Lag) bool) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for {
			lags := m.in.Lags()
			if len(lags) == 2 && ok(lags[0]) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %+v", what, lags)
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	produceAt(t, c, "logs", 0, old.Add(time.Minute), "3", "4", "5")
	eventually("three are not read", func(l inputs.Lag) bool {
		return l.Topic == "logs" && l.Partition == 0 && l.Records == 3 && l.Uncommitted == 5 &&
			l.Age > 59*time.Minute &&
			l.Age < 61*time.Minute
	})
	b, ok := m.in.Behind()
	if !ok || b.Partitions != 2 || b.Records != 3 || b.Uncommitted != 5 ||
		b.Age < 59*time.Minute {
		t.Errorf("behind by %+v, %v", b, ok)
	}
	if n, err := testutil.GatherAndCount(m.reg, "penstock_kafka_lag_records"); n != 2 ||
		err != nil {
		t.Errorf("%d metrics, %v", n, err)
	}
	if _, err := h.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually("all are read", func(l inputs.Lag) bool { return l.Records == 0 && l.Age == 0 })
	if err := h.Commit(t.Context(), 5, ""); err != nil {
		t.Fatal(err)
	}
	eventually("all is committed", func(l inputs.Lag) bool { return l.Uncommitted == 0 })
}

// What stands behind a transaction that its producer has left open is not read, and not said to be.
func TestLagBehindAnOpenTransaction(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	produce(t, c, "logs", 0, numbers(0, 3)...)
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.ListenAddrs()...), kgo.TransactionalID("tx"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	open := &kgo.Record{Topic: "logs", Value: []byte("open")}
	if err := cl.ProduceSync(t.Context(), open).FirstErr(); err != nil {
		t.Fatal(err)
	}
	m := join(t, testConfig(c))
	if got := values(t, m.log("logs/0"), 3); !slices.Equal(got, numbers(0, 3)) {
		t.Fatalf("read %v", got)
	}
	produce(t, c, "logs", 0, numbers(3, 10)...)
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(50 * time.Millisecond) {
		b, _ := m.in.Behind()
		if b.Records == 8 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", b)
		}
	}
}
