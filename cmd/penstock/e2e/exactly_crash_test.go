package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

const exactlyConfig = `
agent {
  data_dir = "DIR/data"
  name     = "edge-1"
  admin { listen = "ADMIN" }
}

input "tail" "app" {
  paths = ["DIR/logs/*.log", "DIR/logs/*.log.*"]
}

output "kafka" "events" {
  brokers          = ["BROKER"]
  topic            = "app-logs"
  delivery         = "exactly_once"
  commit_interval  = "50ms"
  delivery_timeout = "3s"
  request_timeout  = "2s"
  FAILOVER
}

STORE

pipeline "app-logs" {
  from = [input.tail.app]
  ROUTE
  buffer {
    segment_size = "4MiB"
    BUFFER
  }
}
`

const exactlyRoute = `to = [output.kafka.events]`

// exactlyFilters makes two records of each line, numbered 2n and 2n+1, and would drop any that came
// twice.
const exactlyFilters = `
  filter "parse" {
    format     = "json"
    types      = { status = "int" }
    on_failure = "dead_letter"
  }
  filter "set" {
    fields = { parts = "[{'seq': field.seq * 2}, {'seq': field.seq * 2 + 1}]" }
  }
  filter "explode" {
    field = "parts"
    flat  = true
  }
  filter "dedupe" {
    key    = "field.source + ' ' + string(field.seq)"
    within = "1h"
  }
  route {
    if = "field.seq % 2 == 0"
    to = [output.kafka.events]
  }
  otherwise = [output.kafka.events]
`

const exactlyFailover = `failover {
    to          = output.s3.overflow
    after       = "1s"
    recover     = "500ms"
    object_size = "64KiB"
    object_age  = "500ms"
  }`

const exactlyStore = `output "s3" "overflow" {
  bucket            = "overflow"
  endpoint          = "URL"
  region            = "us-east-1"
  path_style        = true
  access_key_id     = "ACCESS"
  secret_access_key = "SECRET"
}`

const exactlyLake = `
agent {
  data_dir = "DIR/lake-data"
  name     = "lake-1"
  admin { listen = "ADMIN" }
}

input "kafka" "events" {
  brokers = ["BROKER"]
  topics  = ["app-logs"]
  group   = "lake"
}

output "local" "lake" {
  directory = "DIR/lake"
  path      = "${topic}/source=${field.source}"
  format "ndjson" {}
  compression = "zstd"
  roll {
    records = 5000
    age     = "1s"
    idle    = "500ms"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.local.lake]
}
`

// exactlyOptions say how hard a crash test is.
type exactlyOptions struct {
	kills   int
	rate    int // lines a second and app
	maxRun  time.Duration
	faults  float64 // of the store
	buffer  string  // more of the buffer's block
	route   string  // of the pipeline, and its filters; exactlyRoute unless set
	parts   int64   // records that the filters make of a line; 1 unless set
	patient time.Duration
}

// TestExactlyOnceSurvivesCrashes kills an agent with delivery = "exactly_once" at random moments,
// while apps write and rotate, the broker comes and goes and the overflow's store fails. Readers of
// committed records see each line once, and so does the lake behind a consumer.
func TestExactlyOnceSurvivesCrashes(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	s3 := newFaultyS3(t, rng, "overflow")
	o := exactlyOptions{
		kills:   7,
		rate:    1500,
		maxRun:  1800 * time.Millisecond,
		faults:  0.25,
		patient: time.Minute,
	}
	if runtest.Long() {
		o.kills, o.maxRun = 100, 800*time.Millisecond
	}
	store := replaceAll(exactlyStore, "URL", s3.URL, "ACCESS", "key", "SECRET", "secret")
	crashExactly(t, rng, embeddedKafka(t), store, s3.fail, o)
}

// TestExactlyOnceSpillSurvivesCrashes is the same with lines that go through memory alone while
// Kafka keeps up.
func TestExactlyOnceSpillSurvivesCrashes(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	s3 := newFaultyS3(t, rng, "overflow")
	o := exactlyOptions{
		kills:   6,
		rate:    1500,
		maxRun:  1800 * time.Millisecond,
		faults:  0.25,
		patient: time.Minute,
		buffer:  "spill = true",
	}
	if runtest.Long() {
		o.kills, o.maxRun = 25, 2500*time.Millisecond
	}
	store := replaceAll(exactlyStore, "URL", s3.URL, "ACCESS", "key", "SECRET", "secret")
	crashExactly(t, rng, embeddedKafka(t), store, s3.fail, o)
}

// TestExactlyOnceWithFiltersSurvivesCrashes is the same with filters that parse, make several
// records of a line, forget repeats, and choose by a condition.
func TestExactlyOnceWithFiltersSurvivesCrashes(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	s3 := newFaultyS3(t, rng, "overflow")
	o := exactlyOptions{
		kills:   3,
		rate:    800,
		maxRun:  1800 * time.Millisecond,
		faults:  0.25,
		patient: time.Minute,
		route:   exactlyFilters,
		parts:   2,
	}
	if runtest.Long() {
		o.kills = 25
	}
	store := replaceAll(exactlyStore, "URL", s3.URL, "ACCESS", "key", "SECRET", "secret")
	crashExactly(t, rng, embeddedKafka(t), store, s3.fail, o)
}

// realStore returns the overflow on a real S3 server.
func realStore(t *testing.T) string {
	t.Helper()
	s3, err := servers.NewS3(t.TempDir(), "overflow")
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s3.Close)
	return replaceAll(
		exactlyStore, "URL", s3.URL(), "ACCESS", servers.S3AccessKey, "SECRET", servers.S3SecretKey,
	)
}

// TestExactlyOnceSurvivesCrashesOnRealServers is the same with Apache Kafka, whose process is
// killed and started again, and a real S3 server.
func TestExactlyOnceSurvivesCrashesOnRealServers(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	rng := runtest.Rand(t)
	store := realStore(t)
	o := exactlyOptions{kills: 15, rate: 1500, maxRun: 6 * time.Second, patient: 3 * time.Minute}
	if rng.IntN(2) == 0 {
		o.buffer = "spill = true"
	}
	t.Logf("buffer { %s }", o.buffer)
	crashExactly(t, rng, realKafka(t), store, func(float64) {}, o)
}

func crashExactly(
	t *testing.T, rng *rand.Rand, broker stopper, store string, storeFail func(float64),
	o exactlyOptions,
) {
	o.kills = kills(t, o.kills)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	edge := newAgent(
		t,
		"edge",
		replaceAll(
			exactlyConfig, "DIR", dir, "BROKER", broker.Addr(), "FAILOVER", exactlyFailover,
			"STORE", store, "ROUTE", cmp.Or(o.route, exactlyRoute), "BUFFER", o.buffer,
		),
	)
	consumer := newAgent(t, "lake", replaceAll(exactlyLake, "DIR", dir, "BROKER", broker.Addr()))
	consumer.start()

	apps, writers := startApps(ctx, t, rng, logs, o.rate, demo.Rename, demo.RenameGzip)
	ledger, repeated := demo.NewLedger(), newRepeats()
	stopReader := background(
		ctx,
		func(ctx context.Context) error { return readInto(ctx, broker.Addr(), ledger, repeated.see) },
	)

	storeFail(o.faults)
	up, outages := true, 0
	for kill := range o.kills {
		edge.start()
		if rng.IntN(3) == 0 || kill == o.kills/2 && outages == 0 {
			up = !up
			var err error
			if up {
				err = broker.Start()
			} else {
				outages++
				err = broker.Stop()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		pause(ctx, 200*time.Millisecond+time.Duration(rng.Int64N(int64(o.maxRun))))
		if !edge.running() || !consumer.running() {
			t.Fatalf("an agent ended by itself before kill %d", kill+1)
		}
		edge.kill()
		pause(ctx, time.Duration(rng.Int64N(int64(200*time.Millisecond))))
	}
	for _, stop := range writers {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	storeFail(0)
	if !up {
		if err := broker.Start(); err != nil {
			t.Fatal(err)
		}
	}
	written, total := map[string]int64{}, int64(0)
	for _, app := range apps {
		written[app.Source] = app.Written() * max(1, o.parts)
		total += written[app.Source]
	}
	edge.start()
	runtest.Within(
		t,
		o.patient,
		func() bool { return ledger.Distinct() >= total || !edge.running() },
		func() string {
			return fmt.Sprintf(
				"%d of %d lines arrived: %v", ledger.Distinct(), total, ledger.Check(written).Notes,
			)
		},
	)
	objects := func() *demo.Ledger {
		l := demo.NewLedger()
		for key, data := range filesBelow(t, filepath.Join(dir, "lake")) {
			lines, err := objectLines(key, data)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range lines {
				l.See(line)
			}
		}
		return l
	}
	runtest.Within(
		t,
		o.patient,
		func() bool { return objects().Distinct() >= total || !consumer.running() },
		func() string {
			return fmt.Sprintf("%d of %d lines are in the lake", objects().Distinct(), total)
		},
	)
	pause(ctx, time.Second) // for what may be sent twice
	for _, ag := range []*agent{edge, consumer} {
		if code := ag.terminate(20 * time.Second); code != 0 {
			t.Errorf("exit code %d after SIGTERM", code)
		}
	}
	pause(ctx, 500*time.Millisecond) // for what may be committed at the end
	if err := stopReader(); err != nil {
		t.Fatal(err)
	}
	topicBalance, lakeBalance := ledger.Check(written), objects().Check(written)
	t.Logf(
		"%d lines, %d kills, %d outages: in the topic %d lost, %d repeated, %d out of order; in the lake %d lost, %d repeated",
		total, o.kills, outages, topicBalance.Lost, topicBalance.Duplicated,
		topicBalance.Disordered, lakeBalance.Lost, lakeBalance.Duplicated,
	)
	for where, b := range map[string]demo.Balance{"topic": topicBalance, "lake": lakeBalance} {
		if b.Lost != 0 || b.Duplicated != 0 || b.Seen != total {
			t.Errorf("in the %s: %+v", where, b)
		}
	}
	repeated.tell(t)
	checkOrder(t, ledger, apps)
	edge.wantAudit(total / max(1, o.parts))
	if total < int64(o.kills)*100 || outages == 0 {
		t.Errorf("only %d lines and %d outages: the test shows nothing", total, outages)
	}
}
