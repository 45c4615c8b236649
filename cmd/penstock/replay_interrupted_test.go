package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deadletter"
)

// A replay into a Kafka that does not answer ends when it is told to: an output that is closed
// gives back what was sent.
func TestReplayIsInterruptedWhileKafkaIsAway(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "app"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "c.hcl")
	text := fmt.Sprintf(`
agent { data_dir = %q }
input "tail" "app" { paths = [%q] }
output "kafka" "a" {
  brokers = [%q]
  topic   = "app"
}
pipeline "p" {
  from = [input.tail.app]
  to   = [output.kafka.a]
}
`, filepath.Join(dir, "data"), filepath.Join(dir, "app.log"), cluster.ListenAddrs()[0])
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	dead := deadletter.NewDir(filepath.Join(dir, "data", "dead-letter", "output.kafka.a"))
	if err := dead.Keep(t.Context(), outputs.DeadRecords(
		record.FromRecords("app", "/f", []record.Record{{Value: []byte("one")}}),
		"output.kafka.a", "no", nil,
	)); err != nil {
		t.Fatal(err)
	}
	dead.Close()

	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		interrupt()
		return nil, errors.New("away"), true
	})
	var out bytes.Buffer
	cmd := replayCommand()
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(strings.Fields("--config " + config + " --output output.kafka.a --dead-letter"))
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) || !strings.Contains(out.String(), "replayed 0 records") {
			t.Errorf("%v\n%s", err, &out)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}
