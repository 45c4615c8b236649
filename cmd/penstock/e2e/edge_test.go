package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const topic = "app-logs"

// stopper is a server that can be taken away and brought back on the same address.
type stopper interface {
	Addr() string
	Stop() error
	Start() error
	Close()
}

func embeddedKafka(t *testing.T) stopper {
	b, err := demo.StartBroker(3, []string{topic})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func realKafka(t *testing.T, settings ...string) stopper {
	k, err := servers.NewKafka(t.TempDir(), settings...)
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	return k
}

// readInto enters all records of the topic into the ledger until ctx ends.
func readInto(
	ctx context.Context, addr string, ledger *demo.Ledger, also ...func(*kgo.Record),
) error {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(
			kgo.NewOffset().AtStart(),
		),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	for ctx.Err() == nil {
		for r := range cl.PollFetches(ctx).RecordsAll() {
			ledger.See(r.Value)
			for _, see := range also {
				see(r)
			}
		}
	}
	return nil
}

const edgeConfig = `
agent {
  data_dir = "%[1]s/data"
  name     = "edge-1"
  admin { listen = "ADMIN" }
}

input "tail" "app" {
  paths = ["%[1]s/logs/*.log", "%[1]s/logs/*.log.*"]
}

output "kafka" "events" {
  brokers = ["%[2]s"]
  topic   = "app-logs"
  failover {
    to      = output.%[3]s.overflow
    after   = "1s"
    recover = "500ms"
    object_size = "64KiB"
    object_age  = "1s"
  }
}

output "%[3]s" "overflow" {
  %[4]s
}

pipeline "app-logs" {
  from = [input.tail.app]
  to   = [output.kafka.events]
  buffer { segment_size = "4MiB" }
}
`

// overflow is an object store that takes an edge's overflow.
type overflow struct {
	kind, block string
	fail        func(rate float64)
	largest     func() int64 // records in the largest object
	faults      *faults      // nil with a real server
}

func s3Overflow(
	url, accessKey, secretKey string, fail func(float64), largest func() int64,
) *overflow {
	return &overflow{
		kind:    "s3",
		block:   s3Block(url, "overflow", accessKey, secretKey) + "\n  timeout = \"1s\"",
		fail:    fail,
		largest: largest,
	}
}

// gcsOverflow is a bucket of an emulator within this process, which can be made to fail.
func gcsOverflow(t *testing.T, rng *rand.Rand) *overflow {
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "overflow"})
	f := newFaults(rng)
	f.kinds = append(f.kinds, "hang")
	front := httptest.NewServer(f.in(server.HTTPHandler()))
	t.Cleanup(func() {
		front.Close()
		f.tell(t)
	})
	return &overflow{
		faults: f,
		kind:   "gcs",
		block: fmt.Sprintf(
			"bucket = \"overflow\"\n  endpoint = %q\n  anonymous = true\n  timeout = \"1s\"",
			front.URL+"/storage/v1/",
		),
		fail:    f.fail,
		largest: func() int64 { return 10_000 },
	}
}

// crashOptions say how hard a crash test is.
type crashOptions struct {
	kills       int
	rate        int // lines a second and app
	outages     bool
	storeFaults float64
	maxRun      time.Duration // between two kills
}

// TestEdgeSurvivesCrashes kills the agent at random moments while apps write and rotate logs, the
// broker comes and goes and the store fails: no line is lost, the order of each source holds, and
// nothing is sent twice but what was in flight at a kill.
func TestEdgeSurvivesCrashes(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	s3 := newFaultyS3(t, rng, "overflow")
	opts := crashOptions{
		kills:       6,
		rate:        2000,
		outages:     true,
		storeFaults: 0.25,
		maxRun:      2 * time.Second,
	}
	if runtest.Long() {
		opts.kills, opts.maxRun = 50, 2500*time.Millisecond
	}
	s3.kinds = append(s3.kinds, "hang")
	crashEdge(
		t, rng, embeddedKafka(t), s3Overflow(s3.URL, "key", "secret", s3.fail, s3.largestOverflow),
		opts,
	)
}

// TestEdgeSurvivesCrashesWithGCS is the same with an overflow in Google Cloud Storage.
func TestEdgeSurvivesCrashesWithGCS(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	opts := crashOptions{
		kills:       3,
		rate:        2000,
		outages:     true,
		storeFaults: 0.25,
		maxRun:      2 * time.Second,
	}
	if runtest.Long() {
		opts.kills = 10
	}
	crashEdge(t, rng, embeddedKafka(t), gcsOverflow(t, rng), opts)
}

// TestEdgeSurvivesCrashesOnRealServers is the same with Apache Kafka, whose process is killed and
// restarted, and a real S3 server.
func TestEdgeSurvivesCrashesOnRealServers(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	rng := runtest.Rand(t)
	s3, err := servers.NewS3(t.TempDir(), "overflow")
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s3.Close)
	store := s3Overflow(
		s3.URL(), servers.S3AccessKey, servers.S3SecretKey, func(float64) {},
		func() int64 { return 10_000 },
	)
	crashEdge(t, rng, realKafka(t), store,
		crashOptions{kills: 10, rate: 2000, outages: true, maxRun: 6 * time.Second})
}

func crashEdge(t *testing.T, rng *rand.Rand, broker stopper, store *overflow, opts crashOptions) {
	opts.kills = kills(t, opts.kills)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	ag := newAgent(t, "edge", fmt.Sprintf(edgeConfig, dir, broker.Addr(), store.kind, store.block))

	apps, writers := startApps(
		ctx, t, rng, logs, opts.rate, demo.Rename, demo.RenameGzip, demo.CopyTruncate,
	)
	ledger := demo.NewLedger()
	repeated, worst := newRepeats(), slowest(t)
	stopReader := background(
		ctx,
		func(ctx context.Context) error { return readInto(ctx, broker.Addr(), ledger, repeated.see) },
	)
	stopWatch := background(
		ctx, func(ctx context.Context) error { return repeated.watch(ctx, broker.Addr()) },
	)

	store.fail(opts.storeFaults)
	up, outages := true, 0
	for kill := range opts.kills {
		ag.start()
		// an outage that is long enough for the overflow
		long := opts.outages && kill == opts.kills/2
		if opts.outages && !long && rng.IntN(3) == 0 || long && up {
			outages++
			up = !up
			var err error
			if up {
				err = broker.Start()
			} else {
				repeated.interrupted()
				err = broker.Stop()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if long {
			pause(ctx, 4*time.Second)
		}
		pause(ctx, time.Duration(rng.Int64N(int64(opts.maxRun))))
		if !ag.running() {
			t.Fatalf("the agent ended by itself before kill %d", kill+1)
		}
		repeated.interrupted()
		ag.kill()
		pause(ctx, time.Duration(rng.Int64N(int64(300*time.Millisecond))))
	}
	for _, stop := range writers {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	store.fail(0)
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
	runtest.Within(
		t,
		2*time.Minute,
		func() bool { return ledger.Distinct() >= total || !ag.running() },
		func() string {
			return fmt.Sprintf(
				"%d of %d lines arrived: %v", ledger.Distinct(), total, ledger.Check(written).Notes,
			)
		},
	)
	pause(ctx, time.Second) // for what may be sent twice
	if code := ag.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	for _, stop := range []func() error{stopReader, stopWatch} {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	b := ledger.Check(written)
	t.Logf(
		"%d lines, %d kills: %d lost, %d out of order, %d repeated", b.Written, opts.kills, b.Lost,
		b.Disordered, b.Duplicated,
	)
	if b.Lost != 0 || ledger.Strange() != 0 {
		t.Errorf("lost %d, strange %d: %v", b.Lost, ledger.Strange(), b.Notes)
	}
	checkOrder(t, ledger, apps)
	ag.wantAudit(total)
	repeated.failovers(t, ag.logPath)
	said, err := os.ReadFile(ag.logPath)
	if err != nil {
		t.Fatal(err)
	}
	overflowed, replayed := bytes.Count(said, []byte("records go to the overflow")), bytes.Count(said, []byte("replaying the overflow"))
	t.Logf(
		"%d outages; records went to the overflow %d times, and were replayed %d times", outages,
		overflowed, replayed,
	)
	if opts.outages && (overflowed == 0 || replayed == 0) {
		t.Error("the overflow was not used: the test shows too little")
	}
	repeated.check(t, worst(), store.largest())
	if total < int64(opts.kills)*100 {
		t.Errorf("only %d lines were written: the test shows nothing", total)
	}
}
