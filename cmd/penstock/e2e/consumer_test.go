package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	lakeGroup      = "penstock-lake"
	lakePartitions = 6
)

// consumerConfig archives in many small cuts. BROKER, DATA, MEMBER, PROTOCOL, SESSION, KIND and
// STORE are filled in.
const consumerConfig = `
agent {
  data_dir = "DATA"
  name     = "MEMBER"
  admin { listen = "ADMIN" }
}

input "kafka" "events" {
  brokers            = ["BROKER"]
  topics             = ["app-logs"]
  group              = "penstock-lake"
  protocol           = "PROTOCOL"
  session_timeout    = "SESSION"
  heartbeat_interval = "300ms"
  rebalance_timeout  = "6s"
  revoke_timeout     = "1s"
  request_timeout    = "2s"
  fetch_wait         = "100ms"
}

output "KIND" "lake" {
  STORE
  path = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"
  time { field = "ts" }
  format "ndjson" {}
  compression = "gzip"
  roll {
    size    = "64KiB"
    records = 3000
    age     = "1s"
    idle    = "500ms"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.KIND.lake]
}
`

// consumerBroker returns an embedded broker that drops silent members soon.
func consumerBroker(t *testing.T) stopper {
	b, err := demo.StartBroker(
		lakePartitions,
		[]string{topic},
		kfake.GroupMinSessionTimeout(100*time.Millisecond),
		kfake.BrokerConfigs(
			map[string]string{
				"group.consumer.session.timeout.ms":    "2000",
				"group.consumer.heartbeat.interval.ms": "300",
			},
		),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func realConsumerBroker(t *testing.T) stopper {
	k, err := servers.NewKafka(
		t.TempDir(), "group.consumer.session.timeout.ms=3000",
		"group.consumer.heartbeat.interval.ms=500",
	)
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
	if _, err := kadm.NewClient(cl).
		CreateTopic(t.Context(), lakePartitions, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	return k
}

// consumerOptions say how hard a crash test of consumers is.
type consumerOptions struct {
	protocol    string
	session     time.Duration
	kills       int
	zombies     int
	rate        int // records a second
	storeFaults float64
	outages     bool
	maxRun      time.Duration // between two blows
	atLeast     time.Duration // of blows
}

// TestConsumerArchivesExactlyOnce runs three members of one group against a topic that is being
// produced to; they are killed, stopped until the group has dropped them and woken up again, leave
// and join, and the store fails. Each record is in exactly one object, in the partition of its
// time, and in order, or, what a filter refuses, among the dead letters.
func TestConsumerArchivesExactlyOnce(t *testing.T) {
	parallel(t)
	for _, c := range []struct {
		name string
		lake func(t *testing.T, rng *rand.Rand) *lake
		opts consumerOptions
	}{
		{"directory", func(t *testing.T, _ *rand.Rand) *lake { return localLake(t) }, consumerOptions{protocol: "auto"}},
		{"s3", fakeS3Lake, consumerOptions{protocol: "classic", storeFaults: 0.2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng, opts := runtest.Rand(t), c.opts
			opts.session, opts.rate, opts.kills, opts.zombies, opts.maxRun = 2*time.Second, 3000, 3, 1, time.Second
			opts.atLeast = 6 * time.Second
			if runtest.Long() {
				opts.kills, opts.zombies, opts.outages, opts.maxRun = 8, 2, true, 1500*time.Millisecond
			}
			crashConsumers(t, rng, consumerBroker(t), c.lake(t, rng), opts)
		})
	}
}

// TestConsumerArchivesExactlyOnceOnRealServers is the same with Apache Kafka and its two group
// protocols, an S3 server and the GCS emulator.
func TestConsumerArchivesExactlyOnceOnRealServers(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	for _, c := range []struct {
		name     string
		lake     func(t *testing.T, rng *rand.Rand) *lake
		protocol string
	}{{"s3", realS3Lake, "consumer"}, {"gcs", emulatedGCSLake, "classic"}} {
		t.Run(c.name, func(t *testing.T) {
			rng := runtest.Rand(t)
			crashConsumers(t, rng, realConsumerBroker(t), c.lake(t, rng), consumerOptions{
				protocol:    c.protocol,
				session:     3 * time.Second,
				kills:       20,
				zombies:     3,
				rate:        2000,
				storeFaults: 0.05,
				outages:     true,
				maxRun:      1500 * time.Millisecond,
			})
		})
	}
}

func sum(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// crew is the members of a group and what the test does to them.
type crew struct {
	t       *testing.T
	rng     *rand.Rand
	opts    consumerOptions
	members []*agent
	away    map[int]time.Time // stopped since
	killed  int
	woken   int
	left    int
}

func crashConsumers(
	t *testing.T, rng *rand.Rand, broker stopper, lake *lake, opts consumerOptions,
) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	c := &crew{t: t, rng: rng, opts: opts, away: map[int]time.Time{}}
	for i := range 3 {
		name := fmt.Sprintf("lake-%d", i+1)
		c.members = append(
			c.members,
			newAgent(t, name, replaceAll(
				refuser+strings.Replace(consumerConfig, "  to ", "  filter = [filter.parse.some]\n  to ", 1),
				"BROKER", broker.Addr(), "DATA", filepath.Join(dir, name),
				"MEMBER", name, "PROTOCOL", opts.protocol, "SESSION", opts.session.String(),
				"KIND", lake.kind, "STORE", lake.block,
			)),
		)
	}
	feed := newFeed(t, broker.Addr())
	stopFeed := background(ctx, func(ctx context.Context) error { return feed.run(ctx, opts.rate) })
	for _, m := range c.members {
		m.start()
	}
	waitAssigned(t, c.members)
	lake.fail(opts.storeFaults)
	up, began := true, time.Now()
	for c.killed < opts.kills || c.woken < opts.zombies || c.left < 1 || time.Since(began) < opts.atLeast {
		pause(ctx, time.Duration(rng.Int64N(int64(opts.maxRun))))
		if opts.outages && rng.IntN(8) == 0 {
			toggle(t, broker, &up)
		}
		c.blow()
	}
	for i := range c.away {
		pause(ctx, opts.session)
		c.wake(i)
	}
	if !up {
		toggle(t, broker, &up)
	}
	for _, m := range c.members { // all may be down by now
		if m.cmd == nil {
			m.start()
		}
	}
	stopDropping := dropGhosts(t, broker.Addr(), lakeGroup, len(c.members))
	// A machine that is slow writes on until there is something to be wrong.
	enough := 2 * 12 * lakePartitions // two cuts of twelve hours
	runtest.Within(t, 2*time.Minute, func() bool {
		return len(lake.objects(t)) >= enough && sum(feed.produced()) >= int64(opts.kills)*300
	}, func() string { return "the members archive next to nothing" })
	lake.fail(0)
	faultless := lake.faults != nil && lake.faults.total() == 0
	c.killInAnUpload(lake, broker.Addr())
	if err := stopFeed(); err != nil {
		t.Fatal(err)
	}
	for i, m := range c.members {
		if !m.running() {
			t.Errorf("member %d ended by itself", i+1)
		}
	}
	waitArchived(t, broker.Addr(), lakeGroup, feed.produced(), 90*time.Second)
	if err := stopDropping(); err != nil {
		t.Fatal(err)
	}
	for i, m := range c.members {
		leave(t, m)
		if left, err := os.ReadDir(
			filepath.Join(dir, fmt.Sprintf("lake-%d", i+1), "spool"),
		); err == nil &&
			len(left) > 0 {
			t.Errorf("member %d left %d working files", i+1, len(left))
		}
	}
	objects := lake.objects(t)
	if wrong := checkLakeWithLetters(objects, feed.produced(), isRefused); wrong != nil {
		t.Errorf("the lake is wrong:\n%s", strings.Join(wrong, "\n"))
	}
	verifyLake(t, c.members[0].config, feed.produced(), len(objects))
	total := sum(feed.produced())
	redone, fenced := c.said(
		"making a cut again",
	), c.said(
		"the group has dropped this member", "is assigned to another member",
		"has not been heard of",
	)
	t.Logf(
		"%d records in %d objects; %d kills, %d zombies, %d left and came back; %d cuts made again, %d lines about lost partitions",
		total, len(objects), c.killed, c.woken, c.left, redone, fenced,
	)
	if len(objects) < enough {
		t.Errorf("only %d records in %d objects: the test shows nothing", total, len(objects))
	}
	if redone == 0 {
		t.Error("no cut was made again: the test shows nothing")
	}
	if runtest.Long() && faultless {
		t.Error("the store never failed: the test shows nothing")
	}
}

// killInAnUpload kills all members when a cut is begun that cannot be stored: it has to be made
// again.
func (c *crew) killInAnUpload(lake *lake, broker string) {
	c.t.Helper()
	for begun := false; !begun; {
		lake.refuse(c.t, true)
		runtest.Within(
			c.t, 60*time.Second, func() bool { return cutBegun(c.t, broker) },
			func() string { return "no cut is begun" },
		)
		for _, m := range c.members {
			m.kill()
		}
		begun = cutBegun(c.t, broker) // or it had been stored before
		lake.refuse(c.t, false)
		for _, m := range c.members {
			m.start()
		}
		if !begun { // what was begun meanwhile is not looked at before they have joined
			waitAssigned(c.t, c.members)
		}
	}
}

// blow does something to one member.
func (c *crew) blow() {
	i := c.rng.IntN(len(c.members))
	m := c.members[i]
	since, asleep := c.away[i]
	switch {
	case asleep:
		// Long enough to be fenced, and for others to have taken over.
		if slept := time.Since(since); slept > c.opts.session*3/2 {
			c.wake(i)
		} else if len(c.away) == len(c.members) {
			pause(c.t.Context(), c.opts.session*3/2-slept)
			c.wake(i)
		}
		return
	case m.cmd == nil:
		m.start()
		return
	case !m.running():
		c.t.Fatalf("member %d ended by itself", i+1)
	}
	switch n := c.rng.IntN(10); {
	case n < 2 && c.woken+len(c.away) < max(c.opts.zombies, 1)*2 || c.killed >= c.opts.kills && c.woken+len(c.away) < c.opts.zombies:
		m.signal(syscall.SIGSTOP)
		c.away[i] = time.Now()
	case n < 4 || c.killed >= c.opts.kills:
		leave(c.t, m)
		c.left++
	default:
		m.kill()
		c.killed++
		if c.rng.IntN(2) == 0 {
			m.start()
		}
	}
}

// leave ends a member with SIGTERM, once it has come so far that it handles signals.
func leave(t *testing.T, m *agent) {
	t.Helper()
	runtest.Within(t, 20*time.Second, func() bool {
		code, _, err := m.get("/healthz")
		return err == nil && code == 200 || !m.running()
	}, func() string { return "a member does not start" })
	if code := m.terminate(20 * time.Second); code != 0 {
		t.Errorf("%s: exit code %d after SIGTERM", filepath.Base(m.config), code)
	}
}

func (c *crew) wake(i int) {
	c.members[i].signal(syscall.SIGCONT)
	delete(c.away, i)
	c.woken++
}

// said counts the log lines of all members that contain one of the texts.
func (c *crew) said(texts ...string) (n int) {
	for _, m := range c.members {
		log, err := os.ReadFile(m.logPath)
		if err != nil {
			c.t.Fatal(err)
		}
		for line := range strings.Lines(string(log)) {
			for _, text := range texts {
				if strings.Contains(line, text) {
					n++
					break
				}
			}
		}
	}
	return n
}

func toggle(t *testing.T, broker stopper, up *bool) {
	t.Helper()
	var err error
	if *up = !*up; *up {
		err = broker.Start()
	} else {
		err = broker.Stop()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// feed produces events to all partitions of the topic; the nth of a partition has offset n. Its
// methods may be called at once.
type feed struct {
	cl *kgo.Client

	mu   sync.Mutex
	next []int64
	errs []error
}

func newFeed(t *testing.T, addr string) *feed {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &feed{cl: cl, next: make([]int64, lakePartitions)}
}

// produced returns the number of records of each partition.
func (f *feed) produced() []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int64(nil), f.next...)
}

// write produces n records, spread over the partitions.
func (f *feed) write(ctx context.Context, n int) {
	for range n {
		f.mu.Lock()
		p := int32(0)
		for q := range f.next { // the shortest
			if f.next[q] < f.next[p] {
				p = int32(q)
			}
		}
		at := f.next[p]
		f.next[p]++
		f.mu.Unlock()
		f.cl.Produce(
			ctx,
			&kgo.Record{Topic: topic, Partition: p, Value: appendEvent(nil, p, at)},
			func(r *kgo.Record, err error) {
				if err == nil && r.Offset != at {
					err = fmt.Errorf("record %d of partition %d has offset %d", at, p, r.Offset)
				}
				if err != nil {
					f.mu.Lock()
					f.errs = append(f.errs, err)
					f.mu.Unlock()
				}
			},
		)
	}
}

// run writes rate records a second until ctx ends, and returns when the broker has them all.
func (f *feed) run(ctx context.Context, rate int) error {
	const step = 20 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return f.flush()
		case <-tick.C:
			f.write(context.WithoutCancel(ctx), int(float64(rate)*step.Seconds()))
		}
	}
}

func (f *feed) flush() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := f.cl.Flush(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}

// waitAssigned waits until every member has partitions.
func waitAssigned(t *testing.T, members []*agent) {
	t.Helper()
	runtest.Within(t, 60*time.Second, func() bool {
		for _, m := range members {
			if n, err := m.metric("penstock_archive_logs"); err != nil || n == 0 {
				return false
			}
		}
		return true
	}, func() string { return "a member has no partitions" })
}

// waitArchived waits until the group's offsets are at the end of the topic and no cut is begun.
func waitArchived(t *testing.T, addr, group string, produced []int64, within time.Duration) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	var state string
	runtest.Within(t, within, func() bool {
		offsets, err := adm.FetchOffsets(t.Context(), group)
		if err != nil {
			state = err.Error()
			return false
		}
		state = ""
		for p, n := range produced {
			o, _ := offsets.Lookup(topic, int32(p))
			if o.At != n || strings.Contains(o.Metadata, "intent") {
				state += fmt.Sprintf(
					"partition %d is at %d of %d with note %q\n", p, o.At, n, o.Metadata,
				)
			}
		}
		return state == ""
	}, func() string { return "not all is archived:\n" + state })
}

// cutBegun reports whether a cut is begun and not committed.
func cutBegun(t *testing.T, addr string) bool {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	offsets, err := kadm.NewClient(cl).FetchOffsets(t.Context(), lakeGroup)
	if err != nil {
		return false
	}
	for _, o := range offsets[topic] {
		if strings.Contains(o.Metadata, "intent") {
			return true
		}
	}
	return false
}

// ends returns the end offsets of the topic's partitions.
func ends(t *testing.T, addr string) []int64 {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	listed, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int64, len(listed[topic]))
	listed.Each(func(o kadm.ListedOffset) { out[o.Partition] = o.Offset })
	return out
}
