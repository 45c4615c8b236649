package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/inputs/kafka"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	formatLake = `
output "local" "lake" {
  directory   = "DIR/lake"
  path        = "lines/hr=${strftime("%H")}"
  format "raw" {}
  compression = "none"
  roll { idle = "100ms" }
}

pipeline "lake" {
  from = [INPUT]
  to   = [output.local.lake]
}
`
	formatConsumer = `
input "kafka" "events" {
  brokers           = ["BROKER"]
  topics            = ["app-logs"]
  group             = "lake"
  session_timeout   = "6s"
  rebalance_timeout = "6s"
  revoke_timeout    = "1s"
}
`
	formatRefusing = `
input "tail" "app" { paths = ["DIR/logs/*.log"] }

output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "app-logs"
}

pipeline "app-logs" {
  from = [input.tail.app]
  filter "parse" {
    format     = "regex"
    pattern    = "^(?P<never>never)$"
    on_failure = "dead_letter"
  }
  to = [output.kafka.events]
  buffer { segment_size = "4MiB" }
}
`
)

var lakeDataDirs = []dataDir{
	{
		name: "edge-to-lake",
		config: formatAgent + `input "tail" "app" { paths = ["DIR/logs/*.log"] }` + strings.Replace(
			formatLake, "INPUT", "input.tail.app", 1,
		),
		make: func(m *making) left {
			m.block(true)
			m.ag.start()
			m.lines(0, formatLines)
			return m.cutOff()
		},
		opened: func(t *testing.T, o *opening) { o.archives() },
	},
	{
		name:   "consumer",
		config: formatAgent + formatConsumer + strings.Replace(formatLake, "INPUT", "input.kafka.events", 1),
		make: func(m *making) left {
			m.produce()
			m.block(true)
			m.ag.start()
			l := m.cutOff()
			l.Offsets = m.offsets()
			return l
		},
		opened: func(t *testing.T, o *opening) {
			o.produce()
			o.commit(o.Offsets)
			o.archives()
		},
	},
	{
		name:   "dead-letters",
		config: formatAgent + formatRefusing,
		make: func(m *making) left {
			m.ag.start()
			m.lines(0, formatLines)
			runtest.Until(m.t, "all are refused", func() bool {
				n := 0
				for _, name := range m.deadLetters() {
					n += strings.Count(readText(m.t, name), "\n")
				}
				return n == formatLines*len(formatSources)
			})
			if code := m.ag.terminate(20 * time.Second); code != 0 {
				m.t.Fatalf("exit code %d", code)
			}
			return left{Written: formatLines}
		},
		opened: func(t *testing.T, o *opening) { o.replaysDeadLetters() },
	},
}

const formatLines = 300

// cutOff waits until an upload of a cut, whose intent is committed, has failed, and kills the
// agent.
func (m *making) cutOff() left {
	m.reaches("penstock_archive_upload_retries_total", 1)
	m.ag.kill()
	return left{Written: formatLines}
}

// block has uploads fail, or lets them succeed.
func (m *making) block(blocked bool) {
	m.t.Helper()
	name := filepath.Join(m.dir, "lake", "lines")
	err := os.RemoveAll(name)
	if blocked {
		err = os.MkdirAll(filepath.Dir(name), 0o755)
		if err == nil {
			err = os.WriteFile(name, nil, 0o644)
		}
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// archives has every line arrive in exactly one object.
func (o *opening) archives() {
	o.t.Helper()
	o.block(false)
	o.ag.start()
	o.reaches("penstock_archive_redos_total", 1)
	all := int64(formatLines * len(formatSources))
	var ledger *demo.Ledger
	runtest.Within(o.t, time.Minute, func() bool {
		ledger = o.readLake()
		return ledger.Distinct() >= all
	}, func() string { return fmt.Sprintf("%d of %d lines arrived", ledger.Distinct(), all) })
	if code := o.ag.terminate(20 * time.Second); code != 0 {
		o.t.Errorf("exit code %d", code)
	}
	o.wantAll(o.readLake())
}

func (o *opening) wantAll(ledger *demo.Ledger) {
	o.t.Helper()
	want := map[string]int64{}
	for _, source := range formatSources {
		want[source] = o.Written
	}
	if b := ledger.Check(want); b.Lost+b.Duplicated != 0 || ledger.Strange() > 0 {
		o.t.Errorf("%+v", b)
	}
}

func (o *opening) readLake() *demo.Ledger {
	o.t.Helper()
	ledger := demo.NewLedger()
	err := filepath.WalkDir(
		filepath.Join(o.dir, "lake", "lines"), func(path string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) || err == nil && (d.IsDir() || strings.HasPrefix(d.Name(), ".")) {
				return nil
			}
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			for line := range strings.Lines(string(text)) {
				ledger.See([]byte(line))
			}
			return err
		},
	)
	if err != nil {
		o.t.Fatal(err)
	}
	return ledger
}

func (m *making) client(opts ...kgo.Opt) *kgo.Client {
	m.t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(m.broker.Addr()))...)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(cl.Close)
	return cl
}

// produce fills the topic, each time with the same.
func (m *making) produce() {
	m.t.Helper()
	cl := m.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i, source := range formatSources {
		for seq := range int64(formatLines) {
			at := time.Unix(1_700_000_000+seq, 0).UTC()
			err := cl.ProduceSync(m.t.Context(), &kgo.Record{
				Topic: topic, Partition: int32(i), Timestamp: at,
				Value: trimEnd(demo.AppendLine(nil, source, seq, at)),
			}).FirstErr()
			if err != nil {
				m.t.Fatal(err)
			}
		}
	}
}

func trimEnd(line []byte) []byte { return line[:len(line)-1] }

// offset is what a group has committed of a partition.
type offset struct {
	Partition int32
	At        int64
	Note      string
}

func (m *making) offsets() (out []offset) {
	m.t.Helper()
	all, err := kadm.NewClient(m.client()).FetchOffsets(m.t.Context(), "lake")
	if err != nil {
		m.t.Fatal(err)
	}
	for _, o := range all.Sorted() {
		_, note := kafka.TopicIDOf(o.Metadata)
		out = append(out, offset{o.Partition, o.At, note})
	}
	return out
}

// commit has the group have committed these, of the topic as it is here.
func (m *making) commit(offsets []offset) {
	m.t.Helper()
	adm := kadm.NewClient(m.client())
	topics, err := adm.ListTopics(m.t.Context(), topic)
	if err != nil {
		m.t.Fatal(err)
	}
	all := kadm.Offsets{}
	for _, o := range offsets {
		all.Add(kadm.Offset{
			Topic: topic, Partition: o.Partition, At: o.At, LeaderEpoch: -1,
			Metadata: kafka.WithTopicID(o.Note, kafka.TopicID(topics[topic].ID)),
		})
	}
	if err := adm.CommitAllOffsets(m.t.Context(), "lake", all); err != nil {
		m.t.Fatal(err)
	}
}

// replaysDeadLetters has every line arrive in the topic, by hand.
func (o *opening) replaysDeadLetters() {
	o.t.Helper()
	out, err := exec.Command(
		binary, "replay", "-c", o.ag.config, "--output", "output.kafka.events", "--dead-letter",
	).CombinedOutput()
	if err != nil {
		o.t.Fatalf("%v: %s", err, out)
	}
	cl := o.client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ledger := demo.NewLedger()
	for ledger.Distinct() < int64(formatLines*len(formatSources)) && o.t.Context().Err() == nil {
		for r := range cl.PollFetches(o.t.Context()).RecordsAll() {
			ledger.See(r.Value)
		}
	}
	o.wantAll(ledger)
	if left := o.deadLetters(); len(left) > 0 {
		o.t.Errorf("left: %q", left)
	}
}

func (m *making) deadLetters() []string {
	names, _ := filepath.Glob(filepath.Join(m.dir, "data/dead-letter/*/*"))
	return names
}
