package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// archiveConfig makes the last cut when nothing has come for roll.idle. That is waiting, not work,
// so it is short: a backlog that is read in two seconds says as little as possible about it.
const archiveConfig = `
agent {
  data_dir = %[1]q
  name     = "bench"
  admin { listen = %[2]q }
}
input "kafka" "backlog" {
  brokers = [%[3]q]
  topics  = [%[4]q]
  group   = %[5]q
}
output %[6]q "lake" {
  %[7]s
  roll {
    size = "128MiB"
    age  = "1h"
    idle = "50ms"
  }
}
pipeline "lake" {
  from = [input.kafka.backlog]
  to   = [output.%[6]s.lake]
}
`

const (
	hourly  = "path = \"${topic}/dt=${strftime(\\\"%Y-%m-%d\\\")}/hr=${strftime(\\\"%H\\\")}\"\n  time { field = \"ts\" }"
	perUser = `path = "${topic}/user=${field.user}"`

	ndjsonGzip = "format \"ndjson\" {}\n  compression = \"gzip\""
	ndjsonZstd = "format \"ndjson\" {}\n  compression = \"zstd\""
	parquet    = `format "parquet" {
    column "ts" { type = "timestamp_ms" }
    column "user" {}
    column "level" {}
    column "path" {}
    column "status" { type = "int32" }
    column "ms" { type = "int32" }
    column "msg" {}
    column "trace" {}
  }
  compression = "zstd"`
)

// archiveWorkloads are those of the consumer. Those of one order of times share one broker with the
// backlog, which the first of them starts.
func (h *harness) archiveWorkloads() []job {
	const to = "archive: "
	local := to + "ndjson+zstd to a directory"
	const (
		limitZstd = "limit: fetch, time field, zstd"
		limitGzip = "limit: fetch, time field, gzip"
	)
	return []job{
		{name: "limit: fetch", run: h.limit("")},
		{name: limitZstd, run: h.limit("zstd")},
		{name: limitGzip, run: h.limit("gzip")},
		{name: local, baseline: limitZstd, run: h.archive(ordered, "local", hourly, ndjsonZstd)},
		{
			name:     to + "ndjson+gzip to a directory",
			baseline: limitGzip,
			run:      h.archive(ordered, "local", hourly, ndjsonGzip),
		},
		{name: to + "parquet to a directory", run: h.archive(ordered, "local", hourly, parquet)},
		{
			name: to + "ndjson+zstd, one path",
			run:  h.archive(ordered, "local", `path = "${topic}"`, ndjsonZstd),
		},
		{
			name:     to + "ndjson+zstd, 15,000 paths",
			baseline: to + "ndjson+zstd, one path",
			run:      h.archive(ordered, "local", perUser, ndjsonZstd),
		},
		{
			name:     to + "ndjson+zstd to S3",
			baseline: local,
			run:      h.archive(ordered, "s3", hourly, ndjsonZstd),
		},
		{name: to + "ndjson+gzip to S3", run: h.archive(ordered, "s3", hourly, ndjsonGzip)},
		{name: to + "parquet to S3", run: h.archive(ordered, "s3", hourly, parquet)},
		{
			name:     to + "ndjson+zstd, shuffled times",
			baseline: local,
			run:      h.archive(shuffled, "local", hourly, ndjsonZstd),
		},
		{
			name:     to + "ndjson+gzip to S3, shuffled times",
			baseline: local,
			run:      h.archive(shuffled, "s3", hourly, ndjsonGzip),
		},
		{
			name:     to + "parquet, shuffled times",
			baseline: local,
			run:      h.archive(shuffled, "local", hourly, parquet),
		},
		{name: to + "ndjson+zstd, 50,000 records/s as they come", run: h.keepUp},
	}
}

// archive measures from the start of the agent until the group's offsets are at the end of the
// topic and nothing is left to upload.
func (h *harness) archive(
	o order, store, path, format string,
) func(context.Context) (usage, error) {
	return func(ctx context.Context) (usage, error) {
		if err := h.startLake(o); err != nil {
			return usage{}, err
		}
		h.archived++
		group := fmt.Sprintf("bench-%d", h.archived)
		lake := filepath.Join(h.lakesDir(), group)
		defer emptyFiles(lake)
		block := fmt.Sprintf("directory = %q", lake)
		if store == "s3" {
			s3, err := startServer("s3")
			if err != nil {
				return usage{}, err
			}
			defer s3.close()
			block = fmt.Sprintf(
				"bucket = \"lake\"\n  endpoint = \"http://%s\"\n  region = \"us-east-1\"\n  path_style = true\n  access_key_id = \"bench\"\n  secret_access_key = \"bench\"",
				s3.addr,
			)
		}
		e, err := h.startConsumer(store, group, strings.Join([]string{block, path, format}, "\n  "))
		if err != nil {
			return usage{}, err
		}
		ctx, cancel := e.whileRunning(ctx)
		defer cancel()
		m := watch(e.cmd.Process.Pid)
		err = h.lake.waitArchived(ctx, group, h.records)
		u := m.end()
		e.stop()
		return u, errors.Join(err, os.RemoveAll(e.data))
	}
}

// lakesDir holds a directory for each run that archives into one. They are removed after all runs:
// ext4 passes over every inode that was deleted within some minutes each time that it makes a file,
// which costs ten times the making of one.
func (h *harness) lakesDir() string { return filepath.Join(h.dir, "lakes") }

// emptyFiles gives the disk back that the files below dir take.
func emptyFiles(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			err = os.Truncate(path, 0)
		}
		return err
	})
}

// startLake starts the broker that holds the backlog, in place of one with another.
func (h *harness) startLake(o order) (err error) {
	if h.lake != nil && h.lakeOrder == o {
		return nil
	}
	h.stopLake()
	h.lakeOrder = o
	h.lake, err = startServer("lake-broker", fmt.Sprint(h.records), string(o))
	return err
}

func (h *harness) stopLake() {
	if h.lake != nil {
		h.lake.close()
		h.lake = nil
	}
}

func (h *harness) startConsumer(store, group, output string) (*edge, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h.admin = l.Addr().String()
	_ = l.Close()
	data, config := filepath.Join(h.dir, "consumer-data"), filepath.Join(h.dir, "consumer.hcl")
	text := fmt.Appendf(
		nil, archiveConfig, data, h.admin, h.lake.addr, benchTopic, group, store,
		strings.ReplaceAll(output, `\"`, `"`),
	)
	if err := errors.Join(os.RemoveAll(data), os.WriteFile(config, text, 0o644)); err != nil {
		return nil, err
	}
	return startAgent(h.binary, config, filepath.Join(h.dir, "consumer.log"), data)
}

// startAgent starts the real binary.
func startAgent(binary, config, logPath, data string) (*edge, error) {
	return startCommand(exec.Command(binary, "run", config), logPath, data)
}

func startCommand(cmd *exec.Cmd, logPath, data string) (*edge, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	e := &edge{cmd: cmd, data: data, log: logPath, done: make(chan struct{})}
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = childAttr()
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(e.done)
		_ = e.cmd.Wait()
	}()
	return e, nil
}

// waitArchived returns once the group has committed n records and no cut is begun.
func (b *broker) waitArchived(ctx context.Context, group string, n int64) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	adm := kadm.NewClient(b.cl)
	for {
		var have int64
		begun := false
		offsets, err := adm.FetchOffsets(ctx, group)
		if err == nil {
			offsets.Each(func(o kadm.OffsetResponse) {
				have += max(o.At, 0)
				begun = begun || strings.Contains(o.Metadata, `"intent"`)
			})
			if have >= n && !begun {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d records are archived: %w", have, n, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
