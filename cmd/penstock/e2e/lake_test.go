package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/twmb/franz-go/pkg/kgo"
)

const lakeFormats = `
agent {
  data_dir = "DIR/data"
  name     = "lake-1"
  admin { listen = "ADMIN" }
}
`

const lakeFormat = `
input "kafka" "NAME" {
  brokers = ["BROKER"]
  topics  = ["app-logs"]
  group   = "GROUP-NAME"
}
output "local" "NAME" {
  directory = "DIR/NAME"
  path      = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  time { field = "ts" }
  format "FORMAT" {
    SETTINGS
  }
  compression = "CODEC"
  roll {
    records = 1500
    age     = "5s"
    idle    = "1s"
  }
}
pipeline "NAME" {
  from = [input.kafka.NAME]
  to   = [output.local.NAME]
}
`

// TestLakeReadByOthers reads what the consumer writes with other people's readers: DuckDB, pyarrow
// and Avro's own library find each record once, in the partition of its time, and prune by path.
func TestLakeReadByOthers(t *testing.T) {
	parallel(t)
	if os.Getenv("PENSTOCK_PYTHON") == "" {
		t.Skip(
			"$PENSTOCK_PYTHON names no Python with duckdb, pyarrow and fastavro; make integration installs it",
		)
	}
	const records = 12_000
	broker, err := demo.StartBroker(lakePartitions, []string{topic})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	hours := produceRequests(t, broker.Addr(), records)
	dir := t.TempDir()
	config := replaceAll(lakeFormats, "DIR", dir)
	formats := []struct{ name, format, codec, settings string }{
		{"ndjson", "ndjson", "gzip", ""},
		{"parquet", "parquet", "zstd", ""},
		{"declared", "parquet", "snappy", `column "ts" { type = "timestamp_ms" }
    column "source" {}
    column "seq" { type = "int64" }
    column "user_id" {
      field = "user.id"
      type  = "int32"
    }`},
		{"avro", "avro", "gzip", ""},
	}
	for _, f := range formats {
		config += replaceAll(
			lakeFormat, "DIR", dir, "BROKER", broker.Addr(), "GROUP", lakeGroup, "NAME", f.name,
			"FORMAT", f.format, "CODEC", f.codec, "SETTINGS", f.settings,
		)
	}
	ag := newAgent(t, "lake", config)
	ag.start()
	for _, f := range formats {
		waitArchived(t, broker.Addr(), lakeGroup+"-"+f.name, ends(t, broker.Addr()), 60*time.Second)
	}
	if code := ag.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	first := slices.Sorted(maps.Keys(hours))[0]
	for _, c := range []struct{ lake, reader string }{
		{"ndjson", "ndjson"}, {"parquet", "parquet"}, {"parquet", "pyarrow"}, {"declared", "parquet"}, {"declared", "pyarrow"}, {"avro", "avro"},
	} {
		t.Run(c.lake+" by "+c.reader, func(t *testing.T) {
			cmd := exec.CommandContext(
				t.Context(), os.Getenv("PENSTOCK_PYTHON"), "testdata/interop/check_lake.py",
				c.reader, filepath.Join(dir, c.lake, topic),
			)
			cmd.Stderr = os.Stderr
			text, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var found struct {
				Rows, Distinct, Wrong, Pruned int
				Partitions                    map[string]int
			}
			if err := json.Unmarshal(text, &found); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			t.Logf("%s", text)
			if found.Rows != records || found.Distinct != records || found.Wrong != 0 {
				t.Errorf(
					"%d rows, %d distinct, %d in a wrong partition; %d were produced", found.Rows,
					found.Distinct, found.Wrong, records,
				)
			}
			if !maps.Equal(found.Partitions, hours) {
				t.Errorf("partitions %v, want %v", found.Partitions, hours)
			}
			if c.reader != "avro" && found.Pruned != hours[first] {
				t.Errorf("a filter on dt and hr finds %d rows, want %d", found.Pruned, hours[first])
			}
		})
	}
}

// produceRequests produces records that have nested and optional fields, over several hours, and
// returns how many are of each.
func produceRequests(t *testing.T, addr string, n int) map[string]int {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	hours := map[string]int{}
	recs := make([]*kgo.Record, 0, n)
	for i := range n {
		at := time.Date(2026, 3, 28, 22, 0, 0, 0, time.UTC).
			Add(time.Duration(i*7%14400) * time.Second)
		hours[at.Format("dt=2006-01-02/hr=15")]++
		optional := ""
		if i%3 == 0 {
			optional = fmt.Sprintf(`,"referrer":"https://example.com/%d","retry":%t`, i, i%2 == 0)
		}
		recs = append(
			recs,
			&kgo.Record{
				Value: fmt.Appendf(
					nil,
					`{"ts":%q,"source":"s%d","seq":%d,"ms":%d.25,"tags":["a","ü%d"],"user":{"id":%d,"name":"u \"%d\""}%s}`,
					at.Format("2006-01-02T15:04:05.000Z"), i%7, i, i%100, i, i%50, i, optional,
				),
			},
		)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return hours
}
