package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
)

const spillConfig = `
agent {
  data_dir = "DIR/data"
  name     = "edge-1"
  admin { listen = "ADMIN" }
}

input "tail" "app" {
  paths = ["DIR/logs/*.log", "DIR/logs/*.log.*"]
}

output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "app-logs"
  FAILOVER
}

OUTPUTS

pipeline "app-logs" {
  from = [input.tail.app]
  to   = [output.kafka.events MORE]
  buffer {
    segment_size = "4MiB"
    spill        = true
  }
}
`

const spillFailover = `failover {
    to          = output.s3.overflow
    after       = "1s"
    recover     = "500ms"
    object_size = "64KiB"
    object_age  = "500ms"
  }`

const slowOutput = `
output "http" "slow" {
  url         = "URL"
  format      = "ndjson"
  compression = "none"
}`

// TestSpillSurvivesCrashes is TestEdgeSurvivesCrashes with spill: lines that no output has
// acknowledged yet are in the files alone, unless these rotate.
func TestSpillSurvivesCrashes(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	s3 := newFaultyS3(t, rng, "overflow")
	o := spillOptions{kills: 6, rate: 2000, faults: 0.1, maxRun: 2 * time.Second}
	if runtest.Long() {
		o.kills, o.maxRun = 20, 1500*time.Millisecond
	}
	o.store = replaceAll(exactlyStore, "URL", s3.URL, "ACCESS", "key", "SECRET", "secret")
	crashSpill(t, rng, embeddedKafka(t), s3.fail, o)
}

// TestSpillSurvivesCrashesWithASlowOutput has a second output that falls behind: the first gets
// each line as before, and none misses one.
func TestSpillSurvivesCrashesWithASlowOutput(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	o := spillOptions{kills: 5, rate: 1000, maxRun: 4 * time.Second, slow: true}
	if runtest.Long() {
		o.kills, o.maxRun = 10, 3*time.Second // positions are a second behind
	}
	crashSpill(t, rng, embeddedKafka(t), func(float64) {}, o)
}

// TestSpillSurvivesCrashesOnRealServers is the first one with Apache Kafka and a real S3 server.
func TestSpillSurvivesCrashesOnRealServers(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	rng := runtest.Rand(t)
	store := realStore(t)
	crashSpill(
		t, rng, realKafka(t), func(float64) {},
		spillOptions{kills: 8, rate: 2000, maxRun: 6 * time.Second, store: store},
	)
}

type spillOptions struct {
	kills  int
	rate   int // lines a second and app
	maxRun time.Duration
	faults float64 // of the store
	store  string  // the overflow's; "" for none
	slow   bool    // a second output
}

func crashSpill(
	t *testing.T, rng *rand.Rand, broker stopper, storeFail func(float64), o spillOptions,
) {
	o.kills = kills(t, o.kills)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	ledger, second := demo.NewLedger(), demo.NewLedger()
	failover, outputs, more := "", o.store, ""
	if o.store != "" {
		failover = spillFailover
	}
	var hasty atomic.Bool
	if o.slow {
		slow := slowServer(t, rng, second, &hasty)
		outputs, more = outputs+replaceAll(slowOutput, "URL", slow.URL), ", output.http.slow"
	}
	ag := newAgent(
		t,
		"edge",
		replaceAll(
			spillConfig, "DIR", dir, "BROKER", broker.Addr(), "FAILOVER", failover,
			"OUTPUTS", outputs, "MORE", more,
		),
	)
	apps, writers := startApps(
		ctx, t, rng, logs, o.rate, demo.Rename, demo.RenameGzip, demo.CopyTruncate,
	)
	repeated, worst := newRepeats(), slowest(t)
	stopReader := background(
		ctx,
		func(ctx context.Context) error { return readInto(ctx, broker.Addr(), ledger, repeated.see) },
	)
	stopWatch := background(
		ctx, func(ctx context.Context) error { return repeated.watch(ctx, broker.Addr()) },
	)

	storeFail(o.faults)
	up := true
	var memory, spilled float64
	counted := func(name string) float64 {
		n, err := ag.metric(name)
		if err != nil {
			return 0
		}
		return n
	}
	for kill := range o.kills {
		ag.start()
		if kill == 0 { // with an empty buffer and all outputs up, memory is where lines go
			runtest.Within(t, 30*time.Second, func() bool {
				return counted(
					"penstock_buffer_memory_records_total",
				)+counted(
					"penstock_buffer_spills_total",
				) > 0
			}, func() string { return "nothing goes through memory" })
		}
		if rng.IntN(3) == 0 {
			if up = !up; up {
				if err := broker.Start(); err != nil {
					t.Fatal(err)
				}
			} else {
				repeated.interrupted()
				if err := broker.Stop(); err != nil {
					t.Fatal(err)
				}
			}
		}
		pause(ctx, time.Duration(rng.Int64N(int64(o.maxRun))))
		if !ag.running() {
			t.Fatalf("the agent ended by itself before kill %d", kill+1)
		}
		memory += counted("penstock_buffer_memory_records_total")
		spilled += counted("penstock_buffer_spills_total")
		repeated.interrupted()
		ag.kill()
		pause(ctx, time.Duration(rng.Int64N(int64(300*time.Millisecond))))
	}
	for _, stop := range writers {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	storeFail(0)
	hasty.Store(true)
	if !up {
		if err := broker.Start(); err != nil {
			t.Fatal(err)
		}
	}
	written := map[string]int64{}
	var total int64
	for _, app := range apps {
		written[app.Source] = app.Written()
		total += app.Written()
	}
	ag.start()
	runtest.Within(t, 3*time.Minute, func() bool {
		return ledger.Distinct() >= total && (!o.slow || second.Distinct() >= total) ||
			!ag.running()
	}, func() string {
		return fmt.Sprintf(
			"%d and %d of %d lines arrived: %v", ledger.Distinct(), second.Distinct(), total,
			ledger.Check(written).Notes,
		)
	})
	pause(ctx, time.Second) // for what may be sent twice
	memory += counted("penstock_buffer_memory_records_total")
	if code := ag.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	for _, stop := range []func() error{stopReader, stopWatch} {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range []*demo.Ledger{ledger, second} {
		if i > 0 && !o.slow {
			break
		}
		b := l.Check(written)
		t.Logf(
			"output %d: %d lines, %d kills: %d lost, %d out of order, %d repeated", i+1, b.Written,
			o.kills, b.Lost, b.Disordered, b.Duplicated,
		)
		if b.Lost != 0 || l.Strange() != 0 {
			t.Errorf("lost %d, strange %d: %v", b.Lost, l.Strange(), b.Notes)
		}
		checkOrder(t, l, apps)
		// Of the slow output all that it is behind may be in flight, up to 16 MiB.
		if most := b.Written * 6 / 10; i == 0 && b.Duplicated > most {
			t.Errorf(
				"%d of %d lines came again: that is more than was in flight", b.Duplicated,
				b.Written,
			)
		}
	}
	ag.wantAudit(total)
	repeated.failovers(t, ag.logPath)
	repeated.check(t, worst(), 10_000)
	if t.Failed() {
		repeated.tell(t)
	}
	t.Logf("%.0f lines through memory alone, %.0f spills", memory, spilled)
	if memory == 0 && (spilled == 0 || !o.slow) {
		t.Error("nothing was in memory alone: the test shows nothing")
	}
	if total < int64(o.kills)*100 {
		t.Errorf("only %d lines were written: the test shows nothing", total)
	}
}

// slowServer enters what it is sent into a ledger, and takes its time until hasty is set.
func slowServer(
	t *testing.T, rng *rand.Rand, ledger *demo.Ledger, hasty *atomic.Bool,
) *httptest.Server {
	turn := make(chan *rand.Rand, 1)
	turn <- rand.New(rand.NewPCG(rng.Uint64(), 3))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rng := <-turn
		d := time.Duration(rng.Int64N(int64(20 * time.Millisecond)))
		if rng.IntN(40) == 0 {
			d = time.Duration(rng.Int64N(int64(4 * time.Second)))
		}
		turn <- rng
		if !hasty.Load() {
			pause(r.Context(), d)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for line := range bytes.Lines(body) {
			ledger.See(bytes.TrimSuffix(line, []byte("\n")))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// TestSpillKeepsWhatIsTruncated truncates files without a copy as soon as they were read, and kills
// the agent a moment later while the broker is away: what the tail had noticed is on disk.
func TestSpillKeepsWhatIsTruncated(t *testing.T) {
	parallel(t)
	broker := embeddedKafka(t)
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	ag := newAgent(
		t,
		"edge",
		replaceAll(
			spillConfig, "DIR", dir, "BROKER", broker.Addr(), "FAILOVER", "", "OUTPUTS", "",
			"MORE", "",
		),
	)
	app := &demo.App{Source: "app", Path: filepath.Join(logs, "app.log")}
	defer app.Close()
	ledger := demo.NewLedger()
	stopReader := background(
		t.Context(),
		func(ctx context.Context) error { return readInto(ctx, broker.Addr(), ledger) },
	)
	write := func(n int) {
		t.Helper()
		if err := app.Write(n); err != nil {
			t.Fatal(err)
		}
	}
	write(100)
	ag.start()
	runtest.Within(
		t, 30*time.Second, func() bool { return ledger.Distinct() == 100 },
		func() string { return "the first lines do not arrive" },
	)
	runtest.Within(t, 30*time.Second, func() bool {
		n, err := ag.metric("penstock_buffer_memory_records_total")
		return err == nil && n == 100
	},
		func() string { return "the first lines did not go through memory" })
	if err := broker.Stop(); err != nil {
		t.Fatal(err)
	}
	write(100)
	runtest.Within(
		t, 30*time.Second,
		func() bool { n, err := ag.metric("penstock_input_records_total"); return err == nil && n == 200 },
		func() string { return "the second lines are not read" },
	)
	if err := os.Truncate(app.Path, 0); err != nil {
		t.Fatal(err)
	}
	write(100)
	runtest.Within(
		t, 30*time.Second,
		func() bool { n, err := ag.metric("penstock_input_records_total"); return err == nil && n == 300 },
		func() string { return "the third lines are not read" },
	)
	runtest.Within(t, 30*time.Second, func() bool {
		n, err := ag.metric("penstock_buffer_appended_records_total")
		return err == nil && n >= 100
	},
		func() string { return "nothing is spilled" })
	ag.kill()
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	ag.start()
	runtest.Within(
		t, 30*time.Second, func() bool { return ledger.Distinct() == 300 },
		func() string { return fmt.Sprintf("%d of 300 lines arrived", ledger.Distinct()) },
	)
	if err := stopReader(); err != nil {
		t.Fatal(err)
	}
	if _, page, err := ag.get("/"); err != nil || !strings.Contains(page, "of the window in use") {
		t.Errorf("the status page does not tell about the window: %v", err)
	}
}
