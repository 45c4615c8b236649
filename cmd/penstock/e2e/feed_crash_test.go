package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
)

const feedConfig = `
agent {
  data_dir = "DIR/data"
  name     = "edge-1"
  admin { listen = "ADMIN" }
}

input "tail" "app" {
  paths = ["DIR/logs/*.log", "DIR/logs/*.log.*"]
}

input "tail" "other" {
  paths = ["DIR/other/*.log", "DIR/other/*.log.*"]
}

output "http" "slow" {
  url         = "URL"
  format      = "ndjson"
  compression = "none"
}

pipeline "first" {
  from = [input.tail.other, input.tail.app]
  to   = [output.local.first]
  buffer {
    segment_size = "4MiB"
    FIRST
  }
}

pipeline "second" {
  from = [input.tail.app]
  to   = [output.local.second]
  buffer { segment_size = "4MiB" }
}

pipeline "third" {
  from = [input.tail.app]
  to   = [output.http.slow]
  buffer {
    segment_size = "1MiB"
    max_size     = "16MiB"
  }
}
`

const feedOutput = `
output "local" "NAME" {
  STORE
  path = "logs/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}/source=${field.source}"
  time { field = "ts" }
  format "ndjson" {}
  compression = "zstd"
  roll {
    size    = "256KiB"
    records = 700
    age     = "300ms"
    idle    = "200ms"
  }
}
`

// TestFedPipelinesSurviveCrashes kills an agent whose input feeds three pipelines, one of which has
// an output that is slow or hangs: each line is in the archives of the two others once, and of the
// third none is missing. The first has an input for itself, whose lines reach no other.
func TestFedPipelinesSurviveCrashes(t *testing.T) {
	parallel(t)
	for _, first := range []string{"", "spill = true"} {
		t.Run(first, func(t *testing.T) { crashFed(t, first) })
	}
}

func crashFed(t *testing.T, first string) {
	rng := runtest.Rand(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	for _, name := range []string{"logs", "other"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	third := demo.NewLedger()
	var hasty atomic.Bool
	slow := slowServer(t, rng, third, &hasty)
	lakes := map[string]*lake{"first": localLake(t), "second": localLake(t)}
	config := replaceAll(feedConfig, "DIR", dir, "URL", slow.URL, "FIRST", first)
	for name, lake := range lakes {
		config += replaceAll(feedOutput, "NAME", name, "STORE", lake.block)
	}
	ag := newAgent(t, "edge", config)
	apps := map[string]*demo.App{}
	var writers []func() error
	for source, logs := range map[string]string{"web": "logs", "api": "logs", "own": "other"} {
		app := &demo.App{
			Source: source,
			Path:   filepath.Join(dir, logs, source+".log"),
			Kinds:  []demo.Rotation{demo.Rename},
			Rand:   rand.New(rand.NewPCG(rng.Uint64(), 3)),
		}
		apps[source] = app
		t.Cleanup(func() { _ = app.Close() })
		run := func(ctx context.Context) error { return app.Run(ctx, 1500, 1500*time.Millisecond) }
		writers = append(writers, background(ctx, run))
	}
	n := kills(t, 6)
	for range n {
		ag.start()
		pause(ctx, 300*time.Millisecond+time.Duration(rng.Int64N(int64(1200*time.Millisecond))))
		if !ag.running() {
			t.Fatal("the agent ended by itself")
		}
		ag.kill()
	}
	for _, stop := range writers {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	written, fed := map[string]int64{}, map[string]int64{}
	var total, ofFed int64
	for source, app := range apps {
		written[source] = app.Written()
		if total += app.Written(); source != "own" {
			fed[source] = app.Written()
			ofFed += app.Written()
		}
	}
	hasty.Store(true)
	ag.start()
	found := func(name string) int64 { return ledgerOf(t, lakes[name].objects(t)).Distinct() }
	runtest.Within(t, time.Minute, func() bool {
		return found("first") >= total && found("second") >= ofFed && third.Distinct() >= ofFed ||
			!ag.running()
	}, func() string {
		return fmt.Sprintf(
			"%d of %d, %d and %d of %d lines arrived", found("first"), total, found("second"),
			third.Distinct(), ofFed,
		)
	})
	if code := ag.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	sums := ag.wantBalance()
	for _, output := range []string{"pipeline.second/input.tail.app ", "pipeline.third/input.tail.app "} {
		done, rest := sums[output+"delivered"]+sums[output+"confirmed"], sums[output+"unmatched"]
		if done != ofFed || rest != total-ofFed {
			t.Errorf("audit: %sof %d and %d lines: %v", output, ofFed, total-ofFed, sums)
		}
	}
	ledgers := map[string]*demo.Ledger{"third": third}
	for name, lake := range lakes {
		ledgers[name] = ledgerOf(t, lake.objects(t))
	}
	for name, l := range ledgers {
		want := fed
		if name == "first" {
			want = written
		}
		b := l.Check(want)
		t.Logf("%s: %d lines, %d kills: %d lost, %d repeated", name, b.Written, n, b.Lost, b.Duplicated)
		if b.Lost != 0 || l.Strange() != 0 || name != "third" && b.Duplicated != 0 {
			t.Errorf("%s: %+v", name, b)
		}
		if b.Seen != b.Written {
			t.Errorf("%s: %d lines of %d", name, b.Seen, b.Written)
		}
	}
	if total < int64(n)*500 {
		t.Errorf("only %d lines: the test shows nothing", total)
	}
}

const takeOverConfig = `
agent {
  data_dir = "DIR/data"
  name     = "edge-1"
  admin { listen = "ADMIN" }
}

input "tail" "app" {
  paths = ["DIR/logs/*.log", "DIR/logs/*.log.*"]
}
`

// TestATakeOverSurvivesCrashes removes the pipeline that reads the input of two, and kills the
// agent over and over while the other one takes that over: it gets each line once.
func TestATakeOverSurvivesCrashes(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	pipeline := `
pipeline "NAME" {
  from = [input.tail.app]
  to   = [output.local.NAME]
  buffer { segment_size = "4MiB" }
}
` + feedOutput
	config := replaceAll(takeOverConfig, "DIR", dir)
	lakes := map[string]*lake{}
	for _, name := range []string{"first", "second"} {
		lakes[name] = localLake(t)
		config += replaceAll(pipeline, "NAME", name, "STORE", lakes[name].block)
	}
	ag := newAgent(t, "edge", config)
	app := &demo.App{
		Source: "web", Path: filepath.Join(dir, "logs", "web.log"),
		Kinds: []demo.Rotation{demo.Rename}, Rand: rand.New(rand.NewPCG(rng.Uint64(), 3)),
	}
	t.Cleanup(func() { _ = app.Close() })
	stop := background(ctx, func(ctx context.Context) error {
		return app.Run(ctx, 3000, 700*time.Millisecond)
	})
	n := kills(t, 8)
	for i := range n {
		if i == 1 {
			text, err := os.ReadFile(ag.config)
			if err != nil {
				t.Fatal(err)
			}
			begin := strings.Index(string(text), `pipeline "first"`)
			end := strings.Index(string(text), `pipeline "second"`)
			alone := string(text[:begin]) + string(text[end:])
			if err := os.WriteFile(ag.config, []byte(alone), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		ag.start()
		most := 250 * time.Millisecond
		if i == 0 {
			most = 2 * time.Second
		}
		pause(ctx, most/2+time.Duration(rng.Int64N(int64(most))))
		if !ag.running() {
			t.Fatal("the agent ended by itself")
		}
		ag.kill()
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	ag.start()
	total := app.Written()
	found := func() int64 { return ledgerOf(t, lakes["second"].objects(t)).Distinct() }
	runtest.Within(
		t, time.Minute, func() bool { return found() >= total || !ag.running() },
		func() string { return fmt.Sprintf("%d of %d lines arrived", found(), total) },
	)
	if code := ag.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	b := ledgerOf(t, lakes["second"].objects(t)).Check(map[string]int64{"web": total})
	t.Logf("%d lines, %d kills: %d lost, %d repeated", total, n, b.Lost, b.Duplicated)
	if b.Lost != 0 || b.Duplicated != 0 || b.Seen != total || total < 1000 {
		t.Errorf("%+v", b)
	}
	log, err := os.ReadFile(ag.logPath)
	if err != nil || !strings.Contains(string(log), "taking over an input") {
		t.Errorf("nothing was taken over: the test shows nothing, %v", err)
	}
}
