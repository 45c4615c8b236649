package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deadletter"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// compatTopic is what one configuration writes.
type compatTopic struct {
	name            string
	direct, exactly bool
	codec           string
	records         []record.Record
	batches         int // that they are sent in; 0: as they come
}

// compatRecords are about a hundred kilobytes of records with everything that a record can have or
// lack.
func compatRecords(topic string, n int) []record.Record {
	out := make([]record.Record, n)
	base := time.Now().Truncate(time.Millisecond).UnixNano()
	for i := range out {
		r := record.Record{
			Offset: int64(i),
			Time:   base + int64(i%50)*1e6,
			Value:  fmt.Appendf(nil, "%s value %d %s", topic, i, strings.Repeat("x", i%300)),
		}
		switch i % 4 {
		case 0:
			r.Key = []byte{}
		case 1:
			r.Key = fmt.Appendf(nil, "%s key %d", topic, i)
		}
		switch i % 9 {
		case 3:
			r.Value = nil
		case 5:
			r.Value = []byte{}
		case 7:
			r.Value = append([]byte(topic), 0xff, 0xfe, 0, byte(i), 0x80)
		}
		if i%3 == 0 || len(r.Value) == 0 {
			r.Headers = []record.Header{
				{Key: "topic", Value: []byte(topic)},
				{Key: "n", Value: fmt.Append(nil, i)},
				{Key: "n", Value: []byte{}},
				{Key: "nothing"},
			}
		}
		out[i] = r
	}
	return out
}

// TestOthersReadOurBatches writes batches on both paths, in transactions and without, with every
// compression, and reads them with franz-go, the Java client (the console consumer and the log dump
// of Apache Kafka) and librdkafka: each record is as it was written.
func TestOthersReadOurBatches(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	dir := t.TempDir()
	k, err := servers.NewKafka(dir)
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	var topics []*compatTopic
	for _, direct := range []bool{true, false} {
		for _, exactly := range []bool{false, true} {
			for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
				name := fmt.Sprintf("compat-direct.%v-exactly.%v-%s", direct, exactly, codec)
				topics = append(
					topics,
					&compatTopic{
						name:    name,
						direct:  direct,
						exactly: exactly,
						codec:   codec,
						records: compatRecords(name, 700),
					},
				)
			}
		}
	}
	for _, exactly := range []bool{false, true} {
		name := fmt.Sprintf("compat-million-exactly.%v", exactly)
		million := make([]record.Record, 1_000_000)
		base := time.Now().Truncate(time.Millisecond).UnixNano()
		for i := range million {
			million[i] = record.Record{Offset: int64(i), Time: base, Value: fmt.Append(nil, i)}
		}
		topics = append(
			topics,
			&compatTopic{
				name:    name,
				direct:  true,
				exactly: exactly,
				codec:   "zstd",
				records: million,
				batches: 1,
			},
		)
	}
	topics = append(topics, farRepeats())
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(k.Addr()), kgo.FetchMaxBytes(1<<26), kgo.FetchMaxPartitionBytes(1<<26),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	limit := "67108864"
	var names []string
	total := 0
	for _, c := range topics {
		if _, err := kadm.NewClient(cl).
			CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &limit}, c.name); err != nil {
			t.Fatal(err)
		}
		c.write(t, k.Addr())
		names = append(names, c.name)
		total += len(c.records)
	}
	t.Run("franz-go", func(t *testing.T) { franzReads(t, k.Addr(), topics) })
	t.Run("console consumer", func(t *testing.T) { consoleReads(t, k, topics) })
	t.Run("log dump", func(t *testing.T) { dumpReads(t, k, filepath.Join(dir, "data"), topics) })
	t.Run("librdkafka", func(t *testing.T) {
		if os.Getenv("PENSTOCK_PYTHON") == "" {
			t.Skip(
				"$PENSTOCK_PYTHON names no Python with confluent-kafka; make integration installs it",
			)
		}
		cmd := exec.CommandContext(
			t.Context(),
			os.Getenv("PENSTOCK_PYTHON"),
			append(
				[]string{"testdata/interop/read_topics.py", k.Addr(), fmt.Sprint(total)},
				names...)...)
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, said.String())
		}
		got := map[string][]string{}
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSpace(line)
			var fields []any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatal(err)
			}
			topic := fields[0].(string)
			again, _ := json.Marshal(fields)
			got[topic] = append(got[topic], string(again))
		}
		compareTopics(t, topics, got, hexLine)
	})
}

// farRepeats is a batch as large as inputs make them, with repeats so far apart that a block has to
// point back more than 64 KiB.
func farRepeats() *compatTopic {
	name := "compat-far-repeats"
	rng := rand.New(rand.NewPCG(1, 1))
	lines := make([][]byte, 1500)
	for i := range lines {
		lines[i] = fmt.Appendf(
			nil, "%032x%032x%032x%032x", rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64(),
		)
	}
	records := make([]record.Record, 6*len(lines))
	base := time.Now().Truncate(time.Millisecond).UnixNano()
	for i := range records {
		records[i] = record.Record{Offset: int64(i), Time: base, Value: lines[i%len(lines)]}
	}
	return &compatTopic{name: name, direct: true, codec: "snappy", records: records, batches: 1}
}

// write sends the records as the agent's output does.
func (c *compatTopic) write(t *testing.T, addr string) {
	t.Helper()
	cfg := kafka.Default()
	cfg.Brokers, cfg.Topic, cfg.Compression = []string{addr}, template.MustParse(c.name), c.codec
	cfg.BatchMaxBytes = 48 << 20
	if !c.direct {
		cfg.Partitioner = "hash"
	}
	if c.exactly {
		cfg.Delivery = kafka.ExactlyOnce
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	env := outputs.Env{
		Name:    "output.kafka.compat",
		Agent:   "compat",
		Log:     slog.New(slog.DiscardHandler),
		Metrics: reg,
		Dir:     t.TempDir(),
	}
	w, err := kafka.New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	env.Metrics = prometheus.NewRegistry()
	common := outputs.DefaultCommon()
	common.Window.Bytes = 256 << 20
	out, err := drain.NewAsyncOutput(
		w, common, env, drain.Targets{DeadLetter: deadletter.NewDir(t.TempDir())},
	)
	if err != nil {
		t.Fatal(err)
	}
	log := outputtest.NewMemLog(c.name)
	for part := range slices.Chunk(c.records, (len(c.records)+2)/3) {
		if c.batches == 1 {
			part = c.records
		}
		var bb record.Builder
		bb.Reset("app", "origin", 0)
		for _, r := range part {
			bb.Append(r.Time, r.Key, r.Value, r.Headers)
		}
		log.Append(bb.Build())
		if c.batches == 1 {
			break
		}
	}
	log.Seal()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := out.Drain(ctx, log.Owner()); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "penstock_kafka_path_batches_total" {
			continue
		}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetName() == "path" && m.GetCounter().GetValue() > 0 &&
					(l.GetValue() == "direct") != c.direct {
					t.Errorf(
						"%s: %v batches took the path %s", c.name, m.GetCounter().GetValue(),
						l.GetValue(),
					)
				}
			}
		}
	}
}

// hexLine is a record as read_topics.py prints it.
func hexLine(topic string, r *record.Record) string {
	hexed := func(b []byte) any {
		if b == nil {
			return nil
		}
		return hex.EncodeToString(b)
	}
	headers := [][]any{}
	for _, h := range r.Headers {
		headers = append(headers, []any{h.Key, hexed(h.Value)})
	}
	p, _ := json.Marshal([]any{topic, hexed(r.Key), hexed(r.Value), headers})
	return string(p)
}

func compareTopics(
	t *testing.T, topics []*compatTopic, got map[string][]string,
	line func(string, *record.Record) string,
) {
	t.Helper()
	for _, c := range topics {
		if len(got[c.name]) != len(c.records) {
			t.Errorf("%s: %d records read, %d written", c.name, len(got[c.name]), len(c.records))
			continue
		}
		for i := range c.records {
			if want := line(c.name, &c.records[i]); got[c.name][i] != want {
				t.Errorf(
					"%s: record %d is %.200q, was written as %.200q", c.name, i, got[c.name][i],
					want,
				)
				break
			}
		}
	}
}

func franzReads(t *testing.T, addr string, topics []*compatTopic) {
	got, total := map[string][]string{}, 0
	var names []string
	times := map[string][]int64{}
	for _, c := range topics {
		total += len(c.records)
		names = append(names, c.name)
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.ConsumeTopics(names...),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(
			kgo.ReadCommitted(),
		),
		kgo.FetchMaxBytes(1<<26),
		kgo.FetchMaxPartitionBytes(1<<26),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := 0; n < total && ctx.Err() == nil; {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			n++
			rec := record.Record{Key: r.Key, Value: r.Value}
			for _, h := range r.Headers {
				rec.Headers = append(rec.Headers, record.Header{Key: h.Key, Value: h.Value})
			}
			got[r.Topic] = append(got[r.Topic], hexLine(r.Topic, &rec))
			times[r.Topic] = append(times[r.Topic], r.Timestamp.UnixNano())
		})
	}
	compareTopics(t, topics, got, hexLine)
	for _, c := range topics {
		for i := range min(len(times[c.name]), len(c.records)) {
			if times[c.name][i] != c.records[i].Time {
				t.Errorf("%s: record %d has another time", c.name, i)
				break
			}
		}
	}
}

// consoleReads compares text: the console consumer prints bytes as they are, and the word null for
// what is null.
func consoleReads(t *testing.T, k *servers.Kafka, topics []*compatTopic) {
	text := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return string(b)
	}
	var want []string
	for _, c := range topics {
		for i := range c.records {
			r := &c.records[i]
			headers := "NO_HEADERS"
			if len(r.Headers) > 0 {
				var all []string
				for _, h := range r.Headers {
					all = append(all, h.Key+":"+text(h.Value))
				}
				headers = strings.Join(all, ",")
			}
			want = append(want, headers+"\t"+text(r.Key)+"\t"+text(r.Value))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := k.Tool(
		ctx, "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", k.Addr(),
		"--include", "compat-.*", "--from-beginning", "--isolation-level", "read_committed",
		"--max-messages", fmt.Sprint(len(want)), "--timeout-ms", "20000", "--formatter-property",
		"print.headers=true", "--formatter-property", "print.key=true", "--command-property",
		"check.crcs=true",
	)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if len(got) != len(want) {
		t.Errorf("%d records read, %d written: %s", len(got), len(want), lastOf(said.String()))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("read %.300q, written %.300q", got[i], want[i])
		}
	}
}

func lastOf(s string) string { return s[max(0, len(s)-500):] }

var dumpBatch = regexp.MustCompile(
	`^baseOffset: .* count: (\d+) .* isTransactional: (\w+) isControl: (\w+) .* magic: (\d) compresscodec: (\w+) .* isvalid: (\w+)`,
)

// dumpReads checks what the broker's own log reader makes of the files.
func dumpReads(t *testing.T, k *servers.Kafka, data string, topics []*compatTopic) {
	var files []string
	byFile := map[string]*compatTopic{}
	for _, c := range topics {
		found, err := filepath.Glob(filepath.Join(data, c.name+"-0", "*.log"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %d files, %v", c.name, len(found), err)
		}
		files = append(files, found[0])
		byFile[found[0]] = c
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := k.Tool(
		ctx, "org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--files",
		strings.Join(files, ","),
	)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, lastOf(string(out)))
	}
	type sums struct{ counted, records, batches int }
	found := map[*compatTopic]*sums{}
	var c *compatTopic
	control := false
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := sc.Text()
		if file, ok := strings.CutPrefix(line, "Dumping "); ok {
			if c = byFile[file]; c == nil {
				t.Fatalf("a dump of %s", file)
			}
			found[c] = &sums{}
			continue
		}
		m := dumpBatch.FindStringSubmatch(line)
		switch {
		case m != nil:
			if control = m[3] == "true"; control {
				continue
			}
			var n int
			fmt.Sscan(m[1], &n)
			found[c].counted += n
			found[c].batches++
			if m[2] != fmt.Sprint(c.exactly) || m[4] != "2" || !strings.EqualFold(m[5], c.codec) ||
				m[6] != "true" {
				t.Errorf("%s: %s", c.name, line)
			}
		case strings.HasPrefix(line, "| offset:") && !control:
			found[c].records++
		case strings.Contains(line, "isvalid: false"), strings.Contains(line, "orrupt"):
			t.Errorf("%s", line)
		}
	}
	for _, c := range topics {
		f := found[c]
		if f == nil || f.counted != len(c.records) || f.records != len(c.records) {
			t.Errorf(
				"%s: %+v: records in the headers of batches, by iteration, and batches; %d were written: %s",
				c.name, f, len(c.records), lastOf(string(out)),
			)
		} else if c.batches > 0 && f.batches != c.batches {
			t.Errorf("%s: %d batches, want %d", c.name, f.batches, c.batches)
		}
	}
}
