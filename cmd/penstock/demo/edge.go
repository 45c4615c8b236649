package demo

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a penstock agent run as a user runs it: the real binary, with a config file.
type process struct {
	exe, config, log string
	cmd              *exec.Cmd
	done             chan struct{}
}

func (p *process) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(p.exe, "run", p.config)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start penstock: %w", err)
	}
	p.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		defer close(done)
		_ = cmd.Wait()
	}(p.cmd, p.done)
	return nil
}

// kill is kill -9.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	p.cmd = nil
}

// terminate ends the process as systemd does: SIGTERM, then SIGKILL.
func (p *process) terminate(within time.Duration) error {
	if p.cmd == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(within):
		p.kill()
		return fmt.Errorf("penstock did not end within %v of SIGTERM; see %s", within, p.log)
	}
	code := p.cmd.ProcessState.ExitCode()
	p.cmd = nil
	if code != 0 {
		return fmt.Errorf("penstock ended with code %d; see %s", code, p.log)
	}
	return nil
}

func (p *process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

const edgeConfig = `# The edge of the demo: tail -> disk buffer -> Kafka, and a directory while Kafka is away.
agent {
  data_dir = %[1]q
  name     = "demo-edge"
  admin { listen = %[2]q }
}

input "tail" "app" {
  paths = [%[3]q, %[4]q]
}

output "kafka" "events" {
  brokers = [%[5]q]
  topic   = %[6]q
  failover {
    to          = output.local.overflow
    after       = "2s"
    recover     = "1s"
    object_size = "256KiB"
  }
}

output "local" "overflow" {
  directory = %[7]q
}

pipeline "app-logs" {
  from = [input.tail.app]
  to   = [output.kafka.events]
}
`

func (r *run) writeEdgeConfig() error {
	r.edge.config = filepath.Join(r.dir, "edge.hcl")
	text := fmt.Sprintf(
		edgeConfig, filepath.Join(r.dir, "edge-data"), r.edgeAdmin,
		filepath.Join(r.dir, "logs", "*.log"), filepath.Join(r.dir, "logs", "*.log.*"),
		r.broker.Addr(), r.topic, filepath.Join(r.dir, "overflow"),
	)
	return os.WriteFile(r.edge.config, []byte(text), 0o644)
}

// overflowing returns the number and total size of the objects that wait in the overflow directory.
func overflowing(dir string) (objects int, bytes int64) {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if matched, _ := filepath.Match("*.ndjson.zst", d.Name()); matched {
			objects++
			if info, err := d.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil
	})
	return objects, bytes
}
