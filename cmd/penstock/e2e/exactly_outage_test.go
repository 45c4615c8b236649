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
)

const newestFirst = `failover {
    to          = output.local.overflow
    after       = "1s"
    recover     = "500ms"
    order       = "newest_first"
    object_size = "64KiB"
    object_age  = "500ms"
  }`

const localOverflow = `output "local" "overflow" {
  directory = "DIR/overflow"
}`

// TestExactlyOnceRestartedInAnOutage kills an agent while Kafka is away and starts it again: what
// the run before has committed is not taken for another agent's, and fresh lines go out before the
// overflow, each once.
func TestExactlyOnceRestartedInAnOutage(t *testing.T) {
	parallel(t)
	var broker stopper
	rounds := 2
	if runtest.Long() {
		broker, rounds = realKafka(t), 6
	} else {
		broker = embeddedKafka(t)
	}
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	config := replaceAll(
		exactlyConfig, "ROUTE", exactlyRoute, "FAILOVER", newestFirst, "STORE", localOverflow,
		"BUFFER", "",
	)
	edge := newAgent(t, "edge", replaceAll(config, "DIR", dir, "BROKER", broker.Addr()))
	app := &demo.App{Source: "app", Path: filepath.Join(logs, "app.log")}
	t.Cleanup(func() { _ = app.Close() })
	write := func(n int) {
		if err := app.Write(n); err != nil {
			t.Fatal(err)
		}
	}
	ledger := demo.NewLedger()
	stopReader := background(
		t.Context(),
		func(ctx context.Context) error { return readInto(ctx, broker.Addr(), ledger) },
	)
	waiting := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "overflow/overflow/*/*/*/*.ndjson.zst"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	said := func() int {
		text, _ := os.ReadFile(edge.logPath)
		return strings.Count(string(text), "this output has stopped")
	}
	edge.start()
	write(1000)
	stops := 0
	for range rounds {
		runtest.Within(
			t,
			60*time.Second,
			func() bool { return ledger.Distinct() >= app.Written() },
			func() string {
				return fmt.Sprintf("%d of %d lines", ledger.Distinct(), app.Written())
			},
		)
		if err := broker.Stop(); err != nil {
			t.Fatal(err)
		}
		write(500)
		runtest.Within(
			t, 30*time.Second, func() bool { return waiting() > 0 },
			func() string { return "nothing is in the overflow" },
		)
		before := waiting()
		edge.kill()
		write(500)
		edge.start()
		runtest.Within(
			t, 30*time.Second, func() bool { return waiting() > before },
			func() string { return "nothing more is in the overflow" },
		)
		if err := broker.Start(); err != nil {
			t.Fatal(err)
		}
		runtest.Within(
			t, 60*time.Second, func() bool { return waiting() == 0 || said() > stops },
			func() string { return "the overflow is not replayed" },
		)
		write(500)
		runtest.Within(
			t,
			60*time.Second,
			func() bool { return ledger.Distinct() >= app.Written() || said() > stops },
			func() string {
				return fmt.Sprintf("%d of %d lines", ledger.Distinct(), app.Written())
			},
		)
		if n := said(); n > stops {
			stops = n
			edge.kill()
			edge.start()
		}
	}
	if stops > 0 {
		t.Errorf("in %d of %d tries it took its own earlier run for another agent", stops, rounds)
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
