package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
)

// containerTail reads logs of containers, and joins what is indented with what stands before it.
const containerTail = `
  container = true
  multiline {
    continue = "^ "
    timeout  = "300ms"
  }
`

// criWriter writes what a container runtime makes of two streams: lines cut into parts, and those
// of the streams between each other. Every fifth record is two lines.
type criWriter struct {
	path string
	rng  *rand.Rand
	seq  [2]int64    // records begun, by stream
	rest [2][]string // parts that are still to be written
}

var criStreams = [2]string{"stdout", "stderr"}

func (w *criWriter) source(s int) string { return filepath.Base(w.path) + " " + criStreams[s] }

// begin makes the parts of the next record of a stream.
func (w *criWriter) begin(s int) {
	record := fmt.Sprintf(`{"source":%q,"seq":%d,"fill":"%030d",`, w.source(s), w.seq[s], w.seq[s])
	lines := []string{record + `"more":true}`}
	if w.seq[s]%5 == 0 {
		lines = []string{record, ` "more":true}`}
	}
	w.seq[s]++
	for _, line := range lines {
		for w.rng.IntN(2) == 0 && len(line) > 20 {
			n := 1 + w.rng.IntN(len(line)-1)
			w.rest[s] = append(w.rest[s], "P "+line[:n])
			line = line[n:]
		}
		w.rest[s] = append(w.rest[s], "F "+line)
	}
}

// write writes some 20 parts, and whole records if last is set.
func (w *criWriter) write(f *os.File, last bool) error {
	for n := 0; n < 20 || last && len(w.rest[0])+len(w.rest[1]) > 0; n++ {
		s := w.rng.IntN(2)
		if len(w.rest[s]) == 0 {
			if n >= 20 {
				continue
			}
			w.begin(s)
		}
		_, err := fmt.Fprintf(
			f, "%s %s %s\n", time.Now().UTC().Format(time.RFC3339Nano), criStreams[s], w.rest[s][0],
		)
		if err != nil {
			return err
		}
		w.rest[s] = w.rest[s][1:]
	}
	return nil
}

// run writes until ctx ends, and rotates as the kubelet does, between records.
func (w *criWriter) run(ctx context.Context) error {
	f, err := os.Create(w.path)
	for rotated := 0; err == nil; {
		rotate := w.rng.IntN(120) == 0
		if err = w.write(f, rotate || ctx.Err() != nil); err != nil || ctx.Err() != nil {
			break
		}
		if rotate {
			rotated++
			err = f.Close()
			if err == nil {
				err = os.Rename(w.path, fmt.Sprintf("%s.20261128-%06d", w.path, rotated))
			}
			if err == nil {
				f, err = os.Create(w.path)
			}
		}
		pause(ctx, 10*time.Millisecond)
	}
	if err == nil {
		err = w.write(f, true) // ctx may have ended when it had not been asked
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// TestContainersSurviveCrashes kills an agent with delivery = "exactly_once" while container
// runtimes write lines in parts, of two streams at a time, and rotate: each record is in the topic
// once.
func TestContainersSurviveCrashes(t *testing.T) {
	crashContainers(t, containerTail, exactlyRoute, "", 1)
}

// joinedLines joins events, of which the last line tells that it is the last.
const joinedLines = `
    continue = "^ "
    end      = "\"more\":true}$"
    timeout  = "5m"
  }
`

// TestJoinedRecordsSurviveCrashes is the same with events that a filter joins in front of the
// buffer, once the tail has unwrapped the lines, and with filters that parse, make several records
// of an event, forget repeats, and choose by a condition.
func TestJoinedRecordsSurviveCrashes(t *testing.T) {
	crashContainers(t, "\n  container = true\n", `
  filter "multiline" {
    key = "header.stream"`+joinedLines+exactlyFilters, "", 2)
}

// TestJoinedRecordsSpillSurviveCrashes is the same with lines that come as the runtimes write them,
// which a filter parses before another joins parts and events, and that go through memory alone
// while Kafka keeps up.
func TestJoinedRecordsSpillSurviveCrashes(t *testing.T) {
	crashContainers(t, "\n", `
  filter "parse" { format = "cri" }
  filter "multiline" {
    field   = "log"
    key     = "field.stream"
    partial = "field.partial == true"`+joinedLines+
		strings.Replace(exactlyFilters, `format     = "json"`, `format     = "json"
    field      = "log"`, 1), "spill = true", 2)
}

// crashContainers does it with more of the tail, the pipeline and its buffer; the filters make
// parts records of each event.
func crashContainers(t *testing.T, tail, route, buffer string, parts int64) {
	t.Helper()
	parallel(t)
	rng := runtest.Rand(t)
	broker := embeddedKafka(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	edge := newAgent(t, "edge", replaceAll(
		exactlyConfig, "DIR", dir, "BROKER", broker.Addr(), "FAILOVER", "", "STORE", "",
		"ROUTE", route, "BUFFER", buffer, "\n}\n\noutput \"kafka\"", tail+"}\n\noutput \"kafka\"",
	))
	// It finds each log before that is rotated. What is found for the first time while its log is
	// between two names is a source of its own.
	edge.start()
	var writers []*criWriter
	var stops []func() error
	writing, stopWriting := context.WithCancel(ctx)
	defer stopWriting()
	for i := range 3 {
		w := &criWriter{
			path: filepath.Join(logs, fmt.Sprintf("app%d.log", i)),
			rng:  rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())),
		}
		writers = append(writers, w)
		stops = append(stops, background(writing, w.run))
	}
	ledger := demo.NewLedger()
	stopReader := background(
		ctx, func(ctx context.Context) error { return readInto(ctx, broker.Addr(), ledger) },
	)
	n := kills(t, 5)
	for i := range n {
		if i > 0 {
			edge.start()
		}
		pause(ctx, 300*time.Millisecond+time.Duration(rng.Int64N(int64(900*time.Millisecond))))
		edge.kill()
	}
	stopWriting()
	for _, stop := range stops {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	written, total := map[string]int64{}, int64(0)
	for _, w := range writers {
		for s := range criStreams {
			written[w.source(s)] = w.seq[s] * parts
			total += w.seq[s] * parts
		}
	}
	edge.start()
	runtest.Within(t, time.Minute,
		func() bool { return ledger.Distinct() >= total || !edge.running() },
		func() string {
			return fmt.Sprintf("%d of %d arrived: %v", ledger.Distinct(), total, ledger.Check(written).Notes)
		},
	)
	pause(ctx, 500*time.Millisecond) // for what may be sent twice
	if code := edge.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	if err := stopReader(); err != nil {
		t.Fatal(err)
	}
	b := ledger.Check(written)
	t.Logf("%d records, %d kills: %d lost, %d repeated", total, n, b.Lost, b.Duplicated)
	if b.Lost != 0 || b.Duplicated != 0 || b.Disordered != 0 || b.Seen != total || total < 1000 {
		t.Errorf("%+v", b)
	}
}
