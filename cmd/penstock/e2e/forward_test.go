package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluent/fluent-logger-golang/fluent"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/forward"
	"github.com/prometheus/client_golang/prometheus"
)

const relayConfig = `
agent {
  data_dir = "DIR/relay"
  name     = "relay-1"
  shutdown_timeout = "5s"
  admin { listen = "ADMIN" }
}
input "forward" "fluent" { listen = "LISTEN" }
output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "app-logs"
}
pipeline "relay" {
  from = [input.forward.fluent]
  to   = [output.kafka.events]
  buffer { segment_size = "4MiB" }
}
`

// ackedClient sends a source's numbered records one chunk at a time, each until it is acknowledged.
type ackedClient struct {
	source string
	acked  atomic.Int64
	// send returns nil once records from, from+1 ... from+n-1 are acknowledged.
	send func(ctx context.Context, from int64, n int) error
	size int // records of a chunk
}

func (c *ackedClient) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := c.send(ctx, c.acked.Load(), c.size); err != nil {
			pause(ctx, 20*time.Millisecond)
			continue
		}
		c.acked.Add(int64(c.size))
	}
	return nil
}

// loggerClient sends with the official Go logger, record by record.
func loggerClient(t *testing.T, addr, source string, json bool) *ackedClient {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	p, _ := strconv.Atoi(port)
	conf := fluent.Config{
		FluentHost:         host,
		FluentPort:         p,
		RequestAck:         true,
		SubSecondPrecision: !json,
		MarshalAsJSON:      json,
		MaxRetry:           1,
		RetryWait:          1,
		ReadTimeout:        20 * time.Second,
		WriteTimeout:       10 * time.Second,
	}
	var log *fluent.Fluent
	t.Cleanup(func() {
		if log != nil {
			_ = log.Close()
		}
	})
	return &ackedClient{
		source: source,
		size:   1,
		send: func(_ context.Context, from int64, _ int) error {
			if log == nil {
				var err error
				if log, err = fluent.New(conf); err != nil {
					log = nil
					return err
				}
			}
			return log.Post(
				"app."+source,
				map[string]any{
					"source": source,
					"seq":    from,
					"text":   "grüße",
					"nested": map[string]any{"n": 1.5},
				},
			)
		},
	}
}

// packedClient sends with penstock's own output, chunk by chunk.
func packedClient(t *testing.T, addr, source, compression string, size int) *ackedClient {
	t.Helper()
	f := forwardWriter(t, addr, func(c *forward.Config) { c.Compression = compression })
	return &ackedClient{
		source: source,
		size:   size,
		send: func(ctx context.Context, from int64, n int) error {
			var b record.Builder
			b.Reset("app."+source, "", 0)
			for seq := from; seq < from+int64(n); seq++ {
				line := demo.AppendLine(nil, source, seq, time.Now())
				b.Append(time.Now().UnixNano(), nil, line[:len(line)-1], nil)
			}
			return f.Write(ctx, b.Build())
		},
	}
}

func forwardWriter(t *testing.T, addr string, change func(*forward.Config)) *forward.Forward {
	t.Helper()
	cfg := forward.Default()
	cfg.Servers = []forward.Server{{Name: "relay", Address: addr, Weight: 1}}
	cfg.AckTimeout, cfg.RecoverWait = 20*time.Second, 0
	if change != nil {
		change(&cfg)
	}
	f, err := forward.New(
		cfg,
		outputs.Env{
			Name:    "output.forward.test",
			Agent:   "client-1",
			Log:     slog.New(slog.DiscardHandler),
			Metrics: prometheus.NewRegistry(),
			Dir:     t.TempDir(),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestRelaySurvivesCrashes kills the relay at random moments under load from clients that wait for
// acks, while the broker comes and goes: what was acknowledged is in Kafka, each source in its
// order.
func TestRelaySurvivesCrashes(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	kills, maxRun := 6, 1500*time.Millisecond
	if runtest.Long() {
		kills, maxRun = 20, 1500*time.Millisecond
	}
	broker := embeddedKafka(t)
	listen := servers.FreeAddr(t)
	relay := newAgent(
		t, "relay",
		replaceAll(relayConfig, "DIR", t.TempDir(), "LISTEN", listen, "BROKER", broker.Addr()),
	)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ledger := demo.NewLedger()
	stopReader := background(
		ctx, func(ctx context.Context) error { return readInto(ctx, broker.Addr(), ledger) },
	)

	clients := []*ackedClient{
		loggerClient(t, listen, "go-1", false),
		loggerClient(t, listen, "go-2", false),
		loggerClient(t, listen, "go-json", true),
		packedClient(t, listen, "packed", "none", 100),
		packedClient(t, listen, "gzip", "gzip", 37),
		packedClient(t, listen, "zstd", "zstd", 1000),
	}
	var stops []func() error
	for _, c := range clients {
		stops = append(stops, background(ctx, c.run))
	}
	up := true
	for kill := range kills {
		relay.start()
		if kill == 0 {
			runtest.Within(t, 30*time.Second, func() bool {
				return !slices.ContainsFunc(
					clients, func(c *ackedClient) bool { return c.acked.Load() < int64(c.size) },
				)
			}, func() string { return "not every client gets an ack" })
		}
		if rng.IntN(3) == 0 {
			var err error
			if up = !up; up {
				err = broker.Start()
			} else {
				err = broker.Stop()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		pause(ctx, 300*time.Millisecond+time.Duration(rng.Int64N(int64(maxRun))))
		if !relay.running() {
			t.Fatalf("the relay ended by itself before kill %d", kill+1)
		}
		relay.kill()
	}
	// A client that waits for an ack gets it from the next relay or not at all; either way it ends
	// within its timeout.
	relay.start()
	for _, stop := range stops {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	if !up {
		if err := broker.Start(); err != nil {
			t.Fatal(err)
		}
	}
	acked := map[string]int64{}
	for _, c := range clients {
		if acked[c.source] = c.acked.Load(); acked[c.source] < int64(c.size) {
			t.Errorf("%s got no ack at all", c.source)
		}
	}
	runtest.Within(
		t,
		time.Minute,
		func() bool { return ledger.Check(acked).Lost == 0 || !relay.running() },
		func() string {
			return fmt.Sprint("lost: ", ledger.Check(acked).Notes)
		},
	)
	pause(ctx, 500*time.Millisecond) // for what may come late, and out of order
	if code := relay.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	if err := stopReader(); err != nil {
		t.Fatal(err)
	}
	b := ledger.Check(acked)
	t.Logf(
		"%d records acknowledged, %d kills: %d lost, %d out of order, %d repeated: %v", b.Written,
		kills, b.Lost, b.Disordered, b.Duplicated, acked,
	)
	if b.Lost != 0 || b.Disordered != 0 || ledger.Strange() != 0 {
		t.Errorf(
			"lost %d, out of order %d, strange %d: %v", b.Lost, b.Disordered, ledger.Strange(),
			b.Notes,
		)
	}
}

const (
	chainEdge = `
agent {
  data_dir = "DIR/edge"
  name     = "edge-1"
  shutdown_timeout = "5s"
  admin { listen = "ADMIN" }
}
input "tail" "app" { paths = ["DIR/logs/*.log", "DIR/logs/*.log.*"] }
output "forward" "relay" {
  server "one" { address = "LISTEN" }
  shared_key   = "between us"
  compression  = "zstd"
  ack_timeout  = "10s"
  recover_wait = "1s"
  retry { max = "500ms" }
}
pipeline "app-logs" {
  from = [input.tail.app]
  to   = [output.forward.relay]
  buffer { segment_size = "4MiB" }
}
`
	chainRelay = `
agent {
  data_dir = "DIR/relay"
  name     = "relay-1"
  shutdown_timeout = "5s"
  admin { listen = "ADMIN" }
}
input "forward" "edges" {
  listen = "LISTEN"
  security { shared_key = "between us" }
}
output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "app-logs"
}
pipeline "relay" {
  from = [input.forward.edges]
  to   = [output.kafka.events]
  buffer { segment_size = "4MiB" }
}
`
)

// TestChainSurvivesCrashes kills both ends of a connection between two penstocks at random moments:
// files in, Kafka out, no line is lost and each source keeps its order.
func TestChainSurvivesCrashes(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	kills, maxRun := 8, 1200*time.Millisecond
	if runtest.Long() {
		kills, maxRun = 25, 1500*time.Millisecond
	}
	broker := embeddedKafka(t)
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	vars := []string{"DIR", dir, "LISTEN", servers.FreeAddr(t), "BROKER", broker.Addr()}
	edge := newAgent(t, "edge", replaceAll(chainEdge, vars...))
	relay := newAgent(t, "relay", replaceAll(chainRelay, vars...))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ledger := demo.NewLedger()
	stopReader := background(
		ctx, func(ctx context.Context) error { return readInto(ctx, broker.Addr(), ledger) },
	)

	written := map[string]int64{}
	var apps []*demo.App
	var writers []func() error
	for _, source := range []string{"one", "two", "three"} {
		app := &demo.App{
			Source: source,
			Path:   filepath.Join(dir, "logs", source+".log"),
			Kinds:  []demo.Rotation{demo.Rename},
			Rand:   rand.New(rand.NewPCG(rng.Uint64(), 3)),
		}
		if source != "one" {
			app.Kinds = append(app.Kinds, demo.RenameGzip)
		}
		apps = append(apps, app)
		writers = append(
			writers,
			background(
				ctx,
				func(ctx context.Context) error { return app.Run(ctx, 2000, 1500*time.Millisecond) },
			),
		)
		t.Cleanup(func() { _ = app.Close() })
	}
	edge.start()
	relay.start()
	for kill := range kills {
		pause(ctx, time.Duration(rng.Int64N(int64(maxRun))))
		victims := []*agent{edge, relay}[rng.IntN(2):]
		if rng.IntN(2) == 0 {
			victims = victims[:1]
		}
		for _, a := range victims {
			if !a.running() {
				t.Fatalf("an agent ended by itself before kill %d", kill+1)
			}
			a.kill()
		}
		pause(ctx, time.Duration(rng.Int64N(int64(200*time.Millisecond))))
		for _, a := range victims {
			a.start()
		}
	}
	for i, stop := range writers {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		written[apps[i].Source] = apps[i].Written()
	}
	runtest.Within(
		t,
		time.Minute,
		func() bool { return ledger.Check(written).Lost == 0 || !edge.running() || !relay.running() },
		func() string {
			return fmt.Sprint(
				"lost: ", ledger.Check(written).Notes, "\nedge:\n", lastLines(edge.logPath, 10),
			)
		},
	)
	pause(ctx, 500*time.Millisecond) // for what may come late, and out of order
	for _, a := range []*agent{edge, relay} {
		if code := a.terminate(20 * time.Second); code != 0 {
			t.Errorf("exit code %d after SIGTERM", code)
		}
	}
	if err := stopReader(); err != nil {
		t.Fatal(err)
	}
	b := ledger.Check(written)
	t.Logf(
		"%d lines, %d kills: %d lost, %d out of order, %d repeated", b.Written, kills, b.Lost,
		b.Disordered, b.Duplicated,
	)
	if b.Lost != 0 || ledger.Strange() != 0 {
		t.Errorf("lost %d, strange %d: %v", b.Lost, ledger.Strange(), b.Notes)
	}
	checkOrder(t, ledger, apps)
	if b.Written < int64(kills)*500 {
		t.Errorf("only %d lines were written: the test shows nothing", b.Written)
	}
}
