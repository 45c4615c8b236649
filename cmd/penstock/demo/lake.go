package demo

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

const lakeConfig = `# The consumer of the demo: Kafka -> hourly partitions in a directory.
agent {
  data_dir = %[1]q
  name     = "demo-consumer"
  admin { listen = %[2]q }
}

input "kafka" "events" {
  brokers = [%[3]q]
  topics  = [%[4]q]
  group   = "demo-lake"
}

output "local" "lake" {
  directory = %[5]q
  path      = "${topic}/dt=${strftime("%%Y-%%m-%%d")}/hr=${strftime("%%H")}"
  time { field = "ts" }
  format "ndjson" {}
  compression = "gzip"
  roll {
    records = 4000
    age     = "2s"
    idle    = "500ms"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.local.lake]
}
`

func (r *run) writeLakeConfig() error {
	r.consumer.config = filepath.Join(r.dir, "consumer.hcl")
	r.consumer.log = filepath.Join(r.dir, "consumer.log")
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	text := fmt.Sprintf(
		lakeConfig, filepath.Join(r.dir, "consumer-data"), addr, r.broker.Addr(), r.topic,
		r.lakeDir(),
	)
	return os.WriteFile(r.consumer.config, []byte(text), 0o644)
}

func (r *run) lakeDir() string { return filepath.Join(r.dir, "lake") }

// archive is the second act: the consumer brings what is in Kafka into the lake, and is killed in
// the middle.
func (r *run) archive(ctx context.Context) error {
	r.show.say("the consumer archives the topic into hourly partitions")
	if err := r.consumer.start(); err != nil {
		return err
	}
	if err := r.waitObjects(ctx, 1); err != nil {
		return err
	}
	r.show.say("kill -9 of the consumer, in the middle of it")
	r.consumer.kill()
	r.show.say("the consumer is started again")
	if err := r.consumer.start(); err != nil {
		return err
	}
	total := r.ledger.Distinct()
	var archiving progress
	deadline := time.Now().Add(30 * time.Second)
	for {
		ledger, err := readLake(r.lakeDir())
		if err != nil {
			return err
		}
		r.lake = ledger
		if ledger.Distinct() >= total || !archiving.goesOn(ledger.Distinct()) ||
			time.Now().After(deadline) ||
			!r.consumer.running() {
			break
		}
		if err := fault.Sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	if err := r.consumer.terminate(20 * time.Second); err != nil {
		return err
	}
	var err error
	r.lake, err = readLake(r.lakeDir())
	return err
}

// waitObjects returns once n objects lie in the lake.
func (r *run) waitObjects(ctx context.Context, n int) error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		objects, err := lakeObjects(r.lakeDir())
		if err != nil {
			return err
		}
		if len(objects) >= n {
			return nil
		}
		if time.Now().After(deadline) || !r.consumer.running() {
			return fmt.Errorf("the consumer archives nothing; see %s", r.consumer.log)
		}
		if err := fault.Sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// lakeObjects lists the objects of the lake; the store's own work directory, which begins with a
// dot, is none of it.
func lakeObjects(dir string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".gz"):
			paths = append(paths, path)
		}
		return nil
	})
	return paths, err
}

// readLake enters every line of every object into a new ledger.
func readLake(dir string) (*Ledger, error) {
	paths, err := lakeObjects(dir)
	if err != nil {
		return nil, err
	}
	ledger := NewLedger()
	for _, path := range paths {
		if err := readObject(path, ledger); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	return ledger, nil
}

func readObject(path string, ledger *Ledger) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	lines := bufio.NewReader(zr)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			ledger.See(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
