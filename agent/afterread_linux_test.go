package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs/tail"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const removingInput = `
input "tail" "in" {
  paths           = ["%s/*.log"]
  tag             = "app"
  after_read      = "delete"
  after_read_wait = "20ms"
  rescan_interval = "50ms"
}
`

func writeLog(t *testing.T, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// stays checks that a file is there for as long as it takes several times over to delete one.
func stays(t *testing.T, path string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(500 * time.Millisecond); isThere(path); {
		select {
		case <-tick.C:
		case <-end:
			return
		}
	}
	t.Errorf("%s is gone", filepath.Base(path))
}

// A file is deleted once all outputs have its lines: not while one of them is down, and not because
// the agent was started anew meanwhile.
func TestAFileStaysUntilTheLastOutputHasIt(t *testing.T) {
	t.Parallel()
	for name, buffer := range map[string]string{"disk": "", "spill": "buffer { spill = true }"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, logs, data := newWorld(), t.TempDir(), t.TempDir()
			w.more = Catalogue{InputType("tail", "Tail.", tail.Default, tail.New)}
			w.down["b"] = true
			config := fmt.Sprintf(removingInput+`
output "fake" "a" { name = "a" }
output "fake" "b" { name = "b" }
pipeline "p" {
  from = [input.tail.in]
  to   = [output.fake.a, output.fake.b]
  %s
}`, logs, buffer)
			r := startAgent(t, w, data, config)
			path := writeLog(t, logs, "a.log", "1\n2\n")
			failing := func() bool {
				for _, o := range r.States()[0].Outputs {
					if o.ID == "output.fake.b" && o.Kind != state.Delivering {
						return true
					}
				}
				return false
			}
			w.await(t, "a has it", w.has("a", 2))
			runtest.Within(t, 20*time.Second, failing, r.log.String)
			stays(t, path)
			r.stop()
			r.wait()
			r = startAgent(t, w, data, config)
			runtest.Within(t, 20*time.Second, failing, r.log.String)
			stays(t, path)
			w.change(func() { w.down["b"] = false })
			runtest.Within(t, 20*time.Second, func() bool { return !isThere(path) }, r.log.String)
			equal(t, "b", w.delivered("b"), "app/1", "app/2")
		})
	}
}

// A file of an input that feeds another pipeline stays until that one's buffer has it, too.
func TestAFileStaysUntilEachPipelineHasIt(t *testing.T) {
	t.Parallel()
	w, logs, data := newWorld(), t.TempDir(), t.TempDir()
	w.more = Catalogue{InputType("tail", "Tail.", tail.Default, tail.New)}
	first := fmt.Sprintf(removingInput+`
output "fake" "a" { name = "a" }
pipeline "p" {
  from = [input.tail.in]
  to   = [output.fake.a]
}`, logs)
	r := startAgent(t, w, data, first)
	blocked := filepath.Join(data, "buffer", "q")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.reload(first + `
output "fake" "b" { name = "b" }
pipeline "q" {
  from = [input.tail.in]
  to   = [output.fake.b]
}`); err != nil {
		t.Fatal(err)
	}
	path := writeLog(t, logs, "a.log", "1\n2\n")
	w.await(t, "a has it", w.has("a", 2))
	stays(t, path)
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	runtest.Within(t, 20*time.Second, func() bool { return !isThere(path) }, r.log.String)
	w.await(t, "b has it", w.has("b", 2))
	equal(t, "b", w.delivered("b"), "app/1", "app/2")
}

// With transactions a file is deleted once they are committed.
func TestAFileStaysUntilItsTransactionIsCommitted(t *testing.T) {
	t.Parallel()
	for name, buffer := range map[string]string{"disk": "", "spill": "buffer { spill = true }"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := kafkaAt(t, 0)
			defer cluster.Close()
			w, logs := newWorld(), t.TempDir()
			w.more = Catalogue{
				InputType("tail", "Tail.", tail.Default, tail.New),
				AsyncWriterType("kafka", "Kafka.", kafka.Default, kafka.New),
			}
			committing, goOn := make(chan struct{}, 100), make(chan struct{})
			cluster.ControlKey(
				int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
					cluster.KeepControl()
					committing <- struct{}{}
					cluster.SleepControl(func() { <-goOn })
					return nil, nil, false
				},
			)
			path := writeLog(t, logs, "a.log", "1\n2\n")
			r := startAgent(t, w, t.TempDir(), fmt.Sprintf(removingInput+`
output "kafka" "a" {
  brokers  = [%q]
  topic    = "app"
  delivery = "exactly_once"
}
pipeline "p" {
  from = [input.tail.in]
  to   = [output.kafka.a]
  %s
}`, logs, cluster.ListenAddrs()[0], buffer))
			select {
			case <-committing:
			case <-time.After(20 * time.Second):
				t.Fatal("nothing is committed\n" + r.log.String())
			}
			stays(t, path)
			close(goOn)
			runtest.Within(t, 20*time.Second, func() bool { return !isThere(path) }, r.log.String)
		})
	}
}

// What a multiline filter holds in front of the buffer has not been placed, though the position of
// the file is beyond it.
func TestAFileStaysWhileItsLastLinesAreHeld(t *testing.T) {
	t.Parallel()
	w, logs := newWorld(), t.TempDir()
	w.more = Catalogue{
		InputType("tail", "Tail.", tail.Default, tail.New),
		FilterType("multiline", "Joins.", filter.DefaultMultiline, filter.NewMultiline),
	}
	path := writeLog(t, logs, "a.log", "one\n two\n")
	r := startAgent(t, w, t.TempDir(), fmt.Sprintf(removingInput+`
output "fake" "a" { name = "a" }
filter "multiline" "m" {
  start   = "^[^ ]"
  timeout = "2s"
}
pipeline "p" {
  from   = [input.tail.in]
  filter = [filter.multiline.m]
  to     = [output.fake.a]
}`, logs))
	stays(t, path)
	runtest.Within(t, 20*time.Second, func() bool { return !isThere(path) }, r.log.String)
	equal(t, "a", w.delivered("a"), "app/one\n two")
}
