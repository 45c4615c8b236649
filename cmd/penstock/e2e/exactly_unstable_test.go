package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/outputs/kafka/producer"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestExactlyOnceEndsWhatApacheKafkaHolds has Apache Kafka's group coordinator hold the position as
// one of an open transaction although there is none, as it was seen to after it was killed. An
// agent that starts has to wait for good, or to end that once more: nothing is lost or repeated.
func TestExactlyOnceEndsWhatApacheKafkaHolds(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	// With it a broker takes no position outside of a transaction.
	broker := realKafka(t, "transaction.partition.verification.enable=false")
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	config := replaceAll(
		exactlyConfig, "ROUTE", exactlyRoute, "FAILOVER", "", "STORE", "", "BUFFER", "",
	)
	edge := newAgent(t, "edge", replaceAll(config, "DIR", dir, "BROKER", broker.Addr()))
	app := &demo.App{Source: "app", Path: filepath.Join(logs, "app.log")}
	t.Cleanup(func() { _ = app.Close() })
	ledger := demo.NewLedger()
	stopReader := background(
		t.Context(),
		func(ctx context.Context) error { return readInto(ctx, broker.Addr(), ledger) },
	)
	arrive := func() {
		t.Helper()
		if err := app.Write(1000); err != nil {
			t.Fatal(err)
		}
		runtest.Within(
			t, 60*time.Second, func() bool { return ledger.Distinct() >= app.Written() },
			func() string {
				return fmt.Sprintf("%d of %d lines", ledger.Distinct(), app.Written())
			},
		)
	}
	edge.start()
	arrive()
	edge.kill()
	holdPosition(t, broker.Addr(), "penstock.edge-1.app-logs.kafka.events")
	edge.start()
	arrive()
	if text, _ := os.ReadFile(edge.logPath); !strings.Contains(string(text), "ended once more") {
		t.Error("nothing was ended once more")
	}
	if code := edge.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if err := stopReader(); err != nil {
		t.Fatal(err)
	}
	if b := ledger.Check(map[string]int64{"app": app.Written()}); b.Lost != 0 || b.Duplicated != 0 {
		t.Errorf("%+v", b)
	}
}

// holdPosition stores the position that a transactional id's group holds once more, outside of any
// transaction, so that it is unstable.
func holdPosition(t *testing.T, addr, id string) {
	t.Helper()
	// Later versions begin a transaction by themselves.
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.MaxVersions(producer.TxnVersions()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var last kadm.DescribedTransaction
	runtest.Within(t, 30*time.Second, func() bool {
		all, err := kadm.NewClient(cl).DescribeTransactions(t.Context(), id)
		last = all[id]
		return err == nil && last.State == "CompleteCommit"
	}, func() string { return fmt.Sprintf("the transaction is %+v", last) })
	offsets, err := kadm.NewClient(cl).FetchOffsets(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	at, ok := offsets.Lookup(topic, 0)
	if !ok {
		t.Fatalf("no position: %+v", offsets)
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.Generation = id, id, -1
	req.ProducerID, req.ProducerEpoch = last.ProducerID, last.ProducerEpoch
	rt, rp := kmsg.NewTxnOffsetCommitRequestTopic(), kmsg.NewTxnOffsetCommitRequestTopicPartition()
	rp.Offset, rp.LeaderEpoch, rp.Metadata = at.At, -1, &at.Metadata
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(t.Context(), cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}
