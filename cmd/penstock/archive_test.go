package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	kafkain "github.com/penstock/penstock/inputs/kafka"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/local"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/format"
	"github.com/penstock/penstock/spool/inspect"
	"github.com/penstock/penstock/spool/protocol"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const archiveRecords = 2000

// archived archives a topic of two partitions into a directory; again, if not nil, is called when
// that is done and the consumer still runs, and what it leaves in the topic is archived too.
func archived(
	t *testing.T, again func(adm *kadm.Client, cl *kgo.Client, recs []*kgo.Record),
) (brokers, dir, config string) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "app", "copy"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	brokers = cluster.ListenAddrs()[0]
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(brokers), kgo.DefaultProduceTopic("app"),
		kgo.MetadataMinAge(10*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var recs []*kgo.Record
	for i := range archiveRecords {
		recs = append(recs, &kgo.Record{
			Key:       fmt.Appendf(nil, "k%d", i),
			Value:     fmt.Appendf(nil, `{"id":%d}`, i),
			Timestamp: time.UnixMilli(1767312000_000 + int64(i)*3600),
			Headers:   []kgo.RecordHeader{{Key: "n", Value: fmt.Append(nil, i)}},
		})
	}
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	lc := local.Default()
	lc.Directory = dir
	f := format.Default()
	f.Envelope, f.EnvelopeValue = true, "text"
	lc.Format, lc.Roll = &f, spool.RollConfig{Records: 300, Idle: 300 * time.Millisecond}
	log := slog.New(slog.DiscardHandler)
	out, err := local.New(
		lc, outputs.Env{Agent: "a", Log: log, Metrics: prometheus.NewRegistry(), Dir: t.TempDir()},
	)
	if err != nil {
		t.Fatal(err)
	}
	kc := kafkain.Default()
	kc.MetadataMaxAge = time.Second
	kc.Brokers, kc.Group, kc.Topics = []string{brokers}, "lake", []string{"app"}
	in, err := kafkain.New(
		kc, inputs.Env{Agent: "a", Log: log, Metrics: prometheus.NewRegistry(), Dir: t.TempDir()},
	)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- in.Run(ctx, func(ctx context.Context, l record.Log) error { return out.Drain(ctx, l) })
	}()
	adm := kadm.NewClient(cl)
	archivedAll := func() bool {
		rows, err := groupLag(t.Context(), adm, "lake", []string{"app"})
		if err != nil {
			return false
		}
		left := int64(0)
		for _, r := range rows {
			left += r.Lag
		}
		return left == 0
	}
	if err := until(archivedAll); err != nil {
		t.Fatal(err)
	}
	if again != nil {
		again(adm, cl, recs)
		if err := until(archivedAll); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(t.TempDir(), "c.hcl")
	text := fmt.Sprintf(`
agent { data_dir = %q }
input "kafka" "events" {
  brokers = [%q]
  topics  = ["app"]
  group   = "lake"
}
output "kafka" "again" {
  brokers = [%q]
  topic   = "copy"
}
pipeline "p" {
  from = [input.kafka.events]
  to   = [output.kafka.again]
}`, t.TempDir(), brokers, brokers)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return brokers, dir, config
}

// A topic is deleted and made again under a consumer that runs, which archives its second life
// beside the first: both are found, and told apart.
func TestArchiveOfATopicMadeAgain(t *testing.T) {
	var second string
	_, dir, config := archived(t, func(adm *kadm.Client, cl *kgo.Client, recs []*kgo.Record) {
		if _, err := adm.DeleteTopic(t.Context(), "app"); err != nil {
			t.Fatal(err)
		}
		made, err := adm.CreateTopic(t.Context(), 2, 1, nil, "app")
		if err != nil {
			t.Fatal(err)
		}
		second = kafkain.TopicID(made.ID)
		// The same records at the same offsets: the names differ in nothing else.
		cl.PurgeTopicsFromClient("app")
		for _, r := range recs {
			r.Value = append([]byte(`{"again":1,`), r.Value[1:]...)
		}
		if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	})
	out, stderr, err := runArchive("verify", "--deep", "--strict", "-c", config, "--directory", dir)
	if err != nil ||
		!strings.Contains(out, fmt.Sprintf("%d records: 0 problems, 0 gaps", 2*archiveRecords)) ||
		strings.Count(out, second) != 2 {
		t.Errorf("verify: %v\n%s%s", err, out, stderr)
	}
	out, stderr, err = runArchive("lag", "-c", config, "--json")
	var row lagRow
	if err != nil || json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &row) != nil ||
		row.TopicID != second ||
		row.Lag != 0 ||
		row.Life == "" ||
		row.Former != "" {
		t.Fatalf("lag: %v\n%s%s", err, out, stderr)
	}
	out, _, err = runArchive("cat", "--directory", dir, "--life", row.Life, "app/")
	if err != nil || strings.Count(out, `{"again":1,`) != archiveRecords ||
		strings.Count(out, "\n") != archiveRecords {
		t.Errorf("cat of the second life: %v\n%.300s", err, out)
	}
	out, _, err = runArchive(
		"verify", "--directory", dir, "--topic", "app", "--partition", "1", "--life", row.Life,
	)
	if err != nil || !strings.Contains(out, "app-1."+row.Life) || strings.Contains(out, "app-0") {
		t.Errorf("verify of one partition's second life: %v\n%s", err, out)
	}
	out, stderr, err = runArchive(
		"restore", "-c", config, "--directory", dir, "--topic", "copy", "--life", row.Life, "app/",
	)
	if err != nil || !strings.Contains(out, fmt.Sprintf("%d records restored", archiveRecords)) {
		t.Errorf("restore: %v\n%s%s", err, out, stderr)
	}
}

// A cut that was begun in an earlier life of its topic is told by lag and verify, and given up by
// abandon.
func TestArchiveAbandonOfAFormerLife(t *testing.T) {
	brokers, dir, config := archived(t, nil)
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	former := kafkain.TopicID([16]byte{1})
	note := kafkain.WithTopicID(
		protocol.Note{
			Life: "0a1b2c3d",
			Intent: &protocol.Intent{
				Start:   5,
				End:     9,
				Config:  "c",
				Files:   1,
				Records: 4,
				Digest:  "x",
			},
		}.Encode(),
		former,
	)
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "app", Partition: 0, At: 5, LeaderEpoch: -1, Metadata: note})
	if err := adm.CommitAllOffsets(t.Context(), "lake", offsets); err != nil {
		t.Fatal(err)
	}
	out, _, err := runArchive("lag", "-c", config)
	if err != nil ||
		!strings.Contains(
			out, "app/0: the committed offset is of an earlier life of the topic (id "+former,
		) {
		t.Errorf("lag: %v\n%s", err, out)
	}
	out, _, err = runArchive("verify", "-c", config, "--directory", dir)
	if err == nil || !strings.Contains(out, "open: app-0.0a1b2c3d: the cut [5, 9)") ||
		!strings.Contains(out, "cannot be finished") {
		t.Errorf("verify: %v\n%s", err, out)
	}
	objects := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "app/*/*/*.gz"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	before := objects()
	if out, _, err := runArchive(
		"abandon", "-c", config, "--directory", dir, "--yes", "--keep",
	); err != nil ||
		objects() != before {
		t.Errorf("abandon: %v\n%s", err, out)
	}
	rows, err := groupLag(t.Context(), adm, "lake", nil)
	if err != nil || rows[0].Intent != nil || rows[0].Committed != 0 || rows[0].former() ||
		rows[0].Lag == 0 {
		t.Errorf("%+v %v", rows[0], err)
	}
}

func runArchive(args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd := archiveCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(context.Background())
	return out.String(), errs.String(), err
}

func TestArchiveCommand(t *testing.T) {
	brokers, dir, config := archived(t, nil)

	out, stderr, err := runArchive("lag", "-c", config)
	if err != nil || !strings.Contains(out, "lake") || strings.Count(out, "2026-01-02T") != 2 {
		t.Errorf("lag: %v\n%s%s", err, out, stderr)
	}

	out, _, err = runArchive("verify", "--deep", "--strict", "--directory", dir)
	if err != nil ||
		!strings.Contains(out, fmt.Sprintf("%d records: 0 problems, 0 gaps", archiveRecords)) {
		t.Errorf("verify: %v\n%s", err, out)
	}

	// A name that is mistyped is not sound for ever.
	for _, args := range [][]string{{"ap/"}, {"--topic", "ap"}} {
		out, _, err := runArchive(append([]string{"verify", "--directory", dir}, args...)...)
		if err == nil || !strings.Contains(err.Error(), "nothing was verified") {
			t.Errorf("verify %q: %v\n%s", args, err, out)
		}
	}

	out, _, err = runArchive("cat", "--directory", dir, "app/")
	if err != nil || strings.Count(out, "\n") != archiveRecords ||
		!strings.Contains(out, "{\"id\":7}\n") {
		t.Errorf("cat: %v\n%.300s", err, out)
	}
	some, err := filepath.Glob(filepath.Join(dir, "app/*/*/*.gz"))
	if err != nil || len(some) == 0 {
		t.Fatalf("objects %v %v", some, err)
	}
	out, _, err = runArchive("cat", "--envelope", "-n", "1", some[0])
	if err != nil || !strings.Contains(out, `"topic":"app"`) ||
		!strings.Contains(out, `"key":"k`) ||
		strings.Count(out, "\n") != 1 {
		t.Errorf("cat of a file: %v\n%s", err, out)
	}

	plain := t.TempDir()
	if err := os.WriteFile(filepath.Join(plain, "plain.ndjson"), []byte("{}\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--from", "--until"} {
		if out, _, err := runArchive(
			"restore", "-c", config, "--directory", plain, "--topic", "copy", flag, "1", "plain",
		); err == nil || !strings.Contains(err.Error(), "leave --from and --until out") {
			t.Fatalf("restore %s of what has no offsets: %v\n%s", flag, err, out)
		}
	}
	out, stderr, err = runArchive(
		"restore", "-c", config, "--directory", dir, "--topic", "copy", "--keep-partitions", "app/",
	)
	if err != nil || !strings.Contains(out, fmt.Sprintf("%d records restored", archiveRecords)) {
		t.Fatalf("restore: %v\n%s%s", err, out, stderr)
	}
	sameTopics(t, brokers)

	// Damage: one object deleted, another cut short.
	if err := os.Remove(some[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(some[1], 40); err != nil {
		t.Fatal(err)
	}
	out, _, err = runArchive("verify", "--deep", "--directory", dir)
	if err == nil || !strings.Contains(out, "unreadable: ") {
		t.Errorf("verify of a damaged archive: %v\n%s", err, out)
	}
}

// sameTopics checks that "copy" has what "app" has: keys, values, headers and times.
func sameTopics(t *testing.T, brokers string) {
	t.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(brokers), kgo.ConsumeTopics("app", "copy"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	seen := map[string]map[string]int{"app": {}, "copy": {}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for len(seen["app"])+len(seen["copy"]) < 2*archiveRecords && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			seen[r.Topic][fmt.Sprintf("%d %s %s %s %d", r.Partition, r.Key, r.Value, r.Headers[0].Value, r.Timestamp.UnixMilli())]++
		})
	}
	for k := range seen["app"] {
		if seen["copy"][k] != 1 {
			t.Fatalf("record %s is %d times in the copy", k, seen["copy"][k])
		}
	}
}

func TestArchiveAbandon(t *testing.T) {
	brokers, dir, config := archived(t, nil)
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	// As if the last cut of partition 0 had been begun and not ended.
	out, _, err := runArchive(
		"verify", "--directory", dir, "--topic", "app", "--partition", "0", "--json",
	)
	if err != nil {
		t.Fatal(err, out)
	}
	objects, err := filepath.Glob(filepath.Join(dir, "app/*/*/app-0_*.gz"))
	if err != nil || len(objects) == 0 {
		t.Fatal(err, objects)
	}
	last := objects[len(objects)-1]
	var start, end int64
	var life string
	if _, err := fmt.Sscanf(
		strings.ReplaceAll(filepath.Base(last), ".", " "), "app-0_%020d-%020d %s", &start, &end,
		&life,
	); err != nil {
		t.Fatal(err)
	}
	note := protocol.Note{
		Life: life,
		Intent: &protocol.Intent{
			Start:   start,
			End:     end,
			Config:  "old",
			Files:   1,
			Records: 9,
			Digest:  "x",
		},
	}.Encode()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "app", Partition: 0, At: start, LeaderEpoch: -1, Metadata: note})
	if err := adm.CommitAllOffsets(t.Context(), "lake", offsets); err != nil {
		t.Fatal(err)
	}
	// It is told, though all of its objects are sound; and what is not there is.
	if out, _, err = runArchive("verify", "--deep", "-c", config, "--directory", dir); err == nil ||
		!strings.Contains(out, fmt.Sprintf("open: app-0.%s: the cut [%d, %d)", life, start, end)) {
		t.Errorf("verify: %v\n%s", err, out)
	}
	open := fmt.Sprintf("open: app-0.%s: the cut [%d, %d)", life, start, end)
	for _, c := range []struct {
		flag string
		at   int64
		told bool
	}{{"--from", end - 1, true}, {"--from", end, false}, {"--to", end, true}} {
		if out, _, _ = runArchive(
			"verify", "-c", config, "--directory", dir, c.flag, fmt.Sprint(c.at),
		); strings.Contains(out, open) != c.told {
			t.Errorf("verify %s %d:\n%s", c.flag, c.at, out)
		}
	}
	if out, _, err = runArchive("abandon", "-c", config, "--directory", dir); err != nil ||
		!strings.Contains(out, "nothing was changed") {
		t.Errorf("dry run: %v\n%s", err, out)
	}
	if _, err := os.Stat(last); err != nil {
		t.Fatal(err)
	}
	if out, _, err = runArchive("abandon", "-c", config, "--directory", dir, "--yes"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(last); err == nil {
		t.Error("the object of the begun cut is still there")
	}
	rows, err := groupLag(t.Context(), adm, "lake", nil)
	if err != nil || rows[0].Intent != nil || rows[0].Committed != start {
		t.Errorf("%+v %v", rows, err)
	}
	if out, _, _ = runArchive(
		"abandon", "-c", config, "--directory", dir, "--yes",
	); !strings.Contains(out, "no begun cut") {
		t.Errorf("again: %s", out)
	}
}

// The newest objects are gone, or all are: what the group has archived says so.
func TestArchiveVerifyComparesWithTheGroup(t *testing.T) {
	brokers, dir, config := archived(t, nil)
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	rows, err := groupLag(t.Context(), adm, "lake", nil)
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	row, offsets := rows[0], kadm.Offsets{}
	offsets.Add(kadm.Offset{
		Topic: "app", At: row.Committed + 10, LeaderEpoch: -1, Metadata: row.note.Encode(),
	})
	if err := adm.CommitAllOffsets(t.Context(), "lake", offsets); err != nil {
		t.Fatal(err)
	}
	out, _, err := runArchive("verify", "-c", config, "--directory", dir)
	if want := fmt.Sprintf(
		"gap: %s: no object covers [%d, %d)", row.logName(), row.Committed, row.Committed+10,
	); err != nil || !strings.Contains(out, want) {
		t.Errorf("%v\n%swant %s", err, out, want)
	}
	out, _, err = runArchive("verify", "-c", config, "--directory", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "no object is there, though the group has") {
		t.Errorf("of an empty directory: %v\n%s", err, out)
	}
}

// Of two archives each has the begun cuts of its own group: another's cannot be given up without
// the objects that are in its store, and is no problem of this one.
func TestArchiveAbandonOfTwoStores(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "app"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	dir := t.TempDir()
	text := "agent { data_dir = \"data\" }\n"
	for _, name := range []string{"one", "two"} {
		text += fmt.Sprintf(`
input "kafka" %[1]q {
  brokers = [%[2]q]
  topics  = ["app"]
  group   = %[1]q
}
output "local" %[1]q { directory = %[3]q }
pipeline %[1]q {
  from = [input.kafka.%[1]s]
  to   = [output.local.%[1]s]
}
`, name, c.ListenAddrs()[0], filepath.Join(dir, name))
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: "app", LeaderEpoch: -1, Metadata: protocol.Note{
			Life: "0badcafe", Intent: &protocol.Intent{End: 5, Config: "old", Files: 1, Records: 5},
		}.Encode()})
		if err := adm.CommitAllOffsets(t.Context(), name, offsets); err != nil {
			t.Fatal(err)
		}
		object := filepath.Join(
			dir, name, "app-0_00000000000000000000-00000000000000000005.0badcafe.ndjson",
		)
		if err := os.Mkdir(filepath.Dir(object), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(object, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "c.hcl")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) (string, error) {
		out, _, err := runArchive(append(args, "-c", config, "--output", "output.local."+name)...)
		return out, err
	}
	if out, err := run("one", "verify"); err == nil || strings.Count(out, "open: ") != 1 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	intent := func(group string) *protocol.Intent {
		rows, err := groupLag(t.Context(), adm, group, nil)
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		return rows[0].Intent
	}
	for i, name := range []string{"one", "two"} {
		out, err := run(name, "abandon", "--yes")
		if err != nil || strings.Count(out, "delete") != 1 ||
			strings.Contains(out, "of group two is left: see --output output.local.two") != (i == 0) {
			t.Errorf("abandon of %s: %v\n%s", name, err, out)
		}
		if intent(name) != nil || (intent("two") != nil) != (i == 0) {
			t.Errorf("after that of %s: %v, %v", name, intent("one"), intent("two"))
		}
	}
	if out, err := run("one", "verify"); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}

// Of a consumer that runs, some objects of a cut may be stored behind where the listing is.
func TestArchiveMovement(t *testing.T) {
	intent := func(start, end int64) *protocol.Intent { return &protocol.Intent{Start: start, End: end} }
	row := func(p int32, at int64, in *protocol.Intent) lagRow {
		return lagRow{Topic: "app", Partition: p, TopicID: "x", Life: "0a", Committed: at, Intent: in}
	}
	former := row(5, 70, intent(70, 90))
	former.Former = "w"
	got := movement(
		[]lagRow{
			row(0, 10, nil), row(1, 10, nil), row(2, 10, intent(10, 20)), row(3, 10, nil), row(4, -1, nil),
			former,
		},
		[]lagRow{
			row(0, 10, nil), row(1, 30, nil), row(2, 20, intent(20, 40)), row(3, 10, intent(10, 15)),
			row(4, 5, nil), row(5, 8, nil), row(6, 3, nil),
		},
	)
	want := []inspect.Open{
		{Log: "app-1.0a", Start: 10, End: 30}, {Log: "app-2.0a", Start: 10, End: 40},
		{Log: "app-3.0a", Start: 10, End: 15}, {Log: "app-4.0a", End: 5}, {Log: "app-5.0a", End: 8},
		{Log: "app-6.0a", End: 3},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// What a transaction is about to change is waited for.
func TestArchiveLagWaitsForAStablePosition(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "app"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.TransactionalID("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	for _, at := range []int64{3, 7} {
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: "app", At: at, LeaderEpoch: -1})
		if at == 3 {
			if err := adm.CommitAllOffsets(t.Context(), "lake", offsets); err != nil {
				t.Fatal(err)
			}
			continue
		}
		id, epoch, err := cl.ProducerID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		group := kmsg.NewPtrAddOffsetsToTxnRequest()
		group.TransactionalID, group.ProducerID, group.ProducerEpoch, group.Group = "x", id, epoch, "lake"
		if resp, err := group.RequestWith(t.Context(), cl); err != nil || resp.ErrorCode != 0 {
			t.Fatal(resp, err)
		}
		store := kmsg.NewPtrTxnOffsetCommitRequest()
		store.TransactionalID, store.ProducerID, store.ProducerEpoch, store.Group, store.Generation = "x", id, epoch, "lake", -1
		rt, rp := kmsg.NewTxnOffsetCommitRequestTopic(), kmsg.NewTxnOffsetCommitRequestTopicPartition()
		topics, err := adm.ListTopics(t.Context(), "app")
		if err != nil {
			t.Fatal(err)
		}
		rt.Topic, rt.TopicID, rp.Offset, rp.LeaderEpoch = "app", topics["app"].ID, at, -1
		rt.Partitions = append(rt.Partitions, rp)
		store.Topics = append(store.Topics, rt)
		if _, err := store.RequestWith(t.Context(), cl); err != nil {
			t.Fatal(err)
		}
		var asked atomic.Int64
		c.ControlKey(int16(kmsg.OffsetFetch), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if asked.Add(1) == 3 {
				go func() {
					end := kmsg.NewPtrEndTxnRequest()
					end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = "x", id, epoch, true
					_, _ = end.RequestWith(t.Context(), cl)
				}()
			}
			return nil, nil, false
		})
	}
	rows, err := groupLag(t.Context(), adm, "lake", nil)
	if err != nil || len(rows) != 1 || rows[0].Committed != 7 {
		t.Errorf("%+v, %v: want 7", rows, err)
	}
}

func TestArchiveCommandMistakes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"lag"}, "--config"},
		{[]string{"verify"}, "--config"},
		{[]string{"cat"}, "something is missing"},
		{[]string{"verify", "--directory", "/tmp", "--partition", "1"}, "--topic"},
		{[]string{"verify", "--directory", "/does/not/exist"}, "no such file"},
		{[]string{"cat", "/does/not/exist"}, "no such file"},
	} {
		if _, _, err := runArchive(
			c.args...); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.args, err, c.want)
		}
	}
}
