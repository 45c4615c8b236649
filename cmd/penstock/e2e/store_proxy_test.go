package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/spool/inspect"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestOverflowWhileTheStoreClosesConnections is an outage of Kafka, followed by one of the store.
// It closes the connection of every GET, later of every LIST, PUT and DELETE: before, in or after
// the answer. It does so until the agent has asked a number of times, and the agent is killed in
// the midst of it. No line is lost.
func TestOverflowWhileTheStoreClosesConnections(t *testing.T) {
	parallel(t)
	for _, kind := range []string{"s3", "gcs"} {
		t.Run(kind, func(t *testing.T) {
			rng := runtest.Rand(t)
			var store *overflow
			if kind == "s3" {
				s3 := newFaultyS3(t, rng, "overflow")
				store = s3Overflow(s3.URL, "key", "secret", s3.fail, s3.largestOverflow)
				store.faults = s3.faults
			} else {
				store = gcsOverflow(t, rng)
			}
			closeConnections(t, rng, store)
		})
	}
}

func closeConnections(t *testing.T, rng *rand.Rand, store *overflow) {
	config := fmt.Sprintf(
		edgeConfig, "DIR", "BROKER", store.kind, store.block+"\n  max_attempts = 1",
	)
	config = replaceAll(config, `object_age  = "1s"`, `object_age  = "100ms"`, `"64KiB"`, `"1KiB"`)
	// What is asked again is asked soon.
	config = strings.Replace(
		config, "  failover {",
		"  retry {\n    min = \"10ms\"\n    max = \"100ms\"\n  }\n  failover {", 1,
	)
	r := newRig(t, config)
	r.agent.start()
	r.write(500)
	r.arrives(20 * time.Second)
	spells := []spell{
		{"GET", "hang up"}, {"DELETE", "lose the answer"}, {"GET", "half"},
		{"GET", "lose the answer"}, {"LIST", "half"}, {"GET", "silent half"},
		{"GET", "403"}, {"DELETE", "hang up"}, {"LIST", "hang up"},
	}
	rounds := 1
	if runtest.Long() {
		rounds = 6
	}
	for round := range rounds {
		put := spell{
			"PUT",
			[]string{"lose the answer", "done, 403", "hang up", "done, 412"}[rng.IntN(4)],
		}
		store.faults.cast(put.verb, put.kind)
		r.must(r.broker.Stop())
		// writing until the store has been asked so often, or holds so much
		writing := func(enough func() bool, what string) {
			t.Helper()
			runtest.Within(
				t, 30*time.Second, func() bool { r.write(100); return enough() },
				func() string { return what },
			)
		}
		writing(
			func() bool { return store.faults.count(put.verb, put.kind) >= 3 },
			"nothing goes to the overflow",
		)
		store.faults.lift()
		writing(func() bool {
			n, err := r.agent.metric("penstock_overflow_objects")
			return err == nil && n >= 30
		}, "little goes to the overflow")
		r.agent.kill() // what it had in flight when the outage began would arrive all the same
		r.agent.start()
		first := round * 3 % len(spells)
		for i, s := range append(spells[first:first+3:first+3], spells[rng.IntN(len(spells))]) {
			store.faults.cast(s.verb, s.kind)
			if i == 0 {
				r.must(r.broker.Start())
			}
			before, since := store.faults.count(s.verb, s.kind), time.Now()
			runtest.Within(t, 30*time.Second, func() bool {
				// A replay that has come to its end asks no more.
				return store.faults.count(s.verb, s.kind) >= before+8 ||
					i > 0 && time.Since(since) > 2*time.Second
			}, func() string { return fmt.Sprintf("the store is not asked: %v", s) })
			if rng.IntN(2) == 0 {
				r.agent.kill()
				r.agent.start()
			}
		}
		store.faults.lift()
		want := map[string]int64{"a": r.app.Written()}
		runtest.Within(
			t,
			time.Minute,
			func() bool { return r.ledger.Distinct() >= r.app.Written() || !r.agent.running() },
			func() string {
				return fmt.Sprintf(
					"%d of %d lines arrived: %v", r.ledger.Distinct(), r.app.Written(),
					r.ledger.Check(want).Notes,
				)
			},
		)
		b := r.ledger.Check(want)
		t.Logf("round %d: %d lines, %d lost, %d repeated", round+1, b.Written, b.Lost, b.Duplicated)
		if b.Lost != 0 || r.ledger.Strange() != 0 {
			t.Fatalf("%+v", b)
		}
		checkOrder(t, r.ledger, []*demo.App{r.app})
	}
	if n := store.faults.count("GET", "hang up"); n == 0 {
		t.Error("no GET was closed: the test shows nothing")
	}
}

// TestArchiveWhileTheStoreClosesConnections has a store meet every PUT, LIST, GET and DELETE of an
// archive with a kind of fault, one after the other, in the long form with each kind that there is.
// The consumer is killed meanwhile. Each
// record is in one object, each complete hour is marked, verify does not take a part of the list
// for all of it, and what abandon says is gone is.
func TestArchiveWhileTheStoreClosesConnections(t *testing.T) {
	parallel(t)
	for _, c := range []struct {
		kind string
		lake func(t *testing.T, rng *rand.Rand) *lake
	}{{"s3", fakeS3Lake}, {"gcs", fakeGCSLake}} {
		t.Run(c.kind, func(t *testing.T) {
			rng := runtest.Rand(t)
			w := newArchiveWorld(t, rng, c.lake(t, rng))
			w.member.start()
			for _, verb := range []string{"LIST", "PUT"} {
				for _, kind := range w.someFaults() {
					w.meets(spell{verb, kind}, rng.IntN(3) == 0)
				}
			}
			w.hour()
			w.archived()
			w.verifies()
			w.abandons()
			w.hour()
			w.archived()
		})
	}
}

// verbFaults are the kinds that each verb meets. What a PUT has done before its answer is lost may
// be there.
var verbFaults = []string{
	"hang up", "lose the answer", "half", "silent half", "slow", "cut", "403", "412", "500", "503",
	"done, 500",
}

// archiveWorld is a member that archives hours, one after the other.
type archiveWorld struct {
	t      *testing.T
	rng    *rand.Rand
	broker stopper
	lake   *lake
	member *agent
	feed   *feed
	next   time.Time // hour
	hours  int
}

func newArchiveWorld(t *testing.T, rng *rand.Rand, lake *lake) *archiveWorld {
	lake.block += "\n  max_attempts = 1"
	w := &archiveWorld{t: t, rng: rng, broker: consumerBroker(t), lake: lake}
	w.feed = newFeed(t, w.broker.Addr())
	w.next = time.Now().UTC().Truncate(time.Hour).Add(-100 * time.Hour)
	w.member = newMember(
		t, "lake-1", w.broker.Addr(), lake, `  compression = "gzip"`, `  compression = "gzip"
  success {
    grace      = "1s"
    idle_after = "0s"
    check      = "50ms"
  }`,
		`age     = "1s"`, `age     = "200ms"`, `idle    = "500ms"`, `idle    = "100ms"`,
	)
	return w
}

// someFaults returns verbFaults in any order: two of them, in the long form four, or
// $PENSTOCK_FAULTS.
func (w *archiveWorld) someFaults() []string {
	kinds := slices.Clone(verbFaults)
	w.rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	n := 2
	if runtest.Long() {
		n = 4
	}
	return kinds[:min(runtest.Number(w.t, "PENSTOCK_FAULTS", n), len(kinds))]
}

// hour produces the records of an hour to each partition, which completes the one before.
func (w *archiveWorld) hour() {
	w.t.Helper()
	f := w.feed
	for p := range int32(lakePartitions) {
		for i := range 20 {
			n := f.next[p]
			f.next[p]++
			value := fmt.Appendf(
				nil, `{"ts":%q,"p":%d,"n":%d}`,
				w.next.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), p, n,
			)
			f.cl.Produce(w.t.Context(), &kgo.Record{Topic: topic, Partition: p, Value: value}, nil)
		}
	}
	w.next = w.next.Add(time.Hour)
	w.hours++
	if err := f.flush(); err != nil {
		w.t.Fatal(err)
	}
}

// meets lets hours come until the store has met a spell twice.
func (w *archiveWorld) meets(s spell, kill bool) {
	w.t.Helper()
	f := w.lake.faults
	f.cast(s.verb, s.kind)
	before := f.count(s.verb, s.kind)
	w.hour()
	w.hour()
	runtest.Within(
		w.t, 60*time.Second, func() bool { return f.count(s.verb, s.kind) >= before+2 },
		func() string { return fmt.Sprintf("the store is not asked: %v", s) },
	)
	if kill {
		w.member.kill()
		w.member.start()
	}
	f.lift()
	if !w.member.running() {
		w.t.Fatalf("it has ended: %v", s)
	}
}

// archived waits until all is archived, and all hours but the last are marked; and checks it.
func (w *archiveWorld) archived() {
	w.t.Helper()
	stopDropping := dropGhosts(w.t, w.broker.Addr(), lakeGroup, 1)
	waitArchived(w.t, w.broker.Addr(), lakeGroup, w.feed.produced(), 60*time.Second)
	if err := stopDropping(); err != nil {
		w.t.Fatal(err)
	}
	var data map[string][]byte
	var marked, paths map[string]bool
	runtest.Within(w.t, 60*time.Second, func() bool {
		data, marked, paths = map[string][]byte{}, map[string]bool{}, map[string]bool{}
		for key, content := range w.lake.objects(w.t) {
			if path.Base(key) == "_SUCCESS" {
				marked[path.Dir(key)] = true
				continue
			}
			data[key], paths[path.Dir(key)] = content, true
		}
		return len(marked) >= w.hours-1
	}, func() string { return fmt.Sprintf("%d of %d hours are marked", len(marked), w.hours) })
	for dir := range marked {
		if !paths[dir] {
			w.t.Errorf("%s is marked, and there is nothing", dir)
		}
	}
	if len(paths) != w.hours || len(marked) > w.hours-1 {
		w.t.Errorf("%d hours, %d paths, %d marks", w.hours, len(paths), len(marked))
	}
	if wrong := checkLake(data, w.feed.produced()); wrong != nil {
		w.t.Fatalf("the lake is wrong:\n%s", strings.Join(wrong, "\n"))
	}
}

// verifies has "archive verify" meet each kind of fault: it says that it could not look, or what is
// there.
func (w *archiveWorld) verifies() {
	w.t.Helper()
	objects := 0
	for key := range w.lake.objects(w.t) {
		if path.Base(key) != "_SUCCESS" {
			objects++
		}
	}
	for _, verb := range []string{"LIST", "GET"} {
		for _, kind := range w.someFaults() {
			w.lake.faults.cast(verb, kind)
			out, err := exec.Command(
				binary, "archive", "verify", "--config", w.member.config, "--deep", "--json",
			).Output()
			w.lake.faults.lift()
			var rep inspect.Report
			if err == nil {
				err = json.Unmarshal(out, &rep)
			} else if kind == "slow" {
				w.t.Errorf("verify, and %s %s: %v", verb, kind, err)
			}
			if err == nil && (rep.Objects != objects || rep.Read != rep.Records || !rep.OK()) {
				w.t.Errorf("verify, and %s %s: %d of %d objects", verb, kind, rep.Objects, objects)
			}
		}
	}
}

// abandons gives up a cut that is begun and half stored while every DELETE meets a fault, with each
// kind, and once without.
func (w *archiveWorld) abandons() {
	w.t.Helper()
	f := w.lake.faults
	for _, kind := range w.someFaults() {
		f.cast("PUT", "done, 500")
		w.hour()
		runtest.Within(
			w.t, 60*time.Second, func() bool { return cutBegun(w.t, w.broker.Addr()) },
			func() string { return "no cut is begun" },
		)
		w.member.kill()
		f.lift()
		abandon := func() error {
			out, err := exec.Command(
				binary, "archive", "abandon", "--config", w.member.config, "--yes",
			).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}
		f.cast("DELETE", kind)
		runtest.Within(w.t, 30*time.Second, func() bool {
			// not before the group has dropped who was killed
			return f.count("DELETE", kind) > 0 || abandon() == nil
		}, func() string { return fmt.Sprintf("abandon does not delete: %v", abandon()) })
		if err := abandon(); err == nil && cutBegun(w.t, w.broker.Addr()) {
			w.t.Errorf("abandon says that it is done, and DELETE meets %q", kind)
		}
		f.lift()
		if err := abandon(); err != nil {
			w.t.Fatal(err)
		}
		if cutBegun(w.t, w.broker.Addr()) {
			w.t.Fatal("a cut was not given up")
		}
		w.member.start()
		w.archived()
	}
}
