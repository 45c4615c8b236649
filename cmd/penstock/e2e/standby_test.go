package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/twmb/franz-go/pkg/kgo"
)

const standbyConfig = `
agent {
  data_dir = "%[1]s/data"
  admin { listen = "ADMIN" }
}
input "tail" "a" { paths = ["%[1]s/logs/a.log"] }
input "tail" "b" { paths = ["%[1]s/logs/b.log"] }
output "kafka" "a" {
  brokers = ["%[2]s"]
  topic   = "app-logs"
  failover {
    to      = output.kafka.standby
    after   = "1s"
    recover = "500ms"
  }
}
output "kafka" "b" {
  brokers = ["%[3]s"]
  topic   = "app-logs"
  failover {
    to      = output.kafka.standby
    after   = "1s"
    recover = "500ms"
  }
}
output "kafka" "standby" {
  brokers = ["%[4]s"]
  topic   = "app-logs"
}
pipeline "a" {
  from = [input.tail.a]
  to   = [output.kafka.a]
}
pipeline "b" {
  from = [input.tail.b]
  to   = [output.kafka.b]
}
`

// TestStandbySharedBySeveralOutputs takes two clusters away: their records go to one standby,
// through a kill -9, until the clusters are back.
func TestStandbySharedBySeveralOutputs(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	a, b, standby := embeddedKafka(t), embeddedKafka(t), embeddedKafka(t)
	ledger := demo.NewLedger()
	var came [3]atomic.Int64 // at a, at b, at the standby
	for i, addr := range []string{a.Addr(), b.Addr(), standby.Addr()} {
		stop := background(ctx, func(ctx context.Context) error {
			return readInto(ctx, addr, ledger, func(*kgo.Record) { came[i].Add(1) })
		})
		defer func() {
			cancel()
			if err := stop(); err != nil {
				t.Error(err)
			}
		}()
	}
	apps := map[string]*demo.App{}
	var stops []func() error
	for _, name := range []string{"a", "b"} {
		app := &demo.App{
			Source: name,
			Path:   filepath.Join(dir, "logs", name+".log"),
			Rand:   rand.New(rand.NewPCG(rng.Uint64(), 2)),
		}
		t.Cleanup(func() { _ = app.Close() })
		apps[name] = app
		stops = append(
			stops, background(ctx, func(ctx context.Context) error { return app.Run(ctx, 500, 0) }),
		)
	}
	ag := newAgent(
		t, "standby", fmt.Sprintf(standbyConfig, dir, a.Addr(), b.Addr(), standby.Addr()),
	)
	ag.start()
	grows := func(what string, i ...int) {
		t.Helper()
		var from [3]int64
		for _, i := range i {
			from[i] = came[i].Load()
		}
		runtest.Within(t, 30*time.Second, func() bool {
			for _, i := range i {
				if came[i].Load() <= from[i]+100 {
					return false
				}
			}
			return true
		}, func() string { return what })
	}
	grows("nothing comes to the clusters", 0, 1)
	if n := came[2].Load(); n != 0 {
		t.Fatalf("%d records went to the standby before there was a need", n)
	}
	for _, k := range []stopper{a, b} {
		if err := k.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	inStandby := func(want float64) func() bool {
		return func() bool {
			sum := 0.0
			for _, id := range []string{"output.kafka.a", "output.kafka.b"} {
				if n, err := ag.metric(
					"penstock_failover_logs", "component", id, "state", "standby",
				); err == nil {
					sum += n
				}
			}
			return sum == want
		}
	}
	runtest.Within(
		t, 30*time.Second, inStandby(2),
		func() string { return "not both outputs have gone over to the standby" },
	)
	grows("nothing comes to the standby", 2)
	ag.kill()
	ag.start()
	runtest.Within(
		t, 30*time.Second, inStandby(2),
		func() string { return "not both outputs have gone over to the standby after the kill" },
	)
	grows("nothing comes to the standby after the kill", 2)
	for _, k := range []stopper{a, b} {
		if err := k.Start(); err != nil {
			t.Fatal(err)
		}
	}
	runtest.Within(
		t, 30*time.Second, inStandby(0), func() string { return "not both outputs have gone back" },
	)
	settled := came[2].Load()
	grows("nothing comes to the clusters again", 0, 1)
	if n := came[2].Load(); n > settled+1000 {
		t.Errorf("%d records went to the standby after all was well", n-settled)
	}
	written := map[string]int64{}
	var total int64
	for i, stop := range stops {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		name := []string{"a", "b"}[i]
		written[name] = apps[name].Written()
		total += apps[name].Written()
	}
	runtest.Within(t, 30*time.Second, func() bool { return ledger.Distinct() >= total }, func() string {
		return fmt.Sprintf(
			"%d of %d lines arrived: %v", ledger.Distinct(), total, ledger.Check(written).Notes,
		)
	})
	if code := ag.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	if sum := ledger.Check(written); sum.Lost != 0 {
		t.Errorf("lost %d: %v", sum.Lost, sum.Notes)
	}
}
