package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// farm is many log files in one directory, whose lines are counted.
type farm struct {
	t       *testing.T
	dir     string
	written map[string]int64
	total   int64
}

func newFarm(t *testing.T, dir string) *farm {
	return &farm{t: t, dir: dir, written: map[string]int64{}}
}

// append adds n lines to a file.
func (f *farm) append(name string, n int) {
	f.t.Helper()
	var lines []byte
	for range n {
		lines = demo.AppendLine(lines, name, f.written[name], time.Now())
		f.written[name]++
		f.total++
	}
	file, err := os.OpenFile(
		filepath.Join(f.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644,
	)
	if err == nil {
		_, err = file.Write(lines)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// Twenty thousand files, of which five hundred are written to all the time: every line arrives,
// within seconds, and the descriptors and the memory stay in bounds.
func TestTwentyThousandFiles(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	const files, active = 20_000, 500
	r := newRig(t, plainEdge)
	f := newFarm(t, filepath.Join(r.dir, "logs"))
	name := func(i int) string { return fmt.Sprintf("f%05d", i) }
	for i := range files {
		f.append(name(i), 1)
	}
	started := time.Now()
	r.agent.start()
	arrived := func(what string) {
		t.Helper()
		began := time.Now()
		runtest.Within(
			t,
			60*time.Second,
			func() bool { return r.ledger.Distinct() >= f.total },
			func() string {
				return fmt.Sprintf("%s: %d of %d lines arrived", what, r.ledger.Distinct(), f.total)
			},
		)
		t.Logf(
			"%s: all lines after %.2f s; peak memory %d MB", what, time.Since(began).Seconds(),
			costtest.MostResident(r.agent.cmd.Process.Pid)/1e6,
		)
	}
	arrived("20,000 files")
	t.Logf("followed %.2f s after the start", time.Since(started).Seconds())
	for range 20 {
		for i := range active {
			f.append(name(i*(files/active)), 3)
		}
		arrived("500 active")
	}
	if b := r.ledger.Check(f.written); b.Lost+b.Duplicated+b.Disordered != 0 {
		t.Errorf("%+v", b)
	}
	if peak := costtest.MostResident(r.agent.cmd.Process.Pid); peak > 300e6 {
		t.Errorf("peak memory %d MB", peak/1e6)
	}
}

// One file that is written to at full speed does not starve a thousand slow ones beside it.
func TestAFastFileBesideAThousandSlowOnes(t *testing.T) {
	parallel(t)
	const slow = 1000
	var mu sync.Mutex
	var delays []time.Duration
	r := newRig(t, plainEdge)
	f := newFarm(t, filepath.Join(r.dir, "logs"))
	stop := background(t.Context(), func(ctx context.Context) error {
		return readInto(ctx, r.broker.Addr(), demo.NewLedger(), func(rec *kgo.Record) {
			fields := gjson.GetManyBytes(rec.Value, "source", "ts")
			if !strings.HasPrefix(fields[0].Str, "slow") {
				return
			}
			if at, err := time.Parse(time.RFC3339Nano, fields[1].Str); err == nil {
				mu.Lock()
				delays = append(delays, time.Since(at))
				mu.Unlock()
			}
		})
	})
	r.agent.start()
	flood := background(t.Context(), func(ctx context.Context) error {
		for ctx.Err() == nil {
			if err := r.app.Write(5000); err != nil {
				return err
			}
		}
		return nil
	})
	rounds := 5
	if runtest.Long() {
		rounds = 20
	}
	for range rounds {
		for i := range slow {
			f.append(fmt.Sprintf("slow%04d", i), 1)
		}
		pause(t.Context(), 500*time.Millisecond)
	}
	if err := flood(); err != nil {
		t.Fatal(err)
	}
	want := int64(rounds * slow)
	runtest.Within(t, 60*time.Second, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return int64(len(delays)) >= want
	}, func() string { return fmt.Sprintf("%d of %d slow lines arrived", len(delays), want) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(delays)
	t.Logf(
		"beside %d lines of a fast file: slow lines after p50 %v, p99 %v, at most %v",
		r.app.Written(), delays[len(delays)/2], delays[len(delays)*99/100], delays[len(delays)-1],
	)
	// Starved, they would wait until the flood is over. How soon they come is for a machine that
	// has nothing else to do.
	if worst := delays[len(delays)-1]; worst > 30*time.Second {
		t.Errorf("a slow line took %v", worst)
	}
}

// An agent that starts with a backlog on disk sends its first record at once, in little memory.
func TestStartWithABacklog(t *testing.T) {
	parallel(t)
	lines := 300_000
	if runtest.Long() {
		lines = 3_000_000
	}
	const perMiB = 5_000 // lines
	lines = perMiB * runtest.Number(t, "PENSTOCK_BACKLOG", lines/perMiB)
	r := newRig(t, plainEdge)
	r.must(r.broker.Stop())
	r.agent.start()
	for left := lines; left > 0; left -= 100_000 {
		r.write(min(left, 100_000))
	}
	runtest.Within(t, 5*time.Minute, func() bool {
		n, err := r.agent.metric("penstock_buffer_appended_records_total")
		return err == nil && n >= float64(lines)
	}, func() string { return "the lines are not on disk" })
	r.agent.kill()
	r.must(r.broker.Start())
	started := time.Now()
	r.agent.start()
	// Asked of the agent: the test's own reader waits for the broker in steps of seconds.
	runtest.Within(t, 20*time.Second, func() bool {
		n, err := r.agent.metric("penstock_output_records_total")
		return err == nil && n > 0
	}, func() string { return "no record is delivered" })
	first := time.Since(started)
	r.arrives(5 * time.Minute)
	t.Logf(
		"backlog of %d MB: first record after %v, all %d lines after %v; peak memory %d MB, anonymous now %d MB",
		lines/4800,
		first.Round(time.Millisecond),
		lines,
		time.Since(started).
			Round(10*time.Millisecond),
		costtest.MostResident(r.agent.cmd.Process.Pid)/1e6,
		costtest.Anonymous(r.agent.cmd.Process.Pid)/1e6,
	)
	if first > 5*time.Second {
		t.Errorf("the first record came after %v", first)
	}
}

// A consumer of five thousand partitions stays below 512 MB.
func TestFiveThousandPartitions(t *testing.T) {
	parallel(t)
	partitions, each := int32(5000), 20
	if !runtest.Long() {
		partitions, each = 500, 20
	}
	broker, err := demo.StartBroker(
		partitions, []string{topic}, kfake.GroupMinSessionTimeout(100*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(broker.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.DefaultProduceTopic(topic),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	produced := make([]int64, partitions)
	for i := range each {
		for p := range partitions {
			cl.Produce(
				t.Context(), &kgo.Record{Partition: p, Value: appendEvent(nil, p, int64(i))}, nil,
			)
			produced[p]++
		}
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	lake := localLake(t)
	ag := newAgent(
		t,
		"lake",
		replaceAll(
			consumerConfig, "BROKER", broker.Addr(), "DATA", filepath.Join(t.TempDir(), "data"),
			"MEMBER", "lake-1", "PROTOCOL", "classic", "SESSION", "30s", "KIND", "local",
			"STORE", lake.block, `rebalance_timeout  = "6s"`, `rebalance_timeout  = "60s"`,
			`request_timeout    = "2s"`, "",
		),
	)
	started := time.Now()
	ag.start()
	waitArchived(t, broker.Addr(), lakeGroup, produced, 3*time.Minute)
	t.Logf(
		"%d partitions of %d records archived after %v; peak memory %d MB", partitions, each,
		time.Since(started).Round(100*time.Millisecond), costtest.MostResident(ag.cmd.Process.Pid)/1e6,
	)
	if peak := costtest.MostResident(ag.cmd.Process.Pid); peak >= 512e6 {
		t.Errorf("peak memory %d MB", peak/1e6)
	}
	leave(t, ag)
	if wrong := checkLake(lake.objects(t), produced); wrong != nil {
		t.Errorf("the lake is wrong:\n%s", strings.Join(wrong, "\n"))
	}
}

// Kafka and the overflow's store are away at the same time for as long as PENSTOCK_TIME says: all
// of it waits on disk, and afterwards all of it arrives in order.
func TestKafkaAndTheStoreAreAway(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	outage := runtest.Span(t, 4*time.Second)
	rng := runtest.Rand(t)
	s3 := newFaultyS3(t, rng, "overflow")
	r := newRig(
		t,
		replaceAll(
			fmt.Sprintf(
				edgeConfig, "DIR", "BROKER", "s3",
				s3Block(s3.URL, "overflow", "key", "secret")+"\n  timeout = \"1s\"",
			),
			"object_age  = \"1s\"",
			"object_age  = \"200ms\"",
		),
	)
	r.agent.start()
	r.write(2000)
	r.arrives(20 * time.Second)
	r.must(r.broker.Stop())
	s3.fail(1)
	for until := time.Now().Add(outage); time.Now().Before(until); {
		r.write(500)
		pause(t.Context(), 100*time.Millisecond)
	}
	s3.fail(0)
	r.write(500)
	runtest.Within(t, time.Minute, func() bool {
		n, err := r.agent.metric("penstock_overflow_objects")
		return err == nil && n > 0
	}, func() string { return "the overflow does not go on" })
	r.must(r.broker.Start())
	runtest.Within(
		t,
		2*time.Minute,
		func() bool { return r.ledger.Distinct() >= r.app.Written() },
		func() string {
			return fmt.Sprintf("%+v", r.ledger.Check(map[string]int64{"a": r.app.Written()}))
		},
	)
	if b := r.ledger.Check(
		map[string]int64{"a": r.app.Written()},
	); b.Lost != 0 ||
		b.Disordered != 0 {
		t.Errorf("%+v", b)
	}
}
