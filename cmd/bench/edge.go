package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const edgeConfig = `
agent {
  data_dir = %[1]q
  name     = "bench"
  shutdown_timeout = "2s"
  admin { listen = %[5]q }
}
input "tail" "app" {
  paths = [%[2]q]
}
output "kafka" "events" {
  brokers = [%[3]q]
  topic   = "bench"
  %[4]s
}
%[7]s
pipeline "bench" {
  from = [input.tail.app]
  to   = [output.kafka.events%[8]s]
  buffer {
    %[6]s
  }
}
`

// deadOutput is a second output, whose broker nobody is; the buffer keeps everything for it.
const deadOutput = `output "kafka" "dead" {
  brokers = [%q]
  topic   = "bench"
}`

// variant is what an edge has beyond edgeConfig.
type variant struct {
	output, buffer string // attributes
	dead           bool   // a dead output beside the one measured
	corpus         corpus // jsonLines if it has no name
}

// exactly is the setting of the kafka output for which positions are committed with the records.
const exactly = `delivery = "exactly_once"`

// edge is the real binary, under edgeConfig or archiveConfig.
type edge struct {
	cmd  *exec.Cmd
	data string
	log  string
	done chan struct{}
}

func (h *harness) startEdge(glob, addr string, v variant) (*edge, error) {
	data := filepath.Join(h.dir, "edge-data")
	admin, err := freePort()
	if err != nil {
		return nil, err
	}
	second, to := "", ""
	if v.dead {
		nobody, err := freePort()
		if err != nil {
			return nil, err
		}
		second, to = fmt.Sprintf(deadOutput, nobody), ", output.kafka.dead"
	}
	config := filepath.Join(h.dir, "edge.hcl")
	if err := os.WriteFile(
		config,
		fmt.Appendf(nil, edgeConfig, data, glob, addr, v.output, admin, v.buffer, second, to),
		0o644,
	); err != nil {
		return nil, err
	}
	return startAgent(h.binary, config, filepath.Join(h.dir, "edge.log"), data)
}

func (e *edge) stop() {
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	t := time.AfterFunc(20*time.Second, func() { _ = e.cmd.Process.Kill() })
	<-e.done
	t.Stop()
}

// whileRunning returns a ctx that ends when the agent does.
func (e *edge) whileRunning(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-e.done:
			cancel(errors.New("the agent ended by itself; see " + e.log))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// toKafka measures from the start of the agent until the broker has every line.
func (h *harness) toKafka(v variant) func(context.Context) (usage, error) {
	return func(ctx context.Context) (usage, error) { return h.toKafkaRun(ctx, v) }
}

func (h *harness) toKafkaRun(ctx context.Context, v variant) (usage, error) {
	b, err := startBroker(6, "")
	if err != nil {
		return usage{}, err
	}
	defer b.close()
	_ = os.RemoveAll(filepath.Join(h.dir, "edge-data"))
	path, size := h.corpus, h.size
	if v.corpus.name != "" {
		path = filepath.Join(h.dir, v.corpus.file)
		if size, _, err = v.corpus.ensure(path, h.lines); err != nil {
			return usage{}, err
		}
		defer os.Remove(path)
	}
	e, err := h.startEdge(path, b.addr, v)
	if err != nil {
		return usage{}, err
	}
	ctx, cancel := e.whileRunning(ctx)
	defer cancel()
	m := watch(e.cmd.Process.Pid)
	if v.output == exactly {
		err = b.waitCommitted(ctx, h.lines)
	} else {
		err = b.waitStored(ctx, h.lines)
	}
	u := m.end()
	u.moved = size
	e.stop()
	return u, errors.Join(err, os.RemoveAll(e.data))
}

// drainBacklog fills the buffer while no broker listens, then measures from the broker's return
// until it has every line.
func (h *harness) drainBacklog(ctx context.Context) (usage, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return usage{}, err
	}
	addr := l.Addr().String()
	_ = l.Close()
	logs := filepath.Join(h.dir, "backlog")
	_ = os.RemoveAll(logs)
	_ = os.RemoveAll(filepath.Join(h.dir, "edge-data"))
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return usage{}, err
	}
	defer os.RemoveAll(logs)
	// The files differ in their first line, or they would be one file under several names.
	data, err := os.ReadFile(h.corpus)
	if err != nil {
		return usage{}, err
	}
	for i := range h.backlog {
		copy(data, fmt.Sprintf(`{"ts":"2026-0%d`, i%9+1))
		if err := os.WriteFile(
			filepath.Join(logs, fmt.Sprintf("%d.log", i)), data, 0o644,
		); err != nil {
			return usage{}, err
		}
	}
	e, err := h.startEdge(filepath.Join(logs, "*.log"), addr, variant{})
	if err != nil {
		return usage{}, err
	}
	defer func() { _ = os.RemoveAll(e.data) }()
	defer e.stop()
	ctx, cancel := e.whileRunning(ctx)
	defer cancel()
	if err := waitQuiet(ctx, e.data); err != nil {
		return usage{}, err
	}
	before := usage{}
	sample(e.cmd.Process.Pid, &before)
	_, port, _ := net.SplitHostPort(addr)
	b, err := startBroker(6, port)
	if err != nil {
		return usage{}, err
	}
	defer b.close()
	m := watch(e.cmd.Process.Pid)
	err = b.waitStored(ctx, h.lines*h.backlog)
	u := m.end()
	u.cpu -= before.cpu
	u.wroteDisk -= before.wroteDisk
	return u, err
}

// waitQuiet returns once a directory has stopped growing.
func waitQuiet(ctx context.Context, dir string) error {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	last := int64(-1)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		var size int64
		_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				if info, err := d.Info(); err == nil {
					size += info.Sys().(*syscall.Stat_t).Blocks * 512
				}
			}
			return nil
		})
		if size == last && size > 0 {
			return nil
		}
		last = size
	}
}
