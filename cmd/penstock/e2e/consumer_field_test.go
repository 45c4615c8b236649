package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// These tests are named after public reports about other archivers: what happened there must not
// happen here. Those that need no processes are in package spool.

// newMember is a consumer of lakeGroup under consumerConfig with further pairs replaced.
func newMember(t *testing.T, name, broker string, lake *lake, pairs ...string) *agent {
	t.Helper()
	config := replaceAll(consumerConfig, pairs...)
	return newAgent(
		t,
		name,
		replaceAll(
			config, "BROKER", broker, "DATA", filepath.Join(t.TempDir(), name), "MEMBER", name,
			"PROTOCOL", "classic", "SESSION", "2s", "KIND", lake.kind, "STORE", lake.block,
		),
	)
}

// kafka-connect-storage-cloud#253, #800: a hung task woke up and overwrote its successor's object
// with less.
func TestStorageCloud253_HungMemberOverwritesNothing(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	inner := newFaultyS3(t, rng, "lake")
	// The first upload hangs in the network until late is closed, and arrives then as it was sent.
	var once sync.Once
	hung, late, arrived := make(chan string, 1), make(chan struct{}), make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := false
		if r.Method == http.MethodPut {
			once.Do(func() { first = true })
		}
		if first {
			var body bytes.Buffer
			_, _ = body.ReadFrom(r.Body)
			r.Body = http.NoBody
			r = r.Clone(t.Context())
			hung <- r.URL.Path
			<-late
			req := httptest.NewRequest(r.Method, r.URL.String(), bytes.NewReader(body.Bytes()))
			req.Header = r.Header
			req.ContentLength = int64(body.Len())
			inner.Config.Handler.ServeHTTP(w, req)
			close(arrived)
			return
		}
		inner.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	lake := &lake{
		kind:    "s3",
		block:   s3Block(front.URL, "lake", "key", "secret"),
		objects: func(t *testing.T) map[string][]byte { return inner.contents(t, "lake") },
	}
	broker := consumerBroker(t)
	feed := newFeed(t, broker.Addr())
	feed.write(t.Context(), 3000)
	if err := feed.flush(); err != nil {
		t.Fatal(err)
	}
	zombie := newMember(t, "lake-1", broker.Addr(), lake)
	zombie.start()
	var path string
	select {
	case path = <-hung:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing is uploaded")
	}
	zombie.signal(syscall.SIGSTOP)
	feed.write(t.Context(), 3000)
	if err := feed.flush(); err != nil {
		t.Fatal(err)
	}
	successor := newMember(t, "lake-2", broker.Addr(), lake)
	successor.start()
	waitArchived(t, broker.Addr(), lakeGroup, feed.produced(), 60*time.Second)
	before := lake.objects(t)
	if wrong := checkLake(before, feed.produced()); wrong != nil {
		t.Fatalf("before the zombie wakes up:\n%s", strings.Join(wrong, "\n"))
	}
	if before[strings.TrimPrefix(path, "/lake/")] == nil {
		t.Errorf("the successor did not upload %s again: the test shows nothing", path)
	}
	close(late)
	select {
	case <-arrived:
	case <-time.After(10 * time.Second):
		t.Fatal("the late upload does not arrive")
	}
	zombie.signal(syscall.SIGCONT)
	feed.write(t.Context(), 3000)
	if err := feed.flush(); err != nil {
		t.Fatal(err)
	}
	waitArchived(t, broker.Addr(), lakeGroup, feed.produced(), 60*time.Second)
	after := lake.objects(t)
	if wrong := checkLake(after, feed.produced()); wrong != nil {
		t.Errorf("after the zombie woke up:\n%s", strings.Join(wrong, "\n"))
	}
	for key, data := range before {
		if !bytes.Equal(after[key], data) {
			t.Errorf("%s was %d bytes and is %d", key, len(data), len(after[key]))
		}
	}
}

// kafka-connect-storage-cloud#177, #454: out of memory with a time partitioner; a flush under
// memory pressure was wished for.
func TestStorageCloud177_ManyPathsUnderPressure(t *testing.T) {
	parallel(t)
	const paths, records = 15_000, 150_000
	s3 := newFaultyS3(t, runtest.Rand(t), "lake")
	lake := &lake{kind: "s3", block: s3Block(s3.URL, "lake", "key", "secret")}
	broker := consumerBroker(t)
	produceValues(t, broker.Addr(), records, func(i int) []byte {
		return fmt.Appendf(
			nil, `{"ts":"2026-03-28T10:%02d:00Z","user":"u%d","n":%d,"pad":"%0200d"}`, i%60,
			i%paths, i, i,
		)
	})
	ag := newMember(
		t, "lake-1", broker.Addr(), lake,
		`path = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"`,
		`path = "${field.user}/hr=${strftime("%H")}"`, `size    = "64KiB"`, `size = "128MiB"`,
		`records = 3000`, "", `age     = "1s"`, `age = "1h"`, `idle    = "500ms"`, `idle = "3s"`,
		`compression = "gzip"`,
		"compression = \"gzip\"\n  spool {\n    memory = \"8MiB\"\n    open_files = 16\n  }",
	)
	ag.start()
	limitFiles(t, ag.cmd.Process.Pid, 1024)
	peak := int64(0)
	ticking := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ticking:
				return
			case <-tick.C:
				peak = max(peak, costtest.Anonymous(ag.cmd.Process.Pid))
			}
		}
	})
	waitArchived(t, broker.Addr(), lakeGroup, ends(t, broker.Addr()), 2*time.Minute)
	close(ticking)
	wg.Wait()
	spills, err := ag.metric("penstock_archive_spills_total")
	if err != nil {
		t.Fatal(err)
	}
	seen, users := map[int64]bool{}, map[string]bool{}
	for key, data := range s3.contents(t, "lake") {
		lines, err := objectLines(key, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			v := gjson.GetManyBytes(line, "user", "n")
			if !strings.HasPrefix(key, v[0].String()+"/hr=10/") || seen[v[1].Int()] {
				t.Fatalf("%s holds %s", key, line)
			}
			seen[v[1].Int()], users[v[0].String()] = true, true
		}
	}
	t.Logf(
		"%d paths, %d records, %.0f spills, at most %d MiB of anonymous memory", len(users),
		len(seen), spills, peak>>20,
	)
	if len(seen) != records || len(users) != paths {
		t.Errorf("%d of %d records in %d of %d paths", len(seen), records, len(users), paths)
	}
	if peak > 512<<20 || spills == 0 {
		t.Errorf("%d MiB of anonymous memory, want at most 512; %.0f spills", peak>>20, spills)
	}
}

// kafka-connect-storage-cloud#375: on the day of the clock change there was one file per record.
func TestStorageCloud375_ClockChange(t *testing.T) {
	parallel(t)
	const records = 6000
	lake := localLake(t)
	broker := consumerBroker(t)
	// 00:00 in Berlin on the day that has 25 hours
	began := time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC)
	produceValues(t, broker.Addr(), records, func(i int) []byte {
		return fmt.Appendf(
			nil, `{"ts":"%s","n":%d}`,
			began.Add(time.Duration(i)*15*time.Second).Format(time.RFC3339), i,
		)
	})
	ag := newMember(
		t, "lake-1", broker.Addr(), lake, `time { field = "ts" }`,
		"timezone = \"Europe/Berlin\"\n  time { field = \"ts\" }", `size    = "64KiB"`,
		`size = "128MiB"`, `records = 3000`, "", `age     = "1s"`, `age = "1h"`,
		`idle    = "500ms"`, `idle = "1s"`,
	)
	ag.start()
	waitArchived(t, broker.Addr(), lakeGroup, ends(t, broker.Addr()), 60*time.Second)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	hours, seen := map[string]int{}, map[int64]bool{}
	objects := lake.objects(t)
	for key, data := range objects {
		lines, err := objectLines(key, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			v := gjson.GetManyBytes(line, "ts", "n")
			if hour := v[0].Time().
				In(berlin).
				Format("dt=2006-01-02/hr=15"); !strings.Contains(key, hour) ||
				seen[v[1].Int()] {
				t.Fatalf("%s holds %s", key, line)
			}
			hours[filepath.Dir(key)]++
			seen[v[1].Int()] = true
		}
	}
	if len(seen) != records || len(hours) != 24 || hours["app-logs/dt=2026-10-25/hr=02"] != 480 {
		t.Errorf(
			"%d records in %d hours, %d of them in the hour that comes twice", len(seen),
			len(hours), hours["app-logs/dt=2026-10-25/hr=02"],
		)
	}
	if most := 2 * lakePartitions * 24; len(objects) > most {
		t.Errorf("%d objects, want at most %d", len(objects), most)
	}
}

// redpanda connect#4009: 10,433 messages were lost over cooperative rebalances.
func TestRedpandaConnect4009_CooperativeRebalances(t *testing.T) {
	parallel(t)
	rng := runtest.Rand(t)
	lake := fakeS3Lake(t, rng)
	broker := consumerBroker(t)
	feed := newFeed(t, broker.Addr())
	stop := background(t.Context(), func(ctx context.Context) error { return feed.run(ctx, 3000) })
	var members []*agent
	for i := range 4 {
		members = append(members, newMember(t, fmt.Sprintf("lake-%d", i+1), broker.Addr(), lake))
	}
	members[0].start()
	rounds := 8
	if runtest.Long() {
		rounds = 40
	}
	for range rounds {
		m := members[1+rng.IntN(3)]
		if m.cmd == nil {
			m.start()
		} else {
			leave(t, m)
		}
		pause(
			t.Context(),
			200*time.Millisecond+time.Duration(rng.Int64N(int64(800*time.Millisecond))),
		)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	waitArchived(t, broker.Addr(), lakeGroup, feed.produced(), 60*time.Second)
	if wrong := checkLake(lake.objects(t), feed.produced()); wrong != nil {
		t.Errorf("the lake is wrong:\n%s", strings.Join(wrong, "\n"))
	}
}

// produceValues produces n records in turn to the topic's partitions.
func produceValues(t *testing.T, addr string, n int, value func(i int) []byte) {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(n),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var mu sync.Mutex
	var failed error
	for i := range n {
		cl.Produce(
			t.Context(),
			&kgo.Record{Topic: topic, Partition: int32(i % lakePartitions), Value: value(i)},
			func(_ *kgo.Record, err error) {
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			},
		)
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if failed != nil {
		t.Fatal(failed)
	}
}

// Retention takes records of a cut that is begun and cannot be stored. What remains is archived,
// and "archive verify --deep" names what is gone.
func TestRecordsOfACutGoneByRetentionAreNamed(t *testing.T) {
	parallel(t)
	for name, newBroker := range map[string]func(t *testing.T) stopper{
		"embedded": consumerBroker, "real": realConsumerBroker,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "real" && !runtest.Long() {
				t.Skip("make integration runs it")
			}
			broker, lake := newBroker(t), fakeS3Lake(t, runtest.Rand(t))
			feed := newFeed(t, broker.Addr())
			feed.write(t.Context(), 3000)
			if err := feed.flush(); err != nil {
				t.Fatal(err)
			}
			member := newMember(t, "lake-1", broker.Addr(), lake, "SESSION", "3s")
			lake.refuse(t, true)
			member.start()
			runtest.Within(
				t, 60*time.Second, func() bool { return cutBegun(t, broker.Addr()) },
				func() string { return "no cut is begun" },
			)
			member.kill()
			gone := kadm.Offsets{}
			for _, row := range archiveLag(t, member.config) {
				if row.Intent != nil {
					at := (row.Intent.Start + row.Intent.End) / 2
					gone.Add(kadm.Offset{Topic: topic, Partition: row.Partition, At: at})
				}
			}
			cl, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			deleted, err := kadm.NewClient(cl).DeleteRecords(t.Context(), gone)
			if err == nil {
				err = deleted.Error()
			}
			if err != nil {
				t.Fatal(err)
			}
			lake.refuse(t, false)
			member.start()
			waitArchived(t, broker.Addr(), lakeGroup, feed.produced(), 60*time.Second)
			leave(t, member)
			rep, err := archiveVerify(t, member.config)
			if err == nil {
				t.Error("verify finds nothing")
			}
			want, lost := map[string]bool{}, int64(0)
			for p, o := range gone[topic] {
				want[fmt.Sprintf("%s-%d", topic, p)] = true
				lost += o.At
			}
			for _, p := range rep.Problems {
				log, _, _ := strings.Cut(p.Log, ".") // and the life of its topic
				if p.Kind != "lost" || !want[log] || !strings.Contains(p.Detail, "by retention") {
					t.Errorf("%+v", p)
				}
				delete(want, log)
			}
			if len(want) > 0 {
				t.Errorf("verify does not name %v: %+v", want, rep.Problems)
			}
			if rep.Read != sum(feed.produced())-lost {
				t.Errorf("%d of %d records archived, %d are lost", rep.Read, sum(feed.produced()), lost)
			}
		})
	}
}

// The offsets of a group that stood still have expired: with start = "none" nothing is archived a
// second time, and with what the failure advises it goes on where it was.
func TestOffsetsThatHaveExpiredAreNotBegunAnew(t *testing.T) {
	parallel(t)
	broker, lake := consumerBroker(t), localLake(t)
	feed := newFeed(t, broker.Addr())
	write := func() {
		t.Helper()
		feed.write(t.Context(), 3000)
		if err := feed.flush(); err != nil {
			t.Fatal(err)
		}
	}
	write()
	newMember := func(start string) *agent {
		return newMember(
			t, "lake-1", broker.Addr(), lake, "  protocol ", fmt.Sprintf("  start = %q\n  protocol ", start),
		)
	}
	member := newMember("earliest")
	member.start()
	waitArchived(t, broker.Addr(), lakeGroup, feed.produced(), 60*time.Second)
	leave(t, member)
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if _, err := adm.DeleteGroup(t.Context(), lakeGroup); err != nil {
		t.Fatal(err)
	}
	write()
	before := len(lake.objects(t))
	member = newMember("none")
	member.start()
	runtest.Within(t, 30*time.Second, func() bool {
		return member.logged("the group lacks offsets", "app-logs/0, app-logs/1", "--reset-offsets") > 0
	}, func() string { return "nothing is said of the offsets" })
	if code, body, err := member.get("/readyz"); code == 200 || !strings.Contains(body, "lacks offsets") {
		t.Errorf("readyz: %d %s %v", code, body, err)
	}
	if n := len(lake.objects(t)); n != before {
		t.Errorf("there are %d objects, %d before", n, before)
	}
	rep, err := archiveVerify(t, member.config)
	if err != nil {
		t.Fatal(err)
	}
	var ends kadm.Offsets
	for p := range int32(lakePartitions) {
		lives := rep.Lives(topic, p)
		ends.Add(kadm.Offset{Topic: topic, Partition: p, At: lives[0].End, LeaderEpoch: -1})
	}
	if err := adm.CommitAllOffsets(t.Context(), lakeGroup, ends); err != nil {
		t.Fatal(err)
	}
	waitArchived(t, broker.Addr(), lakeGroup, feed.produced(), 60*time.Second)
	leave(t, member)
	objects := lake.objects(t)
	if wrong := checkLake(objects, feed.produced()); wrong != nil {
		t.Errorf("the lake is wrong:\n%s", strings.Join(wrong, "\n"))
	}
	verifyLake(t, member.config, feed.produced(), len(objects))
}
