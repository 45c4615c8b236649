package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/tidwall/gjson"
)

const clusterConfig = `
agent {
  data_dir = "DIR/data"
  name     = "NAME"
  admin { listen = "ADMIN" }
}

input "tail" "app" {
  paths = ["DIR/logs/*.log", "DIR/logs/*.log.*"]
}

output "kafka" "events" {
  brokers          = ["BROKERS"]
  topic            = "NAME"
  metadata_max_age = "5s"
  sasl {
    mechanism = "PLAIN"
    username  = "USER"
    password  = "PASSWORD"
  }
  MODE
}

pipeline "app-logs" {
  from = [input.tail.app]
  to   = [output.kafka.events]
  BUFFER
}
`

// clusterEdge is an agent with a topic of its own, the apps whose logs it tails, and what a reader
// found in the topic.
type clusterEdge struct {
	t      *testing.T
	name   string // and the topic's
	exact  bool
	key    string // the field that is the records' key, if there is one
	agent  *agent
	apps   []*demo.App
	addrs  string
	ledger *demo.Ledger

	spared sync.Mutex // held by who does not want the agent to be killed; taken before mu

	mu    sync.Mutex // held by who starts or kills the agent, or wants it to stay
	kills []span

	writers []func() error
	reader  *reader
	life    int

	seen     sync.Mutex
	arrivals []arrival
}

func newClusterEdge(
	t *testing.T, rng *rand.Rand, name, config string, brokers []string,
) *clusterEdge {
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	e := &clusterEdge{t: t, name: name, addrs: strings.Join(brokers, ","), ledger: demo.NewLedger()}
	e.agent = newAgent(t, name, replaceAll(config, "DIR", dir, "NAME", name))
	for _, kind := range []string{"plain", "rename", "gzip"} {
		app := &demo.App{
			Source: kind,
			Path:   filepath.Join(logs, kind+".log"),
			Rand:   rand.New(rand.NewPCG(rng.Uint64(), 2)),
		}
		switch kind {
		case "rename":
			app.Kinds = []demo.Rotation{demo.Rename}
		case "gzip":
			app.Kinds = []demo.Rotation{demo.RenameGzip}
		}
		e.apps = append(e.apps, app)
		t.Cleanup(func() { _ = app.Close() })
	}
	return e
}

// write lets the apps write until rest.
func (e *clusterEdge) write() {
	for _, app := range e.apps {
		every := 10 * time.Second
		if app.Kinds == nil {
			every = 0
		}
		e.writers = append(
			e.writers,
			background(
				e.t.Context(), func(ctx context.Context) error { return app.Run(ctx, 200, every) },
			),
		)
	}
}

func (e *clusterEdge) rest() error {
	var err error
	for _, stop := range e.writers {
		err = errors.Join(err, stop())
	}
	e.writers = nil
	return err
}

// written returns how many lines each source has. The apps rest.
func (e *clusterEdge) written() (bySource map[string]int64, total int64) {
	bySource = map[string]int64{}
	for _, app := range e.apps {
		bySource[app.Source] = app.Written()
		total += app.Written()
	}
	return bySource, total
}

// settled waits until all lines are in the topic and the agent knows that they are. The apps rest,
// and the agent runs.
func (e *clusterEdge) settled(ctx context.Context, within time.Duration) error {
	bySource, total := e.written()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for ctx.Err() == nil {
		lag, err := e.agent.metric("penstock_output_lag_records")
		flying, err2 := e.agent.metric("penstock_output_in_flight_batches")
		if errors.Join(err, err2) == nil && lag == 0 && flying == 0 &&
			e.ledger.Distinct() >= total {
			return nil
		}
		pause(ctx, 100*time.Millisecond)
	}
	lag, err := e.agent.metric("penstock_output_lag_records")
	return fmt.Errorf(
		"%s: %d of %d lines arrived within %v, the output's lag is %v (%v), missing are %v; the reader says %s",
		e.name, e.ledger.Distinct(), total, within, lag, err, e.ledger.Check(bySource).Notes,
		lastLines(e.reader.log, 5),
	)
}

// killing kills the agent at random moments and starts it again, until ctx ends.
func (e *clusterEdge) killing(ctx context.Context, rng *rand.Rand) error {
	for {
		up := between(rng, 3*time.Second, 20*time.Second)
		if rng.IntN(4) == 0 {
			up = between(rng, 0, 2*time.Second)
		}
		pause(ctx, up)
		if ctx.Err() != nil {
			return nil
		}
		e.spared.Lock()
		e.mu.Lock()
		if !e.agent.running() {
			e.mu.Unlock()
			e.spared.Unlock()
			return fmt.Errorf("%s ended by itself", e.name)
		}
		e.kill()
		pause(ctx, between(rng, 0, 2*time.Second))
		e.agent.start()
		e.mu.Unlock()
		e.spared.Unlock()
	}
}

// kill kills the agent. e.mu is held.
func (e *clusterEdge) kill() {
	k := span{what: "kill", from: time.Now()}
	e.agent.kill()
	k.to = time.Now()
	e.kills = append(e.kills, k)
}

// id returns the transactional id, and the group that holds the position, of an edge that sends
// exactly once.
func (e *clusterEdge) id() string { return "penstock." + e.name + ".app-logs.kafka.events" }

// follow begins to read the topic, which is in another life.
func (e *clusterEdge) follow() error {
	e.life++
	life := e.life
	var err error
	e.reader, err = startReader(e.t, e.addrs, e.name, func(line []byte) {
		r := gjson.ParseBytes(line).Array()
		value := r[3].String()
		a := arrival{
			life:      life,
			partition: int(r[0].Int()),
			offset:    r[1].Int(),
			at:        time.UnixMilli(r[2].Int()),
		}
		if e.key != "" {
			a.key = gjson.Get(value, e.key).String()
		}
		a.line.source, a.line.seq = gjson.Get(value, "source").
			String(),
			gjson.Get(value, "seq").
				Int()
		e.ledger.See([]byte(value))
		e.seen.Lock()
		e.arrivals = append(e.arrivals, a)
		e.seen.Unlock()
	})
	return err
}

// reader is a program that reads a topic and prints what it finds.
type reader struct {
	topic string
	log   string
	input io.Closer
	done  chan struct{}
	err   error // once done is closed
	kill  func() error
}

func startReader(t *testing.T, brokers, topic string, see func(line []byte)) (*reader, error) {
	cmd := exec.Command(os.Getenv("PENSTOCK_PYTHON"), interop("follow_topic.py"), brokers, topic)
	log, err := os.Create(filepath.Join(t.TempDir(), "reader.log"))
	if err != nil {
		return nil, err
	}
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &reader{
		topic: topic,
		log:   log.Name(),
		input: in,
		done:  make(chan struct{}),
		kill:  cmd.Process.Kill,
	}
	go func() {
		defer log.Close()
		defer close(r.done)
		lines := bufio.NewScanner(out)
		var err error
		for lines.Scan() {
			if !json.Valid(lines.Bytes()) {
				err = fmt.Errorf("%q is not a record", lines.Text())
				continue
			}
			see(lines.Bytes())
		}
		if err = errors.Join(err, lines.Err(), cmd.Wait()); err != nil {
			r.err = fmt.Errorf("the reader of %s: %w: %s", topic, err, lastLines(log.Name(), 5))
		}
	}()
	t.Cleanup(func() {
		_ = r.kill()
		<-r.done
	})
	return r, nil
}

// end lets the reader read to the topic's end and waits for it.
func (r *reader) end(within time.Duration) error {
	_ = r.input.Close()
	select {
	case <-r.done:
		return r.err
	case <-time.After(within):
		_ = r.kill()
		<-r.done
		return fmt.Errorf("has not come to its end within %v: %w", within, r.err)
	}
}
