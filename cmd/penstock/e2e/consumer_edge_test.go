package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/tidwall/gjson"
)

const edgeLakeConfig = `
agent {
  data_dir = "DIR/data"
  name     = "edge-1"
  admin { listen = "ADMIN" }
}

input "tail" "app" {
  paths = ["DIR/logs/*.log", "DIR/logs/*.log.*"]
}

output "KIND" "lake" {
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

pipeline "lake" {
  from = [input.tail.app]
  to   = [output.KIND.lake]
  buffer { segment_size = "4MiB" }
}
`

// TestEdgeArchivesExactlyOnce kills an edge that archives straight from its buffer, while apps
// write and rotate logs and the store fails: each line is in exactly one object, in order.
func TestEdgeArchivesExactlyOnce(t *testing.T) {
	parallel(t)
	for _, c := range []struct {
		name string
		lake func(t *testing.T, rng *rand.Rand) *lake
	}{{"directory", func(t *testing.T, _ *rand.Rand) *lake { return localLake(t) }}, {"s3", fakeS3Lake}, {"gcs", fakeGCSLake}} {
		t.Run(c.name, func(t *testing.T) {
			rng := runtest.Rand(t)
			kills, maxRun := 4, 1500*time.Millisecond
			if runtest.Long() {
				kills, maxRun = 8, 1500*time.Millisecond
			}
			crashArchivingEdge(t, rng, c.lake(t, rng), kills, maxRun)
		})
	}
}

func crashArchivingEdge(t *testing.T, rng *rand.Rand, lake *lake, kills int, maxRun time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	ag := newAgent(
		t, "edge", replaceAll(edgeLakeConfig, "DIR", dir, "KIND", lake.kind, "STORE", lake.block),
	)
	var apps []*demo.App
	var writers []func() error
	for _, source := range []string{"web", "api", "db"} {
		app := &demo.App{
			Source: source,
			Path:   filepath.Join(dir, "logs", source+".log"),
			Kinds:  []demo.Rotation{demo.Rename},
			Rand:   rand.New(rand.NewPCG(rng.Uint64(), 3)),
		}
		apps = append(apps, app)
		t.Cleanup(func() { _ = app.Close() })
		writers = append(
			writers,
			background(
				ctx,
				func(ctx context.Context) error { return app.Run(ctx, 1500, 1500*time.Millisecond) },
			),
		)
	}
	lake.fail(0.3)
	killed := 0
	// the more the slower the machine
	for killed < kills || len(lake.objects(t)) < 10*kills && killed < 10*kills {
		ag.start()
		pause(ctx, maxRun/3+time.Duration(rng.Int64N(int64(maxRun))))
		if !ag.running() {
			t.Fatal("the agent ended by itself")
		}
		ag.kill()
		killed++
	}
	written, total := map[string]int64{}, int64(0)
	for i, stop := range writers {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		written[apps[i].Source] = apps[i].Written()
		total += apps[i].Written()
	}
	lake.fail(0)
	ag.start()
	idle := func(metric string) bool {
		n, err := ag.metric(metric)
		return err == nil && n == 0
	}
	var found int64
	runtest.Within(t, 60*time.Second, func() bool {
		if !idle("penstock_output_lag_records") || !idle("penstock_tail_lag_total_bytes") {
			return false
		}
		found = ledgerOf(t, lake.objects(t)).Distinct()
		return found >= total
	}, func() string { return fmt.Sprintf("%d of %d lines archived", found, total) })
	if code := ag.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	objects := lake.objects(t)
	ledger := ledgerOf(t, objects)
	b := ledger.Check(written)
	t.Logf(
		"%d lines in %d objects, %d kills: %d lost, %d repeated", b.Written, len(objects), killed,
		b.Lost, b.Duplicated,
	)
	if b.Lost != 0 || b.Duplicated != 0 || b.Seen != total || ledger.Strange() != 0 {
		t.Errorf("%+v", b)
	}
	if total < int64(kills)*1000 || len(objects) < 10*kills {
		t.Errorf("only %d lines in %d objects: the test shows nothing", total, len(objects))
	}
}

var edgeKey = regexp.MustCompile(
	`^logs/dt=(\d{4}-\d\d-\d\d)/hr=(\d\d)/source=(\w+)/[^/]+_(\d{20})-(\d{20})(?:\.[0-9a-f]{8})?\.ndjson\.zst$`,
)

// ledgerOf enters all lines of a lake, each object's checked for their partition and their order.
func ledgerOf(t *testing.T, objects map[string][]byte) *demo.Ledger {
	t.Helper()
	ledger := demo.NewLedger()
	for key, data := range objects {
		m := edgeKey.FindStringSubmatch(key)
		if m == nil {
			t.Errorf("a strange object: %s", key)
			continue
		}
		lines, err := objectLines(key, data)
		if err != nil {
			t.Fatal(err)
		}
		start, _ := strconv.ParseInt(m[4], 10, 64)
		end, _ := strconv.ParseInt(m[5], 10, 64)
		last := int64(-1)
		for _, line := range lines {
			v := gjson.GetManyBytes(line, "ts", "source", "seq")
			if ts := v[0].String(); len(ts) < 13 || ts[:10] != m[1] || ts[11:13] != m[2] ||
				v[1].String() != m[3] {
				t.Fatalf("%s holds %s", key, line)
			}
			if seq := v[2].Int(); seq <= last {
				t.Fatalf("%s: %d after %d", key, seq, last)
			} else {
				last = seq
			}
			ledger.See(line)
		}
		if int64(len(lines)) > end-start {
			t.Errorf("%s holds %d lines", key, len(lines))
		}
	}
	return ledger
}
