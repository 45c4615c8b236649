package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

// These tests are named after public reports about other agents: what happened there must not
// happen here.

// rig is an edge with an embedded broker, one app and a ledger that reads the topic.
type rig struct {
	t      *testing.T
	dir    string
	broker *demo.Broker
	app    *demo.App
	ledger *demo.Ledger
	agent  *agent
}

// newRig makes a rig whose agent is not started yet. In the config DIR is the work directory and
// BROKER the broker's address.
func newRig(t *testing.T, config string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), ledger: demo.NewLedger()}
	if err := os.MkdirAll(filepath.Join(r.dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.broker, err = demo.StartBroker(3, []string{topic}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.broker.Close)
	r.app = &demo.App{
		Source: "a",
		Path:   filepath.Join(r.dir, "logs", "a.log"),
		Rand:   rand.New(rand.NewPCG(1, 1)),
		Kinds:  []demo.Rotation{demo.Rename},
	}
	t.Cleanup(func() { _ = r.app.Close() })
	stop := background(
		t.Context(),
		func(ctx context.Context) error { return readInto(ctx, r.broker.Addr(), r.ledger) },
	)
	t.Cleanup(func() { _ = stop() })
	r.agent = newAgent(t, "edge", replaceAll(config, "DIR", r.dir, "BROKER", r.broker.Addr()))
	return r
}

func (r *rig) write(n int) {
	r.t.Helper()
	if err := r.app.Write(n); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// arrives waits until every line written is in the topic, and checks that each is there once and in
// order.
func (r *rig) arrives(within time.Duration) {
	r.t.Helper()
	want := map[string]int64{"a": r.app.Written()}
	runtest.Within(
		r.t,
		within,
		func() bool { return r.ledger.Distinct() >= r.app.Written() },
		func() string {
			return fmt.Sprintf(
				"%d of %d lines arrived: %v", r.ledger.Distinct(), r.app.Written(),
				r.ledger.Check(want).Notes,
			)
		},
	)
	if b := r.ledger.Check(
		want,
	); b.Lost != 0 || b.Disordered != 0 || b.Duplicated != 0 ||
		r.ledger.Strange() != 0 {
		r.t.Errorf("%+v", b)
	}
}

const plainEdge = `
agent {
  data_dir = "DIR/data"
  name     = "edge-1"
  shutdown_timeout = "2s"
  admin { listen = "ADMIN" }
}
input "tail" "app" { paths = ["DIR/logs/*.log", "DIR/logs/*.log.*"] }
output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "app-logs"
}
pipeline "app-logs" {
  from = [input.tail.app]
  to   = [output.kafka.events]
}
`

// fluent-bit#4378: after a long outage it drained for minutes, then froze until restarted.
func TestFluentBit4378_DrainsToTheEndAfterALongOutage(t *testing.T) {
	parallel(t)
	r := newRig(t, plainEdge)
	r.must(r.broker.Stop())
	r.agent.start()
	for range 20 {
		r.write(10_000)
		pause(t.Context(), 50*time.Millisecond)
	}
	r.must(r.broker.Start())
	r.arrives(60 * time.Second)
	r.write(100)
	r.arrives(10 * time.Second)
}

// fluentd#1638: a crash left a chunk that was never sent.
func TestFluentd1638_WhatLaySpooledAtACrashIsSent(t *testing.T) {
	parallel(t)
	r := newRig(t, plainEdge)
	r.must(r.broker.Stop())
	r.agent.start()
	r.write(5_000)
	runtest.Within(t, 20*time.Second, func() bool {
		n, err := r.agent.metric("penstock_buffer_appended_records_total")
		return err == nil && n >= 5_000
	}, func() string { return "the lines are not on disk" })
	r.agent.kill()
	r.must(os.RemoveAll(filepath.Join(r.dir, "logs"))) // only the buffer has them now
	r.must(r.broker.Start())
	r.agent.start()
	r.arrives(30 * time.Second)
}

// fluent-bit#10670: a reload during an outage looped for ever and SIGTERM was ignored.
func TestFluentBit10670_ReloadDuringAnOutage(t *testing.T) {
	parallel(t)
	r := newRig(t, plainEdge)
	r.must(r.broker.Stop())
	r.agent.start()
	r.write(2_000)
	runtest.Within(t, 20*time.Second, func() bool {
		n, err := r.agent.metric("penstock_input_records_total")
		return err == nil && n >= 2_000
	}, func() string { return "the lines were not buffered" })
	text, err := os.ReadFile(r.agent.config)
	r.must(err)
	for i := range 3 {
		changed := replaceAll(
			string(text),
			`topic   = "app-logs"`, fmt.Sprintf("topic   = \"app-logs\"\n  linger = \"%dms\"", i+2),
		)
		r.must(os.WriteFile(r.agent.config, []byte(changed), 0o644))
		r.agent.signal(syscall.SIGHUP)
		pause(t.Context(), 300*time.Millisecond)
	}
	if !r.agent.running() {
		t.Fatal("the agent ended on SIGHUP")
	}
	if code := r.agent.terminate(15 * time.Second); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	r.must(r.broker.Start())
	r.agent.start()
	r.arrives(30 * time.Second)
}

// fluent-bit#11370, vector#22064: one dead output stalled the others. flume: one channel, and so
// one copy, for each sink.
func TestFluentBit11370_OneDeadOutputDelaysNobody(t *testing.T) {
	parallel(t)
	dead := servers.FreeAddr(t)
	r := newRig(t, replaceAll(plainEdge, "pipeline \"app-logs\" {", `
output "kafka" "dead" {
  brokers = ["`+dead+`"]
  topic   = "app-logs"
}
pipeline "app-logs" {`, "to   = [output.kafka.events]", "to   = [output.kafka.events, output.kafka.dead]"))
	r.agent.start()
	for range 10 {
		r.write(10_000)
		pause(t.Context(), 20*time.Millisecond)
	}
	r.arrives(20 * time.Second)
	appended, err := r.agent.metric("penstock_buffer_appended_records_total")
	r.must(err)
	if appended != float64(r.app.Written()) {
		t.Errorf(
			"%.0f records were appended for %d lines: more than one copy", appended,
			r.app.Written(),
		)
	}
}

// fluent-bit#10667: when Kafka came back the first stored batches were dropped. vector#24193:
// bouncing the broker lost what was in flight.
func TestVector24193_BouncingTheBrokerLosesNothing(t *testing.T) {
	parallel(t)
	r := newRig(t, plainEdge)
	r.agent.start()
	for range 8 {
		r.write(5_000)
		pause(t.Context(), 30*time.Millisecond)
		r.must(r.broker.Stop())
		r.write(1_000)
		pause(t.Context(), 100*time.Millisecond)
		r.must(r.broker.Start())
		pause(t.Context(), 200*time.Millisecond)
	}
	r.arrives(60 * time.Second)
}

// fluent-bit#6082, #5166: memory grew in spite of disk buffering, and a large backlog blocked the
// restart. otel-contrib#44469: the drain of the queue ran out of memory.
func TestFluentBit6082_MemoryStaysFlatOverABacklog(t *testing.T) {
	parallel(t)
	r := newRig(t, plainEdge)
	r.must(r.broker.Stop())
	r.agent.start()
	lines := 1_000_000
	for range 100 {
		r.write(lines / 100)
	}
	runtest.Within(t, 60*time.Second, func() bool {
		n, err := r.agent.metric("penstock_input_records_total")
		return err == nil && n >= float64(lines)
	}, func() string { return "the lines were not buffered" })
	r.agent.kill()
	started := time.Now()
	r.agent.start()
	runtest.Within(
		t, 10*time.Second,
		func() bool { code, _, err := r.agent.get("/healthz"); return err == nil && code == 200 },
		func() string { return "a backlog blocks the start" },
	)
	t.Logf("healthy %v after the start", time.Since(started).Round(time.Millisecond))
	r.must(r.broker.Start())
	peak := int64(0)
	runtest.Within(t, 2*time.Minute, func() bool {
		peak = max(peak, costtest.Anonymous(r.agent.cmd.Process.Pid))
		return r.ledger.Distinct() >= r.app.Written()
	}, func() string { return fmt.Sprintf("%d of %d lines arrived", r.ledger.Distinct(), r.app.Written()) })
	r.arrives(time.Second)
	t.Logf("peak anonymous memory %d MiB", peak>>20)
	if peak > 150<<20 {
		t.Errorf("%d MiB of anonymous memory, want at most 150", peak>>20)
	}
}
