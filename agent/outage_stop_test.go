package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	kafkain "github.com/penstock/penstock/inputs/kafka"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/penstock/penstock/outputs/local"
)

// A stop while Kafka is away: what waits is on disk, and nothing that could still be waited for
// comes. Brokers may be gone, or keep connections open and answer nothing.
func TestAStopInAnOutageWaitsForNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, output, buffer string }{
		{name: "at least once"},
		{name: "spill", buffer: "buffer { spill = true }"},
		{name: "exactly once", output: `delivery = "exactly_once"`},
	} {
		for _, silent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, silent %v", c.name, silent), func(t *testing.T) {
				t.Parallel()
				stopInAnOutage(t, c.output, c.buffer, silent)
			})
		}
	}
}

func stopInAnOutage(t *testing.T, output, buffer string, silent bool) {
	cluster := kafkaAt(t, 0)
	defer cluster.Close()
	_, at, _ := net.SplitHostPort(cluster.ListenAddrs()[0])
	port, err := strconv.Atoi(at)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	w.shutdown = "20s"
	w.more = Catalogue{AsyncWriterType("kafka", "Kafka.", kafka.Default, kafka.New)}
	dir := t.TempDir()
	config := fmt.Sprintf(`
input "fake" "in" { name = "in" }
output "kafka" "a" {
  brokers          = [%q]
  topic            = "app"
  request_timeout  = "1s"
  %s
}
pipeline "p" {
  from = [input.fake.in]
  to   = [output.kafka.a]
  %s
}`, cluster.ListenAddrs()[0], output, buffer)
	r := startAgent(t, w, dir, config)
	sent := func() float64 {
		for _, p := range r.Status().Pipelines {
			return p.Outputs[0].Records
		}
		return 0
	}
	w.send(t, "in", "app", "before")
	runtest.Within(t, 20*time.Second, func() bool { return sent() > 0 }, r.log.String)
	hung := make(chan struct{})
	if silent {
		cluster.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			cluster.SleepControl(func() { <-hung })
			return nil, nil, false
		})
	} else {
		cluster.Close()
	}
	w.send(t, "in", "app", "during")
	runtest.Within(t, 20*time.Second, func() bool {
		kind := r.States()[0].Outputs[0].Kind
		return kind != state.Delivering
	}, func() string { return "the outage is not seen\n" + r.log.String() })
	began := time.Now()
	r.stop()
	r.wait()
	if took := time.Since(began); took > 4*time.Second { // the shutdown timeout is 20 s, Grace 5
		t.Errorf("the stop took %v", took)
	}
	if strings.Contains(r.log.String(), "did not stop") {
		t.Error("the agent gave its outputs up")
	}
	// What waited is delivered after the next start.
	if silent {
		close(hung)
		cluster.Close()
	}
	again := kafkaAt(t, port)
	defer again.Close()
	startAgent(t, w, dir, config)
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(again.ListenAddrs()...), kgo.ConsumeTopics("app"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for found := false; !found; {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			found = found || string(r.Value) == "during"
		})
		if ctx.Err() != nil {
			t.Fatal("what waited is not delivered")
		}
	}
}

func kafkaAt(t *testing.T, port int) *kfake.Cluster {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "app", "penstock-positions")}
	if port != 0 {
		opts = append(opts, kfake.Ports(port))
	}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The same for what reads from Kafka: neither the group nor the offsets are waited for.
func TestAConsumerStopsInAnOutage(t *testing.T) {
	t.Parallel()
	cluster := kafkaAt(t, 0)
	defer cluster.Close()
	w := newWorld()
	w.shutdown = "20s"
	w.more = Catalogue{SourceType("kafka", "Kafka.", kafkain.Default, kafkain.New)}
	r := startAgent(t, w, t.TempDir(), fmt.Sprintf(`
input "kafka" "in" {
  brokers = [%q]
  topics  = ["app"]
  group   = "g"
}
output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.kafka.in]
  to   = [output.fake.x]
}`, cluster.ListenAddrs()[0]))
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	produce := &kgo.Record{Topic: "app", Value: []byte("1")}
	if err := cl.ProduceSync(t.Context(), produce).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.await(t, "the record", w.has("x", 1))
	cluster.Close()
	began := time.Now()
	r.stop()
	r.wait()
	if took := time.Since(began); took > 4*time.Second { // the shutdown timeout is 20 s, Grace 5
		t.Errorf("the stop took %v", took)
	}
}

// brokenOutput fails as a whole.
type brokenOutput struct{}

func (brokenOutput) Drain(context.Context, record.Log) error { return errors.New("broken") }
func (brokenOutput) Close() error                            { return nil }

// An output that has failed as a whole, and is about to be started again, has nothing under way
// that a stop could wait for.
func TestAStopDoesNotWaitForAnOutputThatWaitsToBeStartedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.shutdown, w.restart = "20s", restart{
		min: time.Minute, max: time.Minute, steady: time.Minute, logEvery: time.Minute,
	}
	w.more = Catalogue{OutputType(
		"broken", "Broken.", func() emptyConfig { return emptyConfig{} },
		func(emptyConfig, outputs.Env) (brokenOutput, error) { return brokenOutput{}, nil },
	)}
	r := startAgent(t, w, t.TempDir(), `
input "fake" "in" { name = "in" }
output "broken" "a" {}
pipeline "p" {
  from = [input.fake.in]
  to   = [output.broken.a]
}`)
	w.send(t, "in", "app", "a record")
	u := r.pipelines["p"].outputs["output.broken.a"]
	runtest.Until(t, "the output waits", func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return u.state == Waiting
	})
	began := time.Now()
	r.stop()
	r.wait()
	if took := time.Since(began); took > 10*time.Second { // silence is a second
		t.Errorf("the stop took %v", took)
	}
}

// mute is a connection of a broker that says nothing once silent is closed.
type mute struct {
	net.Conn
	silent <-chan struct{}
}

func (c mute) Write(p []byte) (int, error) {
	select {
	case <-c.silent:
		return len(p), nil
	default:
		return c.Conn.Write(p)
	}
}

type muteListener struct {
	net.Listener
	silent <-chan struct{}
}

func (l muteListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return mute{c, l.silent}, err
}

// A consumer whose brokers say nothing any more waits for no commit of what it has begun to
// archive: that is still in Kafka.
func TestAnArchivingConsumerStopsWhileBrokersAreSilent(t *testing.T) {
	t.Parallel()
	silent := make(chan struct{})
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.SeedTopics(1, "app"),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			return muteListener{l, silent}, err
		}),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	w := newWorld()
	w.shutdown = "20s"
	w.more = Catalogue{
		SourceType("kafka", "Kafka.", kafkain.Default, kafkain.New),
		ArchiveType("local", "Local.", local.Default, local.New),
	}
	r := startAgent(t, w, t.TempDir(), fmt.Sprintf(`
input "kafka" "in" {
  brokers = [%q]
  topics  = ["app"]
  group   = "g"
}
output "local" "lake" {
  directory = %q
  format "raw" {}
}
pipeline "p" {
  from = [input.kafka.in]
  to   = [output.local.lake]
}`, cluster.ListenAddrs()[0], t.TempDir()))
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	produce := &kgo.Record{Topic: "app", Value: []byte("1")}
	if err := cl.ProduceSync(t.Context(), produce).FirstErr(); err != nil {
		t.Fatal(err)
	}
	cl.Close()
	input := func() state.InputState { return r.States()[0].Inputs[0] }
	runtest.Until(t, "the record to be read", func() bool {
		b := input().Behind
		return b != nil && b.Records == 0 && b.Uncommitted == 1
	})
	close(silent)
	runtest.Until(t, "it is told", func() bool { return input().Kind == state.Retrying })
	began := time.Now()
	r.stop()
	r.wait()
	if took := time.Since(began); took > 4*time.Second { // the shutdown timeout is 20 s
		t.Errorf("the stop took %v", took)
	}
}
