package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

// format is the directory below testdata/formats of the data directories that this release writes:
// it counts up with the number of any format (buffer/record/dataformat). Those of earlier releases
// stay as they are. They are made, after a change of a format and its number, by
//
//	go test ./cmd/penstock/e2e -run TestDataDirectoriesOfEveryRelease -update
const format = "2"

// left is an agent as it was when it was packed: what had been delivered, of each source, and how
// many lines it had read in all.
type left struct {
	Delivered int64
	Written   int64
	Objects   bool     // waiting in the overflow
	Offsets   []offset // of the consumer's group
}

// dataDir is a data directory that every release leaves behind, and that every later one opens. In
// config DIR and BROKER are filled in.
type dataDir struct {
	name   string
	config string
	make   func(m *making) left
	// opened has everything arrive; nil for everything in the topic
	opened func(t *testing.T, o *opening)
}

// spillDir is the one whose newest lines are in memory alone, and in the files.
const spillDir = "edge-spill"

var formatSources = []string{"a", "b"}

const (
	formatAgent = `
agent {
  data_dir = "DIR/data"
  name     = "edge-1"
  admin { listen = "ADMIN" }
  shutdown_timeout = "2s"
}
`
	formatEdge = formatAgent + `
input "tail" "app" { paths = ["DIR/logs/*.log"] }

output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "app-logs"
  KAFKA
}

OVERFLOW

pipeline "app-logs" {
  from = [input.tail.app]
  to   = [output.kafka.events]
  buffer {
    segment_size = "4MiB"
    BUFFER
  }
}
`
	formatFailover = `failover {
    to          = output.local.overflow
    after       = "200ms"
    recover     = "200ms"
    object_size = "16KiB"
    object_age  = "200ms"
  }`
)

var dataDirs = []dataDir{
	{
		name:   "edge-killed",
		config: edgeWith("", ""),
		make:   func(m *making) left { return m.edge(true) },
	},
	{
		name:   "edge-stopped",
		config: edgeWith("", ""),
		make:   func(m *making) left { return m.edge(false) },
	},
	{
		name:   spillDir,
		config: edgeWith("", "spill = true"),
		make:   func(m *making) left { return m.edge(true) },
	},
	{
		name:   "edge-overflow",
		config: edgeWith(formatFailover, ""),
		make:   func(m *making) left { return m.edge(true) },
	},
	{
		name:   "edge-exactly-once",
		config: edgeWith(`delivery = "exactly_once"`, ""),
		make:   func(m *making) left { return m.edge(false) },
	},
	{
		name: "forwarder",
		config: strings.Replace(
			edgeWith("", ""), `input "tail" "app" { paths = ["DIR/logs/*.log"] }`,
			`input "http" "app" { listen = "HTTP" }`, 1,
		),
		make: func(m *making) left { return m.edge(true) },
	},
}

func edgeWith(kafka, buffer string) string {
	overflow := ""
	if kafka == formatFailover {
		overflow = `output "local" "overflow" { directory = "DIR/overflow" }`
	}
	return replaceAll(formatEdge, "KAFKA", kafka, "BUFFER", buffer, "OVERFLOW", overflow)
}

// making is a data directory that is being written.
type making struct {
	t      *testing.T
	dir    string
	broker *demo.Broker
	ag     *agent
	post   string // where lines are posted; "" for files
}

// TestDataDirectoriesOfEveryRelease opens what every release has left behind, in each mode: every
// record arrives, and the books account for each.
func TestDataDirectoriesOfEveryRelease(t *testing.T) {
	parallel(t)
	releases, err := os.ReadDir("testdata/formats")
	if err != nil && !runtest.Update() {
		t.Fatal(err)
	}
	for _, d := range slices.Concat(dataDirs, lakeDataDirs) {
		t.Run(d.name, func(t *testing.T) {
			parallel(t)
			if runtest.Update() {
				d.write(t)
				return
			}
			n := 0
			for _, r := range releases {
				name := filepath.Join("testdata/formats", r.Name(), d.name+".tar.zst")
				if _, err := os.Stat(name); err == nil {
					n++
					d.open(t, name)
				}
			}
			if n == 0 {
				t.Error("no release has left one")
			}
		})
	}
}

func (d *dataDir) start(t *testing.T, dir string) *making {
	t.Helper()
	broker, err := demo.StartBroker(3, []string{topic})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	post := ""
	config := replaceAll(d.config, "DIR", dir, "BROKER", broker.Addr())
	if strings.Contains(config, `"HTTP"`) {
		post = servers.FreeAddr(t)
		config = replaceAll(config, `"HTTP"`, `"`+post+`"`, "input.tail.app]", "input.http.app]")
	}
	return &making{t, dir, broker, newAgent(t, d.name, config), post}
}

func (d *dataDir) write(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	m := d.start(t, dir)
	l := d.make(m)
	writeJSON(t, filepath.Join(dir, "left.json"), l)
	// Files that are copied are other files, and would be read from their beginning.
	if d.name != spillDir {
		if err := os.RemoveAll(filepath.Join(dir, "logs")); err != nil {
			t.Fatal(err)
		}
	}
	pack(t, dir, filepath.Join("testdata/formats", format, d.name+".tar.zst"))
}

// lines writes lines from up to to of each source.
func (m *making) lines(from, to int64) {
	m.t.Helper()
	for _, source := range formatSources {
		var text []byte
		for seq := from; seq < to; seq++ {
			text = demo.AppendLine(text, source, seq, time.Unix(1_700_000_000+seq, 0).UTC())
		}
		if m.post != "" {
			m.deliver(text)
			continue
		}
		f, err := os.OpenFile(
			filepath.Join(m.dir, "logs", source+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644,
		)
		if err == nil {
			_, err = f.Write(text)
		}
		if err != nil {
			m.t.Fatal(err)
		}
		_ = f.Close()
	}
}

// deliver posts lines until they are taken.
func (m *making) deliver(text []byte) {
	m.t.Helper()
	runtest.Until(m.t, "the lines are taken", func() bool {
		resp, err := http.Post("http://"+m.post+"/", "text/plain", strings.NewReader(string(text)))
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode/100 == 2
	})
}

// reaches waits until a metric has this value at least.
func (m *making) reaches(name string, least float64, with ...string) {
	m.t.Helper()
	runtest.Within(m.t, time.Minute, func() bool {
		v, err := m.ag.metric(name, with...)
		return err == nil && v >= least
	}, func() string {
		v, err := m.ag.metric(name, with...)
		return fmt.Sprintf("%s is %v, %v; want %v", name, v, err, least)
	})
}

// edge delivers some lines, loses its broker and reads some more. It is killed, or stopped.
func (m *making) edge(killed bool) left {
	const delivered, written = 200, 500
	sources := float64(len(formatSources))
	m.ag.start()
	m.lines(0, delivered)
	m.reaches("penstock_output_records_total", delivered*sources)
	if code := m.ag.terminate(20 * time.Second); code != 0 {
		m.t.Fatalf("exit code %d", code)
	}
	if err := m.broker.Stop(); err != nil {
		m.t.Fatal(err)
	}
	l := left{Delivered: delivered, Written: written}
	m.ag.start()
	m.lines(delivered, written)
	m.reaches("penstock_input_records_total", (written-delivered)*sources)
	if strings.Contains(readText(m.t, m.ag.config), "failover {") {
		m.reaches("penstock_overflow_objects", 1)
		l.Objects = true
	}
	if killed {
		m.ag.kill()
		return l
	}
	m.ag.signal(syscall.SIGTERM)
	<-m.ag.done
	m.ag.cmd = nil
	return l
}

// opening is a data directory that was unpacked, before its agent is started.
type opening struct {
	*making
	left
}

func (d *dataDir) open(t *testing.T, name string) {
	dir := t.TempDir()
	unpack(t, name, dir)
	o := &opening{making: d.start(t, dir)}
	readJSON(t, filepath.Join(dir, "left.json"), &o.left)
	if d.opened != nil {
		d.opened(t, o)
		return
	}
	if objects, _ := filepath.Glob(filepath.Join(dir, "overflow/overflow/*/*/*/*.zst")); o.Objects !=
		(len(objects) > 0) {
		t.Fatalf("%s: objects %q", name, objects)
	}
	ledger := demo.NewLedger()
	stop := background(t.Context(), func(ctx context.Context) error {
		return readInto(ctx, o.broker.Addr(), ledger)
	})
	o.ag.start()
	waiting := (o.Written - o.Delivered) * int64(len(formatSources))
	if d.name == spillDir {
		waiting = o.Written * int64(len(formatSources))
	}
	runtest.Within(
		t, time.Minute, func() bool { return ledger.Distinct() >= waiting || !o.ag.running() },
		func() string { return fmt.Sprintf("%d of %d lines arrived", ledger.Distinct(), waiting) },
	)
	if o.ag.running() {
		if code := o.ag.terminate(20 * time.Second); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{}
	for _, source := range formatSources {
		want[source] = o.Written
	}
	b := ledger.Check(want)
	// What had been delivered stays so: the first lines are those that do not come.
	lost := o.Delivered * int64(len(formatSources))
	if d.name == spillDir {
		lost = 0
	}
	if b.Lost != lost || b.Seen != waiting || b.Disordered > 0 || b.Duplicated > 0 ||
		ledger.Strange() > 0 {
		t.Errorf("%s: %+v", name, b)
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
